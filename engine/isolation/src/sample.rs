//! One row of each tenant and table, to clone for writes and to attack with reads. Held in memory for
//! the length of the run and never reported.

use super::catalog::{Catalog, Column, ForeignKey, Relation};
use super::session::{Session, broken};
use super::settings::ProbeSettings;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::sql::{identifier, literal, qualified};
use std::collections::{BTreeMap, BTreeSet};

/// Column values as Postgres prints them; `None` is NULL.
pub type Row = BTreeMap<String, Option<String>>;

/// A tenant's row of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its values.
    pub row: Row,
    /// Whether it comes from a fixture and is in no table until a probe inserts it.
    pub planted: bool,
}

/// The sample rows. Tenants are numbered: 0 is the attacker's, 1 the victim's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// By table and tenant.
    pub rows: BTreeMap<(String, usize), Sample>,
    /// The row that a sample refers to, by table, foreign key and tenant.
    pub parents: BTreeMap<(String, String, usize), Row>,
    /// All fixture rows, by table and tenant.
    pub fixtures: BTreeMap<(String, usize), Vec<Row>>,
}

/// The most levels of nested partitions that are followed.
const DEPTH: usize = 8;

/// `'text'::type`, or a typed NULL.
pub fn value(column: &Column, text: Option<&String>) -> String {
    match text {
        Some(text) => format!("{}::{}", literal(text), column.kind),
        None => format!("null::{}", column.kind),
    }
}

/// Reads a sample of every table for both tenants; `readers` are tried in order.
///
/// # Errors
/// Usage for a fixture that names an unknown table, column or tenant.
pub async fn read(
    catalog: &Catalog,
    settings: &ProbeSettings,
    tenants: &[String; 2],
    readers: &mut [(String, Session)],
) -> Result<Samples> {
    let mut samples =
        Samples { fixtures: fixtures(catalog, settings, tenants)?, ..Samples::default() };
    let tables: Vec<&Relation> =
        catalog.relations.iter().filter(|r| r.schema == settings.schema && r.is_table()).collect();
    for table in &tables {
        let Some(column) = table.column(&settings.tenant_column) else { continue };
        for (side, tenant) in tenants.iter().enumerate() {
            let filter = format!("{} = {}", identifier(&column.name), value(column, Some(tenant)));
            let place = (table.name.clone(), side);
            if let Some(row) = stored(catalog, readers, table, tenant, &filter).await? {
                samples.rows.insert(place, Sample { row, planted: false });
            } else if let Some(row) = samples.fixtures.get(&place).and_then(|rows| rows.first()) {
                let row = row.clone();
                samples.rows.insert(place, Sample { row, planted: true });
            }
        }
    }
    for table in &tables {
        for key in catalog.foreign_keys(&table.name) {
            for (side, tenant) in tenants.iter().enumerate() {
                let Some(sample) = samples.rows.get(&(table.name.clone(), side)) else { continue };
                let Some(filter) = points_at(catalog, key, &sample.row) else { continue };
                let Some(parent) = catalog.relation(&key.parent_schema, &key.parent) else {
                    continue;
                };
                if let Some(row) = first(readers, parent, &parent.columns, tenant, &filter).await? {
                    samples.parents.insert((table.name.clone(), key.name.clone(), side), row);
                }
            }
        }
    }
    Ok(samples)
}

/// The condition that finds the row a foreign key of `row` points at.
fn points_at(catalog: &Catalog, key: &ForeignKey, row: &Row) -> Option<String> {
    let parent = catalog.relation(&key.parent_schema, &key.parent)?;
    let conditions: Option<Vec<String>> = key
        .columns
        .iter()
        .zip(&key.parent_columns)
        .map(|(from, to)| {
            let text = row.get(from)?.as_ref()?;
            Some(format!("{} = {}", identifier(to), value(parent.column(to)?, Some(text))))
        })
        .collect();
    Some(conditions?.join(" and "))
}

/// A stored row of `table`. A partition that no reader may read by its own name is read through
/// its parent, which is how its rows are accessed.
async fn stored(
    catalog: &Catalog,
    readers: &mut [(String, Session)],
    table: &Relation,
    tenant: &str,
    filter: &str,
) -> Result<Option<Row>> {
    let of = qualified(&table.schema, &table.name);
    let mut filter = filter.to_owned();
    let mut source = Some(table);
    // There is no cycle in a valid catalog; the bound is for a damaged one.
    for _ in 0..DEPTH {
        let Some(relation) = source else { break };
        if let Some(row) = first(readers, relation, &table.columns, tenant, &filter).await? {
            return Ok(Some(row));
        }
        if relation.name == table.name {
            filter = format!("tableoid = {}::regclass and {filter}", literal(&of));
        }
        source = catalog.parent(relation);
    }
    Ok(None)
}

