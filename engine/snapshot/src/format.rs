//! The header line and the trailer line.

use flowcontrol_contract::json;
use flowcontrol_contract::{Digest, Error, Kind, Record, Result, Roster, SessionId, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format's versioned name.
pub const SCHEMA: &str = flowcontrol_contract::store::SNAPSHOT_SCHEMA;

/// Record counts by tenant, then kind; kinds without records are omitted.
pub type Counts = BTreeMap<TenantId, BTreeMap<Kind, u64>>;

/// The first line: session, tenants and actors. It contains no time, so equal scenarios freeze to equal
/// bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// The scenario's session.
    pub session: SessionId,
    /// The session's tenants in ascending order, each with its actors.
    pub tenants: Vec<Roster>,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailer {
    /// Record counts by tenant and kind.
    pub counts: Counts,
    /// The number of records.
    pub records: u64,
    /// SHA-256 over every byte before this line.
    pub sha256: Digest,
}

fn canonical_line<T: Serialize>(value: &T) -> Result<String> {
    let text = serde_json::to_string(value).map_err(|e| Error::invalid(e.to_string()))?;
    let mut line = json::canonicalize(&text).map_err(|e| Error::invalid(e.to_string()))?;
    line.push('\n');
    Ok(line)
}

impl Header {
    /// A header whose tenants are in order.
    ///
    /// # Errors
    /// `InvalidInput` for a tenant that occurs twice.
    pub fn new(session: SessionId, mut tenants: Vec<Roster>) -> Result<Self> {
        tenants.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        if let Some(pair) = tenants.windows(2).find(|pair| pair[0].tenant == pair[1].tenant) {
            return Err(Error::invalid(format!("tenant {} occurs twice", pair[0].tenant)));
        }
        Ok(Self { schema: SCHEMA.to_owned(), session, tenants })
    }

    /// The header's line, line break included.
    ///
    /// # Errors
    /// `InvalidInput` for text that cannot be serialized as canonical JSON.
    pub fn line(&self) -> Result<String> {
        canonical_line(self)
    }

    /// Reads the first line of a snapshot.
    ///
    /// # Errors
    /// `InvalidInput` that names what is wrong; another or a newer schema is reported first.
    pub fn parse(line: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Schema {
            schema: String,
        }
        match serde_json::from_str::<Schema>(line) {
            Ok(found) if found.schema == SCHEMA => {}
            Ok(found) => {
                let shown: String = found.schema.chars().take(60).collect();
                return Err(Error::invalid(format!(
                    "its schema is {shown:?}; this version reads {SCHEMA}"
                )));
            }
            Err(_) => return Err(Error::invalid(format!("it is not a {SCHEMA} file"))),
        }
        let read: Self =
            serde_json::from_str(line).map_err(|e| Error::invalid(format!("header: {e}")))?;
        let mut rosters = Vec::with_capacity(read.tenants.len());
        for roster in read.tenants {
            rosters.push(Roster::new(roster.tenant, roster.name, roster.actors)?);
        }
        let header = Self::new(read.session, rosters)?;
        if header.line()?.trim_end() != line {
            return Err(Error::invalid("header: the line is not in canonical form and order"));
        }
        Ok(header)
    }

    /// The roster of a tenant.
    pub fn roster(&self, tenant: &TenantId) -> Option<&Roster> {
        self.tenants.iter().find(|r| r.tenant == *tenant)
    }

    /// The tenants' ids, ascending.
    pub fn tenant_ids(&self) -> Vec<TenantId> {
        self.tenants.iter().map(|r| r.tenant.clone()).collect()
    }
}

impl Trailer {
    /// The trailer's line, line break included.
    ///
    /// # Errors
    /// None in practice; see [`Header::line`].
    pub fn line(&self) -> Result<String> {
        canonical_line(self)
    }

    /// Whether a line is a trailer and not a record, by its first key.
    pub fn is_one(line: &[u8]) -> bool {
        line.starts_with(b"{\"counts\":")
    }

    /// Reads the last line.
    ///
    /// # Errors
    /// `InvalidInput` that names what is wrong.
    pub fn parse(line: &str) -> Result<Self> {
        let trailer: Self =
            serde_json::from_str(line).map_err(|e| Error::invalid(format!("trailer: {e}")))?;
        if trailer.line()?.trim_end() != line {
            return Err(Error::invalid("trailer: the line is not in canonical form"));
        }
        Ok(trailer)
    }
}

/// Checks the order of records and counts them; shared by the writer and the reader, so that
/// both apply the same rules.
#[derive(Debug)]
pub(super) struct Progression {
    rosters: Vec<(Roster, u64)>,
    at: usize,
    pub counts: Counts,
    pub records: u64,
}

impl Progression {
    pub fn new(header: &Header) -> Self {
        Self {
            rosters: header.tenants.iter().map(|r| (r.clone(), 0)).collect(),
            at: 0,
            counts: Counts::new(),
            records: 0,
        }
    }

    /// Accepts the next record, or fails with the reason why it is out of place.
    pub fn accept(&mut self, record: &Record) -> Result<()> {
        while self.rosters.get(self.at).is_some_and(|(r, _)| r.tenant < record.tenant) {
            self.at += 1;
        }
        let Some((roster, last)) =
            self.rosters.get_mut(self.at).filter(|(r, _)| r.tenant == record.tenant)
        else {
            return Err(Error::invalid(format!(
                "tenant {} is out of order or not in the header",
                record.tenant
            )));
        };
        if record.seq != *last + 1 {
            return Err(Error::invalid(format!(
                "tenant {}: sequence {} follows {last}",
                record.tenant, record.seq
            )));
        }
        if !roster.has(&record.actor) {
            return Err(Error::invalid(format!(
                "tenant {}: actor {} is not in the header",
                record.tenant, record.actor
            )));
        }
        *last = record.seq;
        self.records += 1;
        match self.counts.get_mut(&record.tenant) {
            Some(kinds) => *kinds.entry(record.kind).or_default() += 1,
            None => {
                self.counts.insert(record.tenant.clone(), BTreeMap::from([(record.kind, 1)]));
            }
        }
        Ok(())
    }
}
