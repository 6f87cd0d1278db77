//! The content of schemas, read from the catalog into a value: for the fingerprint that proves
//! reversibility, for the rules of [`super::lint`], and for generated probes.

mod read;
mod text;

pub use read::{read, read_within};
pub use text::{CatalogChange, CatalogLine, diff};

use serde::Deserialize;

/// Everything in the requested schemas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Tables, partitions, views and materialised views, by schema and name.
    pub tables: Vec<Table>,
    /// Functions, procedures and aggregates.
    pub functions: Vec<Function>,
    /// Sequences, identity columns' included.
    pub sequences: Vec<Sequence>,
    /// Everything else, as text: schemas, types, default privileges, extensions, comments,
    /// and objects of any other kind.
    pub others: Vec<CatalogLine>,
}

/// The kind of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    /// An ordinary table, or a partition that holds rows.
    Table,
    /// A table whose rows are in its partitions.
    Partitioned,
    /// A view.
    View,
    /// A materialised view.
    Matview,
    /// A foreign table: row-level security does not exist for it.
    Foreign,
}

/// A relation with columns.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// The role that owns it.
    pub owner: String,
    /// Whether row-level security is enabled.
    pub rls: bool,
    /// Whether row-level security is forced, that is, binds the owner too.
    pub force: bool,
    /// The parent as `schema.name`, for a partition or an inheriting table.
    pub partition_of: Option<String>,
    /// The partition's bounds, or the partition key of a partitioned table.
    pub partition: Option<String>,
    /// `p` permanent, `u` unlogged.
    pub persistence: String,
    /// Storage and view options, as `name=value`.
    pub options: Vec<String>,
    /// The query of a view.
    pub definition: Option<String>,
    /// In their order.
    pub columns: Vec<Column>,
    /// The primary key.
    pub primary_key: Option<UniqueKey>,
    /// Unique constraints, and unique indexes without one.
    pub uniques: Vec<UniqueKey>,
    /// References to other tables.
    pub foreign_keys: Vec<ForeignKey>,
    /// Check and exclusion constraints.
    pub checks: Vec<CheckConstraint>,
    /// Every index, those behind keys included.
    pub indexes: Vec<Index>,
    /// Row-level policies.
    pub policies: Vec<Policy>,
    /// Privileges, the owner's included.
    pub grants: Vec<Grant>,
    /// Triggers and rules: name, definition, whether enabled.
    pub triggers: Vec<Trigger>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as in SQL.
    pub data_type: String,
    /// The type's category letter; `S` is text.
    pub category: String,
    /// Whether null is refused.
    pub not_null: bool,
    /// Its default, or the expression it is generated from.
    pub default: Option<String>,
    /// `a` always, `d` by default; empty when it is not an identity column.
    pub identity: String,
    /// `s` stored, `v` virtual; empty when it is not generated.
    pub generated: String,
    /// Its collation, if it differs from its type's.
    pub collation: Option<String>,
    /// Grants on this column alone.
    pub grants: Vec<Grant>,
}

/// A primary key or a unique key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UniqueKey {
    /// The constraint's or the index's name.
    pub name: String,
    /// Its columns in order; an expression stands as its text.
    pub columns: Vec<String>,
    /// As SQL.
    pub definition: String,
    /// Whether it holds for only some rows.
    pub partial: bool,
}

/// A reference to another table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The referring columns.
    pub columns: Vec<String>,
    /// The table referred to, its schema.
    pub target_schema: String,
    /// The table referred to, its name.
    pub target: String,
    /// The columns referred to, in the same order.
    pub target_columns: Vec<String>,
    /// As SQL.
    pub definition: String,
    /// Whether existing rows were checked.
    pub validated: bool,
}

/// A check or exclusion constraint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CheckConstraint {
    /// The constraint's name.
    pub name: String,
    /// As SQL.
    pub definition: String,
    /// Whether existing rows were checked.
    pub validated: bool,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its key columns in order; an expression stands as its text.
    pub columns: Vec<String>,
    /// As SQL.
    pub definition: String,
    /// Whether it is unique.
    pub unique: bool,
    /// Whether it can be used; a failed CREATE INDEX CONCURRENTLY leaves one that cannot.
    pub valid: bool,
}

/// A row-level policy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// `all`, `select`, `insert`, `update` or `delete`.
    pub command: String,
    /// Whether it is permissive (adds rows) or restrictive (removes rows).
    pub permissive: bool,
    /// The roles it applies to; `public` is all roles.
    pub roles: Vec<String>,
    /// The USING expression: which rows are visible.
    pub using: Option<String>,
    /// The WITH CHECK expression: which rows may be written.
    pub check: Option<String>,
}

/// One privilege of one role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Grant {
    /// The role; `public` is all roles.
    pub grantee: String,
    /// `SELECT`, `INSERT` and so on.
    pub privilege: String,
    /// Whether the role may grant it to others.
    pub grantable: bool,
}

/// A trigger or a rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// As SQL.
    pub definition: String,
    /// `O` fires; `D` is disabled; `R` and `A` depend on replication.
    pub enabled: String,
}

/// A function, procedure or aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Function {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its identity arguments.
    pub arguments: String,
    /// The role that owns it.
    pub owner: String,
    /// As SQL.
    pub definition: String,
    /// Whether it is SECURITY DEFINER, that is, runs with its owner's privileges.
    pub security_definer: bool,
    /// Settings it pins, as `name=value`.
    pub settings: Vec<String>,
    /// Privileges to execute it, the owner's included.
    pub grants: Vec<Grant>,
}

/// A sequence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Sequence {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The role that owns it.
    pub owner: String,
    /// Type, start, step, bounds, cache, cycle, and the column it belongs to.
    pub definition: String,
    /// Privileges on it, the owner's included.
    pub grants: Vec<Grant>,
}

impl Table {
    /// `schema.name`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether it holds rows of its own or of its partitions, so that row-level security applies.
    pub fn holds_rows(&self) -> bool {
        matches!(self.kind, TableKind::Table | TableKind::Partitioned | TableKind::Foreign)
    }
}

impl Catalog {
    /// The table of this schema and name.
    pub fn table(&self, schema: &str, name: &str) -> Option<&Table> {
        self.tables.iter().find(|t| t.schema == schema && t.name == name)
    }
}
