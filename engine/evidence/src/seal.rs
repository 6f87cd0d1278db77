//! Sealing a packet, and reading a sealed one back without believing it.
//!
//! A sealed packet is one line: its canonical JSON with one more member, `sha256`, the digest of
//! the canonical JSON without that member. A `signature` may stand beside `sha256` and sign it: both
//! are outside what is hashed, so a chain has the same digests with signatures and without. One
//! that does not verify is a flaw, whoever's it is; whose it should be is for the chain to judge.

use super::canonical::canonical;
use super::packet::Packet;
use super::redact::KnownSecrets;
use super::schema::{self, Known};
use crate::keys::{PrivateKey, PublicKey, Signature, Subject};
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

/// Why a file is not a packet as it was sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Its bytes are not what sealing writes.
    #[error("{0}")]
    Edited(String),
    /// The digest in it is not the digest of the rest.
    #[error("its content has digest {found}, its seal says {sealed}")]
    Digest {
        /// What the seal says.
        sealed: Digest,
        /// What the content has.
        found: Digest,
    },
    /// The signature beside the seal is not one on its digest.
    #[error("its signature is not one by {} on its digest", .0.short())]
    Signature(PublicKey),
    /// Sealed correctly, but of a schema that this version cannot judge.
    #[error("{what}")]
    Schema {
        /// Which schema, and the way out.
        what: String,
        /// Its place in the chain, which can be checked all the same.
        link: Box<Link>,
    },
}

/// A packet's place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Link {
    /// See [`Packet::sequence`].
    pub sequence: u64,
    /// See [`Packet::previous`].
    pub previous: Option<Digest>,
    /// The packet's own digest; it stands in the seal, not in what is sealed.
    #[serde(skip, default = "no_digest")]
    pub sha256: Digest,
    /// Who signed it; stands beside the seal.
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
    /// failure when a number in it cannot be carried exactly.
    pub fn seal(packet: Packet, secrets: &KnownSecrets) -> Result<Self> {
        if !matches!(schema::look_up(&packet.schema), Known::Yes(_)) {
            let known: Vec<String> =
                schema::KNOWN.iter().map(|s| format!("{}.v{}", s.name, s.version)).collect();
            return Err(Failure::usage(format!(
                "{:?} is no packet schema of this build; it knows {}",
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
    /// None that [`Sealed::seal`] did not have.
    pub fn signed(self, key: &PrivateKey) -> Result<Self> {
        let signature = Some(key.sign(Subject::Packet, &self.sha256.to_string()));
        let text = render(value(&self.packet)?, self.sha256, signature)?;
        Ok(Self { signature, text, ..self })
    }

    /// Reads a file's bytes and checks the seal; says nothing about the chain.
    ///
    /// # Errors
    /// The first flaw: any byte that differs from what sealing wrote is one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Flaw> {
        let edited = |what: &str| Flaw::Edited(what.to_owned());
        if bytes.is_empty() {
            return Err(edited("nothing in it was ever sealed"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| edited("it is not UTF-8"))?;
        let text = text.strip_suffix('\n').ok_or_else(|| edited("its last line has no end"))?;
        let form = canonicalize(text).map_err(|e| edited(&format!("it is not JSON: {e}")))?;
        if form != text {
            return Err(edited("it is not in canonical form"));
        }
        let Unsealed { sha256, signature, rest } = unseal(text)?;
        let found = Digest::of(&rest);
        if found != sha256 {
            return Err(Flaw::Digest { sealed: sha256, found });
        }
        let on_digest = |s: &Signature| s.verifies(Subject::Packet, &sha256.to_string());
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
            Flaw::Edited(format!("it is no packet of this version's form: {why}"))
        };
        let Name { schema } = serde_json::from_str(rest).map_err(|e| no_form(&e))?;
        let mut link: Link = serde_json::from_str(rest).map_err(|e| no_form(&e))?;
        (link.sha256, link.signed_by) = (sha256, signature.map(|s| s.key));
        let refused = match schema::look_up(&schema) {
            Known::Yes(_) => None,
            Known::Newer(known) => Some(format!(
                "{schema} is newer than version {}, the last one this build can judge; use a \
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
        // A member left out for null, a time in another zone: read all the same, never sealed so.
        if canonical(&packet).ok().as_deref() != Some(rest) {
            return Err(Flaw::Edited("it is not what sealing writes of its content".to_owned()));
        }
        Ok(Self { packet, sha256, signature, text: text.to_owned() })
    }

    /// What it says.
    pub fn packet(&self) -> &Packet {
        &self.packet
    }

    /// Its place in the chain.
    pub fn link(&self) -> Link {
        let Packet { sequence, previous, .. } = self.packet;
        Link { sequence, previous, sha256: self.sha256, signed_by: self.signed_by() }
    }

    /// Whose signature it carries.
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
        .map_err(|e| Failure::usage(format!("this packet has no JSON form: {e}")))
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
/// Works on the text, so that no number is read and written again.
fn unseal(text: &str) -> Result<Unsealed, Flaw> {
    let edited = |what: &str| Flaw::Edited(what.to_owned());
    let mut members: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|_| edited("it is not a JSON object"))?;
    let seal = members.remove("sha256").ok_or_else(|| edited("it has no sha256"))?;
    let sha256 = serde_json::from_str::<Digest>(seal.get())
        .map_err(|_| edited("its sha256 is not 64 lower-case hex digits"))?;
    let signature = members.remove("signature").map(|s| {
        serde_json::from_str::<Signature>(s.get())
            .map_err(|e| edited(&format!("its signature is none: {}", without_place(&e))))
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
/// be of the text without its seal.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}
