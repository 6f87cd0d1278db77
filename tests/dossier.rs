//! The dossier over constructed judgements, judged by an HTML parser and a browser that are not
//! ours.

#![expect(clippy::unwrap_used, reason = "what the tests share may panic like the tests themselves")]

#[path = "dossier/browser.rs"]
mod browser;
#[path = "dossier/contrast.rs"]
mod contrast;
#[path = "dossier/page.rs"]
mod page;
#[path = "dossier/samples.rs"]
mod samples;
mod support;
