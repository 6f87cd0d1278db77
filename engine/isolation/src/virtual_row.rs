//! Virtual rows: a row that a login cannot insert is selected from constants, filtered by the
//! policies' own expressions as a stored row would be.

use super::catalog::{Relation, SqlCommand};
use super::context::{OTHER, ProbeContext, path};
use super::judge::ProbeJudgement;
use super::report::ProbeVerdict;
use super::sample::{Row, value};
use flowcontrol_contract::sql::identifier;

/// The source of a reading statement.
pub struct ReadSource {
    /// For use after FROM; columns and alias are those of the table.
    pub sql: String,
    /// Whether it is a virtual row, filtered by the policies' own expressions.
    pub is_virtual: bool,
}

impl ReadSource {
    /// Adds to the detail of a held verdict that a virtual row was used.
    pub fn note(&self, (verdict, detail): ProbeJudgement) -> ProbeJudgement {
        match verdict {
            ProbeVerdict::Held if self.is_virtual => {
                (verdict, format!("{detail} (the policies were applied to a virtual row)"))
            }
            verdict => (verdict, detail),
        }
    }
}

/// The table itself, or a virtual row in place of its fixture row: always when `always`, otherwise if
/// `login` cannot insert it.
pub fn source(
    context: &ProbeContext<'_>,
    login: &str,
    table: &Relation,
    always: bool,
) -> ReadSource {
    let sample = context.samples.rows.get(&(table.name.clone(), OTHER)).filter(|s| s.planted);
    match sample {
        Some(sample)
            if table.grants(login, "SELECT") && (always || !can_plant(context, login, table)) =>
        {
            virtual_row(context, login, table, &sample.row)
        }
        _ => ReadSource { sql: path(table), is_virtual: false },
    }
}

/// True when `login` may insert the table's fixture rows and those that they refer to.
pub fn can_plant(context: &ProbeContext<'_>, login: &str, table: &Relation) -> bool {
    let settings = context.settings();
    context.samples.planting(&context.catalog, settings, &table.name, OTHER, true).iter().all(
        |(name, _)| {
            context.catalog.relation(&settings.schema, name).is_some_and(|t| {
                t.grants(login, "INSERT") && context.catalog.admits(t, login, &[SqlCommand::Insert])
            })
        },
    )
}

/// `(select ... ) as "table"` with one row.
pub fn as_row(table: &Relation, row: &Row) -> String {
    let text = |name: &str| row.get(name).and_then(Option::as_ref);
    let values: Vec<String> = table
        .columns
        .iter()
        .map(|c| format!("{} as {}", value(c, text(&c.name)), identifier(&c.name)))
        .collect();
    format!("(select {}) as {}", values.join(", "), identifier(&table.name))
}

/// One virtual row, filtered by the policies for rows that `login` reads.
pub fn virtual_row(
    context: &ProbeContext<'_>,
    login: &str,
    table: &Relation,
    row: &Row,
) -> ReadSource {
    let alias = identifier(&table.name);
    let sql = format!(
        "(select * from {} where {}) as {alias}",
        as_row(table, row),
        condition(context, login, table)
    );
    ReadSource { sql, is_virtual: true }
}

fn condition(context: &ProbeContext<'_>, login: &str, table: &Relation) -> String {
    if !table.enabled || (!table.forced && table.owner == login) {
        return "true".to_owned();
    }
    let asks = |permissive: bool| -> Vec<String> {
        context
            .catalog
            .policies
            .iter()
            .filter(|p| p.table == table.name && p.permissive == permissive)
            .filter(|p| p.covers(SqlCommand::Select) && p.logins.contains(login))
            .map(|p| format!("({})", p.using.as_deref().unwrap_or("true")))
            .collect()
    };
    let mut all = asks(false);
    let permissive = asks(true);
    all.push(match permissive.is_empty() {
        true => "false".to_owned(),
        false => format!("({})", permissive.join(" or ")),
    });
    all.join(" and ")
}
