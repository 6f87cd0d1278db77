//! Connection: endpoint reachability, TLS fingerprint, RBAC session, write probe.

use super::admit::{Binding, from_packet, newest};
use super::check;
use super::inputs::{Inputs, Role, Stage};
use super::spec::{Check, Gate};
use flowcontrol_contract::Digest;
use flowcontrol_evidence::{CheckResult, schema};
use serde_json::json;

/// The name on the command line.
pub const ID: &str = "connection";

/// The gate, from the newest connection packet of the judged profile.
pub fn gate(inputs: &Inputs) -> Gate {
    let found = newest(inputs, schema::CONNECTION, Binding::Profile);
    let stage = inputs.profile.stage();
    let fingerprint = match (&found, generated(&found)) {
        (Ok(packet), Some(true) | None) if stage == Stage::Production => Check::next(
            "tls-fingerprint",
            "TLS fingerprint",
            format!(
                "{} shows a generated certificate, not the server's own",
                packet.sha256.short()
            ),
        )
        .resting_on(vec![packet.sha256]),
        _ => from_packet("tls-fingerprint", "TLS fingerprint", &found),
    };
    let checks = [
        from_packet("endpoint-reachability", "Endpoint reachability", &found),
        fingerprint,
        from_packet("rbac-session", "RBAC session", &found),
        from_packet("write-probe", "Write probe", &found),
    ];
    let (owner, command) = (inputs.owner(Role::Director), inputs.connect_command());
    let checks = checks.map(|c| c.owned_by(owner.clone()).supplied_by(command.clone()));
    Gate::new(ID, "Adapter connection", checks.into()).with_packet(schema::CONNECTION)
}

/// Whether the certificate was generated for a temporary target; `None` when the packet does not say.
fn generated(found: &Result<&super::inputs::Evidence, String>) -> Option<bool> {
    let packet = &found.as_ref().ok()?.packet;
    let tls = packet.checks.iter().find(|c| c.id == "tls-fingerprint")?;
    tls.figures.get("generated")?.as_bool()
}

/// What the connection probes found. An `Err` holds one sentence without secrets: what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionFacts {
    /// `host:port/database`.
    pub endpoint: String,
    /// The server's version, when it answered.
    pub reachable: Result<String, String>,
    /// The certificate.
    pub certificate: Result<CertificateFacts, String>,
    /// The logins and the actors.
    pub session: Result<SessionFacts, String>,
    /// The write probe: a row written, read back and rolled back.
    pub write: Result<(), String>,
}

impl ConnectionFacts {
    /// Which server this is: the digest of its host, port and certificate, whatever the database;
    /// `None` when no certificate was seen.
    pub fn server(&self) -> Option<Digest> {
        let certificate = self.certificate.as_ref().ok()?;
        let place = self.endpoint.split('/').next().unwrap_or_default();
        Some(Digest::of(format!("{place} {}", certificate.fingerprint)))
    }
}

/// The certificate that the server showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-256 of its DER form.
    pub fingerprint: Digest,
    /// Why the chain or the host name is not trusted; `None` when it is.
    pub distrusted: Option<String>,
    /// The fingerprint that the configuration pins, if any.
    pub pin: Option<Digest>,
    /// Whether this program generated it for a temporary target: that proves the mechanism, not a server.
    pub generated: bool,
}

/// The result of the login probe and of mapping the actors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// Actors that map to a tenant and a role.
    pub actors: u64,
    /// Tenants they belong to.
    pub tenants: u64,
    /// Ways in which the application's login can bypass row-level security; empty when there are none.
    pub refusals: Vec<String>,
    /// Actors that cannot be mapped, each with its reason.
    pub unmapped: Vec<String>,
}

/// The gate's four checks, in order.
pub fn checks(facts: &ConnectionFacts) -> Vec<CheckResult> {
    vec![reachability(facts), fingerprint(facts), session(facts), write(facts)]
}

fn reachability(facts: &ConnectionFacts) -> CheckResult {
    let outcome = match &facts.reachable {
        Ok(version) => Ok(format!("PostgreSQL {version} answers at {}", facts.endpoint)),
        Err(why) => Err(why.clone()),
    };
    let figures =
        json!({"endpoint": facts.endpoint, "server_version": facts.reachable.clone().ok()});
    check("endpoint-reachability", "Endpoint reachability", outcome, figures)
}

