//! Freeze windows: what is refused, what continues, and when a window ends.

use super::StoreFixture;
use super::expect::{Outcome, done, equal, holds, placed, refused, same};
use super::sample::{self, valid};
use super::scene::Scene;
use flowcontrol_contract::fence::{Raised, Window};
use flowcontrol_contract::store::{Appended, Expected};
use flowcontrol_contract::{ErrorKind, NewRecord, Result, Roster, TenantId, Timestamp};
use std::time::Duration;

super::suite!("fence":
    refuses_appends,
    refuses_enrolling,
    refuses_imports,
    answers_calls_that_write_nothing,
    leaves_reads_alone,
    leaves_other_tenants_alone,
    lets_the_raisers_own_writes_pass,
    ends_by_itself,
    ends_when_lifted,
    lifts_no_window_of_another_id,
    refuses_a_second_window,
    raises_for_all_or_none,
    moves_the_end_of_a_window,
    refuses_a_window_that_is_over,
    keeps_an_id_for_one_window,
    waits_for_writers_at_work,
    counts_what_it_refused,
    outlives_the_process,
);

/// Long enough not to end during a case.
const LONG: Duration = Duration::from_secs(3_600);

/// Length of the window in the case about its end.
const SHORT: Duration = Duration::from_millis(700);

/// A window from a moment ago to `after` from now.
fn window(id: &str, after: Duration) -> Outcome<Window> {
    let now = Timestamp::now().micros();
    let after = i64::try_from(after.as_micros()).map_err(|e| e.to_string())?;
    let at = |micros| valid(Timestamp::from_micros(micros));
    valid(Window::new(id, "Próba wycofania", at(now - 1)?, at(now + after)?))
}

impl Scene {
    async fn raise(&self, window: &Window) -> Outcome {
        done("raise", self.try_raise(window).await)
    }

    async fn try_raise(&self, window: &Window) -> Result<()> {
        self.store.fence().raise(&[self.tenant().clone()], window).await
    }

    async fn in_force(&self) -> Outcome<Option<Raised>> {
        done("window", self.store.fence().window(&[self.tenant().clone()]).await)
    }

    async fn lift(&self, id: &str) -> Result<()> {
        self.store.fence().lift(&[self.tenant().clone()], id).await
    }

    /// The same store with the calls of whoever raised the window with this id.
    fn holding(&self, id: &str) -> Self {
        let mut own = self.clone();
        own.cx.window = Some(id.to_owned());
        own
    }

    /// Requires that an append is refused.
    async fn is_frozen(&self, batch: &[NewRecord]) -> Outcome {
        let outcome = self.attempt(Expected::Any, batch).await;
        refused("append while frozen", outcome, &[ErrorKind::Frozen])
    }
}

/// A tenant of four records, frozen by a long window.
async fn frozen(fixture: &dyn StoreFixture) -> Outcome<(Scene, Window)> {
    let scene = Scene::one(fixture).await?;
    scene.fill(1, 4).await?;
    let window = window("drill-1", LONG)?;
    scene.raise(&window).await?;
    Ok((scene, window))
}

/// A replay is refused like any other append.
async fn refuses_appends(fixture: &dyn StoreFixture) -> Outcome {
    let (scene, window) = frozen(fixture).await?;
    for batch in [sample::records(5, 6)?, sample::records(1, 4)?] {
        scene.is_frozen(&batch).await?;
        let outcome = scene.attempt(Expected::Head(4), &batch).await;
        refused("append at the right head while frozen", outcome, &[ErrorKind::Frozen])?;
    }
    let outcome = scene.attempt(Expected::Any, &sample::records(5, 6)?).await;
    let said = outcome.err().map(|e| e.message().to_owned()).unwrap_or_default();
    for part in [&window.reason, &window.id, &window.expires_at.to_string()] {
        holds(&format!("the refusal {said:?} names {part:?}"), said.contains(part))?;
    }
    scene.has_exactly(&sample::records(1, 4)?).await
}

