//! Rules on the files, and rules on the catalog that they lead to. Both are pure.

mod catalog;
mod clause;
mod files;
mod policy;
mod statement_rules;

pub use catalog::catalog;
pub use files::files;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Information.
    Info,
    /// A risk; correct it or waive it with a reason.
    Warning,
    /// Loses data, breaks running software or breaks tenant isolation.
    Error,
}

/// One thing a rule found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// Its severity.
    pub severity: Severity,
    /// The file, by its path inside the folder, for rules on files.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<usize>,
    /// The object, for rules on the catalog.
    pub object: Option<String>,
    /// What is wrong.
    pub message: String,
    /// A hint: what to do about it.
    pub hint: String,
    /// The reason in the waiver that accepts it, if any.
    pub waived: Option<String>,
}

impl Finding {
    /// Whether it counts: not waived, and more severe than an information.
    pub fn stands(&self) -> bool {
        self.waived.is_none() && self.severity > Severity::Info
    }
}

/// A rule by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id in findings and waivers.
    pub name: &'static str,
    /// The severity of its findings.
    pub severity: Severity,
    /// Whether it checks the catalog, not a file.
    pub catalog: bool,
    /// What it requires.
    pub summary: &'static str,
    /// The hint of its findings.
    pub hint: &'static str,
}

const fn file(
    name: &'static str,
    severity: Severity,
    summary: &'static str,
    hint: &'static str,
) -> Rule {
    Rule { name, severity, catalog: false, summary, hint }
}

const fn live(
    name: &'static str,
    severity: Severity,
    summary: &'static str,
    hint: &'static str,
) -> Rule {
    Rule { name, severity, catalog: true, summary, hint }
}

use Severity::{Error, Info, Warning};