async fn first(
    readers: &mut [(String, Session)],
    table: &Relation,
    columns: &[Column],
    tenant: &str,
    filter: &str,
) -> Result<Option<Row>> {
    for (login, session) in readers {
        let granted = |c: &Column| table.column(&c.name).is_some_and(|c| c.grants(login, "SELECT"));
        if !columns.iter().all(granted) {
            continue;
        }
        let values: Vec<String> =
            columns.iter().map(|c| format!("{}::text", identifier(&c.name))).collect();
        let sql = format!(
            "select array[{}] from {} where {filter} limit 1",
            values.join(", "),
            qualified(&table.schema, &table.name)
        );
        let begin = format!("begin read only; {}", session.tenant(tenant));
        let conn = session.ready().await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(begin))
            .execute(&mut *conn)
            .await
            .map_err(|e| broken(&e))?;
        let found: std::result::Result<Option<Vec<Option<String>>>, sqlx::Error> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .persistent(false)
                .fetch_optional(&mut *conn)
                .await;
        sqlx::raw_sql("rollback").execute(&mut *conn).await.map_err(|e| broken(&e))?;
        // A refused reader is not an error: the next one may be allowed to read, and a table
        // that no reader can read is reported as unproved.
        match found {
            Ok(Some(values)) => {
                let names = columns.iter().map(|c| c.name.clone());
                return Ok(Some(names.zip(values).collect()));
            }
            Ok(None) | Err(sqlx::Error::Database(_)) => {}
            Err(other) => return Err(broken(&other)),
        }
    }
    Ok(None)
}

fn fixtures(
    catalog: &Catalog,
    settings: &ProbeSettings,
    tenants: &[String; 2],
) -> Result<BTreeMap<(String, usize), Vec<Row>>> {
    let mut found: BTreeMap<(String, usize), Vec<Row>> = BTreeMap::new();
    for fixture in &settings.fixtures {
        let table = catalog.relation(&settings.schema, &fixture.table).ok_or_else(|| {
            Failure::usage(format!(
                "a probe fixture names the table {}, which the schema {} does not have",
                fixture.table, settings.schema
            ))
        })?;
        for row in &fixture.rows {
            let row = fixture_row(table, row)?;
            let tenant = row.get(&settings.tenant_column).cloned().flatten().ok_or_else(|| {
                Failure::usage(format!(
                    "a fixture row of {} names no tenant in {}",
                    fixture.table, settings.tenant_column
                ))
            })?;
            // The same file may contain rows of tenants that are not probed.
            if let Some(side) = tenants.iter().position(|t| *t == tenant) {
                found.entry((fixture.table.clone(), side)).or_default().push(row);
            }
        }
    }
    Ok(found)
}

fn fixture_row(table: &Relation, row: &serde_json::Value) -> Result<Row> {
    let object = row.as_object().ok_or_else(|| {
        Failure::usage(format!("a fixture row of {} is not an object of columns", table.name))
    })?;
    object
        .iter()
        .map(|(name, json)| {
            let column = table.column(name).ok_or_else(|| {
                Failure::usage(format!(
                    "a fixture of {} names the unknown column {name}",
                    table.name
                ))
            })?;
            Ok((name.clone(), text(column, json)))
        })
        .collect()
}

fn text(column: &Column, json: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match json {
        _ if column.base.starts_with("json") => Some(json.to_string()),
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| match item {
                    Value::Null => "NULL".to_owned(),
                    Value::String(s) => {
                        format!("\"{}\"", s.replace('\\', "\\\\").replace('"', "\\\""))
                    }
                    other => other.to_string(),
                })
                .collect();
            Some(format!("{{{}}}", items.join(",")))
        }
        other => Some(other.to_string()),
    }
}

impl Samples {
    /// Tables with a fixture sample that `table` refers to, parents first; with `table`
    /// itself when its sample is a fixture and `itself` is set.
    pub fn planting(
        &self,
        catalog: &Catalog,
        settings: &ProbeSettings,
        table: &str,
        side: usize,
        itself: bool,
    ) -> Vec<(String, Row)> {
        let mut order = Vec::new();
        self.plant(catalog, settings, table, side, itself, &mut BTreeSet::new(), &mut order);
        order
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one recursive walk")]
    fn plant(
        &self,
        catalog: &Catalog,
        settings: &ProbeSettings,
        table: &str,
        side: usize,
        itself: bool,
        seen: &mut BTreeSet<String>,
        order: &mut Vec<(String, Row)>,
    ) {
        if !seen.insert(table.to_owned()) {
            return;
        }
        for key in catalog.foreign_keys(table).filter(|k| k.parent_schema == settings.schema) {
            self.plant(catalog, settings, &key.parent, side, true, seen, order);
        }
        if let Some(sample) =
            self.rows.get(&(table.to_owned(), side)).filter(|s| s.planted && itself)
        {
            order.push((table.to_owned(), sample.row.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn column(base: &str) -> Column {
        Column {
            name: "c".into(),
            kind: base.into(),
            base: base.into(),
            required: false,
            default: false,
            generated: false,
            identity: false,
            deterministic: true,
            grants: BTreeMap::new(),
        }
    }

    #[test]
    fn fixture_values_become_postgres_texts() {
        assert_eq!(text(&column("_text"), &json!(["a\"b", null])).unwrap(), r#"{"a\"b",NULL}"#);
        assert_eq!(text(&column("jsonb"), &json!(["a"])).unwrap(), r#"["a"]"#);
        assert_eq!(text(&column("int8"), &json!(7)).unwrap(), "7");
        assert_eq!(text(&column("text"), &json!(null)), None);
        assert_eq!(value(&column("text"), Some(&"o'k".to_owned())), "E'o''k'::text");
    }
}
