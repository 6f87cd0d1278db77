//! `scenario show / append / tail / trail / freeze / thaw`.

use super::args::Scenario;
use super::lines::Lines;
use super::{Cx, freeze, out};
use flowcontrol_base::text::counted;
use flowcontrol_base::user_file::cannot_read;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_contract::audit::AuditEvent;
use flowcontrol_contract::fence::Window;
use flowcontrol_contract::record::MAX_PAYLOAD_BYTES;
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{CallCx, Kind, NewRecord, Record, Roster, ScenarioStore, TenantId};
use flowcontrol_files::FileError;
use futures::StreamExt;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Longest line: the largest payload with every byte escaped, and the rest of a record.
const MAX_LINE: u64 = 6 * MAX_PAYLOAD_BYTES as u64 + 64 * 1024;

#[derive(Serialize)]
struct TenantView {
    tenant: TenantId,
    name: String,
    head: u64,
    actors: Vec<flowcontrol_contract::Actor>,
    kinds: BTreeMap<Kind, u64>,
}

/// Reads or appends to the configured store.
pub async fn run(cx: &Cx, args: Scenario) -> Result<Exit> {
    let store = cx.store().await?;
    match args {
        Scenario::Show => show(cx, &*store).await?,
        Scenario::Append { file, tenant, expect } => {
            append(cx, &*store, &file, TenantId::new(tenant)?, expect).await?;
        }
        Scenario::Tail { tenant, lines } => {
            tail(cx, &*store, TenantId::new(tenant)?, lines).await?
        }
        Scenario::Trail { tenant, after } => {
            trail(cx, &*store, TenantId::new(tenant)?, after).await?;
        }
        Scenario::Freeze { minutes, reason, id } => {
            freeze::freeze(cx, &*store, minutes, &reason, id).await?;
        }
        Scenario::Thaw { id } => freeze::thaw(cx, &*store, id).await?,
    }
    Ok(Exit::Done)
}

