//! Checks that the probes left nothing behind: row counts and the catalog, before and after.

use super::judge::Judged;
use super::report::Verdict;
use super::run::{Run, path};
use super::session::{Session, broken};
use flowcontrol_base::Result;
use std::collections::BTreeMap;

/// Rows by table (and tenant, where only filtered readers exist) as every reader sees them.
pub type Counts = BTreeMap<(String, String), i64>;

/// Counts the rows that the readers can see: the verifier all rows, the others those of both tenants.
pub async fn count(run: &Run<'_>, readers: &mut [(String, Session)]) -> Result<Counts> {
    let mut counts = Counts::new();
    let settings = run.settings();
    for table in
        run.catalog.relations.iter().filter(|r| r.schema == settings.schema && r.is_table())
    {
        let Some((login, session)) =
            readers.iter_mut().find(|(name, _)| table.grants(name, "SELECT"))
        else {
            continue;
        };
        let sees_all =
            run.catalog.powers.iter().any(|p| p.login == *login && (p.bypass || p.superuser));
        let views: &[String] = if sees_all { &[String::new()] } else { &run.tenants };
        for tenant in views {
            let begin = match sees_all {
                true => "begin read only; set local row_security = off".to_owned(),
                false => format!("begin read only; {}", session.tenant(tenant)),
            };
            let conn = session.ready().await?;
            sqlx::raw_sql(sqlx::AssertSqlSafe(begin))
                .execute(&mut *conn)
                .await
                .map_err(|e| broken(&e))?;
            let sql = format!("select count(*) from {}", path(table));
            let rows: std::result::Result<i64, sqlx::Error> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                    .persistent(false)
                    .fetch_one(&mut *conn)
                    .await;
            sqlx::raw_sql("rollback").execute(&mut *conn).await.map_err(|e| broken(&e))?;
            match rows {
                Ok(rows) => {
                    counts.insert((table.name.clone(), tenant.clone()), rows);
                }
                // A policy that fails for this reader; the probes have reported it already.
                Err(sqlx::Error::Database(_)) => {}
                Err(other) => return Err(broken(&other)),
            }
        }
    }
    Ok(counts)
}

/// Compares the two counts and the two catalogs.
pub fn judge(before: &Counts, after: &Counts, same_catalog: bool) -> Judged {
    let changed: Vec<&str> = before
        .iter()
        .filter(|(place, rows)| after.get(*place) != Some(rows))
        .map(|((table, _), _)| table.as_str())
        .collect();
    if before.is_empty() {
        let why = "no reader could count a table".to_owned();
        return (Verdict::Unproved(why.clone()), why);
    }
    if changed.is_empty() && before.len() == after.len() && same_catalog {
        return (Verdict::Held, format!("{} counts and the catalog are as before", before.len()));
    }
    let what = if same_catalog {
        format!("rows of {}", changed.join(", "))
    } else {
        "the catalog".to_owned()
    };
    let why = format!(
        "{what} changed while the probes ran: a probe left something behind, or another client writes to this database"
    );
    (Verdict::Leak(why.clone()), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_count_or_catalog_is_found() {
        let counts = |n: i64| Counts::from([(("t".to_owned(), String::new()), n)]);
        assert_eq!(judge(&counts(2), &counts(2), true).0, Verdict::Held);
        assert!(matches!(judge(&counts(2), &counts(3), true).0, Verdict::Leak(_)));
        assert!(matches!(judge(&counts(2), &counts(2), false).0, Verdict::Leak(_)));
        assert!(matches!(judge(&Counts::new(), &Counts::new(), true).0, Verdict::Unproved(_)));
    }
}
