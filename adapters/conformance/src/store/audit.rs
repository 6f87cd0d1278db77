//! The audit trail: who appended what, in which request.

use super::expect::{Outcome, done, equal, refused, same};
use super::scene::Scene;
use super::{StoreFixture, sample};
use flowcontrol_contract::audit::{PAGE, append_events};
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{AuditEvent, CallCx, ErrorKind, NewRecord};

super::suite!("audit":
    names_the_caller_and_the_request,
    names_each_actor_when_the_engine_appends,
    tells_of_every_append_in_order,
    keeps_no_event_of_what_was_refused,
    keeps_no_second_event_of_a_replay,
    refuses_a_caller_never_enrolled,
    is_of_one_tenant,
    is_given_page_by_page,
    outlives_the_process,
);

/// The call of `actor` in request `request`.
fn call(scene: &Scene, actor: &str, request: &str) -> Outcome<CallCx> {
    Ok(CallCx {
        actor: Some(sample::actor_id(actor)?),
        request: Some(request.to_owned()),
        ..scene.cx.clone()
    })
}

async fn trail(scene: &Scene, after: u64) -> Outcome<Vec<AuditEvent>> {
    done("trail", scene.store.trail(&scene.cx, after).await)
}

fn events(cx: &CallCx, first: u64, batch: &[NewRecord]) -> Outcome<Vec<AuditEvent>> {
    done("the events of an append", append_events(cx, first, batch))
}

async fn names_the_caller_and_the_request(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let (cx, batch) = (call(&scene, "marek", "req-1_Ł.a")?, sample::records(1, 4)?);
    done("append", scene.store.append(&cx, Expected::Any, &batch).await)?;
    let came = trail(&scene, 0).await?;
    same("trail", &came, &events(&cx, 1, &batch)?)?;
    let [event] = came.as_slice() else { return Err("expected one event".into()) };
    equal("the event's actor", &event.actor, &sample::actor_id("marek")?)?;
    let expected = r#"{"action":"append","first":1,"last":4,"records":4,"request":"req-1_Ł.a"}"#;
    equal("the event's payload", &event.payload.as_str(), &expected)
}

async fn names_each_actor_when_the_engine_appends(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let batch = scene.fill(1, 5).await?;
    let came = trail(&scene, 0).await?;
    same("trail", &came, &events(&scene.cx, 1, &batch)?)?;
    let actors: Vec<_> = came.iter().map(|event| event.actor.to_string()).collect();
    equal("the events' actors", &actors, &vec!["marek".to_owned(), "anna".to_owned()])
}

async fn tells_of_every_append_in_order(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut expected = Vec::new();
    for (first, last, actor) in [(1, 1, "anna"), (2, 12, "marek"), (13, 14, "anna")] {
        let cx = call(&scene, actor, &format!("req-{first}"))?;
        let batch = sample::records(first, last)?;
        done("append", scene.store.append(&cx, Expected::Head(first - 1), &batch).await)?;
        expected.extend(events(&cx, first, &batch)?);
    }
    same("trail", &trail(&scene, 0).await?, &expected)?;
    same("trail after record 1", &trail(&scene, 1).await?, &expected[1..])?;
    same("trail after record 2", &trail(&scene, 2).await?, &expected[2..])?;
    same("trail after the last", &trail(&scene, u64::MAX).await?, &[])
}

async fn keeps_no_event_of_what_was_refused(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let cx = call(&scene, "anna", "refused")?;
    let written = scene.fill(1, 2).await?;
    let mut bad_actor = sample::records(3, 5)?;
    bad_actor[2].actor = sample::actor_id("nobody")?;
    let mut taken = sample::records(3, 5)?;
    taken.push(sample::note("rec-1", r#"{"other":"content"}"#)?);
    let outcome = scene.store.append(&cx, Expected::Any, &bad_actor).await;
    refused("append with a bad actor", outcome, &[ErrorKind::InvalidInput])?;
    let outcome = scene.store.append(&cx, Expected::Any, &taken).await;
    refused("append with a taken id", outcome, &[ErrorKind::Conflict])?;
    let outcome = scene.store.append(&cx, Expected::Head(7), &sample::records(3, 5)?).await;
    refused("append at a wrong head", outcome, &[ErrorKind::Conflict])?;
    same("trail", &trail(&scene, 0).await?, &events(&scene.cx, 1, &written)?)
}

async fn keeps_no_second_event_of_a_replay(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let (first, again) = (call(&scene, "anna", "first")?, call(&scene, "marek", "again")?);
    let batch = sample::records(1, 3)?;
    for cx in [&first, &again, &again] {
        done("append", scene.store.append(cx, Expected::Any, &batch).await)?;
    }
    same("trail", &trail(&scene, 0).await?, &events(&first, 1, &batch)?)
}

async fn refuses_a_caller_never_enrolled(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let cx = call(&scene, "nobody", "req")?;
    let outcome = scene.store.append(&cx, Expected::Any, &sample::records(1, 2)?).await;
    refused("append by an unknown caller", outcome, &[ErrorKind::InvalidInput])?;
    scene.has_exactly(&[]).await?;
    same("trail", &trail(&scene, 0).await?, &[])
}

async fn is_of_one_tenant(fixture: &dyn StoreFixture) -> Outcome {
    let (one, other) = Scene::two(fixture).await?;
    let mut expected = Vec::new();
    for (scene, request) in [(&one, "one"), (&other, "other")] {
        let (cx, batch) = (call(scene, "anna", request)?, sample::records(1, 2)?);
        done("append", scene.store.append(&cx, Expected::Any, &batch).await)?;
        expected.push(events(&cx, 1, &batch)?);
    }
    same("trail of the first", &trail(&one, 0).await?, &expected[0])?;
    same("trail of the second", &trail(&other, 0).await?, &expected[1])?;
    let nobody = one.as_tenant(sample::tenant(2)?);
    same("trail of a tenant never enrolled", &trail(&nobody, 0).await?, &[])
}

async fn is_given_page_by_page(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut expected = Vec::new();
    let all = PAGE as u64 + 3;
    for n in 1..=all {
        let (cx, batch) = (call(&scene, "anna", "many")?, [sample::record(n)?]);
        done("append", scene.store.append(&cx, Expected::Any, &batch).await)?;
        expected.extend(events(&cx, n, &batch)?);
    }
    let first = trail(&scene, 0).await?;
    same("the first page", &first, &expected[..PAGE])?;
    let after = first.last().and_then(AuditEvent::first).unwrap_or_default();
    same("the second page", &trail(&scene, after).await?, &expected[PAGE..])
}

async fn outlives_the_process(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let (cx, batch) = (call(&scene, "marek", "req-9")?, sample::records(1, 3)?);
    done("append", scene.store.append(&cx, Expected::Any, &batch).await)?;
    let scene = scene.reopened(fixture).await;
    same("trail after opening again", &trail(&scene, 0).await?, &events(&cx, 1, &batch)?)
}
