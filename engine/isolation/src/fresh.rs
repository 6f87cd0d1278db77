//! Rows that could be inserted: clones of a tenant's row with unused keys, and the
//! parent rows that those keys need. Pure: built from the catalog and the samples.

use super::catalog::{Catalog, Column, Relation};
use super::sample::{Row, Samples, value};
use super::settings::ProbeSettings;
use flowcontrol_contract::sql::{identifier, qualified};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// One row to insert.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// The table.
    pub table: String,
    /// Its values.
    pub row: Row,
    /// The foreign key of the last row that refers to this parent row.
    pub via: Option<String>,
}

/// A new row with its parent rows.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRow {
    /// Parents first.
    pub inserts: Vec<Insert>,
}

impl NewRow {
    /// The row itself.
    pub fn row(&self) -> Option<&Insert> {
        self.inserts.last()
    }

    /// The rows that must exist before it.
    pub fn parents(&self) -> &[Insert] {
        self.inserts.split_last().map_or(&[], |(_, parents)| parents)
    }
}

/// What is changed in a cloned row besides its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloneChange {
    /// Only the keys.
    Keys,
    /// Integers are shifted by as much as the first integer of a key, for ranges such as first and last.
    KeysAndIntegers,
}

/// Clones rows. Equal salts give equal keys for every tenant: two tenants' new rows share
/// their keys on purpose, so that key collisions are probed.
pub struct Cloner<'a> {
    /// The catalog.
    pub catalog: &'a Catalog,
    /// The settings.
    pub settings: &'a ProbeSettings,
    /// The rows to clone.
    pub samples: &'a Samples,
    /// The salt that makes this run's keys unique.
    pub seed: &'a str,
}

const DEPTH: usize = 8;

