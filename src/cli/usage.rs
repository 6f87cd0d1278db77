//! Messages for wrong usage of the command line: one sentence and a hint.

use super::args::Format;
use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use flowcontrol_base::{Failure, Result};
use std::ffi::OsString;

/// The command without environment variables that are set but empty: empty counts as unset.
pub fn without_empty_variables(mut command: Command) -> Command {
    let empty: Vec<_> =
        command.get_arguments().filter(|a| is_empty(a)).map(|a| a.get_id().clone()).collect();
    for id in empty {
        command = command.mut_arg(id, |arg| arg.env(Resettable::Reset));
    }
    command.mut_subcommands(without_empty_variables)
}

fn is_empty(arg: &Arg) -> bool {
    arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty())
}

/// Refuses a command line that contains a private key, before a message could repeat it.
///
/// # Errors
/// A usage failure.
pub fn without_keys(arguments: &[OsString]) -> Result<()> {
    if arguments.iter().any(|word| word.to_string_lossy().contains("PRIVATE KEY-----")) {
        return Err(Failure::usage("the command line contains a private key").hint(
            "give the file that holds it; if others may have seen this line, create a new key",
        ));
    }
    Ok(())
}

/// The value of `--format` when the command line as a whole could not be parsed.
pub fn format(arguments: &[OsString]) -> Format {
    let json = arguments.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    match json || arguments.iter().any(|word| word == "--format=json") {
        true => Format::Json,
        false => Format::Text,
    }
}

/// Converts clap's error into a failure.
pub fn failure(error: &clap::Error, root: &Command, arguments: &[OsString]) -> Failure {
    let (path, command) = walk(root, arguments);
    let help = format!("`{path} --help` shows how it is used");
    if error.kind() == ErrorKind::InvalidSubcommand {
        let word = text(error, ContextKind::InvalidSubcommand);
        let known: Vec<_> =
            command.get_subcommands().map(Command::get_name).filter(|n| *n != "help").collect();
        let meant = crate::config::nearest(&word, known.iter().copied())
            .map_or_else(String::new, |near| format!("did you mean {near}? "));
        return Failure::usage(format!("{path} has no command {word:?}"))
            .hint(format!("{meant}its commands: {}", known.join(", ")));
    }
    let rendered = error.render().to_string();
    let said = rendered.split("\n\n").next().unwrap_or_default();
    let said: Vec<_> = said.trim_start_matches("error: ").lines().map(str::trim).collect();
    let mut said = said.join(" ");
    let option = text(error, ContextKind::InvalidArg);
    if let Some(name) = from_variable(command, &option, arguments) {
        said.push_str(&format!("; it comes from the environment variable {name}"));
    }
    let tip = rendered.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    Failure::usage(said).hint(match tip {
        Some(tip) => format!("{tip}; {help}"),
        None => help,
    })
}

fn text(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    }
}

/// The command that the arguments name: its full name and its definition.
fn walk<'a>(root: &'a Command, arguments: &[OsString]) -> (String, &'a Command) {
    let (mut path, mut command) = (root.get_name().to_owned(), root);
    for word in arguments.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(next) = command.find_subcommand(word) {
            path = format!("{path} {}", next.get_name());
            command = next;
        }
    }
    (path, command)
}

/// The environment variable that set an option, when the command line did not.
fn from_variable(command: &Command, option: &str, arguments: &[OsString]) -> Option<String> {
    let long = option.split([' ', '=']).next()?.strip_prefix("--")?;
    let written = |word: &OsString| {
        word.to_str().is_some_and(|w| {
            w.strip_prefix("--").is_some_and(|w| w.split('=').next() == Some(long))
        })
    };
    if arguments.iter().any(written) {
        return None;
    }
    let arg = command.get_arguments().find(|arg| arg.get_long() == Some(long))?;
    let name = arg.get_env()?.to_str()?;
    std::env::var_os(name).map(|_| name.to_owned())
}

/// Parses a whole number.
///
/// # Errors
/// A message for clap.
pub fn whole<T: std::str::FromStr + Whole>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("not a whole number from 0 to {}", T::LARGEST))
}

/// Types of whole numbers that options take.
pub trait Whole {
    /// The largest value.
    const LARGEST: u64;
}

impl Whole for u32 {
    const LARGEST: u64 = u32::MAX as u64;
}

impl Whole for u64 {
    const LARGEST: u64 = u64::MAX;
}
