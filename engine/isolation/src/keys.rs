//! Case 8: unique keys and foreign keys, whose checks ignore row-level security.

use super::catalog::{ForeignKey, Relation, SqlCommand};
use super::context::{Attacker, OTHER, OWN, ProbeContext};
use super::fresh::{CloneChange, insert_sql};
use super::judge::{self, ProbeJudgement};
use super::report::ProbeVerdict;
use super::session::{AttemptOutcome, SendMode};
use flowcontrol_base::Result;

fn leak(why: String) -> ProbeJudgement {
    (ProbeVerdict::Leak(why.clone()), why)
}

fn unproved(why: String) -> ProbeJudgement {
    (ProbeVerdict::Unproved(why.clone()), why)
}

/// Probes the keys of every table; needs the attackers' insertable rows.
pub async fn probe(
    context: &mut ProbeContext<'_>,
    attackers: &mut [Attacker],
    tables: &[Relation],
) -> Result<()> {
    for table in tables {
        by_catalog(context, table);
        for attacker in attackers.iter_mut().filter(|a| !a.is_owner()) {
            same_key(context, attacker, table).await?;
        }
        for key in context.catalog.foreign_keys(&table.name).cloned().collect::<Vec<_>>() {
            foreign_key(context, attackers, table, &key).await?;
        }
    }
    Ok(())
}

/// Checks that every unique index and every foreign key between tenants' tables includes the tenant.
fn by_catalog(context: &mut ProbeContext<'_>, table: &Relation) {
    let tenant = context.settings().tenant_column.clone();
    for key in context.catalog.keys(&table.name).cloned().collect::<Vec<_>>() {
        let judged = if key.columns.iter().flatten().any(|c| *c == tenant) {
            (ProbeVerdict::Held, format!("the key includes {tenant}"))
        } else {
            leak(format!(
                "the unique index {} does not include {tenant}: it reveals and blocks other tenants' keys",
                key.name
            ))
        };
        context.push(
            8,
            format!("{}.key.{}", table.name, key.name),
            "catalog",
            &table.name,
            "UNIQUE",
            judged,
        );
    }
}

/// The same key in two tenants, by ON CONFLICT DO NOTHING: both rows must be written.
async fn same_key(
    context: &mut ProbeContext<'_>,
    attacker: &mut Attacker,
    table: &Relation,
) -> Result<()> {
    // A table with one row per tenant has no key besides the tenant, and a fixture row that was
    // sent unchanged has no counterpart: `key.*` judges both by the catalog.
    let Some(found) = attacker.insertable.get(&table.name).cloned() else { return Ok(()) };
    let (Some(change), true) = (found.change, found.tenant == context.tenants[OTHER]) else {
        return Ok(());
    };
    let name = attacker.name().to_owned();
    // Both use this run's salt: the insertable row has its attacker's own key, and two rows of
    // different keys would both be written and prove nothing.
    let twins = [OTHER, OWN]
        .map(|side| context.cloner().fresh(&table.name, side, &context.tenants[side], change, ""));
    let (other, own) = match twins {
        [Ok(other), Ok(own)] => (other, own),
        [Err(why), _] | [_, Err(why)] => {
            context.push(
                8,
                format!("{}.insert.same-key", table.name),
                attacker.key,
                &table.name,
                "INSERT",
                unproved(why),
            );
            return Ok(());
        }
    };
    let (Some(first), Some(second)) = (other.row(), own.row()) else { return Ok(()) };
    let mut setup = context.plant(&name, table, OTHER, false);
    setup.push(context.as_tenant(&context.tenants[OTHER]));
    setup.extend(context.parents(&name, &other));
    setup.push(insert_sql(table, &first.row, &name));
    setup.extend(context.plant(&name, table, OWN, false));
    setup.push(context.as_tenant(&context.tenants[OWN]));
    setup.extend(context.parents(&name, &own));
    let sql = format!("{} on conflict do nothing", insert_sql(table, &second.row, &name));
    let judged = match attacker.session.attempt(&setup, &sql, SendMode::Plain).await? {
        AttemptOutcome::Rows(1..) => {
            (ProbeVerdict::Held, "the same key was written for both tenants".to_owned())
        }
        AttemptOutcome::Rows(0) => leak(
            "a row was silently skipped because another tenant's hidden row has its key".into(),
        ),
        AttemptOutcome::Refused(r) if r.code == "23505" => {
            leak(format!("another tenant's hidden row was revealed: {}", r.describe()))
        }
        // A parent's key may be the one that collides; its own probe names it.
        other => unproved(format!("the second tenant's row {}", judge::describe(&other))),
    };
    context.push(
        8,
        format!("{}.insert.same-key", table.name),
        attacker.key,
        &table.name,
        "INSERT",
        judged,
    );
    Ok(())
}

