//! The `container` target: a throw-away Postgres in a container.

use crate::error::Result;

/// A running container.
#[derive(Debug)]
pub(super) struct Container {}

impl Container {
    pub(super) async fn dispose(self) -> Result<()> {
        Ok(())
    }
}
