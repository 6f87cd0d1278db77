//! The command line: reads arguments, calls the engine, prints. It decides nothing itself.

mod adapters;
mod args;
mod connect;
mod demo;
mod doctor;
mod evidence;
mod init;
mod migrate;
mod out;
mod rehearse;
mod scenario;
mod snapshot;

use crate::config::{Overrides, Settings};
use crate::error::{Exit, Failure, Result};
use crate::report::{Progress, Style};
use args::{Cli, Colour, Command, Format, Global};
use clap::{CommandFactory, Parser};
use std::io::IsTerminal;
use std::process::ExitCode;

/// What every command gets.
struct Cx {
    settings: Settings,
    format: Format,
    style: Style,
    progress: Progress,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help to standard output and usage errors to standard error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { 0 });
        }
    };
    let format = cli.global.format;
    match start(cli) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            out::failure(&failure, format);
            ExitCode::from(failure.exit.code())
        }
    }
}

fn start(cli: Cli) -> Result<Exit> {
    colour(&cli.global);
    log(cli.global.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::environment(format!("cannot start: {e}")))?;
    let exit = runtime.block_on(async {
        match cli.command {
            Command::Init { dir } => init::run(&dir),
            Command::Completions { shell } => completions(shell),
            command => run(command, &cli.global).await,
        }
    });
    // A reader thread that waits for a slow disk must not keep a finished program alive.
    runtime.shutdown_background();
    exit
}

async fn run(command: Command, global: &Global) -> Result<Exit> {
    let settings = Settings::load(&Overrides {
        file: global.config.clone(),
        profile: global.profile.clone(),
        image: global.postgres_image.clone(),
        pg_bin: global.pg_bin.clone(),
    })?;
    let draws = !global.no_progress && std::io::stderr().is_terminal();
    let cx = Cx {
        settings,
        format: global.format,
        style: style(global),
        progress: Progress::new(draws),
    };
    // The rehearsal and the probes clean up what they started themselves; every other command
    // leaves nothing half-done when its future is dropped.
    match command {
        Command::Rehearse(args) => return rehearse::run(&cx, args).await,
        Command::Connect(args) => return connect::run(&cx, args).await,
        Command::Migrate(args) => return migrate::run(&cx, args).await,
        _ => {}
    }
    let work = async {
        match command {
            Command::Demo(args) => demo::run(&cx, args).await,
            Command::Scenario(args) => scenario::run(&cx, args).await,
            Command::Snapshot(args) => snapshot::run(&cx, args).await,
            Command::Adapters(args) => adapters::run(&cx, args),
            Command::Evidence(args) => evidence::run(&cx, args),
            Command::Doctor => doctor::run(&cx).await,
            Command::Init { .. }
            | Command::Completions { .. }
            | Command::Rehearse(_)
            | Command::Connect(_)
            | Command::Migrate(_) => unreachable!("handled above"),
        }
    };
    tokio::select! {
        done = work => done,
        () = interrupted() => Err(Failure::interrupted()),
    }
}

/// Completes when the user or the system asks the program to stop.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

fn colour(global: &Global) {
    match global.color {
        Colour::Always => anstream::ColorChoice::AlwaysAnsi.write_global(),
        Colour::Never => anstream::ColorChoice::Never.write_global(),
        Colour::Auto => {}
    }
}

/// The report renders with colour marks; the stream strips them where they do not belong.
fn style(global: &Global) -> Style {
    if global.color == Colour::Never { Style::plain() } else { Style::coloured() }
}

fn log(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "flowcontrol=info,flowcontrol_store_file=info,flowcontrol_store_postgres=info,warn",
        _ => "debug",
    };
    let started = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    debug_assert!(started.is_ok(), "logging is started once");
}

fn completions(shell: clap_complete::Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "flowcontrol", &mut script);
    out::text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
