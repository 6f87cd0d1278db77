//! `ksef ...`: invoices for KSeF.

mod args;
mod ask;
mod build;
mod file;
mod ledger;
mod qr;
mod serve;
mod submit;
mod validate;
mod view;

pub use args::Ksef;
pub use serve::run as serve;

use super::Cx;
use super::args::Format;
use flowcontrol_base::{Exit, Result};

/// Runs a command that needs neither configuration nor store; `None` for the others.
pub fn alone(command: &Ksef, format: Format) -> Option<Result<Exit>> {
    match command {
        Ksef::Build(args) if args.file.is_some() => Some(build::from_file(args, format)),
        Ksef::Validate(args) => Some(validate::run(args, format)),
        Ksef::Qr(args) => Some(qr::run(args, format)),
        _ => None,
    }
}

/// Runs a command that needs the configuration.
pub async fn run(cx: &Cx, command: Ksef) -> Result<Exit> {
    match command {
        Ksef::Build(args) => build::from_record(cx, &args).await,
        Ksef::Validate(args) => validate::run(&args, cx.format),
        Ksef::Qr(args) => qr::run(&args, cx.format),
        Ksef::Submit(args) => submit::run(cx, &args).await,
        Ksef::Status(args) => ask::status(cx, &args).await,
        Ksef::Upo(args) => ask::upo(cx, &args).await,
        Ksef::Limits(args) => ask::limits(cx, &args).await,
        Ksef::Serve(args) => serve(&args, cx.format).await,
    }
}
