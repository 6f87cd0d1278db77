//! One session: its data, and its status at a point in time.

use super::clock::{later, moment};
use super::config::{SESSION, Tempo};
use super::disk::{self, Log};
use super::entry::Entry;
use super::event::{Closed, Judged, Opened};
use flowcontrol_contract::{Result, Timestamp};
use flowcontrol_ksef_wire::crypto::SymmetricKey;
use flowcontrol_ksef_wire::messages::{SessionListItem, SessionStatus, StatusInfo};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

/// What memory keeps of an invoice; the rest is on the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Where its line begins.
    pub at: u64,
    /// When its decision becomes visible; `None` is never.
    pub decided: Option<Timestamp>,
    /// Whether that decision is 200.
    pub accepted: bool,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    pub opened: Opened,
    /// `None` when the wrapped key could not be read: the session is 415.
    pub key: Option<SymmetricKey>,
    pub closed: Option<Closed>,
    /// Uploaded parts: size and hash.
    pub parts: BTreeMap<u32, (u64, String)>,
    pub judged: Option<Judged>,
    pub places: Vec<Place>,
    /// Where its files are.
    pub folder: PathBuf,
    /// Open while invoices come.
    pub writing: Option<Writing>,
}

/// The files of a session that invoices come into.
#[derive(Debug)]
pub(super) struct Writing {
    pub log: Log,
    pub content: File,
    pub end: u64,
}

/// How many of a session's invoices are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub all: u32,
    pub accepted: u32,
    pub failed: u32,
}

impl Session {
    /// Whether it is a batch.
    pub fn is_batch(&self) -> bool {
        self.opened.package.is_some()
    }

    /// The log of its invoices.
    pub fn log(&self) -> PathBuf {
        self.folder.join("invoices.jsonl")
    }

    /// The bytes of its accepted invoices, one after the other.
    pub fn content(&self) -> PathBuf {
        self.folder.join("content")
    }

    /// Where an uploaded part is.
    pub fn part(&self, ordinal: u32) -> PathBuf {
        self.folder.join(format!("part-{ordinal:02}"))
    }

    /// Reads one of its invoices by its ordinal number.
    pub fn entry(&self, ordinal: u64) -> Result<Option<Entry>> {
        let index = usize::try_from(ordinal).ok().and_then(|n| n.checked_sub(1));
        let Some(place) = index.and_then(|index| self.places.get(index)) else { return Ok(None) };
        disk::line_at(&self.log(), place.at).map(Some)
    }

    /// When it is closed by itself.
    pub fn ends(&self) -> Timestamp {
        later(self.opened.at, SESSION)
    }

    /// When it was closed, by a call or by itself.
    pub fn closed_at(&self, now: Timestamp) -> Option<Timestamp> {
        let by_call = self.closed.as_ref().map(|closed| closed.at);
        by_call.or_else(|| Some(self.ends()).filter(|end| *end <= now))
    }

    /// How its invoices stand.
    pub fn counts(&self, now: Timestamp) -> Counts {
        let mut counts = Counts { all: self.places.len() as u32, ..Counts::default() };
        for place in &self.places {
            if place.decided.is_some_and(|at| at <= now) {
                if place.accepted { counts.accepted += 1 } else { counts.failed += 1 }
            }
        }
        counts
    }

    /// Its status.
    pub fn status(&self, now: Timestamp, tempo: Tempo) -> StatusInfo {
        let (code, detail) = self.code(now, tempo);
        let details = match &self.judged {
            Some(judged) if judged.code == code => judged.details.clone(),
            _ => detail.map(str::to_owned).into_iter().collect(),
        };
        StatusInfo {
            code,
            description: described(code, self.is_batch()).to_owned(),
            details: (!details.is_empty()).then_some(details),
        }
    }

    fn code(&self, now: Timestamp, tempo: Tempo) -> (i32, Option<&'static str>) {
        if self.key.is_none() {
            return (415, None);
        }
        let Some(closed) = self.closed_at(now) else { return (100, None) };
        let working = if self.is_batch() { 150 } else { 170 };
        let begun = match (&self.judged, &self.closed) {
            _ if !self.is_batch() => closed,
            (_, None) => return (440, Some("Przekroczono czas wysyłki")),
            (None, Some(_)) => return (working, None),
            (Some(judged), Some(_)) if judged.code != 200 => return (judged.code, None),
            (Some(judged), Some(_)) => judged.at,
        };
        let counts = self.counts(now);
        if now < later(begun, tempo.close) || counts.accepted + counts.failed < counts.all {
            return (working, None);
        }
        match counts {
            Counts { all: 0, .. } => (440, Some("Nie przesłano faktur")),
            Counts { accepted: 0, .. } => (445, None),
            _ => (200, None),
        }
    }

    /// What a caller sees; the UPO is the caller's to add.
    pub fn view(&self, now: Timestamp, tempo: Tempo) -> SessionStatus {
        let counts = self.counts(now);
        SessionStatus {
            status: self.status(now, tempo),
            date_created: moment(self.opened.at),
            date_updated: moment(self.updated(now)),
            valid_until: Some(moment(self.ends())),
            upo: None,
            invoice_count: Some(counts.all),
            successful_invoice_count: Some(counts.accepted),
            failed_invoice_count: Some(counts.failed),
        }
    }

    /// Its line in the list of sessions.
    pub fn listed(&self, now: Timestamp, tempo: Tempo) -> SessionListItem {
        let counts = self.counts(now);
        SessionListItem {
            reference_number: self.opened.reference.clone(),
            status: self.status(now, tempo),
            date_created: moment(self.opened.at),
            date_updated: moment(self.updated(now)),
            valid_until: Some(moment(self.ends())),
            total_invoice_count: counts.all,
            successful_invoice_count: counts.accepted,
            failed_invoice_count: counts.failed,
        }
    }

    /// When something last happened in it.
    pub fn updated(&self, now: Timestamp) -> Timestamp {
        let decided = self.places.iter().rev().find_map(|p| p.decided).filter(|at| *at <= now);
        let judged = self.judged.as_ref().map(|judged| judged.at);
        let all = [Some(self.opened.at), self.closed_at(now), judged, decided];
        all.into_iter().flatten().max().unwrap_or(self.opened.at)
    }
}

fn described(code: i32, batch: bool) -> &'static str {
    match (code, batch) {
        (100, true) => "Sesja wsadowa rozpoczęta",
        (100, false) => "Sesja interaktywna otwarta",
        (150, _) => "Trwa przetwarzanie",
        (170, _) => "Sesja interaktywna zamknięta",
        (200, true) => "Sesja wsadowa przetworzona pomyślnie",
        (200, false) => "Sesja interaktywna przetworzona pomyślnie",
        (405, _) => "Błąd weryfikacji poprawności dostarczonych elementów paczki",
        (415, _) => "Błąd odszyfrowania dostarczonego klucza",
        (420, _) => "Przekroczony limit faktur w sesji",
        (430, _) => "Błąd dekompresji pierwotnego archiwum",
        (435, _) => "Błąd odszyfrowania zaszyfrowanych części archiwum",
        (440, _) => "Sesja anulowana",
        (445, _) => "Błąd weryfikacji, brak poprawnych faktur",
        _ => "Nieznany błąd",
    }
}
