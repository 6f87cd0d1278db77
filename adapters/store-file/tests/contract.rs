//! The contract's promises on a healthy folder.

#![allow(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod support;

use flowcontrol_contract::registry::{BuildCx, Registration, Registry};
use flowcontrol_contract::secret::Secrets;
use flowcontrol_contract::store::{Chunk, Completeness, Expected, Row, TableCount};
use flowcontrol_contract::{
    CallCx, Digest, ErrorKind, Mode, RecordId, Result, ScenarioStore, Secret, SecretRef,
};
use flowcontrol_store_file::{FileStore, KIND, build};
use std::time::{Duration, Instant};
use support::{
    all, append, batch, chunk, cx, drain, new, new_with, placed, roster, store_with, tenant,
};

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[tokio::test]
async fn records_are_numbered_read_and_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    let first = store.append(&cx("bfg"), Expected::Head(0), &batch(1..=3)).await.unwrap();
    assert_eq!((first.first, first.last, first.replayed), (1, 3, false));
    let large = format!("{{\"text\":\"{}\"}}", "Львів ".repeat(180_000));
    let second = [new_with("large", &large), new("Rzeszów \"1\" \\ 𝄞")];
    let appended = store.append(&cx("bfg"), Expected::Head(3), &second).await.unwrap();
    assert_eq!((appended.first, appended.last, appended.replayed), (4, 5, false));
    for store in [store.clone(), FileStore::open(dir.path()).unwrap()] {
        let records = all(&store, "bfg").await.unwrap();
        assert_eq!(records.iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert!(records[3].same_as(&second[0]) && records[4].same_as(&second[1]));
        for after in 0..=6 {
            let rest = drain(store.read(&cx("bfg"), after).await.unwrap()).await.unwrap();
            assert_eq!(rest, records[(after as usize).min(5)..]);
        }
        for record in &records {
            assert_eq!(store.get(&cx("bfg"), &record.id).await.unwrap().as_ref(), Some(record));
        }
        let absent = RecordId::new("r4").unwrap();
        assert_eq!(store.get(&cx("bfg"), &absent).await.unwrap(), None);
        assert_eq!(store.head(&cx("bfg")).await.unwrap(), 5);
    }
}

#[tokio::test]
async fn a_batch_is_idempotent_and_its_head_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    append(&store, "bfg", 1..=2).await;
    append(&store, "bfg", 3..=4).await;
    let before = support::everything(&dir.path().join("tenants"));
    let append = async |expected, batch: Vec<_>| store.append(&cx("bfg"), expected, &batch).await;
    for (ids, first) in [(1..=2, 1), (2..=3, 2), (1..=4, 1), (4..=4, 4)] {
        let again = append(Expected::Head(77), batch(ids.clone())).await.unwrap();
        assert_eq!((again.first, again.last, again.replayed), (first, *ids.end(), true));
    }
    assert_eq!(kind(append(Expected::Any, batch([4, 5])).await), ErrorKind::Conflict);
    assert_eq!(kind(append(Expected::Any, batch([2, 1])).await), ErrorKind::Conflict);
    assert_eq!(kind(append(Expected::Any, batch([1, 3])).await), ErrorKind::Conflict);
    let other = vec![new_with("r1", "{\"other\":1}")];
    assert_eq!(kind(append(Expected::Any, other).await), ErrorKind::Conflict);
    assert_eq!(kind(append(Expected::Head(3), batch([5])).await), ErrorKind::Conflict);
    assert_eq!(kind(append(Expected::Any, batch([5, 5])).await), ErrorKind::InvalidInput);
    assert_eq!(kind(append(Expected::Head(1), vec![]).await), ErrorKind::Conflict);
    let empty = append(Expected::Head(4), vec![]).await.unwrap();
    assert_eq!((empty.first, empty.last, empty.replayed), (0, 0, false));
    assert_eq!(support::everything(&dir.path().join("tenants")), before);
}

