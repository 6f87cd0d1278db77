//! Separation of tenants: what one cannot see or change of another.

use super::expect::{Outcome, equal, refused, same};
use super::scene::Scene;
use super::{StoreFixture, sample};
use flowcontrol_contract::ErrorKind;
use flowcontrol_contract::store::Expected;

super::suite!("isolation":
    another_tenants_id_is_absent,
    one_id_names_a_record_in_each_tenant,
    heads_count_one_tenant,
    reads_give_one_tenant,
    rosters_are_of_one_tenant,
    heads_are_expected_of_one_tenant,
    replays_are_found_in_one_tenant,
    another_tenants_actor_is_unknown,
    look_alike_tenants_are_kept_apart,
);

async fn another_tenants_id_is_absent(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    first.fill(1, 5).await?;
    for record in sample::records(1, 5)? {
        let what = format!("get of another tenant's {}", record.id);
        equal(&what, &second.get(&record.id).await?, &None)?;
    }
    Ok(())
}

async fn one_id_names_a_record_in_each_tenant(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    let mine = sample::note("shared", r#"{"whose":"first"}"#)?;
    let theirs = sample::note("shared", r#"{"whose":"second"}"#)?;
    first.append(std::slice::from_ref(&mine)).await?;
    second.append(std::slice::from_ref(&theirs)).await?;
    for (scene, written) in [(first, mine), (second, theirs)] {
        let expected = written.clone().placed(scene.tenant().clone(), 1);
        equal("get of a shared id", &scene.get(&written.id).await?, &Some(expected))?;
        scene.has_exactly(&[written]).await?;
    }
    Ok(())
}

async fn heads_count_one_tenant(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    first.fill(1, 4).await?;
    equal("head beside another tenant's records", &second.head().await?, &0)?;
    let appended = second.append(&sample::records(101, 102)?).await?;
    equal("first append beside another tenant's", &(appended.first, appended.last), &(1, 2))?;
    equal("head of the first tenant", &first.head().await?, &4)
}

async fn reads_give_one_tenant(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for n in 1..6 {
        mine.extend(first.fill(n, n).await?);
        theirs.extend(second.fill(100 + n, 100 + n).await?);
    }
    first.has_exactly(&mine).await?;
    second.has_exactly(&theirs).await
}

async fn rosters_are_of_one_tenant(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    for scene in [&first, &second] {
        let expected = Some(sample::roster(scene.tenant())?);
        equal("roster beside another tenant's", &scene.roster().await?, &expected)?;
    }
    let third = first.as_tenant(sample::tenant(2)?);
    equal("roster of a tenant never enrolled", &third.roster().await?, &None)
}

async fn heads_are_expected_of_one_tenant(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    first.fill(1, 4).await?;
    let batch = sample::records(1, 2)?;
    let outcome = second.attempt(Expected::Head(4), &batch).await;
    refused("append at another tenant's head", outcome, &[ErrorKind::Conflict])?;
    second.has_exactly(&[]).await
}

async fn replays_are_found_in_one_tenant(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    let batch = first.fill(1, 4).await?;
    let appended = second.append(&batch).await?;
    equal("another tenant's batch is not a replay", &appended.replayed, &false)?;
    second.has_exactly(&batch).await?;
    first.has_exactly(&batch).await
}

async fn another_tenants_actor_is_unknown(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    let mut record = sample::note("foreign", "{}")?;
    record.actor = sample::actor_id(&sample::own_actor(second.tenant()))?;
    let outcome = first.attempt(Expected::Any, std::slice::from_ref(&record)).await;
    refused("append by another tenant's actor", outcome, &[ErrorKind::InvalidInput])?;
    first.has_exactly(&[]).await?;
    second.append(&[record]).await.map(drop)
}

async fn look_alike_tenants_are_kept_apart(fixture: &dyn StoreFixture) -> Outcome {
    let base = Scene::bare(fixture).await?;
    let all = sample::tenants();
    for (n, tenant) in (1..).zip(&all) {
        let scene = base.as_tenant(tenant.clone());
        equal(&format!("roster of {tenant} before enrolling"), &scene.roster().await?, &None)?;
        scene.enroll().await?;
        scene.append(&[sample::note("shared", &format!("{{\"n\":{n}}}"))?]).await?;
        scene.fill(n, n).await?;
    }
    for (n, tenant) in (1..).zip(&all) {
        let scene = base.as_tenant(tenant.clone());
        let shared = sample::note("shared", &format!("{{\"n\":{n}}}"))?;
        scene.has_exactly(&[shared, sample::record(n)?]).await?;
        let roster = Some(sample::roster(tenant)?);
        equal(&format!("roster of {tenant}"), &scene.roster().await?, &roster)?;
        let mut ids = Vec::new();
        for other in 1..=all.len() as u64 {
            if scene.get(&sample::record(other)?.id).await?.is_some() {
                ids.push(other);
            }
        }
        same(&format!("records that {tenant} can get"), &ids, &[n])?;
    }
    Ok(())
}
