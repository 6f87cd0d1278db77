//! The command line: parses arguments, calls the engine, prints results. It makes no decisions.

mod accept;
mod adapters;
mod args;
mod auth;
mod connect;
mod cutover;
mod demo;
mod doctor;
mod dossier;
mod evidence;
mod freeze;
mod gates;
mod handoff;
mod init;
mod keys;
mod ksef;
mod lines;
mod migrate;
mod out;
mod rehearse;
mod rollback;
mod scenario;
mod serve;
mod snapshot;
mod usage;

use crate::config::{FILE, LogFormat, Overrides, Settings, plain_message};
use crate::progress::Progress;
use crate::registry::open_store;
use crate::report::style::{ColorChoice, Paint, Surroundings};
use crate::report::terminal::View;
use args::{Cli, Command, Format, Global};
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_contract::registry::Registry;
use flowcontrol_contract::{Port, ScenarioStore};
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The context of every command.
struct Cx {
    settings: Settings,
    format: Format,
    view: View,
    progress: Progress,
    verbose: bool,
    verbosity: u8,
}

impl Cx {
    /// The active profile's store.
    async fn store(&self) -> Result<Arc<dyn ScenarioStore>> {
        let config = &self.settings.config;
        let kind = self.settings.profile()?.kind(Port::Store);
        let file = self.settings.file.as_deref().unwrap_or(Path::new(FILE)).display();
        if !config.adapters.contains_key(kind) {
            return Err(Failure::usage(format!(
                "profile {} keeps its scenario in {kind}, but [adapters.{kind}] is not configured",
                config.profile
            ))
            .hint(format!(
                "add the section to {file}; `flowcontrol init` writes an example of it"
            )));
        }
        open_store(&self.settings).await.map_err(|mut failure| {
            let (message, hint) = plain_message(&failure.message);
            failure.message = message;
            failure.hint = failure.hint.or(hint);
            if failure.exit == Exit::Usage && failure.hint.is_none() {
                failure.hint = Some(format!("correct [adapters.{kind}] in {file}"));
            }
            failure
        })
    }
}

/// Runs the program with the adapters of `registry`: the built-in ones, or more.
pub fn run_with(registry: Registry) -> ExitCode {
    let line: Vec<_> = std::env::args_os().collect();
    let grammar = usage::without_empty_variables(Cli::command());
    if let Err(failure) = usage::without_keys(&line) {
        out::failure(&failure, usage::format(&line));
        return ExitCode::from(failure.exit.code());
    }
    let read = grammar.clone().try_get_matches_from(&line).and_then(|m| Cli::from_arg_matches(&m));
    let cli = match read {
        Ok(cli) => cli,
        Err(error) if is_help(error.kind()) => {
            // Help that was asked for goes to standard output, errors to standard error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { 0 });
        }
        Err(error) => {
            let failure = usage::failure(&error, &grammar, &line);
            out::failure(&failure, usage::format(&line));
            return ExitCode::from(failure.exit.code());
        }
    };
    let format = cli.global.format;
    match start(cli, Arc::new(registry)) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            out::failure(&failure, format);
            ExitCode::from(failure.exit.code())
        }
    }
}