#[tokio::test]
async fn tenants_are_apart_whatever_they_are_called() {
    let dir = tempfile::tempdir().unwrap();
    let long = "ї".repeat(100);
    let mut ids = ["..", ".", "a", "A", "con", "a/b", "a\\b", "%2e", "ą", "a\u{328}", &long];
    let store = store_with(dir.path(), &ids).await;
    for (i, id) in ids.iter().enumerate() {
        append(&store, id, 0..=i as u64).await;
    }
    for (i, id) in ids.iter().enumerate() {
        assert_eq!(store.head(&cx(id)).await.unwrap(), i as u64 + 1);
        assert!(all(&store, id).await.unwrap().iter().all(|r| r.tenant.as_str() == *id));
        let last = RecordId::new(format!("r{}", ids.len() - 1)).unwrap();
        assert_eq!(store.get(&cx(id), &last).await.unwrap().is_some(), i == ids.len() - 1);
    }
    ids.sort_unstable();
    let listed = FileStore::open(dir.path()).unwrap().tenants().await.unwrap();
    assert_eq!(listed, ids.map(tenant));
}

#[tokio::test]
async fn what_is_unknown_is_refused_or_empty() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path().join("not/yet/there")).unwrap();
    assert_eq!(store.tenants().await.unwrap(), []);
    assert_eq!(store.head(&cx("bfg")).await.unwrap(), 0);
    assert_eq!(store.roster(&cx("bfg")).await.unwrap(), None);
    assert_eq!(store.get(&cx("bfg"), &RecordId::new("r").unwrap()).await.unwrap(), None);
    assert_eq!(all(&store, "bfg").await.unwrap(), []);
    assert_eq!(kind(store.export(&[tenant("bfg")]).await), ErrorKind::NotFound);
    assert!(!dir.path().join("not").exists(), "reading created something");
    let unknown = store.append(&cx("bfg"), Expected::Any, &batch([1])).await;
    assert_eq!(kind(unknown), ErrorKind::InvalidInput);
    let unknown = store.import(&cx("bfg"), chunk(&placed("bfg", 1, 1))).await;
    assert_eq!(kind(unknown), ErrorKind::InvalidInput);
    let wrong = store.enroll(&cx("bfg"), &roster("other")).await;
    assert_eq!(kind(wrong), ErrorKind::InvalidInput);
    store.enroll(&cx("bfg"), &roster("bfg")).await.unwrap();
    let mut stranger = batch([1]);
    stranger[0].actor = flowcontrol_contract::ActorId::new("nobody").unwrap();
    let refused = store.append(&cx("bfg"), Expected::Any, &stranger).await;
    assert_eq!(kind(refused), ErrorKind::InvalidInput);
    assert_eq!(store.head(&cx("bfg")).await.unwrap(), 0);
}

#[tokio::test]
async fn a_roster_grows_and_never_shrinks() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    let mut given = roster("bfg");
    given.name = "BFG Control".into();
    given.actors.retain(|a| a.id.as_str() == "marek");
    given.actors[0].role = "dispatcher".into();
    store.enroll(&cx("bfg"), &given).await.unwrap();
    let kept = FileStore::open(dir.path()).unwrap().roster(&cx("bfg")).await.unwrap().unwrap();
    assert_eq!(kept.name, "BFG Control");
    let roles: Vec<_> = kept.actors.iter().map(|a| (a.id.as_str(), a.role.as_str())).collect();
    assert_eq!(roles, [("marek", "dispatcher"), ("olena", "accountant")]);
}

