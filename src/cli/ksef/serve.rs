//! `ksef serve`: the simulator, until it is asked to stop.

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

/// Says where it listens once it does, and ends when what is under way has ended.
pub async fn run(args: &Serve, format: Format) -> Result<Exit> {
    let stop = Stop::listen(|| out::note("stopping; what is under way comes to its end"));
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
            "a KSeF for tests listens; nothing here has legal effect\n  base URL  {}\n  context   \
             NIP {}\n  token     in {}\n  controls  http://{}/simulator",
            simulator.base_url(),
            args.context,
            token.display(),
            simulator.address()
        )
    })?;
    let mut heard = stop.receiver();
    // The sender lives as long as `stop` does.
    let _ = heard.wait_for(|heard| *heard).await;
    simulator.stop().await;
    Ok(Exit::Done)
}

/// The context's token in a file of its own: made once, kept over restarts.
fn token(context: &Nip, state: &Path, issue: impl FnOnce() -> Result<Secret>) -> Result<PathBuf> {
    let path = state.join(format!("token-{context}"));
    if path.exists() {
        return Ok(path);
    }
    flowcontrol_files::create(&path, issue()?.expose().as_bytes(), Access::Owner)?;
    Ok(path)
}
