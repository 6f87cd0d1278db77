//! The probe of an auth adapter: whether callers can be told apart where it is configured to work.

use super::found;
use flowcontrol_contract::{AuthProvider, Mode, Port, Probe, ProbedIssuer};
use flowcontrol_evidence::CheckResult;
use serde_json::{Value, json};

/// Asks the adapter's providers for what it relies on. Neither a token nor a secret is recorded.
pub async fn auth(kind: &str, provider: &dyn AuthProvider) -> CheckResult {
    let info = provider.info();
    let (outcome, issuers) = match provider.probe().await {
        Err(error) => (Err(error.chain()), Vec::new()),
        Ok(_) if info.port != Port::Auth || info.kind != kind => {
            (Err(format!("it says that it is {} {}", info.port, info.kind)), Vec::new())
        }
        Ok(Probe { issuers }) => (judged(info.mode, &issuers), issuers),
    };
    let figures = json!({"kind": kind, "mode": info.mode, "endpoint": info.endpoint,
        "loopback_only": provider.loopback_only(),
        "issuers": issuers.iter().map(figures).collect::<Vec<_>>()});
    let figures = figures.as_object().cloned().unwrap_or_default();
    found(Port::Auth.name(), "auth adapter".to_owned(), outcome, figures)
}

/// The mapping of an issuer's claims is proved by one of its tokens and by nothing else.
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
            (None, Some(why)) => return Err(format!("{name}: a token maps to nobody: {why}")),
            (None, None) => {
                return Err(format!(
                    "{name} answers, and no token of its is at hand that proves the mapping: name \
                     one as probe_token"
                ));
            }
        }
    }
    match (mode, mapped.is_empty()) {
        (_, false) => Ok(mapped.join("; ")),
        (Mode::Local, true) => Ok("it believes what callers say, and nobody vouches".to_owned()),
        (Mode::Live, true) => Err("it names no issuer".to_owned()),
    }
}

fn figures(issuer: &ProbedIssuer) -> Value {
    let mapped = issuer.mapped.as_ref().map(|p| {
        json!({"tenant": p.tenant, "actor": p.actor, "roles": p.roles, "permissions": p.permissions})
    });
    json!({"issuer": issuer.issuer, "algorithms": issuer.algorithms, "keys": issuer.keys,
        "mapped": mapped})
}
