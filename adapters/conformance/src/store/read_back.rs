//! The view with which verification compares what was written.

use super::expect::{Outcome, done, equal, holds, placed, same};
use super::scene::Scene;
use super::{StoreFixture, awkward, sample};
use flowcontrol_contract::projection::PROJECTIONS;
use flowcontrol_contract::store::{Completeness, ReadBack, Row};
use flowcontrol_contract::{Record, Roster, TenantId};
use std::collections::BTreeSet;

super::suite!("read_back":
    lists_known_tables,
    gives_tenants,
    gives_users,
    gives_records,
    gives_projections,
    counts_every_row,
    starts_after_a_row,
    shows_tenants_nobody_listed,
    is_one_view,
    keeps_content,
);

/// Number of records of each of the two tenants; enough for several batches of rows.
const COUNTS: [u64; 2] = [1_234, 27];

/// Tables that every store has.
const CORE_TABLES: [&str; 3] = ["tenants", "users", "records"];

/// A store with two tenants, and a view of both.
async fn opened(fixture: &dyn StoreFixture) -> Outcome<([Scene; 2], Box<dyn ReadBack>)> {
    let (first, second) = Scene::two(fixture).await?;
    first.fill(1, COUNTS[0]).await?;
    second.fill(1, COUNTS[1]).await?;
    let tenants = [first.tenant().clone(), second.tenant().clone()];
    let view = done("read_back", first.store.read_back(&tenants).await)?;
    Ok(([first, second], view))
}

/// Every row of a table for a tenant; the sequence numbers ascend.
async fn rows(view: &mut dyn ReadBack, table: &str, tenant: &TenantId) -> Outcome<Vec<Row>> {
    let mut all: Vec<Row> = Vec::new();
    loop {
        let after = all.last().map_or(0, |row| row.seq);
        let batch = done(&format!("rows of {table}"), view.rows(table, tenant, after).await)?;
        if batch.is_empty() {
            return Ok(all);
        }
        for row in batch {
            let above = all.last().map_or(0, |earlier| earlier.seq);
            holds(&format!("rows of {table}: {} stands above {above}", row.seq), row.seq > above)?;
            all.push(row);
        }
    }
}

fn written(scenes: &[Scene; 2]) -> Outcome<[Vec<Record>; 2]> {
    Ok([
        sample::history(scenes[0].tenant(), 1, COUNTS[0])?,
        sample::history(scenes[1].tenant(), 1, COUNTS[1])?,
    ])
}

async fn lists_known_tables(fixture: &dyn StoreFixture) -> Outcome {
    let (_, view) = opened(fixture).await?;
    let tables = view.tables();
    let known: BTreeSet<&str> =
        CORE_TABLES.into_iter().chain(PROJECTIONS.iter().map(|p| p.table)).collect();
    for table in &tables {
        holds(&format!("the contract knows the table {table:?}"), known.contains(table))?;
    }
    for table in CORE_TABLES {
        let times = tables.iter().filter(|t| **t == table).count();
        equal(&format!("how often the table {table} is listed"), &times, &1)?;
    }
    let distinct: BTreeSet<&str> = tables.iter().copied().collect();
    equal("distinct tables", &distinct.len(), &tables.len())
}

async fn gives_tenants(fixture: &dyn StoreFixture) -> Outcome {
    let (scenes, mut view) = opened(fixture).await?;
    for scene in &scenes {
        let tenant = scene.tenant();
        let line = Roster::tenant_line(tenant, &sample::roster(tenant)?.name);
        let expected = [Row { seq: 1, name: tenant.to_string(), line }];
        same("rows of tenants", &rows(&mut *view, "tenants", tenant).await?, &expected)?;
    }
    Ok(())
}

async fn gives_users(fixture: &dyn StoreFixture) -> Outcome {
    let (scenes, mut view) = opened(fixture).await?;
    for scene in &scenes {
        let roster = sample::roster(scene.tenant())?;
        let expected: Vec<Row> = (1..)
            .zip(&roster.actors)
            .map(|(seq, a)| Row { seq, name: a.id.to_string(), line: a.line() })
            .collect();
        same("rows of users", &rows(&mut *view, "users", scene.tenant()).await?, &expected)?;
    }
    Ok(())
}

async fn gives_records(fixture: &dyn StoreFixture) -> Outcome {
    let (scenes, mut view) = opened(fixture).await?;
    for (scene, history) in scenes.iter().zip(written(&scenes)?) {
        let expected: Vec<Row> = history
            .iter()
            .map(|r| Row { seq: r.seq, name: r.id.to_string(), line: r.to_line() })
            .collect();
        same("rows of records", &rows(&mut *view, "records", scene.tenant()).await?, &expected)?;
    }
    Ok(())
}

