//! The settings of the probes; everything else is read from the catalog.

use serde::{Deserialize, Serialize};

/// The probed schema, and how it represents tenants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeSettings {
    /// The schema whose tables, views, sequences and functions are probed.
    pub schema: String,
    /// The setting that policies read the tenant from, for example `bfg.tenant_id`.
    pub tenant_setting: String,
    /// The column that holds the tenant in every table of tenants' data.
    pub tenant_column: String,
    /// Tables of the schema that hold no tenant's data and may lack the tenant column. They must
    /// be read-only for the probed logins.
    pub shared_tables: Vec<String>,
    /// Insert-only tables: any effective UPDATE or DELETE is a leak.
    pub insert_only: Vec<String>,
    /// Rows for tables that have none when the probes run.
    pub fixtures: Vec<Fixture>,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self {
            schema: "bfg_flowcontrol".into(),
            tenant_setting: "bfg.tenant_id".into(),
            tenant_column: "tenant_id".into(),
            shared_tables: Vec::new(),
            insert_only: Vec::new(),
            fixtures: Vec::new(),
        }
    }
}

/// Rows that the probes may insert into one table, in a transaction that is rolled back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// Table name, without the schema.
    pub table: String,
    /// Objects with column names as keys; each names its tenant in the tenant column. At least
    /// one row for each of the two probed tenants.
    pub rows: Vec<serde_json::Value>,
}
