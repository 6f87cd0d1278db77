//! Everything the simulator knows, rebuilt from its journal when it starts.

use super::clock::later;
use super::config::{CHALLENGE, REFRESH, Tempo};
use super::disk::Log;
use super::entry::Entry;
use super::event::{Event, KsefToken, Login};
use super::keys::Keys;
use super::session::{Place, Session};
use flowcontrol_contract::{Result, Timestamp};
use flowcontrol_files::{Access, AtPath as _, create_folder};
use flowcontrol_ksef_wire::crypto::{SymmetricKey, decode};
use flowcontrol_ksef_wire::messages::ReferenceNumber;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// A login and what became of it.
#[derive(Debug)]
pub(super) struct LoginState {
    pub login: Login,
    pub redeemed: bool,
    pub refreshed: Option<Timestamp>,
    pub revoked: bool,
}

/// A KSeF token and what became of it.
#[derive(Debug)]
pub(super) struct TokenState {
    pub token: KsefToken,
    pub revoked: bool,
    pub used: Option<Timestamp>,
}

/// The first 16 bytes of a SHA-256.
type Key = [u8; 16];

/// What memory keeps of an invoice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted {
    place: Place,
    /// Of an accepted one: its serial number, and who else may not have its own number.
    number: Option<(u32, Key)>,
}

impl Noted {
    /// Of an entry whose line begins at `at`.
    pub fn of(at: u64, entry: &Entry) -> Self {
        let place = Place { at, decided: entry.decided, accepted: entry.verdict.code == 200 };
        let serial = entry.ksef_number.as_deref().and_then(serial_of);
        let facts = entry.facts.as_ref();
        let number = serial
            .zip(facts)
            .map(|(serial, facts)| (serial, key(&facts.seller, &facts.kind, &facts.number)));
        Self { place, number }
    }
}

/// The state.
#[derive(Debug)]
pub(super) struct World {
    folder: PathBuf,
    journal: Log,
    /// When each was made, and whether it was used.
    pub challenges: HashMap<String, (Timestamp, bool)>,
    pub tokens: BTreeMap<ReferenceNumber, TokenState>,
    pub logins: HashMap<ReferenceNumber, LoginState>,
    pub sessions: Vec<Session>,
    by_reference: HashMap<ReferenceNumber, usize>,
    /// Accepted invoices by their serial number: session and ordinal.
    accepted: Vec<Option<(u32, u32)>>,
    /// The serial number of the invoice with this seller, kind and number.
    taken: HashMap<Key, u32>,
}

impl World {
    /// Opens the state in a folder; the second value says what was repaired.
    pub fn open(folder: &Path, keys: &Keys) -> Result<(Self, Vec<String>)> {
        let sessions = folder.join("sessions");
        create_folder(&sessions, Access::Owner)?;
        let mut events = Vec::new();
        let (journal, torn) = Log::open(&folder.join("journal.jsonl"), |_, event: Event| {
            events.push(event);
            Ok(())
        })?;
        let mut world = Self {
            folder: folder.to_owned(),
            journal,
            challenges: HashMap::new(),
            tokens: BTreeMap::new(),
            logins: HashMap::new(),
            sessions: Vec::new(),
            by_reference: HashMap::new(),
            accepted: Vec::new(),
            taken: HashMap::new(),
        };
        let mut repairs: Vec<String> = torn.into_iter().collect();
        for event in events {
            world.apply(event, keys);
        }
        for index in 0..world.sessions.len() {
            repairs.extend(world.read_invoices(index)?);
        }
        Ok((world, repairs))
    }

    /// Writes an event down, durably, and takes it in.
    pub fn record(&mut self, event: Event, keys: &Keys) -> Result<()> {
        self.journal.append(&event)?;
        self.journal.sync()?;
        self.apply(event, keys);
        Ok(())
    }

    fn apply(&mut self, event: Event, keys: &Keys) {
        match event {
            Event::Challenge { challenge, at } => {
                let alive = |made: Timestamp| at < later(made, CHALLENGE);
                self.challenges.retain(|_, (made, _)| alive(*made));
                self.challenges.insert(challenge, (at, false));
            }
            Event::Token(token) => {
                let state = TokenState { token, revoked: false, used: None };
                self.tokens.insert(state.token.reference.clone(), state);
            }
            Event::TokenRevoked { reference, .. } => {
                if let Some(token) = self.tokens.get_mut(&reference) {
                    token.revoked = true;
                }
            }
            Event::Login(login) => {
                if let Some((_, used)) = self.challenges.get_mut(&login.challenge) {
                    *used = true;
                }
                if let super::event::Method::Token(reference) = &login.method
                    && let Some(token) = self.tokens.get_mut(reference)
                {
                    token.used = Some(login.at);
                }
                let state = LoginState { login, redeemed: false, refreshed: None, revoked: false };
                self.logins.insert(state.login.reference.clone(), state);
            }
            Event::Redeemed { login, .. } => self.change(&login, |login| login.redeemed = true),
            Event::Refreshed { login, at } => {
                self.change(&login, |login| login.refreshed = Some(at))
            }
            Event::LoginRevoked { login, .. } => self.change(&login, |login| login.revoked = true),
            Event::Session(opened) => {
                let key = keys
                    .unwrap_again(opened.wrapped.expose())
                    .and_then(|key| SymmetricKey::from_parts(&key, &decode(opened.iv.expose())?));
                let index = self.sessions.len();
                self.by_reference.insert(opened.reference.clone(), index);
                self.sessions.push(Session {
                    folder: self.folder.join("sessions").join(opened.reference.as_str()),
                    opened,
                    key,
                    closed: None,
                    parts: BTreeMap::new(),
                    judged: None,
                    places: Vec::new(),
                    writing: None,
                });
            }
            Event::Part { session, ordinal, size, hash } => {
                if let Some(session) = self.session_mut(&session) {
                    session.parts.insert(ordinal, (size, hash));
                }
            }
            Event::Closed { session, closed } => {
                if let Some(session) = self.session_mut(&session) {
                    session.closed = Some(closed);
                    session.writing = None;
                }
            }
            Event::Judged { session, judged } => {
                if let Some(session) = self.session_mut(&session) {
                    session.judged = Some(judged);
                    session.writing = None;
                }
            }
        }
    }