async fn gives_projections(fixture: &dyn StoreFixture) -> Outcome {
    let (scenes, mut view) = opened(fixture).await?;
    let tables = view.tables();
    for projection in PROJECTIONS.iter().filter(|p| tables.contains(&p.table)) {
        for (scene, history) in scenes.iter().zip(written(&scenes)?) {
            let mut expected = Vec::new();
            for record in history.iter().filter(|r| r.kind == projection.kind) {
                expected.push((record.seq, sample::valid(projection.line(record))?));
            }
            let came = rows(&mut *view, projection.table, scene.tenant()).await?;
            let came: Vec<_> = came.into_iter().map(|row| (row.seq, row.line)).collect();
            same(&format!("rows of {}", projection.table), &came, &expected)?;
        }
    }
    Ok(())
}

async fn counts_every_row(fixture: &dyn StoreFixture) -> Outcome {
    let (scenes, mut view) = opened(fixture).await?;
    let counts = done("counts", view.counts().await)?;
    for table in view.tables() {
        for (scene, history) in scenes.iter().zip(written(&scenes)?) {
            let expected = match PROJECTIONS.iter().find(|p| p.table == table) {
                Some(projection) => history.iter().filter(|r| r.kind == projection.kind).count(),
                None if table == "tenants" => 1,
                None if table == "users" => sample::roster(scene.tenant())?.actors.len(),
                None => history.len(),
            };
            let of_both = |c: &&_| counted(c, table, scene.tenant());
            let came: Vec<u64> = counts.iter().filter(of_both).map(|c| c.rows).collect();
            let what = format!("rows of {table} for {} in counts", scene.tenant());
            same(&what, &came, &[expected as u64])?;
        }
    }
    let listed = |c: &flowcontrol_contract::store::TableCount| {
        c.rows == 0 || scenes.iter().any(|s| s.tenant().as_str() == c.tenant)
    };
    equal("a count of a tenant that has no rows", &counts.iter().find(|c| !listed(c)), &None)
}

fn counted(
    count: &flowcontrol_contract::store::TableCount,
    table: &str,
    tenant: &TenantId,
) -> bool {
    count.table == table && count.tenant == tenant.as_str()
}

async fn starts_after_a_row(fixture: &dyn StoreFixture) -> Outcome {
    let (scenes, mut view) = opened(fixture).await?;
    let tenant = scenes[1].tenant();
    for after in [1, 13, COUNTS[1] - 1] {
        let batch = done("rows", view.rows("records", tenant, after).await)?;
        let first = batch.first().map(|row| row.seq);
        equal(&format!("first row after {after}"), &first, &Some(after + 1))?;
    }
    for after in [COUNTS[1], COUNTS[1] + 1, u64::MAX] {
        let batch = done("rows", view.rows("records", tenant, after).await)?;
        same(&format!("rows after {after}"), &batch, &[])?;
    }
    let batch = done("rows", view.rows("users", tenant, 2).await)?;
    same("users after 2", &batch.iter().map(|row| row.seq).collect::<Vec<_>>(), &[3])
}

/// A view that claims to be complete shows the rows of a tenant that was not listed; any other says
/// why it may not.
async fn shows_tenants_nobody_listed(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    first.fill(1, 3).await?;
    second.fill(1, 5).await?;
    let listed = [first.tenant().clone()];
    let mut view = done("read_back", first.store.read_back(&listed).await)?;
    match view.completeness() {
        Completeness::Unproved(why) => holds("the view says why", !why.trim().is_empty()),
        Completeness::Proved => {
            let counts = done("counts", view.counts().await)?;
            let of_second = |c: &&_| counted(c, "records", second.tenant());
            let came: Vec<u64> = counts.iter().filter(of_second).map(|c| c.rows).collect();
            same("records of an unlisted tenant in a complete view", &came, &[5])
        }
    }
}

async fn is_one_view(fixture: &dyn StoreFixture) -> Outcome {
    let (scenes, mut view) = opened(fixture).await?;
    let before = done("counts", view.counts().await)?;
    for (scene, count) in scenes.iter().zip(COUNTS) {
        scene.fill(count + 1, count + 9).await?;
    }
    let after = done("counts", view.counts().await)?;
    same("counts after an append", &after, &before)?;
    for (scene, history) in scenes.iter().zip(written(&scenes)?) {
        let came = rows(&mut *view, "records", scene.tenant()).await?;
        let what = "rows of a view that was opened before an append";
        equal(what, &came.len(), &history.len())?;
    }
    Ok(())
}

async fn keeps_content(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let written = awkward::everything()?;
    scene.append(&written).await?;
    let tenants = [scene.tenant().clone()];
    let mut view = done("read_back", scene.store.read_back(&tenants).await)?;
    let expected: Vec<String> =
        placed(scene.tenant(), 1, &written).iter().map(Record::to_line).collect();
    let came = rows(&mut *view, "records", scene.tenant()).await?;
    let came: Vec<String> = came.into_iter().map(|row| row.line).collect();
    same("read-back of awkward content", &came, &expected)
}
