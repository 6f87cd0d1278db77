//! The rules on single statements of a file.

use super::clause::Clause;
use crate::Layout;
use crate::token::TokenKind;

/// Takes a rule, a line and what is wrong there.
type Add<'a> = dyn FnMut(&'static str, usize, String) + 'a;

/// Rules for up, down and verify files, function bodies included.
pub fn everywhere(clause: &Clause, layout: &Layout, add: &mut Add<'_>) {
    grants(clause, add);
    roles(clause, add);
    if matches!(clause.word(0), "create" | "alter") {
        if clause.word(1) == "policy" {
            policy(clause, add);
        }
        let function = ["function", "procedure"].iter().any(|w| clause.find(&[w]).is_some());
        if function
            && clause.find(&["security", "definer"]).is_some()
            && clause.find(&["set", "search_path"]).is_none()
        {
            add("definer-search-path", clause.line(), "a SECURITY DEFINER function does not pin its search_path: a temporary table can shadow the intended one".to_owned());
        }
    }
    endless_timeout(clause, add);
    for at in 0..clause.pieces.len() {
        if clause.word(at) == "current_setting"
            && clause.symbol(at + 1) == Some('(')
            && clause.string(at + 2).is_some_and(|s| s.eq_ignore_ascii_case(&layout.tenant_setting))
            && clause.symbol(at + 3) == Some(')')
        {
            let message = format!(
                "current_setting('{}') without its second argument fails before the first tenant and not after it",
                layout.tenant_setting
            );
            add("tenant-setting-strict", clause.line_at(at), message);
        }
    }
}

fn grants(clause: &Clause, add: &mut Add<'_>) {
    let default = clause.is(0, &["alter", "default", "privileges"]);
    let Some(at) = clause.find(&["grant"]) else { return };
    if at != 0 && !default {
        return;
    }
    let from = clause.pieces.iter().skip(at + 1);
    let privileges: Vec<&str> = from
        .take_while(|p| !(p.kind == TokenKind::Word && matches!(p.text.as_str(), "on" | "to")))
        .map(|p| p.text.as_str())
        .collect();
    let line = clause.line_at(at);
    for privilege in ["truncate", "references", "trigger", "all"] {
        if privileges.contains(&privilege) {
            add("grant-excess", line, format!("grants {}", privilege.to_uppercase()));
        }
    }
    let to = (at..clause.pieces.len()).rev().find(|i| clause.word(*i) == "to").unwrap_or(at);
    let grantees = to + 1..clause.pieces.len();
    if grantees.clone().any(|i| clause.word(i) == "public") {
        add("grant-public", line, "grants to PUBLIC".to_owned());
    }
    let on = (at..clause.pieces.len()).any(|i| clause.word(i) == "on");
    if !on && to > at {
        add("role-change", line, "makes one role a member of another".to_owned());
    }
}

fn roles(clause: &Clause, add: &mut Add<'_>) {
    let kind = clause.word(1);
    if matches!(clause.word(0), "create" | "alter" | "drop")
        && (matches!(kind, "role" | "group") || (kind == "user" && clause.word(2) != "mapping"))
    {
        let verb = clause.word(0);
        add(
            "role-change",
            clause.line(),
            format!("contains {verb} {kind}, which changes the cluster"),
        );
    }
}

fn policy(clause: &Clause, add: &mut Add<'_>) {
    for at in 0..clause.pieces.len() {
        if !matches!(clause.word(at), "using" | "check") || clause.symbol(at + 1) != Some('(') {
            continue;
        }
        let mut inside = at + 1;
        while clause.symbol(inside) == Some('(') {
            inside += 1;
        }
        if clause.word(inside) == "true" && clause.symbol(inside + 1) == Some(')') {
            let word = clause.word(at);
            add(
                "policy-true",
                clause.line_at(at),
                format!("a policy's {word} is true for every row"),
            );
        }
    }
}

/// `set lock_timeout = 0` and its variants.
fn endless_timeout(clause: &Clause, add: &mut Add<'_>) {
    if clause.word(0) != "set" {
        return;
    }
    let name = if matches!(clause.word(1), "local" | "session") { 2 } else { 1 };
    if !matches!(clause.word(name), "lock_timeout" | "statement_timeout") {
        return;
    }
    let value = clause.pieces.last().map(|p| p.text.as_str()).unwrap_or_default();
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    if value == "default" || (!digits.is_empty() && digits.bytes().all(|b| b == b'0')) {
        add("lock-timeout", clause.line(), format!("sets {} to no limit", clause.word(name)));
    }
}

/// Rules for up files.
pub fn forward(clause: &Clause, created: &[String], add: &mut Add<'_>) {
    let line = clause.line();
    match clause.word(0) {
        "drop" if matches!(clause.word(1), "table" | "schema") => {
            let (name, _) = clause.name(clause.skip_options(2));
            add("drop-object", line, format!("drops {} {name}", clause.word(1)));
        }
        "truncate" => add("truncate", line, "empties a table".to_owned()),
        "create" => index(clause, created, add),
        "alter" => alter(clause, created, add),
        "set"
            if (1..3).any(|at| clause.word(at) == "row_security")
                && clause.pieces.last().is_none_or(|p| p.text != "on") =>
        {
            add("row-security-off", line, "sets row_security".to_owned());
        }
        _ => {}
    }
}

