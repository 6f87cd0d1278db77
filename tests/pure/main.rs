//! What needs neither a server nor the program: the house's arrows, the evidence chain, snapshots,
//! and the forms of reports and dossiers, some of them judged by programs that are not ours.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise, and so does what tests share"
)]

mod architecture;
mod dossier;
mod earlier;
mod evidence;
mod judges;
mod report;
mod snapshot;
