//! `scenario show / append / tail`.

use super::args::Scenario;
use super::{Cx, out};
use crate::error::{Exit, Failure, Result};
use crate::registry::open_store;
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{CallCx, Kind, NewRecord, ScenarioStore, TenantId};
use futures::StreamExt;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

#[derive(Serialize)]
struct TenantView {
    tenant: TenantId,
    name: String,
    head: u64,
    actors: Vec<flowcontrol_contract::Actor>,
    kinds: BTreeMap<Kind, u64>,
}

/// Reads or extends the configured store.
pub async fn run(cx: &Cx, args: Scenario) -> Result<Exit> {
    let store = open_store(&cx.settings).await?;
    match args {
        Scenario::Show => show(cx, &*store).await?,
        Scenario::Append { file, tenant, expect } => {
            append(cx, &*store, &file, TenantId::new(tenant)?, expect).await?;
        }
        Scenario::Tail { tenant, lines } => tail(&*store, TenantId::new(tenant)?, lines).await?,
    }
    Ok(Exit::Done)
}

async fn show(cx: &Cx, store: &dyn ScenarioStore) -> Result<()> {
    let mut tenants = Vec::new();
    for tenant in store.tenants().await? {
        let call = CallCx::tenant(tenant.clone());
        let Some(roster) = store.roster(&call).await? else { continue };
        let mut view = TenantView {
            tenant,
            name: roster.name,
            head: 0,
            actors: roster.actors,
            kinds: BTreeMap::new(),
        };
        let mut batches = store.read(&call, 0).await?;
        while let Some(batch) = batches.next().await {
            for record in batch? {
                view.head = record.seq;
                *view.kinds.entry(record.kind).or_default() += 1;
            }
        }
        tenants.push(view);
    }
    let info = store.info();
    let value = serde_json::json!({"session": cx.settings.config.session, "store": info,
        "tenants": tenants});
    out::either(cx.format, &value, || {
        let mut text = format!(
            "session  {}\nstore    {} ({})\n",
            cx.settings.config.session, info.kind, info.endpoint
        );
        if tenants.is_empty() {
            text.push_str("empty; `flowcontrol demo seed` fills it with a demo scenario\n");
        }
        for view in &tenants {
            let kinds: Vec<_> = view.kinds.iter().map(|(k, n)| format!("{k} {n}")).collect();
            text.push_str(&format!("\n{}  {}\n  records  {}\n", view.tenant, view.name, view.head));
            if !kinds.is_empty() {
                text.push_str(&format!("  kinds    {}\n", kinds.join(", ")));
            }
            for actor in &view.actors {
                text.push_str(&format!(
                    "  actor    {:<24} {:<18} {} ({} permissions)\n",
                    actor.id.as_str(),
                    actor.role,
                    actor.display_name,
                    actor.permissions.len()
                ));
            }
        }
        text
    })
}

async fn append(
    cx: &Cx,
    store: &dyn ScenarioStore,
    file: &Path,
    tenant: TenantId,
    expect: Option<u64>,
) -> Result<()> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut f| f.read_to_string(&mut text))
    };
    read.map_err(|e| Failure::usage(format!("cannot read {}: {e}", file.display())))?;
    let mut batch = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let record = NewRecord::from_json(line).map_err(|e| {
            Failure::usage(format!("{}, line {number}: {}", file.display(), e.message()))
                .hint("nothing was written; correct the line and run it again")
        })?;
        batch.push(record);
    }
    if batch.is_empty() {
        return Err(Failure::usage(format!("{} holds no record", file.display())));
    }
    let expected = expect.map_or(Expected::Any, Expected::Head);
    let done = store.append(&CallCx::tenant(tenant.clone()), expected, &batch).await?;
    let value = serde_json::json!({"tenant": tenant, "first": done.first, "last": done.last,
        "replayed": done.replayed});
    out::either(cx.format, &value, || match done.replayed {
        true => format!("these {} records of {tenant} are there already", batch.len()),
        false => {
            format!("appended {} records to {tenant}: {} to {}", batch.len(), done.first, done.last)
        }
    })
}

async fn tail(store: &dyn ScenarioStore, tenant: TenantId, lines: u64) -> Result<()> {
    let call = CallCx::tenant(tenant.clone());
    if store.roster(&call).await?.is_none() {
        let known: Vec<_> = store.tenants().await?.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(format!("the store has no tenant {tenant}"))
            .hint(format!("its tenants: {}", known.join(", "))));
    }
    let after = store.head(&call).await?.saturating_sub(lines);
    let mut batches = store.read(&call, after).await?;
    while let Some(batch) = batches.next().await {
        for record in batch? {
            out::text(&record.to_line())?;
        }
    }
    Ok(())
}
