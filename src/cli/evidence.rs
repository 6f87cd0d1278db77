//! `evidence list / show / verify`.

use super::args::{Evidence, Format};
use super::{Cx, out};
use crate::error::{Exit, Failure, Result};
use crate::evidence::EvidenceStore;
use crate::report::evidence as views;
use flowcontrol_contract::Digest;

/// Reads the chain; nothing is written.
pub fn run(cx: &Cx, args: Evidence) -> Result<Exit> {
    let store = EvidenceStore::at(&cx.settings.state());
    let json = cx.format == Format::Json;
    match args {
        Evidence::List => {
            let listing = store.list()?;
            let text =
                if json { views::list_json(&listing)? } else { views::list(&listing, cx.view) };
            out::text(&text)?;
        }
        Evidence::Show { packet } => {
            let sealed = store.load(&packet)?;
            out::text(&if json { views::show_json(&sealed) } else { views::show(&sealed) })?;
        }
        Evidence::Verify { head } => {
            let kept = head.as_deref().map(digest).transpose()?;
            let result = store.verify(kept)?;
            let text =
                if json { views::verify_json(&result)? } else { views::verify(&result, cx.view) };
            out::text(&text)?;
            return Ok(if result.passed() { Exit::Done } else { Exit::Check });
        }
    }
    Ok(Exit::Done)
}

fn digest(text: &str) -> Result<Digest> {
    Digest::parse(text).map_err(|_| {
        Failure::usage(format!("--head takes a SHA-256 digest, and {text:?} is none"))
            .hint("it is 64 lower-case hex digits, as `flowcontrol evidence list --format json` prints them")
    })
}
