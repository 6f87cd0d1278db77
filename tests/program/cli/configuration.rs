//! The configuration file, the variables, and secrets.

use super::place::Place;
use flowcontrol::config::{Config, TEMPLATE};

const SERVER: &str = r#"
[target.external]
host = "127.0.0.1"
port = 1
database = "bfg"
tls = { off = true }
admin = { user = "postgres" }
owner = { user = "bfg_owner", password = PASSWORD }
application = { user = "bfg_application" }
replayer = { user = "bfg_replayer" }
auditor = { user = "bfg_auditor" }
"#;

fn server(password: &str) -> String {
    format!("{TEMPLATE}{}", SERVER.replace("PASSWORD", password))
}

#[test]
fn init_writes_the_built_in_configuration_and_never_overwrites() {
    let place = Place::new();
    let said = place.run("init ops/desk").fine();
    assert!(said.contains("ops/desk/flowcontrol.toml"), "{said}");
    let written = place.read("ops/desk/flowcontrol.toml");
    assert_eq!(written, TEMPLATE.as_bytes());
    let loaded = Config::parse(TEMPLATE).unwrap();
    let built_in = Config::built_in().unwrap();
    assert_eq!(serde_json::to_value(loaded).unwrap(), serde_json::to_value(built_in).unwrap());
    assert!(place.file("ops/desk/.flowcontrol").is_dir());
    place.run("--config ops/desk/flowcontrol.toml adapters list").fine();

    place.write("ops/desk/flowcontrol.toml", "mine");
    let said = place.run("init ops/desk").refused(2);
    assert!(said.contains("never overwrites"), "{said}");
    assert_eq!(place.read("ops/desk/flowcontrol.toml"), b"mine");
    place.write("taken", "");
    assert!(place.run("init taken").refused(2).contains("a file is in its place"));
    assert_eq!(std::fs::read_dir(place.file("ops/desk")).unwrap().count(), 2, "no temporary file");
}

#[test]
fn mistakes_in_the_file_name_the_place_and_the_way_out() {
    let place = Place::new();
    std::fs::create_dir(place.file("folder")).unwrap();
    let change = |from: &str, to: &str| {
        assert!(TEMPLATE.contains(from), "{from}");
        TEMPLATE.replacen(from, to, 1)
    };
    let cases: &[(&str, Vec<u8>)] = &[
        ("latin2.toml", b"profile = \"\xb1\"".to_vec()),
        ("empty.toml", Vec::new()),
        ("syntax.toml", b"profile = \"a\"\nsession = \n".to_vec()),
        ("unknown.toml", change("state = ", "stat = ").into()),
        ("port.toml", change("ocr = ", "occr = ").into()),
        ("type.toml", change("lock_timeout_ms = 2000", "lock_timeout_ms = \"2s\"").into()),
        ("negative.toml", change("lock_timeout_ms = 2000", "lock_timeout_ms = -1").into()),
        ("twice.toml", format!("profile = \"a\"\n{TEMPLATE}").into()),
        ("missing.toml", change("sync = \"service-worker\"\n", "").into()),
        ("noprofile.toml", change("[profiles.local-demo]", "[profiles.demo]").into()),
        ("local.toml", change("\"document-ai\"", "\"local-ocr\"").into()),
        ("kind.toml", change("\"document-ai\"", "\"tesseract\"").into()),
        ("session.toml", change("session = \"grant-demo-local\"", "session = \"\"").into()),
    ];
    let mut all = String::new();
    let mut say = |name: &str| {
        let said = place.run(&format!("--config {name} adapters list")).refused(2);
        all.push_str(&format!("{name}\n{said}"));
    };
    say("absent.toml");
    say("folder");
    for (name, content) in cases {
        place.write(name, content);
        say(name);
    }
    insta::assert_snapshot!("mistakes_in_the_file", all);
}

#[test]
fn adapters_and_migrations_that_are_configured_wrongly_name_their_section() {
    let place = Place::new();
    let mut all = String::new();
    for (command, from, to) in [
        (
            "scenario show",
            "[adapters.file-local]\ndir = \".flowcontrol/store\"\n",
            "[adapters.file-local]\n",
        ),
        ("--profile staging scenario show", "", ""),
        (
            "--profile staging scenario show",
            "[migrations]",
            "[adapters.postgres-rls]\nhost = \"h\"\ndatabse = \"b\"\n[migrations]",
        ),
        ("migrate plan", "# dir = \"migrations\"", "dir = \"sql\""),
    ] {
        place.write("flowcontrol.toml", TEMPLATE.replacen(from, to, 1));
        all.push_str(&format!("$ flowcontrol {command}\n{}", place.run(command).refused(2)));
    }
    insta::assert_snapshot!("sections", all);
}

#[test]
fn empty_variables_count_as_absent() {
    let place = Place::new();
    for name in [
        "FLOWCONTROL_CONFIG",
        "FLOWCONTROL_PROFILE",
        "FLOWCONTROL_TARGET",
        "FLOWCONTROL_POSTGRES_IMAGE",
        "FLOWCONTROL_PG_BIN",
    ] {
        assert!(place.with(name, "", "adapters list").fine().starts_with("profile local-demo"));
    }
    let said = place.with("FLOWCONTROL_TARGET", "", "rehearse --resume").refused(2);
    assert!(said.contains("--resume requires --target external"), "{said}");
}

