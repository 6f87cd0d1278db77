//! A Postgres database as the engine sees it: where it is, how its certificate is trusted, who logs
//! in, how a connection is opened, and how names and values are quoted.

mod endpoint;
mod logins;

pub use endpoint::{Endpoint, Login, TlsTrust};
pub use logins::{Logins, RoleNames, Workspace};
