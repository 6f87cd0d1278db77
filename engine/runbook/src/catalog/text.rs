//! The catalog as sorted lines, for the fingerprint and for comparisons.

use super::{Catalog, Grant, Table};
use flowcontrol_contract::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One object with its properties.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CatalogLine {
    /// Its kind and full name.
    pub object: String,
    /// Its definition.
    pub definition: String,
}

impl fmt::Display for CatalogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let definition = self.definition.replace('\\', "\\\\").replace('\n', "\\n");
        write!(f, "{}: {definition}", self.object)
    }
}

/// One object that differs between two catalogs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CatalogChange {
    /// Its kind and full name.
    pub object: String,
    /// Its old definition; `None` if the object is new.
    pub before: Option<String>,
    /// Its new definition; `None` if the object was removed.
    pub after: Option<String>,
}

impl fmt::Display for CatalogChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                write!(f, "{} was `{before}`, is `{after}`", self.object)
            }
            (None, Some(_)) => write!(f, "{} is new", self.object),
            _ => write!(f, "{} is gone", self.object),
        }
    }
}

impl Catalog {
    /// Every object, sorted.
    pub fn lines(&self) -> Vec<CatalogLine> {
        let mut lines = self.others.clone();
        self.tables.iter().for_each(|table| table_lines(table, &mut lines));
        let mut add = |object, definition| lines.push(CatalogLine { object, definition });
        for f in &self.functions {
            let name = format!("function {}.{}({})", f.schema, f.name, f.arguments);
            let definition = format!("owner {}, {}", f.owner, f.definition);
            f.grants.iter().for_each(|g| add(grant_name(&name, g), grant(g)));
            add(name, definition);
        }
        for s in &self.sequences {
            let name = format!("sequence {}.{}", s.schema, s.name);
            s.grants.iter().for_each(|g| add(grant_name(&name, g), grant(g)));
            add(name, format!("owner {}, {}", s.owner, s.definition));
        }
        lines.sort();
        lines
    }

    /// The lines as one text.
    pub fn text(&self) -> String {
        self.lines().iter().map(|line| format!("{line}\n")).collect()
    }

    /// SHA-256 of the text: equal for equal schemas, whatever their history.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(self.text())
    }
}

fn grant_name(object: &str, grant: &Grant) -> String {
    format!("grant {} on {object} to {}", grant.privilege, grant.grantee)
}

fn grant(grant: &Grant) -> String {
    (if grant.grantable { "with grant option" } else { "granted" }).to_owned()
}

fn table_lines(table: &Table, lines: &mut Vec<CatalogLine>) {
    let full = table.full_name();
    let name = format!("table {full}");
    let mut add = |object, definition| lines.push(CatalogLine { object, definition });
    add(
        name.clone(),
        format!(
            "{:?}, owner {}, rls {}, force {}, parent {}, partition {}, persistence {}, \
             options [{}]{}",
            table.kind,
            table.owner,
            table.rls,
            table.force,
            table.partition_of.as_deref().unwrap_or("none"),
            table.partition.as_deref().unwrap_or("none"),
            table.persistence,
            table.options.join(", "),
            table.definition.as_deref().map(|d| format!(", as {d}")).unwrap_or_default(),
        ),
    );
    for (at, c) in table.columns.iter().enumerate() {
        let column = format!("column {full}.{}", c.name);
        c.grants.iter().for_each(|g| add(grant_name(&column, g), grant(g)));
        add(
            column,
            format!(
                "place {}, {}{}, default {}, identity `{}`, generated `{}`, collation {}",
                at + 1,
                c.data_type,
                if c.not_null { " not null" } else { "" },
                c.default.as_deref().unwrap_or("none"),
                c.identity,
                c.generated,
                c.collation.as_deref().unwrap_or("of the type"),
            ),
        );
    }
    let valid = |valid| if valid { "" } else { " (not valid)" };
    let keys = table.primary_key.iter().chain(&table.uniques);
    keys.for_each(|k| add(format!("key {full} {}", k.name), k.definition.clone()));
    for f in &table.foreign_keys {
        add(format!("foreign key {full} {}", f.name), f.definition.clone() + valid(f.validated));
    }
    for c in &table.checks {
        add(format!("check {full} {}", c.name), c.definition.clone() + valid(c.validated));
    }
    for i in &table.indexes {
        add(format!("index {full} {}", i.name), i.definition.clone() + valid(i.valid));
    }
    for p in &table.policies {
        let kind = if p.permissive { "permissive" } else { "restrictive" };
        let none = "nothing";
        add(
            format!("policy {full} {}", p.name),
            format!(
                "{kind} for {} to {} using {} check {}",
                p.command,
                p.roles.join(", "),
                p.using.as_deref().unwrap_or(none),
                p.check.as_deref().unwrap_or(none)
            ),
        );
    }
    table.grants.iter().for_each(|g| add(grant_name(&name, g), grant(g)));
    for t in &table.triggers {
        add(format!("trigger {full} {}", t.name), format!("{} [{}]", t.definition, t.enabled));
    }
}

/// What changed from `before` to `after`, by object.
pub fn diff(before: &Catalog, after: &Catalog) -> Vec<CatalogChange> {
    type Definitions = (Vec<String>, Vec<String>);
    let mut objects: BTreeMap<String, Definitions> = BTreeMap::new();
    for line in before.lines() {
        objects.entry(line.object).or_default().0.push(line.definition);
    }
    for line in after.lines() {
        objects.entry(line.object).or_default().1.push(line.definition);
    }
    // The same privilege can come from two grantors: definitions are compared as lists.
    let joined = |list: Vec<String>| (!list.is_empty()).then(|| list.join("; "));
    objects
        .into_iter()
        .filter(|(_, (before, after))| before != after)
        .map(|(object, (before, after))| CatalogChange {
            object,
            before: joined(before),
            after: joined(after),
        })
        .collect()
}