/// An actor cannot be added, and a tenant that was frozen before it was enrolled stays absent.
async fn refuses_enrolling(fixture: &dyn StoreFixture) -> Outcome {
    let (scene, window) = frozen(fixture).await?;
    let before = scene.roster().await?;
    let mut roster = sample::roster(scene.tenant())?;
    roster.actors.push(sample::actor("newcomer", "Newcomer")?);
    let roster = valid(Roster::new(roster.tenant, roster.name, roster.actors))?;
    for given in [&roster, &sample::roster(scene.tenant())?] {
        let outcome = scene.store.enroll(&scene.cx, given).await;
        refused("enroll while frozen", outcome, &[ErrorKind::Frozen])?;
    }
    equal("roster of a frozen tenant", &scene.roster().await?, &before)?;
    let absent = scene.as_tenant(sample::tenant(1)?);
    absent.raise(&window).await?;
    let roster = sample::roster(absent.tenant())?;
    let outcome = absent.store.enroll(&absent.cx, &roster).await;
    refused("enroll of a new tenant while frozen", outcome, &[ErrorKind::Frozen])?;
    equal("roster of a tenant frozen before it was there", &absent.roster().await?, &None)
}

async fn refuses_imports(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let all = sample::history(scene.tenant(), 1, 9)?;
    done("import", scene.import("snapshot", &all[..5]).await)?;
    scene.raise(&window("drill-1", LONG)?).await?;
    for chunk in [&all[5..], &all[..5]] {
        let outcome = scene.import("snapshot", chunk).await;
        refused("import while frozen", outcome, &[ErrorKind::Frozen])?;
    }
    same("read of a frozen tenant", &scene.read(0).await?, &all[..5])
}

/// Asking where an import stands is no write.
async fn answers_calls_that_write_nothing(fixture: &dyn StoreFixture) -> Outcome {
    let (scene, _) = frozen(fixture).await?;
    let nothing = Appended { first: 0, last: 0, replayed: false };
    equal("append of nothing while frozen", &scene.append(&[]).await?, &nothing)?;
    let stands = done("import of nothing while frozen", scene.import("snapshot", &[]).await)?;
    equal("where an import stands while frozen", &stands.last, &4)
}

async fn leaves_reads_alone(fixture: &dyn StoreFixture) -> Outcome {
    let (scene, _) = frozen(fixture).await?;
    scene.has_exactly(&sample::records(1, 4)?).await?;
    let first = sample::record(1)?;
    let stored = scene.get(&first.id).await?;
    equal("get while frozen", &stored, &Some(first.placed(scene.tenant().clone(), 1)))?;
    equal("roster while frozen", &scene.roster().await?.is_some(), &true)?;
    done("export while frozen", scene.store.export(&[scene.tenant().clone()]).await)?;
    let mut view =
        done("read back while frozen", scene.store.read_back(&[scene.tenant().clone()]).await)?;
    let rows = done("rows while frozen", view.rows("records", scene.tenant(), 0).await)?;
    equal("rows while frozen", &rows.len(), &4)
}

async fn leaves_other_tenants_alone(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    first.raise(&window("drill-1", LONG)?).await?;
    second.fill(1, 3).await?;
    second.enroll().await?;
    equal("window of another tenant", &second.in_force().await?, &None)?;
    first.is_frozen(&sample::records(1, 1)?).await?;
    // Another tenant's window is independent, also with the same id.
    second.raise(&window("drill-1", LONG)?).await?;
    done("lift", second.lift("drill-1").await)?;
    second.fill(4, 4).await?;
    first.is_frozen(&sample::records(1, 1)?).await
}

async fn lets_the_raisers_own_writes_pass(fixture: &dyn StoreFixture) -> Outcome {
    let (scene, window) = frozen(fixture).await?;
    let own = scene.holding(&window.id);
    own.enroll().await?;
    own.fill(5, 6).await?;
    let more = sample::history(scene.tenant(), 7, 8)?;
    done("import by the window's own call", own.import("snapshot", &more).await)?;
    scene.holding("another").is_frozen(&sample::records(9, 9)?).await?;
    scene.has_exactly(&sample::records(1, 8)?).await
}

async fn ends_by_itself(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let short = window("drill-1", SHORT)?;
    scene.raise(&short).await?;
    scene.is_frozen(&sample::records(1, 2)?).await?;
    tokio::time::sleep(SHORT * 2).await;
    equal("window after its end", &scene.in_force().await?, &None)?;
    let outcome = scene.lift(&short.id).await;
    refused("lift of a window that is over", outcome, &[ErrorKind::NotFound])?;
    scene.fill(1, 2).await?;
    // An expired window is reactivated by a later end, and another one may follow an expired one.
    scene.raise(&window("drill-1", SHORT)?).await?;
    scene.is_frozen(&sample::records(3, 3)?).await?;
    tokio::time::sleep(SHORT * 2).await;
    scene.raise(&window("drill-2", LONG)?).await?;
    scene.is_frozen(&sample::records(3, 3)?).await
}

