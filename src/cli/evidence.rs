//! `evidence list / show / verify / export / import`.

use super::args::{Evidence, Format};
use super::{Cx, out};
use crate::report::evidence as views;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_evidence::keys::PublicKey;
use flowcontrol_evidence::{EvidenceStore, ImportRequest, ProfileRef, transfer};

const VERSION: &str = flowcontrol_base::VERSION;

/// Reads, exports or imports the evidence chain.
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
        Evidence::Verify { head, signed_by, archive } => {
            let kept = head.as_deref().map(digest).transpose()?;
            let mut trusted = cx.settings.config.evidence.trusted.clone();
            for key in &signed_by {
                trusted.push(public(key)?);
            }
            let result = match archive {
                Some(file) => transfer::open(&file)?.book.verify_signed(kept, &trusted),
                None => store.verify_signed(kept, &trusted)?,
            };
            let text =
                if json { views::verify_json(&result)? } else { views::verify(&result, cx.view) };
            out::text(&text)?;
            return Ok(if result.passed() { Exit::Done } else { Exit::Check });
        }
        Evidence::Export { out: file } => {
            let done = store.export(&file, VERSION)?;
            out::either(cx.format, &done, || views::exported(&done, cx.view))?;
        }
        Evidence::Import { file, head, link } => {
            let kept = head.as_deref().map(digest).transpose()?;
            let profile = || -> Result<ProfileRef> {
                let sha256 = cx.settings.digest()?;
                Ok(ProfileRef { name: cx.settings.config.profile.clone(), sha256 })
            };
            let link = if link { Some(profile()?) } else { None };
            // The packet that an import writes is signed like every other.
            let store = cx.settings.evidence()?;
            let done =
                store.import(&ImportRequest { file: &file, kept, link, tool_version: VERSION })?;
            out::either(cx.format, &done, || views::imported(&done, cx.view))?;
        }
    }
    Ok(Exit::Done)
}

fn digest(text: &str) -> Result<Digest> {
    Digest::parse(text).map_err(|_| {
        Failure::usage(format!("--head {text:?} is not a valid SHA-256 digest"))
            .hint("it is 64 lower-case hex digits, as `flowcontrol evidence list --format json` prints them")
    })
}

/// The text is not repeated in the error: it may be a private key.
fn public(text: &str) -> Result<PublicKey> {
    PublicKey::parse(text)
        .map_err(|why| Failure::usage(format!("--signed-by takes a public key: {why}")))
        .map_err(|f| f.hint("`flowcontrol keys show FILE` prints it where the private key is"))
}