impl Cloner<'_> {
    /// A row of `table`, cloned from the sample of tenant `side`, that belongs to `tenant`.
    ///
    /// # Errors
    /// A sentence that says why no such row can be built.
    pub fn fresh(
        &self,
        table: &str,
        side: usize,
        tenant: &str,
        change: CloneChange,
        salt: &str,
    ) -> Result<NewRow, String> {
        let mut inserts = Vec::new();
        self.build(table, side, tenant, change, salt, None, Row::new(), 0, &mut inserts)?;
        Ok(NewRow { inserts })
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one recursive walk")]
    fn build(
        &self,
        table: &str,
        side: usize,
        tenant: &str,
        change: CloneChange,
        salt: &str,
        origin: Option<&Row>,
        forced: Row,
        depth: usize,
        inserts: &mut Vec<Insert>,
    ) -> Result<(), String> {
        if depth > DEPTH {
            return Err(format!("the foreign keys of {table} form a cycle"));
        }
        let relation = self
            .catalog
            .relation(&self.settings.schema, table)
            .ok_or_else(|| format!("{table} is outside the probed schema"))?;
        let sample = self.samples.rows.get(&(table.to_owned(), side));
        let base = origin
            .or(sample.map(|s| &s.row))
            .ok_or_else(|| format!("the tenant has no row in {table}: add a fixture"))?;
        let mut row = base.clone();
        let tenant_column = self.settings.tenant_column.as_str();
        let mut changed: BTreeSet<String> = forced.keys().cloned().collect();
        row.extend(forced);
        if row.insert(tenant_column.to_owned(), Some(tenant.to_owned()))
            != Some(Some(tenant.to_owned()))
        {
            changed.insert(tenant_column.to_owned());
        }
        let referring: BTreeSet<&String> =
            self.catalog.foreign_keys(table).flat_map(|k| &k.columns).collect();
        let mut shift = None;
        for key in self.catalog.keys(table) {
            let columns: Vec<&String> = key.columns.iter().flatten().collect();
            let open = columns.iter().any(|c| changed.contains(*c))
                || columns.iter().any(|c| row.get(*c).is_some_and(Option::is_none))
                || columns.iter().all(|c| *c == tenant_column);
            if open {
                continue;
            }
            let (column, text) =
                self.vary(relation, &columns, &referring, base, salt).ok_or_else(|| {
                    format!("no column of the key {} can be varied: add a fixture", key.name)
                })?;
            if let (Some(old), Ok(new)) = (integer(base.get(&column)), text.parse::<i128>()) {
                shift.get_or_insert(new - old);
            }
            changed.insert(column.clone());
            row.insert(column, Some(text));
        }
        if let (CloneChange::KeysAndIntegers, Some(shift)) = (change, shift) {
            for column in &relation.columns {
                let moves = is_integer(column)
                    && !changed.contains(&column.name)
                    && !referring.contains(&column.name);
                if let (true, Some(old)) = (moves, integer(base.get(&column.name))) {
                    row.insert(column.name.clone(), Some((old + shift).to_string()));
                }
            }
        }
        for key in self.catalog.foreign_keys(table) {
            let moved = key.columns.iter().any(|c| changed.contains(c));
            let shared = key.parent_schema != self.settings.schema
                || self.settings.shared_tables.contains(&key.parent);
            if !moved || shared || key.parent == table {
                continue;
            }
            let forced: Row = key
                .columns
                .iter()
                .zip(&key.parent_columns)
                .filter(|(_, to)| *to != tenant_column)
                .filter_map(|(from, to)| Some((to.clone(), row.get(from)?.clone())))
                .collect();
            if forced.values().any(Option::is_none) {
                continue;
            }
            let place = (table.to_owned(), key.name.clone(), side);
            let origin = self.samples.parents.get(&place).filter(|_| depth == 0);
            let before = inserts.len();
            self.build(
                &key.parent,
                side,
                tenant,
                change,
                salt,
                origin,
                forced,
                depth + 1,
                inserts,
            )?;
            if depth == 0 {
                for insert in &mut inserts[before..] {
                    insert.via = Some(key.name.clone());
                }
            }
        }
        inserts.push(Insert { table: table.to_owned(), row, via: None });
        Ok(())
    }

    /// Gives one column of a key another value, preferably a column without a reference.
    fn vary(
        &self,
        relation: &Relation,
        columns: &[&String],
        referring: &BTreeSet<&String>,
        base: &Row,
        salt: &str,
    ) -> Option<(String, String)> {
        let mut candidates: Vec<&Column> = columns
            .iter()
            .filter(|c| ***c != self.settings.tenant_column)
            .filter_map(|c| relation.column(c))
            .collect();
        candidates.sort_by_key(|c| referring.contains(&c.name));
        candidates.into_iter().find_map(|column| {
            // Both tenants' rows are derived from the first tenant's row, so that their keys are equal.
            let first = self.samples.rows.get(&(relation.name.clone(), 0)).map(|s| &s.row);
            let pattern = first.unwrap_or(base).get(&column.name).cloned().flatten();
            let pattern = pattern.or_else(|| base.get(&column.name).cloned().flatten())?;
            let draw = draw(&[self.seed, &relation.name, &column.name, salt]);
            Some((column.name.clone(), another(column, &pattern, draw)?))
        })
    }
}

