//! `mock-auth-header`: the caller's headers are believed, without any proof.
//!
//! It is stricter than a live adapter where it can be: all four headers, each once, and with
//! rosters configured nobody who is not in them and no permission that they do not give.

use async_trait::async_trait;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::{
    ActorId, AdapterInfo, AuthProvider, Authenticated, Mode, Port, Presented, Principal, Probe,
    Roster, TenantId,
};
use futures::future::BoxFuture;
use serde::Deserialize;
use std::sync::Arc;

/// The adapter's name in the configuration.
pub const KIND: &str = "mock-auth-header";

/// The headers that a caller sends, in this order: actor, tenant, role, permissions (a comma between two).
pub const HEADERS: [&str; 4] = ["x-bfg-actor", "x-bfg-tenant", "x-bfg-role", "x-bfg-permissions"];

/// `[adapters.mock-auth-header]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// Who may call; where there are none, every header is believed.
    rosters: Vec<Roster>,
    /// Allows the service to listen beyond loopback, where anyone can claim to be anyone.
    beyond_loopback: bool,
}

#[derive(Debug)]
struct Mock {
    rosters: Vec<Roster>,
    beyond_loopback: bool,
}

/// Builds the adapter.
pub fn build<'a>(
    config: serde_json::Value,
    _: BuildCx<'a>,
) -> BoxFuture<'a, Result<Arc<dyn AuthProvider>>> {
    Box::pin(async move { Ok(Arc::new(Mock::new(config)?) as Arc<dyn AuthProvider>) })
}

impl Mock {
    fn new(config: serde_json::Value) -> Result<Self> {
        let refuse = |why: String| {
            Error::new(ErrorKind::Configuration, why).in_operation(KIND, "configuration")
        };
        let config: Config = serde_json::from_value(config).map_err(|e| refuse(e.to_string()))?;
        let mut rosters: Vec<Roster> = Vec::with_capacity(config.rosters.len());
        for roster in config.rosters {
            if rosters.iter().any(|r| r.tenant == roster.tenant) {
                return Err(refuse(format!("the tenant {} has two rosters", roster.tenant)));
            }
            rosters.push(Roster::new(roster.tenant, roster.name, roster.actors)?);
        }
        Ok(Self { rosters, beyond_loopback: config.beyond_loopback })
    }

    fn principal(&self, presented: &Presented<'_>) -> Result<Principal> {
        let denied = |why: String| Error::new(ErrorKind::Denied, why);
        let [actor, tenant, role, permissions] = HEADERS;
        let actor = text(presented, actor)?.ok_or_else(|| {
            Error::new(ErrorKind::Unauthenticated, format!("the header {actor} is missing"))
        })?;
        let needed = |name: &str| {
            text(presented, name)?.ok_or_else(|| denied(format!("the header {name} is missing")))
        };
        let (tenant, role) = (needed(tenant)?, needed(role)?);
        let listed = needed(permissions)?;
        let permissions: Vec<&str> = listed.split(',').map(|p| p.trim_matches(' ')).collect();
        if role.is_empty() || permissions.iter().any(|p| p.is_empty()) {
            return Err(denied("a role or a permission is empty".into()));
        }
        let principal = Principal {
            tenant: TenantId::new(tenant)?,
            actor: ActorId::new(actor)?,
            roles: vec![role.to_owned()],
            permissions: permissions.into_iter().map(str::to_owned).collect(),
            how: Authenticated { kind: KIND, issuer: None, subject: None, expires_at: None },
        };
        if self.rosters.is_empty() {
            return Ok(principal);
        }
        let roster = self.rosters.iter().find(|r| r.tenant == principal.tenant);
        let roster =
            roster.ok_or_else(|| denied(format!("there is no tenant {}", principal.tenant)))?;
        principal.check_against(roster)?;
        Ok(principal)
    }
}