async fn ends_when_lifted(fixture: &dyn StoreFixture) -> Outcome {
    let (scene, window) = frozen(fixture).await?;
    done("lift", scene.lift(&window.id).await)?;
    equal("window after it was lifted", &scene.in_force().await?, &None)?;
    scene.fill(5, 6).await?;
    refused("lift twice", scene.lift(&window.id).await, &[ErrorKind::NotFound])
}

async fn lifts_no_window_of_another_id(fixture: &dyn StoreFixture) -> Outcome {
    let (scene, window) = frozen(fixture).await?;
    for id in ["drill-2", "drill", "drill-11", "", "%"] {
        let what = format!("lift of {id:?}");
        refused(&what, scene.lift(id).await, &[ErrorKind::NotFound])?;
    }
    scene.is_frozen(&sample::records(5, 5)?).await?;
    let raised = scene.in_force().await?.map(|raised| raised.window);
    equal("window after lifting others", &raised, &Some(window))
}

async fn refuses_a_second_window(fixture: &dyn StoreFixture) -> Outcome {
    let (scene, first) = frozen(fixture).await?;
    let outcome = scene.try_raise(&window("drill-2", LONG * 2)?).await;
    let said = outcome.as_ref().err().map(|e| e.message().to_owned()).unwrap_or_default();
    refused("raise of a second window", outcome, &[ErrorKind::Conflict])?;
    holds("the conflict names the window in force", said.contains(&first.id))?;
    let raised = scene.in_force().await?.map(|raised| raised.window);
    equal("window after a second one was refused", &raised, &Some(first))
}

async fn raises_for_all_or_none(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    let both = [second.tenant().clone(), first.tenant().clone()];
    let fence = first.store.fence();
    // Whichever is checked first, the other one must stay free.
    for (id, held, free) in [("held-1", &first, &second), ("held-2", &second, &first)] {
        held.raise(&window(id, LONG)?).await?;
        let outcome = fence.raise(&both, &window("drill-1", LONG)?).await;
        refused("raise over a window in force", outcome, &[ErrorKind::Conflict])?;
        equal("window of the free tenant", &free.in_force().await?, &None)?;
        done("lift", held.lift(id).await)?;
    }
    done("raise for both", fence.raise(&both, &window("drill-1", LONG)?).await)?;
    for scene in [&first, &second] {
        scene.is_frozen(&sample::records(1, 1)?).await?;
    }
    let raised = done("window of both", fence.window(&both).await)?;
    equal("refusals of both together", &raised.map(|r| r.refused), &Some(2))?;
    done("lift for both", fence.lift(&both, "drill-1").await)?;
    for scene in [&first, &second] {
        scene.fill(1, 1).await?;
    }
    let none: [TenantId; 0] = [];
    let outcome = fence.raise(&none, &window("drill-2", LONG)?).await;
    refused("raise for nobody", outcome, &[ErrorKind::InvalidInput])
}

async fn moves_the_end_of_a_window(fixture: &dyn StoreFixture) -> Outcome {
    let (scene, first) = frozen(fixture).await?;
    scene.raise(&first).await?;
    scene.is_frozen(&sample::records(5, 5)?).await?;
    let mut later = window(&first.id, LONG * 2)?;
    scene.raise(&later).await?;
    later.raised_at = first.raised_at;
    let expected = Raised { window: later, refused: 1 };
    equal("window raised again", &scene.in_force().await?, &Some(expected))?;
    scene.raise(&window(&first.id, SHORT)?).await?;
    scene.is_frozen(&sample::records(5, 5)?).await?;
    tokio::time::sleep(SHORT * 2).await;
    scene.fill(5, 5).await.map(drop)
}

/// It would refuse nothing, and whoever raised it would believe otherwise.
async fn refuses_a_window_that_is_over(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let at = |text| valid(Timestamp::parse(text));
    let over =
        valid(Window::new("over", "r", at("2020-01-01T00:00:00Z")?, at("2020-01-02T00:00:00Z")?))?;
    refused(
        "raise of a window that is over",
        scene.try_raise(&over).await,
        &[ErrorKind::InvalidInput],
    )?;
    equal("window", &scene.in_force().await?, &None)?;
    scene.fill(1, 1).await.map(drop)
}

