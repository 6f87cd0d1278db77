//! Invoices from payload to page, judged by the official schema, samples and programs.

#![allow(clippy::unwrap_used, reason = "tests")]

mod compose;
mod hostile;
mod property;
mod qr;
mod samples;
mod support;