    fn change(&mut self, login: &ReferenceNumber, change: impl FnOnce(&mut LoginState)) {
        if let Some(login) = self.logins.get_mut(login) {
            change(login);
        }
    }

    /// A session's place in the list.
    pub fn find(&self, reference: &ReferenceNumber) -> Option<usize> {
        self.by_reference.get(reference).copied()
    }

    fn session_mut(&mut self, reference: &ReferenceNumber) -> Option<&mut Session> {
        let index = self.find(reference)?;
        self.sessions.get_mut(index)
    }

    /// Takes the invoices of a session in from its log.
    fn read_invoices(&mut self, index: usize) -> Result<Option<String>> {
        let session = &self.sessions[index];
        let path = session.log();
        if !path.exists() {
            return Ok(None);
        }
        if session.is_batch() && session.judged.is_none() {
            // The package was being taken apart; that begins anew.
            std::fs::remove_file(&path).at_path("remove", &path)?;
            return Ok(None);
        }
        let mut all = Vec::new();
        let (_, repaired) = Log::open(&path, |at, entry: Entry| {
            all.push(Noted::of(at, &entry));
            Ok(())
        })?;
        for noted in all {
            self.note(index, noted);
        }
        Ok(repaired)
    }

    /// Takes an invoice into memory.
    pub fn note(&mut self, session: usize, noted: Noted) {
        let state = &mut self.sessions[session];
        state.places.push(noted.place);
        if let Some((serial, key)) = noted.number {
            let place = serial as usize;
            if self.accepted.len() <= place {
                self.accepted.resize(place + 1, None);
            }
            self.accepted[place] = Some((session as u32, state.places.len() as u32));
            self.taken.insert(key, serial);
        }
    }

    /// The serial number that the next accepted invoice gets.
    pub fn next_serial(&self) -> u32 {
        self.accepted.len() as u32
    }

    /// The accepted invoice with these values, and its session.
    pub fn holder(&self, seller: &str, kind: &str, number: &str) -> Result<Option<(Entry, usize)>> {
        let serial = self.taken.get(&key(seller, kind, number)).copied();
        serial.map_or(Ok(None), |serial| self.by_serial(serial))
    }

    /// The accepted invoice with this KSeF number, and its session.
    pub fn by_number(&self, number: &str) -> Result<Option<(Entry, usize)>> {
        let found = serial_of(number).map_or(Ok(None), |serial| self.by_serial(serial))?;
        Ok(found.filter(|(entry, _)| entry.ksef_number.as_deref() == Some(number)))
    }

    fn by_serial(&self, serial: u32) -> Result<Option<(Entry, usize)>> {
        let Some((session, ordinal)) = self.accepted.get(serial as usize).copied().flatten() else {
            return Ok(None);
        };
        let session = session as usize;
        Ok(self.sessions[session].entry(u64::from(ordinal))?.map(|entry| (entry, session)))
    }

    /// A login that passes may still speak for, with why not otherwise.
    pub fn login(&self, reference: &ReferenceNumber, now: Timestamp) -> Option<&LoginState> {
        self.logins.get(reference).filter(|state| now < later(state.login.at, REFRESH))
    }
}

impl LoginState {
    /// Code and detail of its status.
    pub fn status(&self, now: Timestamp, tempo: Tempo) -> (i32, Option<String>) {
        if self.revoked {
            let why = "Uwierzytelnienie i powiązane refresh tokeny zostały unieważnione przez \
                       użytkownika";
            return (425, Some(why.to_owned()));
        }
        if now < later(self.login.at, tempo.login) {
            return (100, None);
        }
        match &self.login.failure {
            Some((code, detail)) => (*code, Some(detail.clone())),
            None => (200, None),
        }
    }
}

/// The serial number in a KSeF number that this simulator gave.
fn serial_of(number: &str) -> Option<u32> {
    let tail = number.get(20..32)?;
    u32::from_str_radix(tail.strip_prefix("0100")?, 16).ok()
}

/// The middle of a KSeF number with this serial number.
pub(super) fn tail(serial: u32) -> [u8; 6] {
    let [a, b, c, d] = serial.to_be_bytes();
    [1, 0, a, b, c, d]
}

fn key(seller: &str, kind: &str, number: &str) -> Key {
    let digest = Sha256::digest(format!("{seller}\n{kind}\n{number}"));
    let mut key = Key::default();
    key.copy_from_slice(&digest[..16]);
    key
}

/// Makes a session's folder.
pub(super) fn make_folder(session: &Session) -> Result<()> {
    Ok(create_folder(&session.folder, Access::Owner)?)
}
