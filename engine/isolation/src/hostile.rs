//! Case 11: forged tenant ids as bound values must give no row or a clean refusal.

use super::catalog::{Column, Relation, SqlCommand};
use super::context::{Attacker, OTHER, ProbeContext, path};
use super::report::ProbeVerdict;
use super::sample::value;
use super::session::{AttemptOutcome, SendMode};
use flowcontrol_base::Result;
use flowcontrol_contract::sql::literal;

/// Sets each hostile id and searches every readable table for a row.
pub async fn probe(
    context: &mut ProbeContext<'_>,
    attacker: &mut Attacker,
    tables: &[Relation],
) -> Result<()> {
    let standing: Vec<String> = tables
        .iter()
        .filter(|t| t.grants(attacker.name(), "SELECT"))
        .map(|t| format!("select {} where exists (select from {})", literal(&t.name), path(t)))
        .collect();
    let any = standing.join(" union all ");
    if standing.is_empty() {
        return Ok(());
    }
    let schema = context.settings().schema.clone();
    // The control: a real id reaches rows, otherwise the absence of rows would prove nothing.
    let control = attacker.session.attempt_bound(&context.tenants[OTHER], &any).await?;
    let column = tables.iter().find_map(|t| t.column(&context.settings().tenant_column));
    let closed =
        tables.iter().all(|t| !context.catalog.admits(t, attacker.name(), &[SqlCommand::Select]));
    let works = matches!(control, AttemptOutcome::Rows(1..));
    for (name, id) in ids(&context.tenants[OTHER]) {
        if context.tenants.contains(&id)
            || same_value(attacker, column, &id, &context.tenants[OTHER]).await?
        {
            continue;
        }
        let judged = match attacker.session.attempt_bound(&id, &any).await? {
            AttemptOutcome::Rows(0) if works => {
                (ProbeVerdict::Held, "reached no row; the real id does".to_owned())
            }
            AttemptOutcome::Rows(0) if closed => {
                (ProbeVerdict::Held, super::judge::NO_POLICY.to_owned())
            }
            AttemptOutcome::Rows(0) => {
                let why = "the control failed: not even the real id reaches a row".to_owned();
                (ProbeVerdict::Unproved(why.clone()), why)
            }
            AttemptOutcome::Rows(n) => {
                let why = format!("a forged tenant id reached rows in {n} tables");
                (ProbeVerdict::Leak(why.clone()), why)
            }
            // 22021: not a character of the encoding. 22P02: not a value of the tenant's type.
            AttemptOutcome::Refused(r)
                if matches!(r.code.as_str(), "22021" | "22P02" | "22P05" | "22003") =>
            {
                (ProbeVerdict::Held, format!("refused cleanly with {}", r.code))
            }
            other => {
                let why = format!("failed for another reason: {}", super::judge::describe(&other));
                (ProbeVerdict::Unproved(why.clone()), why)
            }
        };
        context.push(11, format!("tenant-id.{name}"), attacker.key, &schema, "set_config", judged);
    }
    Ok(())
}

/// True when the tenant's type, if it is not text, parses both as one value: a uuid in capitals, or
/// a number after a space, is the real tenant and not an attack.
async fn same_value(
    attacker: &mut Attacker,
    column: Option<&Column>,
    id: &str,
    real: &str,
) -> Result<bool> {
    let Some(column) = column.filter(|c| !is_text(&c.base) && !id.contains('\0')) else {
        return Ok(false);
    };
    let cast = |text: &str| value(column, Some(&text.to_owned()));
    let sql = format!("select 1 where {} = {}", cast(id), cast(real));
    Ok(attacker.session.attempt(&[], &sql, SendMode::Plain).await? == AttemptOutcome::Rows(1))
}

fn is_text(base: &str) -> bool {
    matches!(base, "text" | "varchar" | "bpchar" | "citext" | "name")
}

/// Hostile ids, some of them derived from a real one.
fn ids(real: &str) -> Vec<(&'static str, String)> {
    vec![
        ("quote", format!("{real}'")),
        ("double-quote", format!("\"{real}\"")),
        ("backslash", format!("{real}\\")),
        ("injection", "' or '1'='1".to_owned()),
        ("union", format!("{real}' union select null --")),
        ("percent", "%".to_owned()),
        ("prefix-percent", format!("{}%", real.chars().take(1).collect::<String>())),
        ("underscore", "_".repeat(real.chars().count())),
        ("star", "*".to_owned()),
        ("nul", format!("{real}\0")),
        ("megabyte", "x".repeat(1 << 20)),
        ("megabyte-tail", format!("{real}{}", " ".repeat(1 << 20))),
        ("trailing-space", format!("{real} ")),
        ("leading-space", format!(" {real}")),
        ("upper-case", real.to_uppercase()),
        ("look-alike", look_alike(real)),
        ("zero-width", format!("{real}\u{200b}")),
        ("full-width", real.chars().map(full_width).collect()),
        ("null-word", "null".to_owned()),
        ("list", format!("{real},{real}")),
    ]
}

/// Replaces the first Latin letter that has a Cyrillic look-alike; without one, appends a look-alike.
fn look_alike(real: &str) -> String {
    const TWINS: [(char, char); 6] =
        [('a', 'а'), ('e', 'е'), ('o', 'о'), ('c', 'с'), ('p', 'р'), ('x', 'х')];
    let twin = |c: char| TWINS.iter().find(|(latin, _)| *latin == c).map(|(_, cyrillic)| *cyrillic);
    match real.char_indices().find_map(|(i, c)| twin(c).map(|t| (i, c, t))) {
        Some((i, c, t)) => format!("{}{t}{}", &real[..i], &real[i + c.len_utf8()..]),
        None => format!("{real}\u{0430}"),
    }
}

fn full_width(c: char) -> char {
    match c {
        '!'..='~' => char::from_u32(c as u32 + 0xfee0).unwrap_or(c),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_alike_differs_in_one_letter() {
        let twin = look_alike("bfg-lviv-farma");
        assert_ne!(twin, "bfg-lviv-farma");
        assert_eq!(twin.chars().count(), "bfg-lviv-farma".chars().count());
        assert_eq!(look_alike("42"), "42\u{0430}");
    }

    #[test]
    fn no_hostile_id_is_the_real_one() {
        for (name, id) in ids("bfg-demo") {
            assert_ne!(id, "bfg-demo", "{name}");
        }
    }
}
