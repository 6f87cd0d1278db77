//! What the live catalog says about one schema, and about what reaches into it from outside.

mod read;

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

pub use read::read;

/// A command that policies and privileges distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// SELECT.
    Select,
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
}

impl Command {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Select, Self::Insert, Self::Update, Self::Delete];

    /// As SQL and the catalog spell it.
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }

    /// As probe ids spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The probed part of a database.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalog {
    /// `server_version_num`.
    pub version: i32,
    /// Tables (with partitions and foreign tables), views and matviews.
    pub relations: Vec<Relation>,
    /// Row-level security policies of the schema's tables.
    pub policies: Vec<Policy>,
    /// Unique indexes of the schema's tables.
    pub keys: Vec<Key>,
    /// Foreign keys of the schema's tables.
    pub foreign_keys: Vec<ForeignKey>,
    /// Validated CHECK constraints of the schema's tables.
    pub checks: Vec<Check>,
    /// Functions of all schemas but the system's, without those of extensions.
    pub functions: Vec<Function>,
    /// Sequences of the schema.
    pub sequences: Vec<Sequence>,
    /// What each probed login may do, by login name.
    pub powers: Vec<Power>,
}

/// A table, view or matview.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Relation {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// `pg_class.relkind`: `r`, `p`, `f`, `v` or `m`.
    pub kind: char,
    /// Owning role.
    pub owner: String,
    /// ENABLE ROW LEVEL SECURITY.
    pub enabled: bool,
    /// FORCE ROW LEVEL SECURITY.
    pub forced: bool,
    /// The table that it is a partition or an inheritance child of.
    pub parent: Option<String>,
    /// A view that runs with its caller's rights.
    pub invoker: bool,
    /// True when PUBLIC holds any privilege on it.
    pub public: bool,
    /// Rewrite rules other than a view's own.
    pub rules: Vec<String>,
    /// Relations that its rule reads, as `schema.name`.
    pub reads: Vec<String>,
    /// Columns in order.
    pub columns: Vec<Column>,
    /// Table privileges by login, column privileges included: `SELECT`, `TRUNCATE`...
    pub grants: BTreeMap<String, BTreeSet<String>>,
    /// Privileges by login on the whole table, column privileges not counted.
    pub whole: BTreeMap<String, BTreeSet<String>>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// As `format_type` spells it, fit for a cast.
    pub kind: String,
    /// The base type's name without modifiers, domains resolved: `text`, `int8`...
    pub base: String,
    /// NOT NULL.
    pub required: bool,
    /// Has a default.
    pub default: bool,
    /// Computed by the server; nobody may write it.
    pub generated: bool,
    /// GENERATED ALWAYS AS IDENTITY.
    pub identity: bool,
    /// False under a collation that may call different texts equal.
    pub deterministic: bool,
    /// Privileges by login: `SELECT`, `INSERT`, `UPDATE`.
    pub grants: BTreeMap<String, BTreeSet<String>>,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Policy {
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Permissive policies add rows; restrictive ones take away.
    pub permissive: bool,
    /// `ALL`, `SELECT`, `INSERT`, `UPDATE` or `DELETE`.
    pub command: String,
    /// Role names; `public` for everybody.
    pub roles: Vec<String>,
    /// The probed logins that it applies to.
    pub logins: BTreeSet<String>,
    /// USING.
    pub using: Option<String>,
    /// WITH CHECK.
    pub check: Option<String>,
    /// Functions that it calls, without the system's own.
    pub calls: Vec<Called>,
}

/// A function that a policy calls.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Called {
    /// Name with argument types, and with its schema where the search path lacks that.
    pub signature: String,
    /// Bare name, quoted where SQL asks for it: as an expression spells it before its `(`.
    pub name: String,
    /// Its body, to look for the tenant setting in; a symbol's name where it is written in C.
    pub source: String,
}

/// A unique index.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Key {
    /// Its table.
    pub table: String,
    /// The index's name.
    pub name: String,
    /// True for the primary key.
    pub primary: bool,
    /// Key columns in order; an expression stands as `None`.
    pub columns: Vec<Option<String>>,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The referencing table.
    pub table: String,
    /// Referencing columns.
    pub columns: Vec<String>,
    /// The referenced table's schema.
    pub parent_schema: String,
    /// The referenced table.
    pub parent: String,
    /// Referenced columns, in the order of `columns`.
    pub parent_columns: Vec<String>,
    /// False for NOT VALID.
    pub validated: bool,
}

/// A CHECK constraint.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Check {
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// What it asks of a row.
    pub expression: String,
}

