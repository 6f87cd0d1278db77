//! The probe of a KSeF adapter: whether it signs in and finds the public keys that submissions need.

use super::found;
use flowcontrol_contract::{KsefProvider, Port};
use flowcontrol_evidence::CheckResult;
use serde_json::json;

/// Signs in and queries; submits nothing. Neither a token nor a key is recorded.
pub async fn ksef(kind: &str, provider: &dyn KsefProvider) -> CheckResult {
    let info = provider.info();
    let (outcome, probe) = match provider.probe().await {
        Err(error) => (Err(error.chain()), None),
        Ok(_) if info.port != Port::Ksef || info.kind != kind => {
            (Err(format!("it identifies itself as {} {}", info.port, info.kind)), None)
        }
        Ok(probe) if probe.keys == 0 => {
            (Err("KSeF offers no public key that is valid now".to_owned()), Some(probe))
        }
        Ok(probe) => {
            let until = probe.certificate_until.map(|at| format!(" until {at}"));
            let said = format!(
                "KSeF {} signs in the context {} by {}{} and offers {} usable keys",
                probe.environment,
                probe.context,
                probe.signed_in_by,
                until.unwrap_or_default(),
                probe.keys
            );
            (Ok(said), Some(probe))
        }
    };
    let mut figures = json!({"kind": kind, "mode": info.mode, "endpoint": info.endpoint});
    if let Some(probe) = probe {
        figures["environment"] = json!(probe.environment);
        figures["context"] = json!(probe.context);
        figures["signed_in_by"] = json!(probe.signed_in_by);
        figures["keys"] = json!(probe.keys);
        figures["certificate_until"] = json!(probe.certificate_until);
    }
    let figures = figures.as_object().cloned().unwrap_or_default();
    found(Port::Ksef.name(), "KSeF adapter".to_owned(), outcome, figures)
}
