//! The command line as a user meets it: the real program, in a folder of its own.

mod accept;
mod adapters;
mod configuration;
mod console;
mod damage;
mod deployment;
mod dossier;
mod evidence;
mod gates;
mod handoff;
mod keys;
mod ksef;
mod ksef_serve;
mod ksef_submit;
mod machine;
mod migrate;
mod place;
mod programs;
mod rights;
mod scenario;
mod snapshot;
mod usage;
