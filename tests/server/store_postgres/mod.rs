//! The Postgres store against a real server.

mod appending;
mod batches;
mod chain;
mod failures;
mod freezing;
mod importing;
mod interleaving;
mod isolation;
mod lookup;
mod pooler;
mod powers;
mod reading_back;
mod scene;
mod trail;
