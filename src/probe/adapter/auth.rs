//! The probe of an auth adapter: whether its configured issuers work and map a token to an actor.

use super::found;
use flowcontrol_contract::{AuthProvider, Mode, Port, Probe, ProbedIssuer};
use flowcontrol_evidence::CheckResult;
use serde_json::{Value, json};

/// Queries the adapter's issuers for their metadata and keys. Neither a token nor a secret is recorded.
pub async fn auth(kind: &str, provider: &dyn AuthProvider) -> CheckResult {
    let info = provider.info();
    let (outcome, issuers) = match provider.probe().await {
        Err(error) => (Err(error.chain()), Vec::new()),
        Ok(_) if info.port != Port::Auth || info.kind != kind => {
            (Err(format!("it identifies itself as {} {}", info.port, info.kind)), Vec::new())
        }
        Ok(Probe { issuers }) => (judged(info.mode, &issuers), issuers),
    };
    let figures = json!({"kind": kind, "mode": info.mode, "endpoint": info.endpoint,
        "loopback_only": provider.loopback_only(),
        "issuers": issuers.iter().map(figures).collect::<Vec<_>>()});
    let figures = figures.as_object().cloned().unwrap_or_default();
    found(Port::Auth.name(), "auth adapter".to_owned(), outcome, figures)
}

/// The result; the mapping of an issuer's claims is proved only by one of its tokens.
fn judged(mode: Mode, issuers: &[ProbedIssuer]) -> Result<String, String> {
    let mut mapped = Vec::new();
    for issuer in issuers {
        let name = &issuer.issuer;
        match (&issuer.mapped, &issuer.unmapped) {
            (Some(principal), _) => mapped.push(format!(
                "{name} with {} keys for {} maps a token to {} of {}",
                issuer.keys,
                issuer.algorithms.join(", "),
                principal.actor,
                principal.tenant
            )),
            (None, Some(why)) => return Err(format!("{name}: a token maps to no actor: {why}")),
            (None, None) => {
                return Err(format!(
                    "{name} answers, but there is no token of it that proves the mapping: name \
                     one as probe_token"
                ));
            }
        }
    }
    match (mode, mapped.is_empty()) {
        (_, false) => Ok(mapped.join("; ")),
        (Mode::Local, true) => {
            Ok("it trusts the caller's own statement, without authentication".to_owned())
        }
        (Mode::Live, true) => Err("no issuer is configured".to_owned()),
    }
}

fn figures(issuer: &ProbedIssuer) -> Value {
    let mapped = issuer.mapped.as_ref().map(|p| {
        json!({"tenant": p.tenant, "actor": p.actor, "roles": p.roles, "permissions": p.permissions})
    });
    json!({"issuer": issuer.issuer, "algorithms": issuer.algorithms, "keys": issuer.keys,
        "mapped": mapped})
}