/// Every rule.
pub const RULES: &[Rule] = &[
    file(
        "drop-object",
        Error,
        "an up file drops no table, column or schema",
        "stop using it first; drop it in a later release, with a waiver that says nobody reads it",
    ),
    file(
        "truncate",
        Error,
        "a migration empties no table",
        "delete the rows that must go, by condition",
    ),
    file(
        "not-null-without-default",
        Error,
        "a new column that refuses null has a default",
        "add it with a default, or nullable; fill it; then set not null",
    ),
    file(
        "index-not-concurrent",
        Warning,
        "an index on a table with rows does not block writing",
        "create it concurrently in a no-transaction file, or waive it if the table is still small",
    ),
    file(
        "column-type-change",
        Error,
        "a column keeps its type",
        "add a column of the new type, fill it, move the readers, drop the old one later",
    ),
    file(
        "rename",
        Error,
        "tables, views, columns and schemas keep their names",
        "add the new name beside the old one, move the readers, drop the old one later",
    ),
    file(
        "grant-excess",
        Error,
        "TRUNCATE, REFERENCES, TRIGGER and ALL are not granted",
        "name the privileges; row-level security does not restrict these",
    ),
    file("grant-public", Error, "nothing is granted to PUBLIC", "grant to a named role"),
    file(
        "definer-search-path",
        Error,
        "a SECURITY DEFINER function pins its search_path",
        "add: set search_path = pg_catalog, pg_temp",
    ),
    file(
        "role-change",
        Error,
        "a migration does not create, change or grant roles",
        "provision roles before migrations run: they are cluster-wide",
    ),
    file(
        "row-security-off",
        Error,
        "no up file weakens row-level security",
        "leave it enabled and forced; verify with a role that bypasses it",
    ),
    file(
        "policy-true",
        Error,
        "no policy lets every row through",
        "compare the tenant column with the tenant setting",
    ),
    file(
        "down-not-idempotent",
        Info,
        "a down file tolerates objects that do not exist",
        "write `if exists` or `if not exists`",
    ),
    file(
        "lock-timeout",
        Warning,
        "no file waits for locks without a limit",
        "set a finite lock_timeout and statement_timeout",
    ),
    file(
        "tenant-setting-strict",
        Error,
        "the tenant setting is read with its second argument",
        "write current_setting(.., true) inside nullif(.., '')",
    ),
    live(
        "table-rls",
        Error,
        "every table has row-level security enabled",
        "alter table .. enable row level security",
    ),
    live(
        "table-force",
        Error,
        "row-level security is forced, so that it applies to the owner too",
        "alter table .. force row level security",
    ),
    live(
        "force-without-enable",
        Error,
        "FORCE does nothing without ENABLE",
        "alter table .. enable row level security",
    ),
    live(
        "partition-rls",
        Error,
        "a partition has row-level security of its own",
        "enable and force it on the partition: the parent's does not apply when the partition is named directly",
    ),
    live(
        "foreign-table",
        Error,
        "no foreign table: it cannot have row-level security",
        "copy the rows into a table",
    ),
    live(
        "no-policy",
        Error,
        "every table has a permissive policy",
        "create a policy for each role that works on it",
    ),
    live(
        "policy-public",
        Warning,
        "policies are for named roles",
        "write `to <role>` in the policy",
    ),
    live(
        "policy-tenant",
        Error,
        "every permissive policy compares the tenant column with the tenant setting",
        "write <tenant column> = (select nullif(current_setting('<tenant setting>', true), ''))",
    ),
    live(
        "policy-check",
        Warning,
        "a policy for writing has a WITH CHECK expression",
        "write `with check` in the policy",
    ),
    live(
        "policy-nullif",
        Error,
        "a policy reads the tenant setting through nullif",
        "after SET LOCAL an unset setting reads as an empty text: write nullif(current_setting(..), '')",
    ),
    live(
        "policy-or",
        Warning,
        "a tenant policy has no OR",
        "write two policies, or a restrictive one",
    ),
    live(
        "tenant-column",
        Error,
        "every table has the tenant column",
        "add it, or waive it for data that every tenant may see",
    ),
    live(
        "tenant-nullable",
        Error,
        "the tenant column refuses null",
        "alter column .. set not null",
    ),
    live(
        "tenant-empty",
        Error,
        "the tenant column refuses the empty text",
        "add a check: <tenant column> <> ''",
    ),
    live(
        "key-tenant-first",
        Error,
        "every key leads with the tenant column",
        "lead with it: other keys reveal other tenants' rows and stop the schema from being distributed",
    ),
    live(
        "index-tenant-first",
        Warning,
        "every index leads with the tenant column",
        "lead with it: every query asks for one tenant",
    ),
    live(
        "index-invalid",
        Error,
        "no index is left invalid",
        "drop it and create it again: a concurrent build failed",
    ),
    live(
        "foreign-key-tenant",
        Error,
        "every foreign key carries the tenant column on both sides",
        "refer to (<tenant column>, ..): key checks ignore row-level security",
    ),
    live(
        "privilege-excess",
        Error,
        "only the owner has TRUNCATE, REFERENCES and TRIGGER",
        "revoke it: row-level security does not restrict it",
    ),
    live(
        "privilege-public",
        Error,
        "PUBLIC has no privilege on a table or sequence",
        "revoke it; grant to a named role",
    ),
    live(
        "role-owns",
        Error,
        "no role but the owner role owns a table",
        "alter table .. owner to the owner role",
    ),
    live(
        "view-invoker",
        Error,
        "a view runs with its reader's privileges",
        "alter view .. set (security_invoker = true)",
    ),
    live(
        "matview",
        Error,
        "no materialised view: it holds every tenant's rows unfiltered",
        "use a table with row-level security",
    ),
    live(
        "definer-path",
        Error,
        "a SECURITY DEFINER function pins its search_path",
        "alter function .. set search_path = pg_catalog, pg_temp",
    ),
    live(
        "definer-public",
        Warning,
        "a SECURITY DEFINER function is not executable by PUBLIC",
        "revoke execute on the function from public",
    ),
    live(
        "sequence-select",
        Warning,
        "only the owner reads a sequence's last value",
        "grant usage, not select",
    ),
];

/// Creates a finding of the rule `name`.
fn finding(name: &'static str, message: String) -> Finding {
    // Every name in this module is one of RULES; a test holds that.
    let rule = RULES.iter().find(|rule| rule.name == name);
    Finding {
        rule: name,
        severity: rule.map_or(Error, |r| r.severity),
        file: None,
        line: None,
        object: None,
        message,
        hint: rule.map_or("", |r| r.hint).to_owned(),
        waived: None,
    }
}
