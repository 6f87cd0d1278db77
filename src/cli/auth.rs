//! `auth login / whoami / logout`.

use super::args::Auth;
use super::{Cx, out};
use crate::sign_in::device;
use flowcontrol_base::{Exit, Result};
use flowcontrol_contract::auth::Principal;
use flowcontrol_contract::sign_in::DevicePrompt;
use serde_json::json;

/// Signs in, shows who is signed in, or signs out.
pub async fn run(cx: &Cx, args: &Auth) -> Result<Exit> {
    match args {
        Auth::Login => shown(cx, &device::sign_in(&cx.settings, &ask).await?, "signed in as"),
        Auth::Whoami => shown(cx, &device::current(&cx.settings).await?, ""),
        Auth::Logout => {
            let ended = device::sign_out(&cx.settings).await?;
            let value = json!({"signed_out": ended.was, "revoked": ended.revoked});
            out::either(cx.format, &value, || match (ended.was, ended.revoked) {
                (false, _) => "nobody was signed in".to_owned(),
                (true, true) => "signed out; the provider has revoked the tokens".to_owned(),
                (true, false) => {
                    "signed out here; the provider could not revoke the tokens, so the access \
                                 token stays valid until it expires"
                        .to_owned()
                }
            })?;
            Ok(Exit::Done)
        }
    }
}

/// Shows what to do, on standard error: standard output is for the result.
fn ask(prompt: DevicePrompt) {
    let DevicePrompt { address, code, complete, lasts } = prompt;
    out::note(&format!("open {address} and enter {code}"));
    if let Some(complete) = complete {
        out::note(&format!("or open {complete}"));
    }
    out::note(&format!("waiting for up to {} minutes", lasts.as_secs().div_ceil(60)));
}

fn shown(cx: &Cx, who: &Principal, before: &str) -> Result<Exit> {
    let value = json!({"tenant": who.tenant, "actor": who.actor, "roles": who.roles,
        "permissions": who.permissions, "issuer": who.how.issuer, "expires_at": who.how.expires_at});
    out::either(cx.format, &value, || {
        let permissions: Vec<&str> = who.permissions.iter().map(String::as_str).collect();
        let until = who.how.expires_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let issuer = who.how.issuer.as_deref().unwrap_or("-");
        format!(
            "{before}{}{} of {}\nroles        {}\npermissions  {}\nissuer       {issuer}\nuntil        {until}",
            if before.is_empty() { "" } else { " " },
            who.actor,
            who.tenant,
            who.roles.join(", "),
            permissions.join(", "),
        )
    })?;
    Ok(Exit::Done)
}
