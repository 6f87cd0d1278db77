//! Tenants and actors.

use super::expect::{Outcome, done, equal, holds, refused, same};
use super::scene::Scene;
use super::{StoreFixture, sample};
use flowcontrol_contract::adapter::Port;
use flowcontrol_contract::{ErrorKind, Roster};

super::suite!("roster":
    names_its_port,
    is_none_before_enrolling,
    reads_back_as_enrolled,
    enrolls_twice_like_once,
    changes_and_adds_actors,
    never_loses_an_actor,
    allows_a_tenant_without_actors,
    refuses_another_tenant,
    lists_tenants_in_order,
);

async fn names_its_port(fixture: &dyn StoreFixture) -> Outcome {
    let info = Scene::bare(fixture).await?.store.info();
    equal("the port in info", &info.port, &Port::Store)?;
    holds("the kind in info is not empty", !info.kind.is_empty())?;
    holds("the endpoint in info is not empty", !info.endpoint.is_empty())
}

async fn is_none_before_enrolling(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::bare(fixture).await?;
    equal("roster before enrolling", &scene.roster().await?, &None)?;
    equal("head before enrolling", &scene.head().await?, &0)?;
    equal("get before enrolling", &scene.get(&sample::record_id("rec-1")?).await?, &None)?;
    same("read before enrolling", &scene.read(0).await?, &[])
}

async fn reads_back_as_enrolled(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    equal("roster", &scene.roster().await?, &Some(sample::roster(scene.tenant())?))
}

async fn enrolls_twice_like_once(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let written = scene.fill(1, 3).await?;
    scene.enroll().await?;
    equal("roster", &scene.roster().await?, &Some(sample::roster(scene.tenant())?))?;
    scene.has_exactly(&written).await
}

async fn changes_and_adds_actors(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut roster = sample::roster(scene.tenant())?;
    roster.name = "Нова назва".into();
    for actor in &mut roster.actors {
        actor.role = "accountant".into();
        actor.display_name.push_str(" (changed)");
        actor.permissions = vec!["invoices:read".into()];
    }
    roster.actors.push(sample::actor("olena", "Олена Шевченко")?);
    let changed = Roster::new(roster.tenant, roster.name, roster.actors);
    let changed = sample::valid(changed)?;
    done("enroll a changed roster", scene.store.enroll(&scene.cx, &changed).await)?;
    equal("roster", &scene.roster().await?, &Some(changed))?;
    let mut record = sample::note("by-olena", "{}")?;
    record.actor = sample::actor_id("olena")?;
    scene.append(&[record]).await.map(drop)
}

/// A roster with fewer actors may be refused, but the missing ones stay, since records name them.
async fn never_loses_an_actor(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut smaller = sample::roster(scene.tenant())?;
    smaller.actors.retain(|actor| actor.id.as_str() != "anna");
    let outcome = scene.store.enroll(&scene.cx, &smaller).await;
    if outcome.is_err() {
        let kinds = [ErrorKind::InvalidInput, ErrorKind::Conflict];
        refused("enroll a smaller roster", outcome, &kinds)?;
    }
    let ids = |roster: Option<Roster>| -> Vec<String> {
        roster.iter().flat_map(|r| &r.actors).map(|a| a.id.to_string()).collect()
    };
    let expected = ids(Some(sample::roster(scene.tenant())?));
    same("actors after a smaller roster", &ids(scene.roster().await?), &expected)
}

async fn allows_a_tenant_without_actors(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::bare(fixture).await?;
    let empty = sample::valid(Roster::new(scene.tenant().clone(), "Порожньо", Vec::new()))?;
    done("enroll a tenant without actors", scene.store.enroll(&scene.cx, &empty).await)?;
    equal("roster", &scene.roster().await?, &Some(empty))
}

async fn refuses_another_tenant(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    let mut theirs = sample::roster(second.tenant())?;
    theirs.name = "Taken over".into();
    let outcome = first.store.enroll(&first.cx, &theirs).await;
    refused("enroll another tenant", outcome, &[ErrorKind::InvalidInput])?;
    for scene in [first, second] {
        let expected = Some(sample::roster(scene.tenant())?);
        equal("roster after a refused enroll", &scene.roster().await?, &expected)?;
    }
    Ok(())
}

async fn lists_tenants_in_order(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::bare(fixture).await?;
    for tenant in sample::tenants() {
        scene.as_tenant(tenant).enroll().await?;
    }
    let mut expected = sample::tenants();
    expected.sort();
    same("tenants", &done("tenants", scene.store.tenants().await)?, &expected)
}