/// A header's text.
fn text<'a>(presented: &Presented<'a>, name: &str) -> Result<Option<&'a str>> {
    let Some(value) = presented.single(name)? else { return Ok(None) };
    let text = std::str::from_utf8(value)
        .map_err(|_| Error::invalid(format!("the header {name} is not UTF-8")))?;
    Ok(Some(text))
}

#[async_trait]
impl AuthProvider for Mock {
    fn info(&self) -> AdapterInfo {
        AdapterInfo {
            port: Port::Auth,
            kind: KIND,
            mode: Mode::Local,
            endpoint: HEADERS.join(", "),
        }
    }

    fn challenge(&self) -> &'static str {
        "Mock"
    }

    async fn authenticate(&self, presented: &Presented<'_>) -> Result<Principal> {
        self.principal(presented).map_err(|e| e.in_operation(KIND, "authenticate"))
    }

    async fn ready(&self) -> Result<()> {
        Ok(())
    }

    async fn probe(&self) -> Result<Probe> {
        Ok(Probe::default())
    }

    fn loopback_only(&self) -> bool {
        !self.beyond_loopback
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADERS, Mock};
    use flowcontrol_contract::error::{ErrorKind, Result};
    use flowcontrol_contract::{AuthProvider, Presented, Principal};
    use serde_json::{Value, json};

    fn rosters() -> Value {
        json!({"rosters": [{"tenant": "bfg-control", "name": "BFG Control", "actors": [{
            "id": "user_dispatcher_marek", "display_name": "Marek", "organisation": "Desk",
            "role": "dispatcher", "permissions": ["order.read", "order.write"]}]}]})
    }

    fn ask(config: Value, values: [Option<&str>; 4]) -> Result<Principal> {
        let headers: Vec<(&str, &[u8])> = HEADERS
            .into_iter()
            .zip(values)
            .filter_map(|(name, value)| Some((name, value?.as_bytes())))
            .collect();
        Mock::new(config).unwrap().principal(&Presented { headers: &headers })
    }

    const MAREK: [Option<&str>; 4] = [
        Some("user_dispatcher_marek"),
        Some("bfg-control"),
        Some("dispatcher"),
        Some("order.read, order.write"),
    ];

    #[test]
    fn what_the_headers_say_is_the_principal() {
        for config in [json!({}), rosters()] {
            let principal = ask(config, MAREK).unwrap();
            assert_eq!(principal.actor.as_str(), "user_dispatcher_marek");
            assert_eq!(principal.permissions.len(), 2);
            assert_eq!(principal.how.issuer, None);
        }
    }

    #[test]
    fn who_is_not_in_the_roster_or_asks_for_more_than_it_gives_is_denied() {
        let with = |place: usize, value| {
            let mut headers = MAREK;
            headers[place] = value;
            ask(rosters(), headers).unwrap_err().kind()
        };
        assert_eq!(with(0, None), ErrorKind::Unauthenticated);
        assert_eq!(with(0, Some("user_nobody")), ErrorKind::Denied);
        assert_eq!(with(1, Some("another")), ErrorKind::Denied);
        assert_eq!(with(1, None), ErrorKind::Denied);
        assert_eq!(with(2, Some("managing_director")), ErrorKind::Denied);
        assert_eq!(with(3, Some("order.read,tenant.delete")), ErrorKind::Denied);
        assert_eq!(with(3, Some("order.read,,order.write")), ErrorKind::Denied);
        assert_eq!(with(3, Some("")), ErrorKind::Denied);
        // An identifier has no control characters.
        assert_eq!(with(0, Some("user\u{1}")), ErrorKind::InvalidInput);
    }

    #[test]
    fn it_stays_on_loopback_unless_the_configuration_says_otherwise() {
        let mock = |config| Mock::new(config).unwrap();
        assert!(mock(json!({})).loopback_only());
        assert!(!mock(json!({"beyond_loopback": true})).loopback_only());
        let refused = Mock::new(json!({"beyond_lopback": true})).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Configuration);
    }
}