fn is_help(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

fn start(cli: Cli, adapters: Arc<Registry>) -> Result<Exit> {
    colour(&cli.global);
    // The format of the service's log may come from the configuration too.
    if !matches!(cli.command, Command::Serve(_)) {
        log(cli.global.verbose, LogFormat::Text);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::environment(format!("cannot start: {e}")))?;
    let exit = runtime.block_on(async {
        match cli.command {
            Command::Init { dir } => init::run(&dir, cli.global.format),
            Command::Completions { shell } => completions(shell, cli.global.format),
            Command::Keys(args) => keys::run(&args, cli.global.format),
            Command::Ksef(ksef::Ksef::Serve(args)) => ksef::serve(&args, cli.global.format).await,
            Command::Ksef(command) => match ksef::alone(&command, cli.global.format) {
                Some(done) => done,
                None => run(Command::Ksef(command), &cli.global, adapters).await,
            },
            command => run(command, &cli.global, adapters).await,
        }
    });
    // A thread that is writing a snapshot removes its unfinished file when it ends, so it gets a
    // moment; one that waits for a slow disk or pipe must not keep the program alive.
    runtime.shutdown_timeout(Duration::from_secs(2));
    exit
}

async fn run(command: Command, global: &Global, adapters: Arc<Registry>) -> Result<Exit> {
    let overrides = Overrides {
        file: global.config.clone(),
        profile: global.profile.clone(),
        image: global.postgres_image.clone(),
        pg_bin: global.pg_bin.clone(),
    };
    let settings = Settings::load(&overrides, adapters)?;
    let terminal = std::io::stderr().is_terminal();
    let cx = Cx {
        settings,
        format: global.format,
        view: view(global),
        progress: Progress::choose(terminal, global.no_progress, global.verbose > 0),
        verbose: global.verbose > 0,
        verbosity: global.verbose,
    };
    // The rehearsal and the probes clean up what they started; every other command can be dropped
    // at any time without leaving something half-done.
    match command {
        Command::Rehearse(args) => return rehearse::run(&cx, args).await,
        Command::Connect(args) => return connect::run(&cx, args).await,
        Command::Serve(args) => return serve::run(&cx, &args).await,
        Command::Migrate(args) => return migrate::run(&cx, args).await,
        Command::Cutover(args) => {
            return cutover::run(&cx, &args, global.profile.is_some()).await;
        }
        Command::Rollback(args) => {
            return rollback::run(&cx, &args, global.profile.is_some()).await;
        }
        _ => {}
    }
    let work = async {
        match command {
            Command::Demo(args) => demo::run(&cx, args).await,
            Command::Scenario(args) => scenario::run(&cx, args).await,
            Command::Snapshot(args) => snapshot::run(&cx, args).await,
            Command::Adapters(args) => adapters::run(&cx, &args).await,
            Command::Ksef(command) => ksef::run(&cx, command).await,
            Command::Release(args) => handoff::release(&cx, &args, global.profile.is_some()).await,
            Command::Evidence(args) => evidence::run(&cx, args),
            Command::Accept(args) => accept::run(&cx, &args, global.profile.is_some()).await,
            Command::Gates(args) => gates::run(&cx, &args, global.profile.is_some()).await,
            Command::Dossier(args) => dossier::run(&cx, &args, global.profile.is_some()).await,
            Command::Auth(args) => auth::run(&cx, &args).await,
            Command::Doctor => doctor::run(&cx).await,
            Command::Init { .. }
            | Command::Completions { .. }
            | Command::Keys(_)
            | Command::Rehearse(_)
            | Command::Connect(_)
            | Command::Serve(_)
            | Command::Migrate(_)
            | Command::Cutover(_)
            | Command::Rollback(_) => unreachable!("handled above"),
        }
    };
    tokio::select! {
        // Signals are caught from here on, before the work begins.
        biased;
        () = interrupted() => {
            cx.progress.clear();
            Err(Failure::new(Exit::Interrupted, "interrupted; nothing is half-written").hint(
                "batches that were acknowledged before stay in the store: \
                 `flowcontrol scenario show`",
            ))
        }
        done = work => done,
    }
}

/// Catches a request to stop the program, and passes it to the running work.
struct Stop {
    heard: watch::Receiver<bool>,
    listener: JoinHandle<()>,
}

impl Stop {
    /// Catches signals from the call on; `tell` informs the user when one arrives.
    fn listen(tell: impl FnOnce() + Send + 'static) -> Self {
        let (sender, heard) = watch::channel(false);
        let interrupted = interrupted();
        let listener = tokio::spawn(async move {
            interrupted.await;
            // The work may have ended already, so nobody may be listening.
            let _ = sender.send(true);
            tell();
            std::future::pending::<()>().await;
        });
        Self { heard, listener }
    }

    fn receiver(&self) -> watch::Receiver<bool> {
        self.heard.clone()
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Completes when the user or the system asks the program to stop. Signals are caught from the call
/// on, not from the first poll: a signal in between would end the program before it could clean up.
fn interrupted() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let both = signal(SignalKind::interrupt())
        .and_then(|interrupt| Ok((interrupt, signal(SignalKind::terminate())?)));
    async {
        let Ok((mut interrupt, mut terminate)) = both else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Whether a stream is coloured, by the user's choice and the environment.
fn coloured(global: &Global, terminal: bool) -> bool {
    let variable = |name| std::env::var(name).ok();
    let (no_color, clicolor, force, term) =
        (variable("NO_COLOR"), variable("CLICOLOR"), variable("CLICOLOR_FORCE"), variable("TERM"));
    global.color.resolve(&Surroundings {
        terminal,
        no_color: no_color.as_deref(),
        clicolor: clicolor.as_deref(),
        clicolor_force: force.as_deref(),
        term: term.as_deref(),
    })
}

/// Sets anstream's global choice once; it strips colours accordingly.
fn colour(global: &Global) {
    let choice = match global.color {
        ColorChoice::Always => anstream::ColorChoice::AlwaysAnsi,
        ColorChoice::Never => anstream::ColorChoice::Never,
        ColorChoice::Auto => anstream::ColorChoice::Auto,
    };
    choice.write_global();
}

fn view(global: &Global) -> View {
    let columns = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    View {
        columns: columns.unwrap_or(100).clamp(60, 140),
        paint: Paint { on: coloured(global, std::io::stdout().is_terminal()) },
    }
}

/// Starts the log on standard error: errors, and more when asked for.
fn log(verbose: u8, format: LogFormat) {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::{fmt, layer::SubscriberExt, util::SubscriberInitExt};

    // What the server remarks on a probe is part of the probe, not news.
    let quiet =
        Targets::new().with_default(LevelFilter::WARN).with_target("sqlx", LevelFilter::ERROR);
    let shown = match verbose {
        0 => quiet,
        // Every crate of the program: targets are compared by how they begin.
        1 => quiet.with_target("flowcontrol", LevelFilter::INFO),
        _ => Targets::new().with_default(LevelFilter::DEBUG),
    };
    let registry = tracing_subscriber::registry().with(shown);
    let layer = fmt::layer().with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => {
            registry.with(layer.with_ansi(std::io::stderr().is_terminal())).try_init()
        }
        LogFormat::Json => {
            let json = layer.json().flatten_event(true);
            registry.with(json.with_current_span(false).with_span_list(false)).try_init()
        }
    };
    debug_assert!(started.is_ok(), "logging is started once");
}

fn completions(shell: clap_complete::Shell, format: Format) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "flowcontrol", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let value = serde_json::json!({"shell": shell.to_string(), "script": script});
    out::either(format, &value, || script.clone())?;
    Ok(Exit::Done)
}
