//! The rules on files, file by file.

use super::clause::{Clause, clauses};
use super::{Finding, Severity, finding, statement_rules};
use crate::Layout;
use crate::source::{Migration, Script, ScriptRole, Source};

/// Checks every file of `source`; waivers are applied by [`crate::waiver::settle`].
pub fn files(source: &Source, layout: &Layout) -> Vec<Finding> {
    let mut found = Vec::new();
    for migration in &source.migrations {
        for script in migration.scripts() {
            let mut of_file = judge(script, migration, layout);
            of_file.sort_by(|a, b| (a.line, a.rule).cmp(&(b.line, b.rule)));
            of_file.dedup();
            found.extend(of_file);
        }
    }
    found
}

fn judge(script: &Script, migration: &Migration, layout: &Layout) -> Vec<Finding> {
    let clauses = clauses(script);
    let created = created(&clauses);
    let mut found = Vec::new();
    let mut add = |rule, line, message: String| {
        let file = Some(script.path.clone());
        found.push(Finding { file, line: Some(line), ..finding(rule, message) });
    };
    for clause in &clauses {
        statement_rules::everywhere(clause, layout, &mut add);
        if script.role == ScriptRole::Up && !clause.deferred {
            statement_rules::forward(clause, &created, &mut add);
        }
        if script.role == ScriptRole::Down && !clause.deferred {
            statement_rules::backward(clause, &clauses, &mut add);
        }
        if script.role == ScriptRole::Verify && clause.word(0) == "truncate" {
            add("truncate", clause.line(), "a verify file empties a table".to_owned());
        }
    }
    let sets_timeout = clauses
        .iter()
        .any(|c| c.is(0, &["set", "lock_timeout"]) || c.is(0, &["set", "session", "lock_timeout"]));
    if script.outside_transaction && !sets_timeout {
        let message = "runs outside a transaction and sets no lock_timeout of its own";
        add("lock-timeout", 1, message.to_owned());
    }
    // Reverting in one transaction is all or nothing; outside one, the down file must clean up
    // after an up file that stopped at any statement.
    if migration.up.outside_transaction || migration.down.outside_transaction {
        for finding in found.iter_mut().filter(|f| f.rule == "down-not-idempotent") {
            finding.severity = Severity::Warning;
        }
    }
    found
}

