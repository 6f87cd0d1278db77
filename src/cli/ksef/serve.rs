//! `ksef serve`: runs the simulator until it is stopped.

use super::args::Serve;
use crate::cli::args::Format;
use crate::cli::{Stop, out};
use crate::registry::{KsefServe, serve_ksef};
use flowcontrol_base::{Exit, Result};
use flowcontrol_contract::Secret;
use flowcontrol_files::Access;
use flowcontrol_ksef_invoice::nip::Nip;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Prints the address once it listens, and ends when requests in progress have ended.
pub async fn run(args: &Serve, format: Format) -> Result<Exit> {
    let stop = Stop::listen(|| out::note("stopping; requests in progress are finished first"));
    let simulator = serve_ksef(KsefServe {
        listen: args.listen,
        state: &args.state,
        faults: &args.faults,
        instant: args.instant,
        limits: !args.no_limits,
    })
    .await?;
    for repair in simulator.repairs() {
        out::note(repair);
    }
    let issue = || Ok(Secret::new(simulator.issue_token(&args.context)?.expose()));
    let token = token(&args.context, &args.state, issue)?;
    let value = json!({"base_url": simulator.base_url(), "listening": simulator.address().to_string(),
        "context": args.context.as_str(), "token_file": token});
    out::either(format, &value, || {
        format!(
            "KSeF simulator for tests; nothing here has legal effect\n  base URL  {}\n  context   \
             NIP {}\n  token     in {}\n  controls  http://{}/simulator",
            simulator.base_url(),
            args.context,
            token.display(),
            simulator.address()
        )
    })?;
    let mut heard = stop.receiver();
    // Keeps the sender alive until `stop` is dropped.
    let _ = heard.wait_for(|heard| *heard).await;
    simulator.stop().await;
    Ok(Exit::Done)
}

/// The token of the context, in its own file: issued once, kept over restarts.
fn token(context: &Nip, state: &Path, issue: impl FnOnce() -> Result<Secret>) -> Result<PathBuf> {
    let path = state.join(format!("token-{context}"));
    if path.exists() {
        return Ok(path);
    }
    flowcontrol_files::create(&path, issue()?.expose().as_bytes(), Access::Owner)?;
    Ok(path)
}