#[test]
fn variables_choose_the_file_and_the_profile_and_the_line_wins() {
    let place = Place::new();
    place.run("init ops").fine();
    let said = place.with("FLOWCONTROL_PROFILE", "staging", "adapters list").fine();
    assert!(said.contains("postgres-rls"), "{said}");
    let said = place.with("FLOWCONTROL_PROFILE", "staging", "--profile local-demo adapters list");
    assert!(said.fine().contains("file-local"));
    place.with("FLOWCONTROL_CONFIG", "ops/flowcontrol.toml", "demo seed --records 9").fine();
    assert_eq!(place.names(), ["ops"], "paths start from the file's folder");
    assert!(
        place.with("FLOWCONTROL_CONFIG", "no.toml", "adapters list").refused(2).contains("no.toml")
    );
    let wrong = place.with("FLOWCONTROL_PG_BIN", "/nowhere", "migrate lint --target local");
    assert!(wrong.refused(2).contains("/nowhere"));
}

#[test]
fn variables_that_would_bend_connections_are_refused_before_anything_is_made() {
    let place = Place::new();
    for name in ["PGOPTIONS", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"] {
        let said = place.with(name, "-c row_security=off", "connect --target local").refused(2);
        assert!(said.contains(name) && said.contains("unset"), "{said}");
        assert!(!said.contains("row_security"), "its value is nobody's business: {said}");
    }
    assert_eq!(place.names(), [""; 0], "nothing was written");
}

#[test]
fn a_secret_in_the_file_is_refused_and_never_repeated() {
    let place = Place::new();
    for password in [
        "\"hunter2-x\"",
        "hunter2-x",
        "{ value = \"hunter2-x\" }",
        "{ env = \"hunter2-x\" }",
        "[\"hunter2-x\"]",
        "{ env = \"A\", file = \"hunter2-x\" }",
        "\"hunter2-x",
    ] {
        for format in ["text", "json"] {
            place.write("flowcontrol.toml", server(password));
            let said = place.run(&format!("--format {format} -v adapters list"));
            assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{password}");
            assert!(!said.err.contains("hunter2"), "{}", said.err);
            assert!(said.err.contains(", line ") && said.err.contains("column"), "{}", said.err);
        }
    }
    let store = TEMPLATE.replace(
        "[migrations]",
        "[adapters.postgres-rls]\nhost = \"127.0.0.1\"\n\
        database = \"b\"\nuser = \"u\"\npassword = \"hunter2-x\"\n[migrations]",
    );
    place.write("flowcontrol.toml", store);
    let said = place.run("--profile staging scenario show").refused(2);
    assert!(!said.contains("hunter2") && said.contains("{ env = \"VARIABLE\" }"), "{said}");
}

#[test]
fn a_secret_that_is_not_there_is_named_by_its_place() {
    let place = Place::new();
    let mut all = String::new();
    place.write("empty", "");
    place.write("blank", "\n");
    place.write("latin2", b"\xb1");
    for reference in [
        "{ env = \"BFG_ABSENT\" }",
        "{ env = \"BFG_EMPTY\" }",
        "{ file = \"absent\" }",
        "{ file = \".\" }",
        "{ file = \"empty\" }",
        "{ file = \"blank\" }",
        "{ file = \"latin2\" }",
    ] {
        place.write("flowcontrol.toml", server(reference));
        for command in ["migrate status", "migrate plan"] {
            let said = place.with("BFG_EMPTY", "", command).refused(2);
            all.push_str(&format!("{reference} {command}\n{said}"));
        }
    }
    insta::assert_snapshot!("absent_secrets", all);
}

#[test]
fn a_secrets_file_is_looked_for_beside_the_configuration() {
    let place = Place::new();
    std::fs::create_dir(place.file("ops")).unwrap();
    place.write("ops/flowcontrol.toml", server("{ file = \"password\" }"));
    let command = "--config ops/flowcontrol.toml migrate status";
    assert!(place.run(command).refused(2).contains("the configuration's folder"));
    place.write("ops/password", "hunter2-x\n");
    // Found: what is wrong now is that nobody listens there.
    let said = place.run(command).refused(3);
    assert!(said.contains("127.0.0.1:1") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_password_stays_out_of_what_a_failing_connection_says() {
    let place = Place::new();
    place.write("flowcontrol.toml", server("{ env = \"BFG_OWNER\" }"));
    for command in
        ["migrate status", "migrate up", "migrate verify", "migrate down --to 0", "migrate plan"]
    {
        for more in ["", "-vv", "--format json"] {
            let said = place.with("BFG_OWNER", "hunter2-x", &format!("{command} {more}"));
            assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{}", said.err);
            assert!(!said.err.contains("hunter2"), "{}", said.err);
            assert!(said.err.contains("127.0.0.1:1"), "{}", said.err);
        }
    }
}
