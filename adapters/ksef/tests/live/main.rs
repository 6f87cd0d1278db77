//! The live client before the simulator: what is lost, refused, slow or strange.

#![allow(clippy::unwrap_used, reason = "tests")]

mod batch;
mod certificate;
mod conformance;
mod document;
mod kill;
mod relay;
mod rules;
mod scene;
mod secrecy;
mod sending;
mod sessions;
mod sign_in;