fn draw(parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

fn is_integer(column: &Column) -> bool {
    matches!(column.base.as_str(), "int2" | "int4" | "int8")
}

fn integer(text: Option<&Option<String>>) -> Option<i128> {
    text?.as_ref()?.parse().ok()
}

/// Another value of the column's type, in the form of `pattern` if a check may require that form.
fn another(column: &Column, pattern: &str, draw: u64) -> Option<String> {
    let hex = format!("{draw:016x}");
    Some(match column.base.as_str() {
        "int2" => (32_000 + draw % 700).to_string(),
        "int4" => (2_000_000_000 + draw % 140_000_000).to_string(),
        "int8" => (1_000_000_000_000_000 + draw % 100_000_000_000_000).to_string(),
        "numeric" => (1_000 + draw % 8_000).to_string(),
        "uuid" => format!(
            "{}-{}-4{}-a{}-{}{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..15],
            &hex[1..4],
            &hex[4..12],
            &hex[..4]
        ),
        // The same second, so that the row stays in its partition and in its range.
        "timestamptz" | "timestamp" => {
            let second = pattern.get(..19)?;
            let zone =
                pattern.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
            format!("{second}.{:06}{zone}", draw % 1_000_000)
        }
        "date" => format!("{}-01-{:02}", 1900 + draw % 99, 1 + draw / 99 % 28),
        "text" | "varchar" | "bpchar" | "citext" | "name" => {
            let length = pattern.chars().count();
            if length >= 8 {
                pattern.chars().take(length - 8).chain(hex.chars().take(8)).collect()
            } else if column.kind.contains('(') {
                hex.chars().take(length.max(1)).collect()
            } else {
                hex[..8].to_owned()
            }
        }
        _ => return None,
    })
}

/// `insert into ... (...) values (...)` with the columns that `login` may write, or with defaults
/// where `row` names none of them, ready for a tail such as `on conflict do nothing`.
pub fn insert_sql(relation: &Relation, row: &Row, login: &str) -> String {
    let columns: Vec<&Column> = relation
        .columns
        .iter()
        .filter(|c| !c.generated && row.contains_key(&c.name))
        // A login without any INSERT privilege sends the whole row and is refused by the server.
        .filter(|c| !relation.grants(login, "INSERT") || c.grants(login, "INSERT"))
        .collect();
    if columns.is_empty() {
        return format!(
            "insert into {} default values",
            qualified(&relation.schema, &relation.name)
        );
    }
    let names: Vec<String> = columns.iter().map(|c| identifier(&c.name)).collect();
    let values: Vec<String> =
        columns.iter().map(|c| value(c, row.get(&c.name).and_then(Option::as_ref))).collect();
    let overriding =
        if columns.iter().any(|c| c.identity) { " overriding system value" } else { "" };
    format!(
        "insert into {} ({}){overriding} values ({})",
        qualified(&relation.schema, &relation.name),
        names.join(", "),
        values.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::catalog::{ForeignKey, UniqueKey};
    use super::super::sample::Sample;
    use super::*;
    use std::collections::BTreeMap;

    fn column(name: &str, base: &str) -> Column {
        Column {
            name: name.into(),
            kind: base.into(),
            base: base.into(),
            required: true,
            default: false,
            generated: false,
            identity: false,
            deterministic: true,
            grants: BTreeMap::new(),
        }
    }

    fn table(name: &str, columns: &[(&str, &str)]) -> Relation {
        Relation {
            schema: "s".into(),
            name: name.into(),
            kind: 'r',
            owner: "o".into(),
            enabled: true,
            forced: true,
            parent: None,
            invoker: false,
            public: false,
            rules: vec![],
            reads: vec![],
            columns: columns.iter().map(|(n, b)| column(n, b)).collect(),
            grants: BTreeMap::new(),
            whole: BTreeMap::new(),
        }
    }

    fn key(table: &str, columns: &[&str]) -> UniqueKey {
        let columns = columns.iter().map(|c| Some((*c).to_owned())).collect();
        UniqueKey { table: table.into(), name: format!("{table}_key"), primary: true, columns }
    }

    /// `event (tenant, seq, first, last)` and its one-to-one child `detail (tenant, seq)`.
    fn ground() -> (Catalog, ProbeSettings, Samples) {
        let pair = ["tenant".to_owned(), "seq".to_owned()].to_vec();
        let catalog = Catalog {
            version: 150_000,
            relations: vec![
                table("event", &[("tenant", "text"), ("seq", "int8"), ("last", "int4")]),
                table("detail", &[("tenant", "text"), ("seq", "int8")]),
            ],
            policies: vec![],
            keys: vec![key("event", &["tenant", "seq"]), key("detail", &["tenant", "seq"])],
            foreign_keys: vec![ForeignKey {
                name: "detail_event".into(),
                table: "detail".into(),
                columns: pair.clone(),
                parent_schema: "s".into(),
                parent: "event".into(),
                parent_columns: pair,
                validated: true,
            }],
            checks: vec![],
            functions: vec![],
            sequences: vec![],
            powers: vec![],
        };
        let settings = ProbeSettings {
            schema: "s".into(),
            tenant_column: "tenant".into(),
            ..ProbeSettings::default()
        };
        let mut samples = Samples::default();
        for (side, tenant) in ["a", "b"].iter().enumerate() {
            let base = [("tenant", *tenant), ("seq", "5")];
            let row = |more: &[(&str, &str)]| -> Row {
                base.iter()
                    .chain(more)
                    .map(|(k, v)| ((*k).to_owned(), Some((*v).to_owned())))
                    .collect()
            };
            let sample = |row: Row| Sample { row, planted: false };
            samples.rows.insert(("event".into(), side), sample(row(&[("last", "8")])));
            samples.rows.insert(("detail".into(), side), sample(row(&[])));
            samples
                .parents
                .insert(("detail".into(), "detail_event".into(), side), row(&[("last", "9")]));
        }
        (catalog, settings, samples)
    }

    #[test]
    fn a_key_that_is_a_reference_brings_its_parent() {
        let (catalog, settings, samples) = ground();
        let cloner =
            Cloner { catalog: &catalog, settings: &settings, samples: &samples, seed: "x" };
        let fresh = cloner.fresh("detail", 1, "b", CloneChange::Keys, "").unwrap();
        let [parent] = fresh.parents() else { panic!("{fresh:?}") };
        let row = fresh.row().unwrap();
        assert_eq!((parent.table.as_str(), parent.via.as_deref()), ("event", Some("detail_event")));
        assert_eq!(parent.row["seq"], row.row["seq"]);
        assert_ne!(row.row["seq"].as_deref(), Some("5"));
        // The parent of this row was cloned, not an arbitrary row of its table.
        assert_eq!(parent.row["last"].as_deref(), Some("9"));
        assert_eq!(parent.row["tenant"].as_deref(), Some("b"));
    }

    #[test]
    fn two_tenants_get_the_same_fresh_keys_and_another_salt_other_keys() {
        let (catalog, settings, samples) = ground();
        let cloner =
            Cloner { catalog: &catalog, settings: &settings, samples: &samples, seed: "x" };
        let seq = |side, tenant: &str, salt: &str| {
            let fresh = cloner.fresh("event", side, tenant, CloneChange::Keys, salt).unwrap();
            fresh.row().unwrap().row["seq"].clone()
        };
        assert_eq!(seq(0, "a", ""), seq(1, "b", ""));
        assert_ne!(seq(0, "a", ""), seq(0, "a", "parent"));
    }

    #[test]
    fn integers_can_move_along_with_the_key() {
        let (catalog, settings, samples) = ground();
        let cloner =
            Cloner { catalog: &catalog, settings: &settings, samples: &samples, seed: "x" };
        let fresh = cloner.fresh("event", 0, "a", CloneChange::KeysAndIntegers, "").unwrap();
        let number =
            |name: &str| fresh.row().unwrap().row[name].as_ref().unwrap().parse::<i64>().unwrap();
        assert_eq!(number("last") - number("seq"), 3);
    }

    #[test]
    fn another_value_keeps_the_shape() {
        let digest = "0123456789abcdef".repeat(4);
        let other = another(&column("c", "text"), &digest, 7).unwrap();
        assert!(
            other.len() == 64 && other != digest && other.chars().all(|c| c.is_ascii_hexdigit())
        );
        let time = another(&column("c", "timestamptz"), "2024-05-05 10:00:00.5+00", 7).unwrap();
        assert_eq!(time, "2024-05-05 10:00:00.000007+00");
        assert_eq!(another(&column("c", "bool"), "t", 7), None);
        let uuid = another(&column("c", "uuid"), "", u64::MAX).unwrap();
        assert_eq!(uuid.len(), 36);
    }
}
