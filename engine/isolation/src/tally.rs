//! Checks that the probes left nothing behind: row counts and the catalog, before and after.

use super::context::{ProbeContext, path};
use super::judge::ProbeJudgement;
use super::report::ProbeVerdict;
use super::session::{Session, broken};
use flowcontrol_base::Result;
use std::collections::BTreeMap;

/// Rows by table (and tenant, where only filtered readers exist) as every reader sees them.
pub type Counts = BTreeMap<(String, String), i64>;

/// Counts the rows that the readers can see: the verifier all rows, the others those of both tenants.
pub async fn count(
    context: &ProbeContext<'_>,
    readers: &mut [(String, Session)],
) -> Result<Counts> {
    let mut counts = Counts::new();
    let settings = context.settings();
    for table in
        context.catalog.relations.iter().filter(|r| r.schema == settings.schema && r.is_table())
    {
        let Some((login, session)) =
            readers.iter_mut().find(|(name, _)| table.grants(name, "SELECT"))
        else {
            continue;
        };
        let sees_all =
            context.catalog.powers.iter().any(|p| p.login == *login && (p.bypass || p.superuser));
        let views: &[String] = if sees_all { &[String::new()] } else { &context.tenants };
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
pub fn judge(before: &Counts, after: &Counts, same_catalog: bool) -> ProbeJudgement {
    let changed: Vec<&str> = before
        .iter()
        .filter(|(place, rows)| after.get(*place) != Some(rows))
        .map(|((table, _), _)| table.as_str())
        .collect();
    if before.is_empty() {
        let why = "no reader could count a table".to_owned();
        return (ProbeVerdict::Unproved(why.clone()), why);
    }
    if changed.is_empty() && before.len() == after.len() && same_catalog {
        return (
            ProbeVerdict::Held,
            format!("{} counts and the catalog are as before", before.len()),
        );
    }
    let what = if same_catalog {
        format!("rows of {}", changed.join(", "))
    } else {
        "the catalog".to_owned()
    };
    let why = format!(
        "{what} changed while the probes ran: a probe left something behind, or another client writes to this database"
    );
    (ProbeVerdict::Leak(why.clone()), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_count_or_catalog_is_found() {
        let counts = |n: i64| Counts::from([(("t".to_owned(), String::new()), n)]);
        assert_eq!(judge(&counts(2), &counts(2), true).0, ProbeVerdict::Held);
        assert!(matches!(judge(&counts(2), &counts(3), true).0, ProbeVerdict::Leak(_)));
        assert!(matches!(judge(&counts(2), &counts(2), false).0, ProbeVerdict::Leak(_)));
        assert!(matches!(judge(&Counts::new(), &Counts::new(), true).0, ProbeVerdict::Unproved(_)));
    }
}
