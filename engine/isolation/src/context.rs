//! What all probes share: the catalog, the sample rows, the attackers, and the report.

use super::Attack;
use super::catalog::{Catalog, Column, Relation, SqlCommand};
use super::fresh::{CloneChange, Cloner, NewRow, insert_sql};
use super::judge::{ProbeJudgement, Standing};
use super::report::{IsolationReport, ProbeResult};
use super::sample::{Row, Samples, value};
use super::session::{AttemptOutcome, SendMode, Session, set_tenant};
use super::settings::ProbeSettings;
use flowcontrol_base::Result;
use flowcontrol_base::clock;
use flowcontrol_contract::sql::{identifier, qualified};
use flowcontrol_database::Login;
use std::collections::BTreeMap;

/// Index of the attacker's tenant.
pub const OWN: usize = 0;
/// Index of the tenant under attack.
pub const OTHER: usize = 1;

/// A login that attacks.
pub struct Attacker {
    /// `application`, `replayer`, `auditor` or `owner`.
    pub key: &'static str,
    /// Its name and password.
    pub login: Login,
    /// Its main connection.
    pub session: Session,
    /// A connection that never had a tenant, for the probes of a session without one.
    pub untouched: Option<Session>,
    /// Rows of the other tenant that a control could insert, by table.
    pub insertable: BTreeMap<String, Insertable>,
}

/// A row that a login could insert as the row's own tenant; the insert was rolled back.
#[derive(Clone, Debug)]
pub struct Insertable {
    /// The row and its parents.
    pub fresh: NewRow,
    /// Its tenant: the other one, or a new one where a tenant can have only one row.
    pub tenant: String,
    /// How the cloned row was changed; `None` for a fixture row, which is sent unchanged.
    pub change: Option<CloneChange>,
}

impl Attacker {
    /// The login's name.
    pub fn name(&self) -> &str {
        &self.login.user
    }

    /// True for the table's owner's login.
    pub fn is_owner(&self) -> bool {
        self.key == "owner"
    }
}

/// The state of one run of the probes.
pub struct ProbeContext<'a> {
    /// The request.
    pub attack: &'a Attack<'a>,
    /// The catalog as it was at the start.
    pub catalog: Catalog,
    /// Rows to clone and to attack.
    pub samples: Samples,
    /// The attacker's tenant and the other one.
    pub tenants: [String; 2],
    /// A tenant without rows.
    pub unused_tenant: String,
    /// The salt that makes this run's keys unique.
    pub seed: String,
    /// What was found so far.
    pub report: IsolationReport,
}

impl<'a> ProbeContext<'a> {
    /// A copy for one attacker, with its own keys and an empty report.
    pub fn fork(&self) -> Self {
        Self {
            attack: self.attack,
            catalog: self.catalog.clone(),
            samples: self.samples.clone(),
            tenants: self.tenants.clone(),
            unused_tenant: self.unused_tenant.clone(),
            seed: clock::random_hex(16),
            report: IsolationReport::default(),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &'a ProbeSettings {
        self.attack.settings
    }

    /// The probed tables that hold tenants' rows.
    pub fn tables(&self) -> Vec<Relation> {
        let settings = self.settings();
        let inside =
            |r: &&Relation| r.schema == settings.schema && matches!(r.kind, 'r' | 'p' | 'f');
        let tenanted = |r: &&Relation| r.column(&settings.tenant_column).is_some();
        self.catalog.relations.iter().filter(inside).filter(tenanted).cloned().collect()
    }

    /// Clones rows for this run.
    pub fn cloner(&self) -> Cloner<'_> {
        Cloner {
            catalog: &self.catalog,
            settings: self.settings(),
            samples: &self.samples,
            seed: &self.seed,
        }
    }

    /// SQL that sets the tenant for the transaction.
    pub fn as_tenant(&self, tenant: &str) -> String {
        set_tenant(&self.settings().tenant_setting, tenant)
    }

    /// Adds a probe with its verdict to the report.
    pub fn push(
        &mut self,
        case: u8,
        id: String,
        login: &'static str,
        object: &str,
        verb: &'static str,
        (verdict, detail): ProbeJudgement,
    ) {
        let object = object.to_owned();
        self.report.probes.push(ProbeResult { case, id, login, object, verb, verdict, detail });
    }

    /// What the catalog says about `attacker` and a statement that needs these privileges (on the
    /// table or some column of it) and commands.
    pub fn standing(
        &self,
        attacker: &Attacker,
        table: &Relation,
        privileges: &[&str],
        commands: &[SqlCommand],
    ) -> Standing {
        Standing {
            granted: privileges.iter().all(|p| table.grants(attacker.name(), p)),
            admitted: self.catalog.admits(table, attacker.name(), commands),
            exists: self.samples.rows.contains_key(&(table.name.clone(), OTHER)),
        }
    }

