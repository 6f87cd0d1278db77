//! Seals a packet, and verifies a sealed one when it is read.
//!
//! A sealed packet is one line: its canonical JSON with one more member, `sha256`, the digest of
//! the canonical JSON without that member. A `signature` may stand beside `sha256` and sign it: both
//! are outside what is hashed, so a chain has the same digests with and without signatures. A
//! signature that does not verify is a flaw; which keys are trusted is checked for the whole chain.

use super::canonical::canonical;
use super::packet::Packet;
use super::redact::KnownSecrets;
use super::schema::{self, Known};
use crate::keys::{PrivateKey, PublicKey, Signature, SignedKind};
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_contract::json::canonicalize;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A packet together with its digest and its exact text.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    packet: Packet,
    sha256: Digest,
    signature: Option<Signature>,
    text: String,
}

/// Why a file is not a validly sealed packet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Its bytes differ from what sealing writes.
    #[error("{0}")]
    Edited(String),
    /// The digest in it is not the digest of its content.
    #[error("its content has digest {found}, but its seal says {sealed}")]
    Digest {
        /// The digest in the seal.
        sealed: Digest,
        /// The digest of the content.
        found: Digest,
    },
    /// The signature beside the seal does not verify.
    #[error("its signature by {} does not verify", .0.short())]
    Signature(PublicKey),
    /// Sealed correctly, but of a schema that this version does not know.
    #[error("{what}")]
    Schema {
        /// The schema, and what to do.
        what: String,
        /// Its place in the chain, which can still be checked.
        link: Box<ChainLink>,
    },
}

/// A packet's place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct ChainLink {
    /// See [`Packet::sequence`].
    pub sequence: u64,
    /// See [`Packet::previous`].
    pub previous: Option<Digest>,
    /// The packet's own digest, which is in the seal and not part of the hashed content.
    #[serde(skip, default = "no_digest")]
    pub sha256: Digest,
    /// The key of the signature beside the seal, if any.
    #[serde(skip)]
    pub signed_by: Option<PublicKey>,
}

fn no_digest() -> Digest {
    Digest([0; 32])
}

impl Sealed {
    /// Seals `packet`.
    ///
    /// # Errors
    /// A check failure when the packet breaks its schema's rules or holds a secret; a usage
    /// failure when a number in it cannot be represented exactly.
    pub fn seal(packet: Packet, secrets: &KnownSecrets) -> Result<Self> {
        if !matches!(schema::look_up(&packet.schema), Known::Yes(_)) {
            let known: Vec<String> =
                schema::KNOWN.iter().map(|s| format!("{}.v{}", s.name, s.version)).collect();
            return Err(Failure::usage(format!(
                "{:?} is not a packet schema of this build; it knows {}",
                packet.schema,
                known.join(", ")
            )));
        }
        let broken = schema::judge(&packet);
        if !broken.is_empty() {
            return Err(Failure::check(format!(
                "the {} packet contradicts itself: {}",
                packet.schema,
                broken.join("; ")
            )));
        }
        let value = value(&packet)?;
        secrets.check(&value)?;
        let sha256 = Digest::of(canonical(&value)?);
        let text = render(value, sha256, None)?;
        Ok(Self { packet, sha256, signature: None, text })
    }

    /// The same packet with a signature by `key`.
    ///
    /// # Errors
    /// As [`Sealed::seal`].
    pub fn signed(self, key: &PrivateKey) -> Result<Self> {
        let signature = Some(key.sign(SignedKind::Packet, &self.sha256.to_string()));
        let text = render(value(&self.packet)?, self.sha256, signature)?;
        Ok(Self { signature, text, ..self })
    }

