//! Takes a judged invoice in: looks for the first one of its number, gives the KSeF number, writes
//! everything down.

use super::clock::{later, moment};
use super::config::Tempo;
use super::disk::Log;
use super::entry::{Decision, Entry};
use super::event::Script;
use super::judge::Judgement;
use super::names;
use super::session::{Session, Writing};
use super::world::{Noted, World, make_folder, tail};
use flowcontrol_contract::{Error, ErrorKind, Result, Timestamp};
use flowcontrol_files::AtPath as _;
use flowcontrol_ksef_invoice::nip::Nip;
use flowcontrol_ksef_invoice::number::KsefNumber;
use flowcontrol_ksef_invoice::{today_at, would_be_offline};
use flowcontrol_ksef_wire::messages::{InvoicingMode, ReferenceNumber};
use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};

/// An invoice as it arrived.
pub(super) struct Arrival {
    pub hash: String,
    /// Its name in the package.
    pub file: Option<String>,
    /// Whether the taxpayer declared it offline.
    pub offline: bool,
    pub corrects: Option<String>,
    pub script: Script,
    pub received: Timestamp,
    /// When it counts as accepted: the session's opening for a batch, else `received`.
    pub accepted_at: Timestamp,
}

impl World {
    /// Takes an invoice in; the answer is its reference within the session. With `durable` it
    /// outlives a crash, otherwise [`World::flush`] makes it so.
    pub fn admit(
        &mut self,
        session: usize,
        arrival: Arrival,
        judgement: Judgement,
        xml: &[u8],
        (tempo, durable): (Tempo, bool),
    ) -> Result<ReferenceNumber> {
        let ordinal = self.sessions[session].places.len() as u32 + 1;
        let told = later(later(arrival.received, tempo.queue), tempo.decision);
        let decided = (arrival.script != Script::Pending).then_some(told);
        let Judgement { mut verdict, facts, issued } = judgement;
        if let Script::Decision(code) = arrival.script {
            verdict = Decision::of(code, vec!["Zaplanowane w symulatorze.".to_owned()]);
        }
        if let (200, Some(facts)) = (verdict.code, &facts)
            && let Some((first, place)) = self.holder(&facts.seller, &facts.kind, &facts.number)?
        {
            let reference = self.sessions[place].opened.reference.clone();
            let number = first.ksef_number.unwrap_or_default();
            let why = format!(
                "Duplikat faktury. Faktura o numerze KSeF: {number} została już prawidłowo \
                 przesłana do systemu w sesji: {reference}"
            );
            verdict =
                Decision { code: 440, details: vec![why], original: Some((number, reference)) };
        }
        let seller = facts.as_ref().and_then(|facts| Nip::parse(&facts.seller).ok());
        let ksef_number = seller.filter(|_| verdict.code == 200).map(|seller| {
            let day = today_at(moment(told));
            KsefNumber::compose(&seller, day, tail(self.next_serial())).to_string()
        });
        let late = issued.is_some_and(|day| would_be_offline(day, moment(arrival.accepted_at)));
        let mode =
            if arrival.offline || late { InvoicingMode::Offline } else { InvoicingMode::Online };
        let state = &mut self.sessions[session];
        let parent = state.opened.reference.clone();
        let reference = names::within(names::INVOICE, arrival.received, &parent, ordinal.into());
        let reference: ReferenceNumber =
            reference.parse().map_err(|_| broken("an invoice's reference"))?;
        let writing = writing(state)?;
        let content = match ksef_number {
            Some(_) => Some(writing.keep(xml, durable)?),
            None => None,
        };
        let entry = Entry {
            ordinal,
            reference: reference.clone(),
            hash: arrival.hash,
            file: arrival.file,
            received: arrival.received,
            decided,
            verdict,
            mode: issued.map(|_| mode),
            corrects: arrival.corrects,
            facts,
            ksef_number,
            content,
        };
        let at = writing.log.append(&entry)?;
        if durable {
            writing.log.sync()?;
        }
        self.note(session, Noted::of(at, &entry));
        Ok(reference)
    }

    /// Makes everything that was taken in durable.
    pub fn flush(&mut self, session: usize) -> Result<()> {
        let path = self.sessions[session].content();
        if let Some(writing) = &self.sessions[session].writing {
            writing.content.sync_data().at_path("write", &path)?;
            writing.log.sync()?;
        }
        Ok(())
    }
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Unexpected, format!("{what} could not be made"))
}

impl Writing {
    /// Keeps an invoice's bytes; where they stand and how many there are.
    fn keep(&mut self, xml: &[u8], durable: bool) -> Result<(u64, u64)> {
        let place = self.end;
        let path = std::path::Path::new("a session's content");
        self.content.write_all_at(xml, place).at_path("write", path)?;
        if durable {
            self.content.sync_data().at_path("write", path)?;
        }
        self.end += xml.len() as u64;
        Ok((place, xml.len() as u64))
    }
}

/// Opens a session's files for writing, where they are not open yet.
fn writing(session: &mut Session) -> Result<&mut Writing> {
    if session.writing.is_none() {
        make_folder(session)?;
        let (log, _) = Log::open(&session.log(), |_, _: serde::de::IgnoredAny| Ok(()))?;
        let path = session.content();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let content = options.open(&path).at_path("open", &path)?;
        let end = content.metadata().at_path("open", &path)?.len();
        session.writing = Some(Writing { log, content, end });
    }
    session.writing.as_mut().ok_or_else(|| broken("a session's files"))
}
