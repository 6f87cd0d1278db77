//! `serve`: the Scenario API, until it is asked to stop.

use super::args::Serve;
use super::{Cx, Stop, out};
use crate::api;
use crate::error::{Exit, Result};

/// Says where it listens once it does, and ends when what is under way has ended.
pub async fn run(cx: &Cx, args: &Serve) -> Result<Exit> {
    let stop = Stop::listen("stopping; what is under way comes to its end");
    let address = args.listen.unwrap_or(cx.settings.config.serve.listen);
    let server = Box::pin(api::open(cx.settings.clone(), address, stop.receiver())).await?;
    let address = server.address()?;
    let value = serde_json::json!({"listening": format!("http://{address}"),
        "profile": cx.settings.config.profile});
    out::either(cx.format, &value, || format!("listening on http://{address}"))?;
    server.run().await;
    Ok(Exit::Done)
}
