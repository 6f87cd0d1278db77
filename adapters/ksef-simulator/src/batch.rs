//! Unpacks a closed batch: twice through the archive, first to see that it is whole, then to
//! take its invoices in. A crash in between begins it anew.

use super::admit::Arrival;
use super::clock::moment;
use super::config::ATTACHED_BYTES;
use super::event::{Event, Judged};
use super::judge::{Judgement, Terms, judge};
use super::package::{Trouble, assemble, read};
use super::shared::Shared;
use flowcontrol_contract::{Error, ErrorKind, Result};
use flowcontrol_ksef_wire::crypto::sha256_base64;
use std::sync::Arc;
use tokio::sync::watch;

/// Counts a batch that is being unpacked, until it is dropped.
struct Unpacking(watch::Sender<usize>);

impl Drop for Unpacking {
    fn drop(&mut self) {
        self.0.send_modify(|batches| *batches -= 1);
    }
}

/// Unpacks the batch of the session at `index` on a thread of its own. A failure is logged; the session
/// stays in 150 then, and a restart begins it anew.
pub(super) fn unpack(shared: Arc<Shared>, index: usize) {
    shared.unpacking.send_modify(|batches| *batches += 1);
    let unpacking = Unpacking(shared.unpacking.clone());
    tokio::task::spawn_blocking(move || {
        // Dropped after `shared`, which holds the lock of the folder.
        let _unpacking = unpacking;
        let shared = shared;
        if let Err(error) = process(&shared, index) {
            tracing::error!(error = %error.chain(), "a batch cannot be unpacked");
        }
    });
}

/// Processes the session at `index`. Blocks.
fn process(shared: &Shared, index: usize) -> Result<()> {
    let (code, details) = match read_invoices(shared, index) {
        Ok(()) => (200, Vec::new()),
        Err(Trouble::Session(code, why)) => (code, vec![why]),
        Err(Trouble::Machine(error)) => return Err(error),
    };
    let mut world = shared.world();
    world.flush(index)?;
    let session = world.sessions[index].opened.reference.clone();
    let judged = Judged { at: shared.clock.now(), code, details };
    world.record(Event::Judged { session, judged }, &shared.keys())?;
    let session = &world.sessions[index];
    let parts = session.parts.keys().map(|ordinal| session.part(*ordinal));
    for path in parts.chain([session.folder.join("archive")]) {
        // What cannot be removed costs room and nothing else.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

fn read_invoices(shared: &Shared, index: usize) -> Result<(), Trouble> {
    let (opened, key, script, folder) = {
        let world = shared.world();
        let session = &world.sessions[index];
        let script = session.closed.as_ref().map(|closed| closed.script).unwrap_or_default();
        (session.opened.clone(), session.key.clone(), script, session.folder.clone())
    };
    let (Some(package), Some(key)) = (&opened.package, key) else {
        let why = "a session to be unpacked has no package or no key";
        return Err(Error::new(ErrorKind::Unexpected, why).into());
    };
    let archive = folder.join("archive");
    let part = |ordinal: u32| folder.join(format!("part-{ordinal:02}"));
    assemble(package, &key, part, &archive)?;
    let kind = package.compression_type.unwrap_or_default();
    read(&archive, kind, &mut |_, _| Ok(()))?;
    read(&archive, kind, &mut |name, content| {
        let received = shared.clock.now();
        let terms = Terms {
            declared: None,
            context: &opened.context,
            accepted_at: moment(opened.at),
            attachments: shared.attachments,
        };
        let judgement = match content {
            Some(xml) => judge(xml, &terms),
            None => Judgement::too_large(ATTACHED_BYTES),
        };
        let xml = content.unwrap_or_default();
        let arrival = Arrival {
            hash: sha256_base64(xml),
            file: Some(name),
            offline: opened.offline,
            corrects: None,
            script,
            received,
            accepted_at: opened.at,
        };
        shared.world().admit(index, arrival, judgement, xml, (shared.tempo, false)).map(|_| ())
    })
}
