//! `serve`: the Scenario API, until it is stopped.

use super::args::{Format, Serve};
use super::{Cx, Stop, log, out};
use crate::api;
use crate::config::LogFormat;
use flowcontrol_base::{Exit, Result};

/// Prints the address once it listens, and ends when requests in progress have ended.
pub async fn run(cx: &Cx, args: &Serve) -> Result<Exit> {
    let format = match args.log_format {
        Some(Format::Text) => LogFormat::Text,
        Some(Format::Json) => LogFormat::Json,
        None => cx.settings.config.serve.log,
    };
    // A service logs every request.
    log(cx.verbosity.max(1), format);
    let stop = Stop::listen(move || {
        let note = "stopping; requests in progress are finished first";
        match format {
            LogFormat::Text => out::note(note),
            LogFormat::Json => tracing::info!("{note}"),
        }
    });
    let address = args.listen.unwrap_or(cx.settings.config.serve.listen);
    let server = Box::pin(api::open(cx.settings.clone(), address, stop.receiver())).await?;
    let address = server.address()?;
    let value = serde_json::json!({"listening": format!("http://{address}"),
        "profile": cx.settings.config.profile});
    out::either(cx.format, &value, || format!("listening on http://{address}"))?;
    server.run().await;
    Ok(Exit::Done)
}
