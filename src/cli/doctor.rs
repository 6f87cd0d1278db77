//! `doctor`.
use super::Cx;
use crate::error::{Exit, Result};
/// To be joined.
pub async fn run(_cx: &Cx) -> Result<Exit> {
    Ok(Exit::Done)
}
