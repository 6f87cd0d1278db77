//! The `local` target: a temporary cluster from binaries on this machine.

use super::binaries::{self, Binaries};
use super::cluster::Cluster;
use super::{Progress, TargetSettings, leftover};
use flowcontrol_base::{Failure, Result};

/// A running cluster and the binaries it runs from.
#[derive(Debug)]
pub struct Local {
    /// The cluster.
    pub cluster: Cluster,
    /// The binaries.
    pub binaries: Binaries,
    /// Messages about folders of killed runs that were removed.
    pub swept: Vec<String>,
}

/// Starts a cluster. This blocks for a second or two; async callers use `Target::start`.
///
/// # Errors
/// An environment failure with a hint; nothing is left behind.
pub fn start_blocking(settings: &TargetSettings, progress: Progress<'_>) -> Result<Local> {
    let swept = leftover::sweep(&settings.temp);
    let binaries = binaries::obtain(settings, progress)?;
    let cluster = Cluster::start(&binaries, &settings.temp, progress)?;
    Ok(Local { cluster, binaries, swept })
}

/// Starts a cluster on a separate thread. Dropping the future does not leak it: the thread's result
/// is dropped when it is done, which removes the cluster.
pub(super) async fn start(settings: &TargetSettings, progress: Progress<'_>) -> Result<Local> {
    let settings = settings.clone();
    let (steps, mut said) = tokio::sync::mpsc::unbounded_channel::<String>();
    let mut work = tokio::task::spawn_blocking(move || {
        start_blocking(&settings, &|step: &str| {
            // The receiver is dropped when the caller was cancelled; the work completes anyway.
            drop(steps.send(step.to_owned()));
        })
    });
    loop {
        tokio::select! {
            Some(step) = said.recv() => progress(&step),
            done = &mut work => return done.map_err(|e| {
                Failure::environment(format!("the start of the local target was interrupted: {e}"))
            })?,
        }
    }
}

/// Stops a cluster on a separate thread.
pub(super) async fn dispose(local: Local) -> Result<()> {
    tokio::task::spawn_blocking(move || local.cluster.dispose()).await.map_err(|e| {
        Failure::environment(format!("the removal of the local target was interrupted: {e}"))
    })?
}
