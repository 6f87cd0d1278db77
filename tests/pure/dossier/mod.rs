//! The dossier over constructed judgements, judged by an HTML parser and a browser that are not
//! ours.

mod browser;
mod contrast;
mod page;
mod samples;
