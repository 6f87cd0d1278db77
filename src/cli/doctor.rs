//! `doctor`.

use super::{Cx, out};
use flowcontrol_base::{Exit, Result};
use flowcontrol_servers::doctor::survey;

/// Lists what this machine has and lacks. Always exits 0: it reports facts and judges nothing.
pub async fn run(cx: &Cx) -> Result<Exit> {
    let findings = survey(&cx.settings.target_settings()?).await;
    out::either(cx.format, &findings, || {
        let mut text = String::new();
        for finding in &findings {
            let mark = if finding.ok { "ok     " } else { "lacking" };
            text.push_str(&format!("{mark}  {:<28} {}\n", finding.what, finding.detail));
            if let Some(fix) = &finding.fix {
                text.push_str(&format!("         {:<28} fix: {fix}\n", ""));
            }
        }
        text
    })?;
    Ok(Exit::Done)
}