fn index(clause: &Clause, created: &[String], add: &mut Add<'_>) {
    let Some(at) = (1..3).find(|at| clause.word(*at) == "index") else { return };
    let concurrent = clause.word(at + 1) == "concurrently";
    let Some(on) = clause.find(&["on"]) else { return };
    let (table, _) = clause.name(clause.skip_options(on + 1));
    if !concurrent && !is_new(&table, created) {
        let message = format!("an index on {table} blocks writing to it until it is built");
        add("index-not-concurrent", clause.line(), message);
    }
}

fn alter(clause: &Clause, created: &[String], add: &mut Add<'_>) {
    let kind = match clause.word(1) {
        "foreign" | "materialized" => clause.word(2),
        kind => kind,
    };
    let start = if kind == clause.word(1) { 2 } else { 3 };
    if !matches!(kind, "table" | "view" | "schema") {
        return;
    }
    let (table, next) = clause.name(clause.skip_options(start));
    for action in clause.actions(next) {
        let line = action.line();
        match action.word(0) {
            "rename" if action.word(1) != "constraint" => {
                add("rename", line, format!("renames {kind} {table} or a column of it"));
            }
            "drop" if kind == "table" && action.word(1) != "constraint" => {
                let at = if action.word(1) == "column" { 2 } else { 1 };
                let (column, _) = action.name(action.skip_options(at));
                add("drop-object", line, format!("drops column {table}.{column}"));
            }
            "add" => added_column(&action, &table, created, add),
            "alter" => {
                let at = if action.word(1) == "column" { 2 } else { 1 };
                let (column, next) = action.name(at);
                if action.is(next, &["type"]) || action.is(next, &["set", "data", "type"]) {
                    add(
                        "column-type-change",
                        line,
                        format!("changes the type of {table}.{column}"),
                    );
                }
            }
            "disable" if action.is(1, &["row", "level", "security"]) => {
                add("row-security-off", line, format!("disables row-level security on {table}"));
            }
            "no" if action.word(1) == "force" => {
                add(
                    "row-security-off",
                    line,
                    format!("exempts the owner of {table} from row-level security"),
                );
            }
            _ => {}
        }
    }
}

fn added_column(action: &Clause, table: &str, created: &[String], add: &mut Add<'_>) {
    let at = if action.word(1) == "column" { 2 } else { 1 };
    let table_level = matches!(
        action.word(at),
        "constraint" | "primary" | "unique" | "foreign" | "check" | "exclude"
    );
    if (table_level && at == 1) || is_new(table, created) {
        return;
    }
    let (column, next) = action.name(action.skip_options(at));
    let filled = ["default", "generated"].iter().any(|w| action.find(&[w]).is_some())
        || action.word(next).ends_with("serial");
    if action.find(&["not", "null"]).is_some() && !filled {
        let message = format!(
            "adds {table}.{column} not null without a default: fails where the table has rows"
        );
        add("not-null-without-default", action.line(), message);
    }
}

/// Whether the file itself created `table`; a name without a schema matches with and without schema.
fn is_new(table: &str, created: &[String]) -> bool {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    created.iter().any(|name| {
        name == table
            || ((!name.contains('.') || !table.contains('.')) && last(name) == last(table))
    })
}

/// Rules for down files.
pub fn backward(clause: &Clause, all: &[Clause], add: &mut Add<'_>) {
    let line = clause.line();
    let mut fragile = |line, what: String| add("down-not-idempotent", line, what);
    match clause.word(0) {
        "drop" if clause.word(1) != "owned" && clause.find(&["if", "exists"]).is_none() => {
            fragile(line, format!("`drop {}` without `if exists`", clause.word(1)));
        }
        "create" if clause.word(1) == "policy" => {
            let (name, _) = clause.name(2);
            let dropped = all
                .iter()
                .any(|c| c.is(0, &["drop", "policy", "if", "exists"]) && c.name(4).0 == name);
            if !dropped {
                fragile(line, format!("creates policy {name} without dropping it if it exists"));
            }
        }
        "create"
            if clause.find(&["if", "not", "exists"]).is_none()
                && !clause.is(1, &["or", "replace"]) =>
        {
            fragile(line, format!("`create {}` without `if not exists`", clause.word(1)));
        }
        "alter" if clause.word(1) == "table" => {
            let (_, next) = clause.name(clause.skip_options(2));
            for action in clause.actions(next) {
                let column = action.word(0) == "add" && action.word(1) == "column";
                if action.word(0) == "drop" && action.find(&["if", "exists"]).is_none() {
                    fragile(
                        action.line(),
                        "drops a column or constraint without `if exists`".to_owned(),
                    );
                }
                if column && action.find(&["if", "not", "exists"]).is_none() {
                    fragile(action.line(), "adds a column without `if not exists`".to_owned());
                }
            }
        }
        _ => {}
    }
}
