//! Whether to colour, and with which colours. Colour never carries meaning of its own.

use anstyle::{AnsiColor, Style};
use std::fmt::Display;
use std::str::FromStr;

/// The user's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal, unless the environment says no.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl FromStr for ColorChoice {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(format!("unknown colour choice {text:?}; choose auto, always or never")),
        }
    }
}

/// The environment's indications, read by the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings<'a> {
    /// The stream is a terminal.
    pub terminal: bool,
    /// `NO_COLOR`; set and not empty means no.
    pub no_color: Option<&'a str>,
    /// `CLICOLOR`; `0` means no.
    pub clicolor: Option<&'a str>,
    /// `CLICOLOR_FORCE`; set and not `0` means yes even without a terminal.
    pub clicolor_force: Option<&'a str>,
    /// `TERM`; `dumb` means no.
    pub term: Option<&'a str>,
}

impl ColorChoice {
    /// Whether to colour. An explicit choice wins over the environment, `NO_COLOR` over the rest.
    pub fn resolve(self, around: &Surroundings<'_>) -> bool {
        let given = |value: Option<&str>| value.is_some_and(|v| !v.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if given(around.no_color) => false,
            Self::Auto if given(around.clicolor_force) && around.clicolor_force != Some("0") => {
                true
            }
            Self::Auto => {
                around.terminal && around.clicolor != Some("0") && around.term != Some("dumb")
            }
        }
    }
}

/// The meaning of a piece of text, as far as its colour goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A heading.
    Strong,
    /// Proved or good.
    Good,
    /// Refused or wrong.
    Bad,
    /// Open, unproved, worth a look.
    Open,
    /// Less important.
    Quiet,
}

/// Colours text or leaves it plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    /// Whether anything is coloured.
    pub on: bool,
}

impl Paint {
    /// `text` in its tone.
    pub fn tone(self, tone: Tone, text: impl Display) -> String {
        if !self.on {
            return text.to_string();
        }
        let style = match tone {
            Tone::Strong => Style::new().bold(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Open => AnsiColor::Yellow.on_default(),
            Tone::Quiet => Style::new().dimmed(),
        };
        format!("{style}{text}{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::{ColorChoice, Paint, Surroundings, Tone};

    #[test]
    fn the_choice_wins_then_no_color_then_force_then_the_terminal() {
        let tty = Surroundings { terminal: true, ..Default::default() };
        let pipe = Surroundings::default();
        for (choice, around, colour) in [
            (ColorChoice::Auto, tty, true),
            (ColorChoice::Auto, pipe, false),
            (ColorChoice::Always, pipe, true),
            (ColorChoice::Always, Surroundings { no_color: Some("1"), ..tty }, true),
            (ColorChoice::Never, Surroundings { clicolor_force: Some("1"), ..tty }, false),
            (ColorChoice::Auto, Surroundings { no_color: Some("1"), ..tty }, false),
            (ColorChoice::Auto, Surroundings { no_color: Some(""), ..tty }, true),
            (ColorChoice::Auto, Surroundings { clicolor: Some("0"), ..tty }, false),
            (ColorChoice::Auto, Surroundings { clicolor_force: Some("1"), ..pipe }, true),
            (ColorChoice::Auto, Surroundings { clicolor_force: Some("0"), ..pipe }, false),
            (ColorChoice::Auto, Surroundings { term: Some("dumb"), ..tty }, false),
            (
                ColorChoice::Auto,
                Surroundings { no_color: Some("1"), clicolor_force: Some("1"), ..tty },
                false,
            ),
        ] {
            assert_eq!(choice.resolve(&around), colour, "{choice:?} {around:?}");
        }
        assert!("sometimes".parse::<ColorChoice>().unwrap_err().contains("auto, always or never"));
    }

    #[test]
    fn paint_is_plain_when_off() {
        assert_eq!(Paint { on: false }.tone(Tone::Bad, "FAIL"), "FAIL");
        assert!(Paint { on: true }.tone(Tone::Bad, "FAIL").contains("\u{1b}["));
    }
}
