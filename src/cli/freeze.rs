//! `scenario freeze / thaw`, and how `scenario show` describes a window.

use super::{Cx, out};
use flowcontrol_base::clock;
use flowcontrol_base::text::counted;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::fence::{Raised, Window};
use flowcontrol_contract::{ScenarioStore, TenantId, Timestamp};
use serde_json::{Value, json};

/// Longest freeze that the command line accepts: a week.
const MAX_MINUTES: u64 = 7 * 24 * 60;

/// Freezes every tenant of the store.
pub async fn freeze(
    cx: &Cx,
    store: &dyn ScenarioStore,
    minutes: u64,
    reason: &str,
    id: Option<String>,
) -> Result<()> {
    let tenants = store.tenants().await?;
    if tenants.is_empty() {
        return Err(Failure::usage("the store has no tenant to freeze")
            .hint("`flowcontrol demo seed` or `flowcontrol snapshot import FILE` brings tenants"));
    }
    if !(1..=MAX_MINUTES).contains(&minutes) {
        return Err(Failure::usage(format!("--minutes {minutes} is not in 1 to {MAX_MINUTES}"))
            .hint("to freeze for longer, repeat the command with --id before the window ends"));
    }
    let id = id.unwrap_or_else(|| format!("freeze-{}", clock::random_hex(4)));
    let now = clock::now();
    let length = i64::try_from(minutes * 60_000_000).unwrap_or(i64::MAX);
    let end = Timestamp::from_micros(now.micros().saturating_add(length))?;
    let window = Window::new(id, reason, now, end)?;
    store.fence().raise(&tenants, &window).await?;
    // A window that existed before keeps its reason and its start.
    let raised = store.fence().window(&tenants).await?;
    let window = raised.map_or(window, |raised| raised.window);
    let value = json!({"window": window, "tenants": tenants});
    out::either(cx.format, &value, || {
        format!(
            "frozen until {} by window {}: {}\nwrites of {} are refused until then, or until \
             `flowcontrol scenario thaw`",
            window.expires_at,
            window.id,
            window.reason,
            counted(tenants.len() as u64, "tenant", "tenants"),
        )
    })
}

/// Lifts the window of this id, or the one in force.
pub async fn thaw(cx: &Cx, store: &dyn ScenarioStore, id: Option<String>) -> Result<()> {
    let tenants = store.tenants().await?;
    let found = store.fence().window(&tenants).await?;
    let named = |r: &Raised| id.as_ref().is_none_or(|id| *id == r.window.id);
    let Some(raised) = found.filter(named) else {
        let message = match &id {
            Some(id) => format!("no freeze window {id:?} is in force"),
            None => "no freeze window is in force".to_owned(),
        };
        return Err(
            Failure::check(message).hint("`flowcontrol scenario show` shows the window in force")
        );
    };
    store.fence().lift(&tenants, &raised.window.id).await?;
    out::either(cx.format, &value(&raised), || {
        format!("lifted window {}: {}\n{}", raised.window.id, raised.window.reason, said(&raised))
    })
}

/// The window in force for any of the tenants.
pub async fn in_force(store: &dyn ScenarioStore, tenants: &[TenantId]) -> Result<Option<Raised>> {
    Ok(store.fence().window(tenants).await?)
}

/// The window as JSON.
pub fn value(raised: &Raised) -> Value {
    json!({"window": raised.window, "refused": raised.refused})
}

/// How many writes it refused, as text.
pub fn said(raised: &Raised) -> String {
    let were = counted(raised.refused, "write was", "writes were");
    format!("{were} refused since {}", raised.window.raised_at)
}