/// A function or procedure.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Function {
    /// Schema.
    pub schema: String,
    /// Name with argument types.
    pub signature: String,
    /// Owning role.
    pub owner: String,
    /// True when its owner is a superuser or has BYPASSRLS.
    pub owner_bypasses: bool,
    /// SECURITY DEFINER.
    pub definer: bool,
    /// LEAKPROOF.
    pub leakproof: bool,
    /// Runs as a trigger, so no EXECUTE is asked for.
    pub trigger: bool,
    /// `SET` clauses, as `name=value`.
    pub settings: Vec<String>,
    /// Logins that may execute it.
    pub executable: BTreeSet<String>,
}

/// A sequence.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Sequence {
    /// Name.
    pub name: String,
    /// Logins that may read its last value.
    pub readable: BTreeSet<String>,
}

/// What a login is and can become.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Power {
    /// The login's name.
    pub login: String,
    /// Superuser.
    pub superuser: bool,
    /// BYPASSRLS.
    pub bypass: bool,
    /// CREATEROLE: before Postgres 16 it can join any role that is no superuser.
    pub create_role: bool,
    /// REPLICATION: reads every byte of the cluster.
    pub replication: bool,
    /// Objects of the schema, the schema or the database that it owns.
    pub owns: Vec<String>,
    /// Owners of such objects that it is a member of.
    pub owner_memberships: Vec<String>,
    /// BYPASSRLS roles and superusers that it can become; none listed for a superuser, who can
    /// become everybody.
    pub bypassers: Vec<String>,
    /// Predefined roles that reach the server's files or programs.
    pub server_roles: Vec<String>,
    /// Owners, the cluster's first superuser and whatever else SET ROLE reaches: what a probe
    /// tries to become.
    pub targets: Vec<String>,
    /// May create objects in the schema.
    pub creates: bool,
}

impl Relation {
    /// True for what row-level security can be switched on for.
    pub fn is_table(&self) -> bool {
        matches!(self.kind, 'r' | 'p')
    }

    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// True when `login` holds `privilege` on the table or on a column of it.
    pub fn grants(&self, login: &str, privilege: &str) -> bool {
        self.grants.get(login).is_some_and(|g| g.contains(privilege))
    }

    /// True when `login` holds `privilege` on the table itself.
    pub fn grants_whole(&self, login: &str, privilege: &str) -> bool {
        self.whole.get(login).is_some_and(|g| g.contains(privilege))
    }

    /// `schema.name`, as [`Relation::reads`] spells it.
    pub fn path(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

impl Column {
    /// True when `login` holds `privilege` on the column.
    pub fn grants(&self, login: &str, privilege: &str) -> bool {
        self.grants.get(login).is_some_and(|g| g.contains(privilege))
    }
}

impl Policy {
    /// True when it speaks about `command`.
    pub fn covers(&self, command: Command) -> bool {
        self.command == "ALL" || self.command == command.sql()
    }
}

impl Catalog {
    /// A relation of the schema by name.
    pub fn relation(&self, schema: &str, name: &str) -> Option<&Relation> {
        self.relations.iter().find(|r| r.schema == schema && r.name == name)
    }

    /// What `relation` is a partition or an inheritance child of, in its own schema.
    pub fn parent(&self, relation: &Relation) -> Option<&Relation> {
        self.relation(&relation.schema, relation.parent.as_deref()?)
    }

    /// True when some permissive policy lets `login` do every one of `commands` on `table`, to
    /// some row at least. Always true where row-level security is off, or off for the owner.
    pub fn admits(&self, table: &Relation, login: &str, commands: &[Command]) -> bool {
        !table.enabled
            || (!table.forced && table.owner == login)
            || commands.iter().all(|command| {
                self.policies.iter().any(|p| {
                    p.table == table.name
                        && p.permissive
                        && p.covers(*command)
                        && p.logins.contains(login)
                })
            })
    }

    /// Unique keys of a table.
    pub fn keys<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a Key> {
        self.keys.iter().filter(move |k| k.table == table)
    }

    /// Foreign keys of a table.
    pub fn foreign_keys<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a ForeignKey> {
        self.foreign_keys.iter().filter(move |k| k.table == table)
    }

    /// True when `relation` reads, directly or through other views, a table of `schema`.
    pub fn reaches(&self, relation: &Relation, schema: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = relation.reads.clone();
        while let Some(path) = open.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            if let Some(found) = self.relations.iter().find(|r| r.path() == path) {
                if found.schema == schema && matches!(found.kind, 'r' | 'p' | 'f') {
                    return true;
                }
                open.extend(found.reads.iter().cloned());
            }
        }
        false
    }
}