/// Refers from a row to another tenant's row, as the first login that can run the control.
async fn foreign_key(
    context: &mut ProbeContext<'_>,
    attackers: &mut [Attacker],
    table: &Relation,
    key: &ForeignKey,
) -> Result<()> {
    let settings = context.settings();
    let tenant = &settings.tenant_column;
    let id = format!("{}.foreign-key.{}", table.name, key.name);
    let parent = context.catalog.relation(&key.parent_schema, &key.parent).cloned();
    let Some(parent) = parent.filter(|p| p.column(tenant).is_some()) else {
        let detail = format!("{} holds no tenants' data", key.parent);
        context.push(8, id, "catalog", &table.name, "FOREIGN KEY", (ProbeVerdict::Held, detail));
        return Ok(());
    };
    let paired = key
        .columns
        .iter()
        .zip(&key.parent_columns)
        .any(|(from, to)| from == tenant && to == tenant);
    if !paired || !key.validated {
        let what =
            if paired { "is NOT VALID" } else { "does not include the tenant on both sides" };
        let why =
            format!("the foreign key {} {what}: a row may refer to another tenant's row", key.name);
        context.push(8, id, "catalog", &table.name, "FOREIGN KEY", leak(why));
        return Ok(());
    }
    let mut last = (
        ProbeVerdict::Held,
        "the key includes the tenant on both sides; no probed login may insert here".to_owned(),
    );
    let mut by = "catalog";
    if key.columns.len() == 1 {
        let detail = "its only column is the tenant, which insert.other-tenant attacks".to_owned();
        context.push(8, id, by, &table.name, "FOREIGN KEY", (ProbeVerdict::Held, detail));
        return Ok(());
    }
    for attacker in attackers.iter_mut().filter(|a| !a.is_owner()) {
        let standing = context.standing(attacker, table, &["INSERT"], &[SqlCommand::Insert]);
        if !(standing.granted && standing.admitted) {
            continue;
        }
        by = attacker.key;
        last = point(context, attacker, table, &parent, key).await?;
        if !matches!(last.0, ProbeVerdict::Unproved(_)) {
            break;
        }
    }
    context.push(8, id, by, &table.name, "FOREIGN KEY", last);
    Ok(())
}

async fn point(
    context: &ProbeContext<'_>,
    attacker: &mut Attacker,
    table: &Relation,
    parent: &Relation,
    key: &ForeignKey,
) -> Result<ProbeJudgement> {
    let name = attacker.name().to_owned();
    let tenant = &context.settings().tenant_column;
    let mut last = unproved("no row could be built for the control".to_owned());
    for change in [CloneChange::Keys, CloneChange::KeysAndIntegers] {
        let child =
            context.cloner().fresh(&table.name, OWN, &context.tenants[OWN], change, "child");
        // The same parent key in both tenants: the control's parent and the attack's differ in
        // the tenant only.
        let parents: Vec<_> = [OWN, OTHER]
            .iter()
            .map(|side| {
                context.cloner().fresh(
                    &parent.name,
                    *side,
                    &context.tenants[*side],
                    change,
                    "parent",
                )
            })
            .collect();
        let (Ok(child), [Ok(own), Ok(other)]) = (&child, parents.as_slice()) else {
            let why = child.err().or_else(|| parents.into_iter().find_map(Result::err));
            last = unproved(why.unwrap_or_default());
            continue;
        };
        let (Some(row), Some(target)) = (child.row(), own.row()) else { continue };
        let mut row = row.row.clone();
        for (from, to) in key.columns.iter().zip(&key.parent_columns) {
            if from != tenant {
                row.insert(from.clone(), target.row.get(to).cloned().flatten());
            }
        }
        let mut rest = context.plant(&name, table, OWN, false);
        rest.push(context.as_tenant(&context.tenants[OWN]));
        for insert in child.parents().iter().filter(|i| i.via.as_ref() != Some(&key.name)) {
            if let Some(relation) =
                context.catalog.relation(&context.settings().schema, &insert.table)
            {
                rest.push(insert_sql(relation, &insert.row, &name));
            }
        }
        let sql = insert_sql(table, &row, &name);
        let mut outcomes = Vec::new();
        for (side, fresh) in [(OWN, own), (OTHER, other)] {
            let mut setup = context.plant(&name, parent, side, false);
            setup.push(context.as_tenant(&context.tenants[side]));
            setup.extend(context.parents(&name, fresh));
            if let Some(insert) = fresh.row() {
                setup.push(insert_sql(parent, &insert.row, &name));
            }
            setup.extend(rest.iter().cloned());
            outcomes.push(attacker.session.attempt(&setup, &sql, SendMode::Plain).await?);
        }
        let [control, attack] = outcomes.as_slice() else { continue };
        last = match (control, attack) {
            (_, AttemptOutcome::Rows(1..)) => {
                leak("a row was written that refers to another tenant's row".into())
            }
            (AttemptOutcome::Rows(1..), AttemptOutcome::Refused(r))
                if r.code == "23503" || r.by_policy() =>
            {
                (
                    ProbeVerdict::Held,
                    "refused; the same row may refer to a row of its own tenant".to_owned(),
                )
            }
            (control, attack) => unproved(format!(
                "the attack gave {}, the control {}",
                judge::describe(attack),
                judge::describe(control)
            )),
        };
        if !matches!(last.0, ProbeVerdict::Unproved(_)) {
            break;
        }
    }
    Ok(last)
}
