//! A tenant and its actors.

use crate::error::{Error, Result};
use crate::id::{ActorId, TenantId};
use crate::json;
use serde::{Deserialize, Serialize};

/// An actor of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Unique within the tenant.
    pub id: ActorId,
    /// Display name.
    pub display_name: String,
    /// The organisation the actor belongs to.
    pub organisation: String,
    /// The role's key, for example `dispatcher`.
    pub role: String,
    /// Permissions, sorted and without duplicates.
    pub permissions: Vec<String>,
}

/// One tenant and its actors, sorted by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// The tenant.
    pub tenant: TenantId,
    /// The tenant's display name.
    pub name: String,
    /// The actors.
    pub actors: Vec<Actor>,
}

impl Roster {
    /// A roster in canonical order: actors by id, permissions sorted and without duplicates.
    ///
    /// # Errors
    /// `InvalidInput` for two actors with one id, or text that Postgres cannot store.
    pub fn new(tenant: TenantId, name: impl Into<String>, mut actors: Vec<Actor>) -> Result<Self> {
        let name = name.into();
        actors.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some(pair) = actors.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(Error::invalid(format!("tenant {tenant}: two actors {}", pair[0].id)));
        }
        for actor in &mut actors {
            actor.permissions.sort();
            actor.permissions.dedup();
        }
        let texts = actors.iter().flat_map(|a| {
            [&a.display_name, &a.organisation, &a.role].into_iter().chain(&a.permissions)
        });
        if texts.chain([&name]).any(|text| text.is_empty() || text.contains('\0')) {
            return Err(Error::invalid(format!(
                "tenant {tenant}: a name, organisation, role or permission is empty or holds NUL"
            )));
        }
        Ok(Self { tenant, name, actors })
    }

    /// The tenant and its name as canonical JSON; verification compares this form.
    pub fn tenant_line(tenant: &TenantId, name: &str) -> String {
        canonical(&serde_json::json!({"name": name, "tenant": tenant}))
    }

    /// Whether the tenant has this actor.
    pub fn has(&self, actor: &ActorId) -> bool {
        self.actors.iter().any(|a| a.id == *actor)
    }
}

impl Actor {
    /// The actor as canonical JSON; verification compares this form.
    pub fn line(&self) -> String {
        canonical(self)
    }
}

/// Canonical JSON of texts and lists of texts, which cannot fail.
fn canonical(value: &impl Serialize) -> String {
    serde_json::to_string(value)
        .ok()
        .and_then(|text| json::canonicalize(&text).ok())
        .unwrap_or_default()
}