    /// Reads a file's bytes and checks the seal; says nothing about the chain.
    ///
    /// # Errors
    /// The first flaw. Any byte that differs from what sealing writes is one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Flaw> {
        let edited = |what: &str| Flaw::Edited(what.to_owned());
        if bytes.is_empty() {
            return Err(edited("it is empty"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| edited("it is not UTF-8"))?;
        let text =
            text.strip_suffix('\n').ok_or_else(|| edited("its last line has no line break"))?;
        let form = canonicalize(text).map_err(|e| edited(&format!("it is not JSON: {e}")))?;
        if form != text {
            return Err(edited("it is not in canonical form"));
        }
        let Unsealed { sha256, signature, rest } = unseal(text)?;
        let found = Digest::of(&rest);
        if found != sha256 {
            return Err(Flaw::Digest { sealed: sha256, found });
        }
        let on_digest = |s: &Signature| s.verifies(SignedKind::Packet, &sha256.to_string());
        if let Some(signature) = signature.filter(|s| !on_digest(s)) {
            return Err(Flaw::Signature(signature.key));
        }
        Self::read(sha256, signature, text, &rest)
    }

    fn read(
        sha256: Digest,
        signature: Option<Signature>,
        text: &str,
        rest: &str,
    ) -> Result<Self, Flaw> {
        #[derive(Deserialize)]
        struct Name {
            schema: String,
        }
        let no_form = |e: &serde_json::Error| {
            let why = without_place(e);
            Flaw::Edited(format!("it does not have the form of a packet: {why}"))
        };
        let Name { schema } = serde_json::from_str(rest).map_err(|e| no_form(&e))?;
        let mut link: ChainLink = serde_json::from_str(rest).map_err(|e| no_form(&e))?;
        (link.sha256, link.signed_by) = (sha256, signature.map(|s| s.key));
        let refused = match schema::look_up(&schema) {
            Known::Yes(_) => None,
            Known::Newer(known) => Some(format!(
                "{schema} is newer than version {}, the newest that this build knows; use a \
                 newer flowcontrol",
                known.version
            )),
            Known::No | Known::Malformed => Some(format!(
                "schema {schema:?} is not known to this build; use a newer flowcontrol"
            )),
        };
        if let Some(what) = refused {
            return Err(Flaw::Schema { what, link: Box::new(link) });
        }
        let packet: Packet = serde_json::from_str(rest).map_err(|e| no_form(&e))?;
        // A member omitted instead of null, or a time in another zone, can be read but is never sealed.
        if canonical(&packet).ok().as_deref() != Some(rest) {
            return Err(Flaw::Edited(
                "it is not written in the form that sealing writes".to_owned(),
            ));
        }
        Ok(Self { packet, sha256, signature, text: text.to_owned() })
    }

    /// The packet.
    pub fn packet(&self) -> &Packet {
        &self.packet
    }

    /// Its place in the chain.
    pub fn link(&self) -> ChainLink {
        let Packet { sequence, previous, .. } = self.packet;
        ChainLink { sequence, previous, sha256: self.sha256, signed_by: self.signed_by() }
    }

    /// The key of its signature, if it is signed.
    pub fn signed_by(&self) -> Option<PublicKey> {
        self.signature.map(|signature| signature.key)
    }

    /// Its digest.
    pub fn sha256(&self) -> Digest {
        self.sha256
    }

    /// Its exact text, without the line end that the file has.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// See [`Packet::file_name`].
    pub fn file_name(&self) -> String {
        self.packet.file_name(&self.sha256)
    }
}

fn value(packet: &Packet) -> Result<Value> {
    serde_json::to_value(packet)
        .map_err(|e| Failure::usage(format!("this packet cannot be serialized as JSON: {e}")))
}

fn render(mut packet: Value, sha256: Digest, signature: Option<Signature>) -> Result<String> {
    if let Value::Object(members) = &mut packet {
        members.insert("sha256".to_owned(), Value::String(sha256.to_string()));
        if let Some(signature) = signature {
            members.insert("signature".to_owned(), serde_json::json!(signature));
        }
    }
    canonical(&packet)
}

struct Unsealed {
    sha256: Digest,
    signature: Option<Signature>,
    rest: String,
}

/// Splits a canonical text into its digest, its signature and its canonical text without them.
/// Works on the text, so that no number is parsed and rewritten.
fn unseal(text: &str) -> Result<Unsealed, Flaw> {
    let edited = |what: &str| Flaw::Edited(what.to_owned());
    let mut members: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|_| edited("it is not a JSON object"))?;
    let seal = members.remove("sha256").ok_or_else(|| edited("it has no sha256"))?;
    let sha256 = serde_json::from_str::<Digest>(seal.get())
        .map_err(|_| edited("its sha256 is not 64 lower-case hex digits"))?;
    let signature = members.remove("signature").map(|s| {
        serde_json::from_str::<Signature>(s.get())
            .map_err(|e| edited(&format!("its signature is not valid: {}", without_place(&e))))
    });
    let mut rest = String::with_capacity(text.len());
    for (key, value) in &members {
        rest.push(if rest.is_empty() { '{' } else { ',' });
        flowcontrol_contract::json::push_string(&mut rest, key);
        rest.push(':');
        rest.push_str(value.get());
    }
    rest.push('}');
    let rest = canonicalize(&rest).map_err(|e| edited(&format!("it is not JSON: {e}")))?;
    Ok(Unsealed { sha256, signature: signature.transpose()?, rest })
}

/// serde_json's message without "at line 1 column N": a packet is one line, and the column would
/// refer to the text without its seal.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}