#[tokio::test]
async fn chunks_are_imported_once_in_order_and_from_one_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    let import = async |from, to| {
        let records = placed("bfg", from, to);
        store.import(&cx("bfg"), chunk(&records)).await.map(|i| (i.last, i.snapshot))
    };
    let from = Some(Digest::of("snapshot"));
    assert_eq!(import(1, 0).await.unwrap(), (0, None));
    assert_eq!(import(1, 4).await.unwrap(), (4, from));
    assert_eq!(import(1, 4).await.unwrap(), (4, from));
    assert_eq!(import(3, 6).await.unwrap(), (6, from));
    assert_eq!(import(2, 2).await.unwrap(), (6, from));
    assert_eq!(kind(import(8, 9).await), ErrorKind::Conflict);
    let other = placed("bfg", 7, 7);
    let other = Chunk { snapshot: Digest::of("another"), records: &other };
    assert_eq!(kind(store.import(&cx("bfg"), other).await), ErrorKind::Conflict);

    let refused = async |change: &dyn Fn(&mut Vec<flowcontrol_contract::Record>)| {
        let mut records = placed("bfg", 5, 8);
        change(&mut records);
        kind(store.import(&cx("bfg"), chunk(&records)).await)
    };
    assert_eq!(refused(&|r| r[3].tenant = tenant("b")).await, ErrorKind::InvalidInput);
    assert_eq!(refused(&|r| r.swap(0, 1)).await, ErrorKind::InvalidInput);
    assert_eq!(refused(&|r| drop(r.remove(2))).await, ErrorKind::Conflict);
    assert_eq!(refused(&|r| r[3].id = r[2].id.clone()).await, ErrorKind::Conflict);
    assert_eq!(
        refused(&|r| r[3].id = placed("bfg", 1, 1)[0].id.clone()).await,
        ErrorKind::Conflict
    );
    let changed = |r: &mut Vec<flowcontrol_contract::Record>| {
        r[1].payload = flowcontrol_contract::Payload::parse("{\"x\":1}").unwrap();
    };
    assert_eq!(refused(&changed).await, ErrorKind::Conflict);
    assert_eq!(store.head(&cx("bfg")).await.unwrap(), 6);
    assert_eq!(all(&store, "bfg").await.unwrap(), placed("bfg", 1, 6));
    // Whatever was imported before stays known after a restart, and appends may follow.
    let store = FileStore::open(dir.path()).unwrap();
    assert_eq!(append(&store, "bfg", [7]).await, 7);
    let records = placed("bfg", 7, 8);
    let other = Chunk { snapshot: Digest::of("another"), records: &records };
    assert_eq!(kind(store.import(&cx("bfg"), other).await), ErrorKind::Conflict);
    assert_eq!(store.import(&cx("bfg"), chunk(&records)).await.unwrap().last, 8);
}

#[tokio::test]
async fn an_export_is_imported_into_an_equal_store() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = store_with(from.path(), &["b", "a", "empty"]).await;
    append(&source, "b", 1..=2500).await;
    append(&source, "a", 1..=3).await;
    append(&source, "b", 2501..=2502).await;
    let given = [tenant("b"), tenant("a"), tenant("b"), tenant("empty")];
    let export = source.export(&given).await.unwrap();
    let names: Vec<_> = export.rosters.iter().map(|r| r.tenant.as_str()).collect();
    assert_eq!(names, ["a", "b", "empty"]);
    let target = store_with(to.path(), &["b", "a", "empty"]).await;
    let records = drain(export.batches).await.unwrap();
    assert_eq!(records.len(), 2505);
    for part in records.chunk_by(|x, y| x.tenant == y.tenant) {
        for piece in part.chunks(999) {
            let cx = CallCx::tenant(piece[0].tenant.clone());
            target.import(&cx, chunk(piece)).await.unwrap();
        }
    }
    let copy = target.export(&given).await.unwrap();
    assert_eq!(drain(copy.batches).await.unwrap(), records);
}

