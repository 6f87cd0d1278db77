//! Virtual rows: a row that a login cannot insert is selected from constants, filtered by the
//! policies' own expressions as a stored row would be.

use super::catalog::{Command, Relation};
use super::judge::Judged;
use super::report::Verdict;
use super::run::{OTHER, Run, path};
use super::sample::{Row, value};
use flowcontrol_contract::sql::identifier;

/// The source of a reading statement.
pub struct Source {
    /// For use after FROM; columns and alias are those of the table.
    pub sql: String,
    /// Whether it is a virtual row, filtered by the policies' own expressions.
    pub stands_in: bool,
}

impl Source {
    /// Adds to the detail of a held verdict that a virtual row was used.
    pub fn note(&self, (verdict, detail): Judged) -> Judged {
        match verdict {
            Verdict::Held if self.stands_in => {
                (verdict, format!("{detail} (the policies were applied to a virtual row)"))
            }
            verdict => (verdict, detail),
        }
    }
}

/// The table itself, or a virtual row in place of its fixture row: always when `always`, otherwise if
/// `login` cannot insert it.
pub fn source(run: &Run<'_>, login: &str, table: &Relation, always: bool) -> Source {
    let sample = run.samples.rows.get(&(table.name.clone(), OTHER)).filter(|s| s.planted);
    match sample {
        Some(sample)
            if table.grants(login, "SELECT") && (always || !can_plant(run, login, table)) =>
        {
            stand_in(run, login, table, &sample.row)
        }
        _ => Source { sql: path(table), stands_in: false },
    }
}

/// True when `login` may insert the table's fixture rows and those that they refer to.
pub fn can_plant(run: &Run<'_>, login: &str, table: &Relation) -> bool {
    let settings = run.settings();
    run.samples.planting(&run.catalog, settings, &table.name, OTHER, true).iter().all(
        |(name, _)| {
            run.catalog.relation(&settings.schema, name).is_some_and(|t| {
                t.grants(login, "INSERT") && run.catalog.admits(t, login, &[Command::Insert])
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
pub fn stand_in(run: &Run<'_>, login: &str, table: &Relation, row: &Row) -> Source {
    let alias = identifier(&table.name);
    let sql = format!(
        "(select * from {} where {}) as {alias}",
        as_row(table, row),
        condition(run, login, table)
    );
    Source { sql, stands_in: true }
}

fn condition(run: &Run<'_>, login: &str, table: &Relation) -> String {
    if !table.enabled || (!table.forced && table.owner == login) {
        return "true".to_owned();
    }
    let asks = |permissive: bool| -> Vec<String> {
        run.catalog
            .policies
            .iter()
            .filter(|p| p.table == table.name && p.permissive == permissive)
            .filter(|p| p.covers(Command::Select) && p.logins.contains(login))
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