fn fingerprint(facts: &ConnectionFacts) -> CheckResult {
    let figures = match &facts.certificate {
        Ok(c) => {
            json!({"sha256": c.fingerprint, "pinned": c.pin.is_some(), "generated": c.generated})
        }
        Err(_) => json!({}),
    };
    let outcome = match &facts.certificate {
        Err(why) => Err(why.clone()),
        Ok(CertificateFacts { distrusted: Some(why), fingerprint, .. }) => {
            Err(format!("the certificate with SHA-256 {fingerprint} is not trusted: {why}"))
        }
        Ok(CertificateFacts { pin: Some(pin), fingerprint, .. }) if pin != fingerprint => {
            Err(format!(
                "the certificate changed: its SHA-256 is {fingerprint}, but the configuration pins {pin}"
            ))
        }
        Ok(c) => Ok(format!(
            "the certificate with SHA-256 {} is trusted{}{}",
            c.fingerprint,
            if c.pin.is_some() { " and is the pinned one" } else { "" },
            if c.generated {
                "; it was generated for this run, which is not live evidence"
            } else {
                ""
            },
        )),
    };
    check("tls-fingerprint", "TLS fingerprint", outcome, figures)
}

fn session(facts: &ConnectionFacts) -> CheckResult {
    let outcome = match &facts.session {
        Err(why) => Err(why.clone()),
        Ok(s) if !s.refusals.is_empty() => Err(format!(
            "the application's login can bypass row-level security: {}",
            s.refusals.join("; ")
        )),
        Ok(s) if !s.unmapped.is_empty() => Err(format!("not mapped: {}", s.unmapped.join("; "))),
        Ok(s) if s.actors == 0 => Err("there is no actor to map".to_owned()),
        Ok(s) => Ok(format!(
            "{} actors of {} tenants map to a role with permissions; the application's \
            login owns nothing and bypasses nothing",
            s.actors, s.tenants
        )),
    };
    let figures = facts
        .session
        .as_ref()
        .map_or(json!({}), |s| json!({"actors": s.actors, "tenants": s.tenants}));
    check("rbac-session", "RBAC session", outcome, figures)
}

fn write(facts: &ConnectionFacts) -> CheckResult {
    let outcome = match &facts.write {
        Ok(()) => {
            Ok("a row was written, read back and rolled back; nothing is left of it".to_owned())
        }
        Err(why) => Err(why.clone()),
    };
    check("write-probe", "Write probe", outcome, json!({}))
}

#[cfg(test)]
mod tests {
    use super::{CertificateFacts, ConnectionFacts, SessionFacts, checks};
    use flowcontrol_contract::Digest;
    use flowcontrol_evidence::Verdict;

    fn good() -> ConnectionFacts {
        ConnectionFacts {
            endpoint: "db:5432/bfg".into(),
            reachable: Ok("17.6".into()),
            certificate: Ok(CertificateFacts {
                fingerprint: Digest::of("a"),
                distrusted: None,
                pin: None,
                generated: false,
            }),
            session: Ok(SessionFacts { actors: 5, tenants: 1, refusals: vec![], unmapped: vec![] }),
            write: Ok(()),
        }
    }

    fn verdicts(facts: &ConnectionFacts) -> Vec<bool> {
        checks(facts).iter().map(|c| c.verdict == Verdict::Ready).collect()
    }

    #[test]
    fn good_facts_are_ready() {
        assert_eq!(verdicts(&good()), [true; 4]);
    }

    #[test]
    fn each_defect_is_named_by_its_own_check() {
        type Spoil = fn(&mut ConnectionFacts);
        let cases: [(usize, Spoil, &str); 8] = [
            (0, |f| f.reachable = Err("cannot reach db".into()), "cannot reach"),
            (1, |f| f.certificate = Err("speaks no TLS".into()), "no TLS"),
            (
                1,
                |f| {
                    if let Ok(c) = &mut f.certificate {
                        c.distrusted = Some("unknown issuer".into())
                    }
                },
                "unknown issuer",
            ),
            (
                1,
                |f| {
                    if let Ok(c) = &mut f.certificate {
                        c.pin = Some(Digest::of("b"))
                    }
                },
                "the certificate changed",
            ),
            (
                2,
                |f| {
                    if let Ok(s) = &mut f.session {
                        s.refusals = vec!["superuser".into()]
                    }
                },
                "superuser",
            ),
            (
                2,
                |f| {
                    if let Ok(s) = &mut f.session {
                        s.unmapped = vec!["anna".into()]
                    }
                },
                "anna",
            ),
            (
                2,
                |f| {
                    if let Ok(s) = &mut f.session {
                        s.actors = 0
                    }
                },
                "no actor",
            ),
            (3, |f| f.write = Err("read-only standby".into()), "standby"),
        ];
        for (at, spoil, why) in cases {
            let mut facts = good();
            spoil(&mut facts);
            let mut expected = [true; 4];
            expected[at] = false;
            assert_eq!(verdicts(&facts), expected, "{why}");
            assert!(checks(&facts)[at].reason.contains(why), "{}", checks(&facts)[at].reason);
        }
    }

    #[test]
    fn a_generated_certificate_says_that_it_is_not_live_evidence() {
        let mut facts = good();
        if let Ok(c) = &mut facts.certificate {
            c.generated = true;
        }
        assert!(checks(&facts)[1].reason.contains("not live evidence"));
    }
}
