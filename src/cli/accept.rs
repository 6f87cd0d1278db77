//! `accept`: records or revokes an owner's acceptance of a check.

use super::args::Accept;
use super::{Cx, gates, out};
use crate::decide::accept::{Ask, Proof, accept};
use crate::report::gates as views;
use flowcontrol_base::{Exit, Result};
use flowcontrol_evidence::keys;

/// Records the acceptance; `named` says that the command line or the environment chose the profile.
pub async fn run(cx: &Cx, args: &Accept, named: bool) -> Result<Exit> {
    // A key that cannot be read must stop the command before anything else happens.
    let store = cx.settings.evidence()?;
    let key = args.key.as_deref().map(keys::open).transpose()?;
    let inputs = gates::gather(cx, args.judged.as_deref(), named).await?;
    let ask = Ask {
        check: &args.check,
        actor: &args.actor,
        proof: key.as_ref().map_or(Proof::Nothing, Proof::Key),
        values: &args.value,
        revoke: args.revoke,
        via: None,
    };
    let done = accept(&cx.settings, &store, inputs, &ask)?;
    let score = (done.gate.1, done.gate.2);
    out::either(cx.format, &done.value(), || {
        views::accepted(&done.recorded, &done.word, &done.actor, score)
    })?;
    Ok(Exit::Done)
}