async fn show(cx: &Cx, store: &dyn ScenarioStore) -> Result<()> {
    let mut tenants = Vec::new();
    let known = store.tenants().await?;
    let frozen = freeze::in_force(store, &known).await?;
    for tenant in known {
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
        "frozen": frozen.as_ref().map(freeze::value), "tenants": tenants});
    out::either(cx.format, &value, || {
        let mut text = format!(
            "session  {}\nstore    {} ({})\n",
            cx.settings.config.session, info.kind, info.endpoint
        );
        if let Some(raised) = &frozen {
            let Window { id, reason, expires_at, .. } = &raised.window;
            text.push_str(&format!("frozen   until {expires_at} by window {id}: {reason}\n"));
            text.push_str(&format!("         {}\n", freeze::said(raised)));
        }
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
    let call = CallCx::tenant(tenant.clone());
    let roster = roster(store, &call).await?;
    let path = file.to_owned();
    // A blocking thread, so that Ctrl-C works while a pipe is silent.
    let batch = tokio::task::spawn_blocking(move || read(&path))
        .await
        .map_err(|e| Failure::environment(format!("reading {} stopped: {e}", shown(file))))??;
    for (number, record) in &batch {
        if !roster.actors.iter().any(|actor| actor.id == record.actor) {
            let known: Vec<_> = roster.actors.iter().map(|a| a.id.as_str()).collect();
            return Err(bad_line(
                file,
                *number,
                &format!("tenant {tenant} has no actor {}", record.actor),
            )
            .hint(format!("nothing was written; actors of the tenant: {}", known.join(", "))));
        }
    }
    let batch: Vec<_> = batch.into_iter().map(|(_, record)| record).collect();
    let count = counted(batch.len() as u64, "record", "records");
    let expected = expect.map_or(Expected::Any, Expected::Head);
    let done = store.append(&call, expected, &batch).await?;
    let value = serde_json::json!({"tenant": tenant, "first": done.first, "last": done.last,
        "replayed": done.replayed});
    out::either(cx.format, &value, || match done.replayed {
        true => format!("{tenant} already has {count} of {}; nothing was written", shown(file)),
        false => format!("appended {count} to {tenant}: {} to {}", done.first, done.last),
    })
}

/// The tenant's roster, or a failure that lists the existing tenants.
async fn roster(store: &dyn ScenarioStore, call: &CallCx) -> Result<Roster> {
    if let Some(roster) = store.roster(call).await? {
        return Ok(roster);
    }
    let known: Vec<_> = store.tenants().await?.iter().map(ToString::to_string).collect();
    Err(Failure::usage(format!("the store has no tenant {}", call.tenant)).hint(
        match known.is_empty() {
            true => "it is empty: `flowcontrol demo seed` or `flowcontrol snapshot import FILE` \
                     brings tenants with their actors"
                .to_owned(),
            false => format!("its tenants: {}", known.join(", ")),
        },
    ))
}

fn shown(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}

fn bad_line(file: &Path, number: u64, why: &str) -> Failure {
    Failure::usage(format!("{}, line {number}: {why}", shown(file)))
        .hint("nothing was written; correct the line and run it again")
}

/// Parses every line as a record, with its line number; the first wrong one is an error.
fn read(file: &Path) -> Result<Vec<(u64, NewRecord)>> {
    let name = PathBuf::from(shown(file));
    let failed = |e: std::io::Error| cannot_read(FileError::new("read", &name, e));
    let mut input: Box<dyn BufRead> = match file == Path::new("-") {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(BufReader::new(File::open(file).map_err(failed)?)),
    };
    let (mut batch, mut line) = (Vec::new(), Vec::new());
    for number in 1.. {
        line.clear();
        let read = (&mut input).take(MAX_LINE + 1).read_until(b'\n', &mut line).map_err(failed)?;
        if read == 0 {
            break;
        }
        if read as u64 > MAX_LINE {
            return Err(bad_line(file, number, &format!("it is longer than {MAX_LINE} bytes")));
        }
        let Ok(text) = std::str::from_utf8(&line) else {
            return Err(bad_line(file, number, "it is not UTF-8 text"));
        };
        if text.trim().is_empty() {
            continue;
        }
        if !text.trim_start().starts_with('{') {
            return Err(bad_line(file, number, "not a JSON object: a record starts with {"));
        }
        let record = NewRecord::from_json(text.trim())
            .map_err(|e| bad_line(file, number, &plain(e.message())))?;
        batch.push((number, record));
    }
    if batch.is_empty() {
        return Err(Failure::usage(format!("{} has no record", shown(file)))
            .hint("write one record a line; `flowcontrol scenario append --help` shows one"));
    }
    Ok(batch)
}

/// serde reports the line within the text it parsed, which is always 1.
fn plain(message: &str) -> String {
    let message = message.strip_prefix("record: ").unwrap_or(message);
    message.replace(" at line 1 column ", ", at column ")
}

async fn tail(cx: &Cx, store: &dyn ScenarioStore, tenant: TenantId, lines: u64) -> Result<()> {
    let call = CallCx::tenant(tenant);
    roster(store, &call).await?;
    let after = store.head(&call).await?.saturating_sub(lines);
    let mut batches = store.read(&call, after).await?;
    let mut lines = Lines::begin(cx.format, &call.tenant, "records")?;
    while let Some(batch) = batches.next().await {
        if !lines.add(batch?.iter().map(Record::to_line))? {
            return Ok(());
        }
    }
    lines.end()
}

/// Prints the audit trail page by page: it may be as long as the scenario.
async fn trail(cx: &Cx, store: &dyn ScenarioStore, tenant: TenantId, mut after: u64) -> Result<()> {
    let call = CallCx::tenant(tenant);
    roster(store, &call).await?;
    let mut lines = Lines::begin(cx.format, &call.tenant, "events")?;
    loop {
        let page = store.trail(&call, after).await?;
        let Some(last) = page.last().and_then(AuditEvent::first) else { return lines.end() };
        if !lines.add(page.iter().map(AuditEvent::to_line))? {
            return Ok(());
        }
        after = last;
    }
}