async fn keeps_an_id_for_one_window(fixture: &dyn StoreFixture) -> Outcome {
    let (scene, first) = frozen(fixture).await?;
    done("lift", scene.lift(&first.id).await)?;
    let outcome = scene.try_raise(&first).await;
    refused("raise of a lifted window", outcome, &[ErrorKind::Conflict])?;
    scene.fill(5, 5).await?;
    scene.raise(&window("drill-2", LONG)?).await?;
    scene.is_frozen(&sample::records(6, 6)?).await
}

/// Appends one record after the other until one is refused; returns those that were written.
async fn append_until_frozen(scene: Scene, writer: u64) -> Outcome<Vec<NewRecord>> {
    let mut written = Vec::new();
    // So that the writers stand at different points when the window is raised.
    for _ in 0..writer {
        tokio::task::yield_now().await;
    }
    for n in 0..5_000 {
        let record = sample::note(&format!("w{writer}-{n}"), r#"{"a":"ż"}"#)?;
        match scene.attempt(Expected::Any, std::slice::from_ref(&record)).await {
            Ok(_) => written.push(record),
            Err(e) if e.kind() == ErrorKind::Frozen => return Ok(written),
            Err(e) => return Err(format!("expected frozen, got {}", e.chain())),
        }
        tokio::task::yield_now().await;
    }
    Err("expected frozen in the end, got 5000 appends".into())
}

/// What was at work when the window was raised is there when that returns, or never.
async fn waits_for_writers_at_work(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let writers: Vec<_> =
        (0..6).map(|w| tokio::spawn(append_until_frozen(scene.clone(), w))).collect();
    while scene.head().await? < 12 {
        tokio::task::yield_now().await;
    }
    scene.raise(&window("drill-1", LONG)?).await?;
    let frozen = scene.read(0).await?;
    let mut written = Vec::new();
    for writer in writers {
        written.extend(writer.await.map_err(|e| e.to_string())??);
    }
    let after = scene.read(0).await?;
    same("read after the writers were refused", &after, &frozen)?;
    equal("records of appends that succeeded", &written.len(), &frozen.len())?;
    let mut ids: Vec<_> = written.iter().map(|r| &r.id).collect();
    let mut stored: Vec<_> = after.iter().map(|r| &r.id).collect();
    ids.sort();
    stored.sort();
    same("ids of appends that succeeded", &ids, &stored)
}

async fn counts_what_it_refused(fixture: &dyn StoreFixture) -> Outcome {
    let (scene, window) = frozen(fixture).await?;
    let expected = |refused| Some(Raised { window: window.clone(), refused });
    equal("window just raised", &scene.in_force().await?, &expected(0))?;
    scene.is_frozen(&sample::records(5, 6)?).await?;
    drop(scene.import("snapshot", &sample::history(scene.tenant(), 5, 6)?).await);
    equal("after two refusals", &scene.in_force().await?, &expected(2))?;
    drop(scene.store.enroll(&scene.cx, &sample::roster(scene.tenant())?).await);
    scene.holding(&window.id).fill(5, 6).await?;
    scene.read(0).await?;
    scene.append(&[]).await?;
    equal("after three refusals", &scene.in_force().await?, &expected(3))
}

async fn outlives_the_process(fixture: &dyn StoreFixture) -> Outcome {
    let (scene, window) = frozen(fixture).await?;
    scene.is_frozen(&sample::records(5, 6)?).await?;
    let scene = scene.reopened(fixture).await;
    let expected = Some(Raised { window: window.clone(), refused: 1 });
    equal("window after opening again", &scene.in_force().await?, &expected)?;
    scene.is_frozen(&sample::records(5, 6)?).await?;
    done("lift after opening again", scene.lift(&window.id).await)?;
    let scene = scene.reopened(fixture).await;
    equal("window lifted before opening again", &scene.in_force().await?, &None)?;
    refused("raise of a lifted window", scene.try_raise(&window).await, &[ErrorKind::Conflict])?;
    let written = scene.fill(5, 6).await?;
    let history = placed(scene.tenant(), 5, &written);
    same("read after thawing", &scene.read(4).await?, &history)
}
