//! The contracts between FlowControl and its adapters, and the data they exchange.
//!
//! This is the lowest crate of the workspace: adapters depend on it and on nothing else of the
//! project; the engine receives adapters as trait objects of these traits.

pub mod adapter;
pub mod audit;
pub mod auth;
pub mod batch;
pub mod call;
pub mod clock;
pub mod digest;
pub mod error;
pub mod expiring;
pub mod fence;
pub mod guard;
pub mod id;
pub mod json;
pub mod kind;
pub mod ksef;
pub mod money;
pub mod projection;
pub mod record;
pub mod registry;
pub mod roster;
pub mod secret;
pub mod sign_in;
pub mod sql;
pub mod store;
mod text;
pub mod timestamp;

pub use adapter::{AdapterInfo, Mode, Port};
pub use audit::AuditEvent;
pub use auth::{AuthProvider, Authenticated, Presented, Principal, Probe, ProbedIssuer};
pub use batch::{BatchImport, Part};
pub use call::CallCx;
pub use clock::Clock;
pub use digest::{Digest, Hasher};
pub use error::{Error, ErrorKind, Reported, Result, Retry, chain};
pub use expiring::ExpiringMap;
pub use fence::{Fence, Window};
pub use guard::{Effect, Guard};
pub use id::{ActorId, EventId, RecordId, SessionId, TenantId};
pub use kind::Kind;
pub use ksef::{KsefNumber, KsefProvider, Reference};
pub use record::{NewRecord, Payload, Record};
pub use roster::{Actor, Roster};
pub use secret::{Secret, SecretRef};
pub use sign_in::SignIn;
pub use store::ScenarioStore;
pub use timestamp::Timestamp;