/// The tables that a file creates: they are not in use yet.
fn created(clauses: &[Clause]) -> Vec<String> {
    let mut names = Vec::new();
    for clause in clauses.iter().filter(|c| c.word(0) == "create" && !c.deferred) {
        if let Some(at) = (1..4).find(|at| clause.word(*at) == "table") {
            names.push(clause.name(clause.skip_options(at + 1)).0);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::RULES;
    use super::*;
    use crate::source::{FolderEntry, read};
    use std::collections::BTreeMap;

    fn found(up: &str, down: &str, verify: &str) -> Vec<(&'static str, String, usize)> {
        let entries: BTreeMap<String, FolderEntry> =
            [("0001_x.up.sql", up), ("0001_x.down.sql", down), ("verify/0001_x.sql", verify)]
                .map(|(path, text)| (path.to_owned(), FolderEntry::File(text.as_bytes().to_vec())))
                .into();
        let source = read("here", entries).unwrap();
        let layout =
            Layout::new("depot", "firm", "yard.firm", flowcontrol_database::RoleNames::default());
        let all = files(&source, &layout).into_iter();
        all.map(|f| (f.rule, f.file.unwrap_or_default(), f.line.unwrap_or_default())).collect()
    }

    fn rules_up(up: &str) -> Vec<&'static str> {
        let rules = found(up, "select 1;", "select true;").into_iter().map(|(rule, _, _)| rule);
        rules.collect()
    }

    /// A rule, what violates it in an up file, and what is similar and does not.
    const CASES: &[(&str, &[&str], &[&str])] = &[
        (
            "drop-object",
            &[
                "drop table t",
                "DROP TABLE IF EXISTS a.t CASCADE",
                "drop schema s",
                "alter table t drop column c",
                "alter table t drop c",
                "alter table only t add d int, drop column if exists c",
                "do $$ begin drop table t; end $$",
                "do $$ begin if true then drop table t; end if; end $$",
                "do $$ begin execute format('drop table %I', 'x'); end $$",
                "do $$ begin execute 'alter table t drop column c'; end $$",
            ],
            &[
                "alter table t drop constraint c",
                "alter table t alter column c drop not null",
                "drop policy p on t",
                "drop index i",
                "select 'drop table t'",
                "select 1 -- drop table t",
                "create function f() returns int language plpgsql as $$ begin drop table t; end $$",
                "comment on table t is 'drop table t;'",
            ],
        ),
        (
            "truncate",
            &["truncate t", "truncate table a.t", "do $$ begin truncate t; end $$"],
            &[
                "delete from t where a = 1",
                "create trigger x before truncate on t execute function f()",
            ],
        ),
        (
            "not-null-without-default",
            &[
                "alter table t add column c int not null",
                "alter table t add c int not null check (c > 0)",
                "alter table if exists a.t add column if not exists c int not null",
                "alter table t add column d int, add column c int not null",
            ],
            &[
                "alter table t add column c int not null default 1",
                "alter table t add column c int generated always as (1) stored not null",
                "alter table t add column c bigserial not null",
                "alter table t add column c int",
                "alter table t add constraint c check (a is not null)",
                "alter table t alter column c set not null",
                "create table t (a int); alter table t add column c int not null",
            ],
        ),
        (
            "index-not-concurrent",
            &[
                "create index i on t (a)",
                "create unique index if not exists i on only a.t (a)",
                "create table a.u (x int); create index on a.t (x)",
            ],
            &[
                "create table a.t (x int); create index on a.t (x)",
                "create table if not exists a.t (x int); create index i on a.t using gin (x)",
                "create unlogged table t (x int); create index on t (x)",
                "comment on index i is 'x'",
            ],
        ),
        (
            "column-type-change",
            &["alter table t alter column c type text", "alter table t alter c set data type text"],
            &[
                "alter table t alter column type set not null",
                "alter table t alter c set default 1",
            ],
        ),
        (
            "rename",
            &[
                "alter table t rename to u",
                "alter table t rename column a to b",
                "alter table t rename a to b",
                "alter schema s rename to t",
                "alter view v rename to w",
                "alter materialized view v rename to w",
            ],
            &["alter table t rename constraint a to b", "alter index i rename to j"],
        ),
        (
            "grant-excess",
            &[
                "grant all on t to r",
                "grant all privileges on all tables in schema s to r",
                "grant select, truncate on t to r",
                "grant references (a) on t to r",
                "grant trigger on t to r",
                "alter default privileges in schema s grant all on tables to r",
                "do $$ begin execute format('grant all on s.%I to %I', 'a', 'b'); end $$",
                "do $$ begin execute format($f$grant truncate on s.%I to %I$f$, 'a', 'b'); end $$",
            ],
            &[
                "grant select, insert (a) on all tables in schema s to r",
                "revoke all on t from r",
                "alter default privileges in schema s revoke all on tables from r",
                "grant select on all_things to r",
            ],
        ),
        (
            "grant-public",
            &[
                "grant select on t to public",
                "grant usage on schema s to r, public with grant option",
                "do $$ begin execute 'grant select on t to public'; end $$",
            ],
            &["revoke all on t from public", "grant select on public.t to r"],
        ),
        (
            "definer-search-path",
            &[
                "create function f() returns int language sql security definer as 'select 1'",
                "alter function f() security definer",
                "create or replace procedure f() language sql security definer as 'select 1'",
            ],
            &[
                "create function f() returns int language sql security definer set search_path = pg_catalog as 'select 1'",
                "create function f() returns int language sql as 'select 1'",
                "create function f() returns int language sql security invoker as 'select 1'",
            ],
        ),
        (
            "role-change",
            &[
                "create role r",
                "alter role r bypassrls",
                "create user u",
                "drop group g",
                "grant a to b",
                "do $$ begin create role r; end $$",
            ],
            &["create user mapping for u server s", "grant select on t to r", "set local role r"],
        ),
        (
            "row-security-off",
            &[
                "set row_security = off",
                "set local row_security to off",
                "alter table t disable row level security",
                "alter table a.t no force row level security",
            ],
            &[
                "set row_security = on",
                "alter table t enable row level security",
                "alter table t force row level security",
                "alter table t disable trigger x",
            ],
        ),
        (
            "policy-true",
            &[
                "create policy p on t using (true)",
                "create policy p on t for insert with check ((true))",
                "alter policy p on t using (TRUE)",
                "do $$ begin execute format('create policy p on %I using (true)', 't'); end $$",
            ],
            &[
                "create policy p on t using (true = (a = 1))",
                "create table t (a boolean check (true))",
                "create policy p on t using (a = current_setting('yard.firm', true))",
            ],
        ),
        (
            "lock-timeout",
            &[
                "set lock_timeout = 0",
                "set local statement_timeout to '0s'",
                "set session lock_timeout = '0'",
                "set lock_timeout to default",
                "-- flowcontrol: no-transaction\nselect 1",
            ],
            &[
                "set local lock_timeout = '2s'",
                "set statement_timeout = 100",
                "set work_mem = 0",
                "-- flowcontrol: no-transaction\nset lock_timeout = '2s'; select 1",
            ],
        ),
        (
            "tenant-setting-strict",
            &[
                "create policy p on t using (firm = current_setting('yard.firm'))",
                "create function f() returns text language sql as $$ select current_setting('yard.firm') $$",
                "create function f() returns text begin atomic select current_setting( 'YARD.firm' ); end",
                "do $$ begin execute 'create policy p on t using (firm = current_setting(''yard.firm''))'; end $$",
            ],
            &[
                "select current_setting('yard.firm', true)",
                "select current_setting('other.firm')",
                "select 'current_setting(''yard.firm'')'",
            ],
        ),
    ];

    #[test]
    fn each_rule_finds_what_breaks_it_and_not_what_comes_close() {
        for (rule, breaking, close) in CASES {
            for sql in *breaking {
                assert!(rules_up(sql).contains(rule), "{rule} misses: {sql}");
            }
            for sql in *close {
                assert!(!rules_up(sql).contains(rule), "{rule} hits: {sql}");
            }
        }
    }

    #[test]
    fn every_rule_on_files_has_cases() {
        for rule in RULES.iter().filter(|r| !r.catalog && r.name != "down-not-idempotent") {
            assert!(CASES.iter().any(|(name, _, _)| *name == rule.name), "{}", rule.name);
        }
    }

    #[test]
    fn a_down_file_may_take_back_what_an_up_file_may_not() {
        let down = "drop table if exists t; alter table if exists u disable row level security;";
        assert_eq!(found("select 1;", down, "select true;"), []);
        assert_eq!(
            found("select 1;", "grant all on t to r;", "truncate t;"),
            [
                ("grant-excess", "0001_x.down.sql".to_owned(), 1),
                ("truncate", "verify/0001_x.sql".to_owned(), 1)
            ]
        );
    }

    #[test]
    fn a_down_file_copes_with_what_is_not_there() {
        let lines = |down: &str| -> Vec<usize> {
            found("select 1;", down, "select true;")
                .into_iter()
                .filter(|(rule, _, _)| *rule == "down-not-idempotent")
                .map(|(_, _, line)| line)
                .collect()
        };
        let fragile = "drop table t;\nalter table if exists t drop constraint c,\n add column d int;\n\
                       create policy p on t using (a = 1);\ncreate view v as select 1;\n\
                       do $$ begin\n execute 'drop policy q on t'; end $$;";
        assert_eq!(lines(fragile), [1, 2, 3, 4, 5, 7]);
        let robust = "drop table if exists t;\nalter table t drop constraint if exists c;\n\
                      drop policy if exists p on t;\ncreate policy p on t using (a = 1);\n\
                      create or replace view v as select 1;\ncreate index if not exists i on t (a);";
        assert!(lines(robust).is_empty());
    }

    #[test]
    fn a_fragile_down_file_outside_a_transaction_is_a_warning() {
        let source = |up: &str| {
            let entries: BTreeMap<String, FolderEntry> = [
                ("0001_x.up.sql", up),
                ("0001_x.down.sql", "drop table t;"),
                ("verify/0001_x.sql", "select true;"),
            ]
            .map(|(path, text)| (path.to_owned(), FolderEntry::File(text.as_bytes().to_vec())))
            .into();
            files(&read("here", entries).unwrap(), &Layout::default())
        };
        assert_eq!(source("select 1;")[0].severity, Severity::Info);
        let outside = source("-- flowcontrol: no-transaction\nset lock_timeout = '1s'; select 1;");
        assert_eq!(outside[0].severity, Severity::Warning);
    }

    #[test]
    fn lines_are_the_files() {
        let up = "select 1;\n\ndo $$\nbegin\n  perform 1;\n  execute 'select 2;\n    drop table t';\nend\n$$;";
        assert_eq!(
            found(up, "select 1;", "select true;"),
            [("drop-object", "0001_x.up.sql".to_owned(), 7)]
        );
    }
}