    /// Statements that insert the fixture rows of tenant `side` that `table` refers to; with `itself` also the table's own
    /// sample. Empty if all these rows are stored already.
    pub fn plant(&self, login: &str, table: &Relation, side: usize, itself: bool) -> Vec<String> {
        let rows = self.samples.planting(&self.catalog, self.settings(), &table.name, side, itself);
        if rows.is_empty() {
            return Vec::new();
        }
        let mut steps = vec![self.as_tenant(&self.tenants[side])];
        steps.extend(rows.iter().filter_map(|(name, row)| {
            let relation = self.catalog.relation(&self.settings().schema, name)?;
            Some(insert_sql(relation, row, login))
        }));
        steps
    }

    /// Insert statements for the parents of a fresh row.
    pub fn parents(&self, login: &str, fresh: &NewRow) -> Vec<String> {
        fresh
            .parents()
            .iter()
            .filter_map(|insert| {
                let relation = self.catalog.relation(&self.settings().schema, &insert.table)?;
                Some(insert_sql(relation, &insert.row, login))
            })
            .collect()
    }

    /// The condition that finds one row by the table's first plain key, or by the tenant alone.
    pub fn finds(&self, table: &Relation, row: &Row, tenant: &str) -> String {
        let tenant_column = &self.settings().tenant_column;
        let mut conditions = Vec::new();
        if let Some(column) = table.column(tenant_column) {
            conditions.push(equals(column, Some(&tenant.to_owned())));
        }
        let plain = self.catalog.keys(&table.name).find(|k| k.columns.iter().all(Option::is_some));
        for name in plain.iter().flat_map(|k| k.columns.iter().flatten()) {
            if name == tenant_column {
                continue;
            }
            if let (Some(column), Some(Some(text))) = (table.column(name), row.get(name)) {
                conditions.push(equals(column, Some(text)));
            }
        }
        conditions.join(" and ")
    }

    /// Rows of the other tenant that `attacker` can insert as that tenant, tried in the order of
    /// change. `Err` says why there is none.
    pub async fn find_insertable(
        &self,
        attacker: &mut Attacker,
        table: &Relation,
    ) -> Result<Result<Insertable, String>> {
        let single = self
            .catalog
            .keys(&table.name)
            .any(|k| k.columns.iter().flatten().all(|c| *c == self.settings().tenant_column));
        let tenant = if single { &self.unused_tenant } else { &self.tenants[OTHER] };
        let mut why = String::from("no row could be built");
        let mut candidates = Vec::new();
        for change in [CloneChange::Keys, CloneChange::KeysAndIntegers] {
            match self.cloner().fresh(&table.name, OTHER, tenant, change, "") {
                Ok(fresh) => candidates.push((fresh, tenant.clone(), Some(change))),
                Err(reason) => why = reason,
            }
        }
        for row in self.samples.fixtures.get(&(table.name.clone(), OTHER)).into_iter().flatten() {
            let insert =
                super::fresh::Insert { table: table.name.clone(), row: row.clone(), via: None };
            let fresh = NewRow { inserts: vec![insert] };
            candidates.push((fresh, self.tenants[OTHER].clone(), None));
        }
        for (fresh, tenant, change) in candidates {
            let Some(row) = fresh.row() else { continue };
            let mut setup = self.plant(attacker.name(), table, OTHER, false);
            setup.push(self.as_tenant(&tenant));
            setup.extend(self.parents(attacker.name(), &fresh));
            let sql = insert_sql(table, &row.row, attacker.name());
            match attacker.session.attempt(&setup, &sql, SendMode::Plain).await? {
                AttemptOutcome::Rows(n) if n > 0 => {
                    return Ok(Ok(Insertable { fresh, tenant, change }));
                }
                other => {
                    why = format!(
                        "the control failed: as the row's own tenant a cloned row gave {}; add a fixture that can be inserted",
                        super::judge::describe(&other)
                    );
                }
            }
        }
        Ok(Err(why))
    }
}

/// `column = value`.
pub fn equals(column: &Column, text: Option<&String>) -> String {
    format!("{} = {}", identifier(&column.name), value(column, text))
}

/// `"schema"."table"`.
pub fn path(table: &Relation) -> String {
    qualified(&table.schema, &table.name)
}

/// The id of a tenant without rows, in the tenant column's type.
pub fn unused_tenant(base: &str) -> String {
    let hex = clock::random_hex(16);
    match base {
        "uuid" => format!(
            "{}-{}-4{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..32]
        ),
        "int2" => "32765".to_owned(),
        "int4" | "int8" | "numeric" => "2147480999".to_owned(),
        _ => format!("nobody-{hex}"),
    }
}
