//! A real hot standby: everything that would write says what it is, and nothing is written.

use crate::external::External;
use crate::replica::Replica;
use flowcontrol_database::Endpoint;
use flowcontrol_testkit::place::Ended;
use flowcontrol_testkit::running::DEADLINE;
use sqlx::Connection;

/// Databases, schemas, relations and roles of a server, as far as they are not PostgreSQL's own.
async fn content(external: &External, endpoint: &Endpoint) -> Vec<String> {
    let mut conn = endpoint.connect(&external.admin).await.unwrap();
    let found = sqlx::query_scalar(
        "select 'database ' || datname from pg_database
         union all select 'role ' || rolname from pg_roles where rolname !~ '^pg_'
         union all select 'schema ' || nspname from pg_namespace where nspname !~ '^pg_'
         union all select 'relation ' || oid::regclass from pg_class where oid >= 16384
         order by 1",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    conn.close().await.unwrap();
    found
}

fn names_the_standby(ended: &Ended) {
    let said = format!("{}{}", ended.out, ended.err);
    assert!(said.contains("is a read-only standby"), "{ended}");
    assert!(said.contains("primary"), "the way out is not named: {ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_named_and_not_written_to() {
    let test = "a_standby_is_named_and_not_written_to";
    let filled = Replica::of(test, async |server| External::on(server, "standby").await).await;
    let Some((replica, external)) = filled else { return };
    let standby = &replica.standby;
    external.place.seed(60, 2);
    // The same configuration and secrets do on the primary.
    external.place.run(&["connect"]).expect(0);

    external.configure_at(&standby.host, standby.port, "postgres", "");
    let before = content(&external, &external.endpoint).await;
    let began = std::time::Instant::now();
    while content(&external, standby).await != before {
        assert!(began.elapsed() < DEADLINE, "the standby does not follow");
    }
    assert!(before.iter().any(|line| line.ends_with("_owner")), "{before:?}");
    let packets = external.place.packets().len();

    let ended = external.place.run(&["rehearse", "--target", "external"]).expect(3);
    names_the_standby(&ended);
    let ended = external.place.run(&["migrate", "up"]).expect(3);
    names_the_standby(&ended);
    let ended = external.place.run(&["migrate", "down", "--to", "0001"]).expect(3);
    names_the_standby(&ended);
    // Its probe is a check, and what it found is a fact for the packet.
    let ended = external.place.run(&["connect"]).expect(1);
    names_the_standby(&ended);
    assert!(external.place.packets().len() > packets);
    external.place.evidence_verifies();
    // Each asked what the server is, instead of trying.
    let log = replica.standby_log();
    assert!(log.contains("read-only connections") && !log.contains("ERROR"), "{log}");

    assert_eq!(content(&external, &external.endpoint).await, before);
    assert_eq!(content(&external, standby).await, before);
}