#[tokio::test]
async fn everything_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["a", "b"]).await;
    append(&store, "a", 1..=2100).await;
    append(&store, "b", 1..=2).await;
    let mut back = store.read_back(&[tenant("a")]).await.unwrap();
    append(&store, "a", [9999]).await;
    assert_eq!(back.completeness(), Completeness::Proved);
    assert_eq!(back.tables(), ["tenants", "users", "records"]);
    let count =
        |table: &str, id: &str, rows| TableCount { table: table.into(), tenant: id.into(), rows };
    let counts = [
        ("tenants", "a", 1),
        ("tenants", "b", 1),
        ("users", "a", 2),
        ("users", "b", 2),
        ("records", "a", 2100),
        ("records", "b", 2),
    ];
    assert_eq!(back.counts().await.unwrap(), counts.map(|(t, id, n)| count(t, id, n)));
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map_or(0, |r| r.seq);
        let more = back.rows("records", &tenant("a"), after).await.unwrap();
        if more.is_empty() {
            break;
        }
        rows.extend(more);
    }
    let lines: Vec<_> =
        placed("a", 1, 2100).iter().map(|r| (r.seq, r.id.to_string(), r.to_line())).collect();
    let read: Vec<_> = rows.into_iter().map(|r| (r.seq, r.name, r.line)).collect();
    assert_eq!(read, lines);
    assert_eq!(back.rows("records", &tenant("a"), 2099).await.unwrap().len(), 1);
    let users = back.rows("users", &tenant("b"), 1).await.unwrap();
    assert_eq!((users.len(), users[0].seq, users[0].name.as_str()), (1, 2, "olena"));
    assert_eq!(users[0].line, roster("b").actors[1].line());
    assert!(back.rows("users", &tenant("c"), 0).await.unwrap().is_empty());
    assert_eq!(kind(back.rows("orders", &tenant("a"), 0).await), ErrorKind::InvalidInput);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_may_append_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    let tasks: Vec<_> = (0..8u64)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for i in 0..20 {
                    append(&store, "bfg", [task * 100 + i]).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let records = all(&store, "bfg").await.unwrap();
    assert_eq!(records.iter().map(|r| r.seq).collect::<Vec<_>>(), (1..=160).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_second_writer_waits_until_its_deadline_and_names_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    let path = dir.path().join("write.lock");
    let held = std::fs::File::open(&path).unwrap();
    held.lock().unwrap();
    let soon = CallCx { deadline: Some(Instant::now() + Duration::from_millis(60)), ..cx("bfg") };
    let error = store.append(&soon, Expected::Any, &batch([1])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.message().contains(&path.display().to_string()), "{error}");
    assert_eq!(store.head(&cx("bfg")).await.unwrap(), 0);
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { append(&store, "bfg", [1]).await }
    });
    tokio::task::yield_now().await;
    held.unlock().unwrap();
    assert_eq!(waiting.await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_deadline_a_second_writer_gives_up_in_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    let held = std::fs::File::open(dir.path().join("write.lock")).unwrap();
    held.lock().unwrap();
    let error = store.append(&cx("bfg"), Expected::Any, &batch([1])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("write.lock"), "{error}");
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, _: &SecretRef) -> Result<Secret> {
        unreachable!("the file store has no secret")
    }
}

#[tokio::test]
async fn the_registry_builds_it_from_its_configuration() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let mut registry = Registry::new();
    registry.register(Registration::store(KIND, Mode::Local, build));
    let build = async |json: &str| {
        let cx = BuildCx { secrets: &NoSecrets, base: dir.path() };
        registry.build_store(KIND, serde_json::from_str(json).unwrap(), cx).await
    };
    let store = build(r#"{"dir":"state/store"}"#).await.unwrap();
    store.enroll(&cx("bfg"), &roster("bfg")).await.unwrap();
    assert!(dir.path().join("state/store/write.lock").exists());
    assert_eq!(store.info().endpoint, dir.path().join("state/store").display().to_string());
    for (json, why) in [
        ("{}", "missing field `dir`"),
        (r#"{"dir":"x","url":"y"}"#, "unknown field `url`"),
        (r#"{"dir":""}"#, "`dir` is empty"),
        (r#"{"dir":"file"}"#, "is not a folder"),
    ] {
        let error = build(json).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains(why), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let store = store_with(&root, &["bfg"]).await;
    append(&store, "bfg", 0..9000).await;
    let mode = |p: &std::path::Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    for (path, _) in support::everything(&root) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        assert_eq!(mode(path.parent().unwrap()), 0o700, "{}", path.display());
    }
}
