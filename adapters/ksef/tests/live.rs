//! The live client before the simulator: what is lost, refused, slow or strange.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "live/batch.rs"]
mod batch;
#[path = "live/certificate.rs"]
mod certificate;
#[path = "live/conformance.rs"]
mod conformance;
#[path = "live/document.rs"]
mod document;
#[path = "support/invoices.rs"]
mod invoices;
#[path = "support/judges.rs"]
mod judges;
#[path = "live/kill.rs"]
mod kill;
#[path = "support/relay.rs"]
mod relay;
#[path = "live/rules.rs"]
mod rules;
#[path = "support/scene.rs"]
mod scene;
#[path = "live/secrecy.rs"]
mod secrecy;
#[path = "live/sending.rs"]
mod sending;
#[path = "live/sessions.rs"]
mod sessions;
#[path = "live/sign_in.rs"]
mod sign_in;
