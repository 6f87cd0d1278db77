//! The command line signs in by the device flow, keeps its tokens to itself, renews and gives them up.

use super::scene::Scene;
use flowcontrol_testkit::place::Place;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const MAREK: &str = "user_dispatcher_marek";

/// A folder whose staging profile signs in as this client.
fn place(scene: &Scene, client: &str) -> Place {
    let place = Place::new();
    place.run(&["init"]).expect(0);
    let file = place.work().join("flowcontrol.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (issuer, audience) = (&scene.provider.issuer, flowcontrol_testkit::provider::AUDIENCE);
    let section = format!(
        "\n[adapters.oidc-rbac.client]\n{client}\nresource = \"{audience}\"\n\
         [[adapters.oidc-rbac.issuers]]\nissuer = \"{issuer}\"\naudiences = [\"{audience}\"]\n\
         tenants = [\"bfg-control\"]\n[adapters.oidc-rbac.issuers.claims]\ntenant = \"/tenant\"\n\
         actor = \"/actor\"\nroles = {{ at = \"/roles\", form = \"comma\" }}\n\
         [adapters.oidc-rbac.roles]\ndispatcher = [\"create_order\", \"plan_route\"]\n"
    );
    std::fs::write(&file, text + &section).unwrap();
    place
}

fn auth(command: &str) -> [&str; 6] {
    ["--profile", "staging", "--format", "json", "auth", command]
}

/// Runs `auth login` while a person with a browser does what it asks for.
fn login(scene: &Scene, place: &Place, client: &str) -> Value {
    let mut running = place.start(&auth("login"));
    assert!(running.says("or open "), "{}", running.seen());
    let line = running.seen().lines().find_map(|line| line.strip_prefix("or open "));
    let address = line.unwrap().to_owned();
    let visit = scene.provider.visit(MAREK, client, &address);
    assert!(visit.location.contains("deviceComplete"), "{visit:?}");
    let ended = running.end();
    let said = format!("{}{}", ended.out, ended.err);
    assert!(!said.contains("eyJ"), "no token is printed: {said}");
    ended.expect(0).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_is_told_who_they_are_and_signs_out() {
    let test = "somebody_signs_in_is_told_who_they_are_and_signs_out";
    let Some(scene) = Scene::new(test).await else { return };
    scene.provider.device_client("laptop", None);
    scene.provider.set("access-token-duration", json!(36));
    let place = place(&scene, "client_id = \"portal\"\ndevice_client_id = \"laptop\"");
    let nobody = place.run(&auth("whoami")).expect(1);
    assert!(nobody.err.contains("flowcontrol auth login"), "{nobody}");
    let wanted = json!({"tenant": "bfg-control", "actor": MAREK, "roles": ["dispatcher"],
        "permissions": ["create_order", "plan_route"], "issuer": scene.provider.issuer});
    let who = |mut value: Value| {
        let until = value.as_object_mut().unwrap().remove("expires_at").unwrap();
        assert_eq!(value, wanted);
        until.as_str().unwrap().to_owned()
    };
    let first = who(login(&scene, &place, "laptop"));
    let file = place.state().join("login.json");
    let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    assert_eq!(who(place.run(&auth("whoami")).expect(0).json()), first);

    // Within half a minute of its end it is renewed, by one of several commands at once.
    std::thread::sleep(Duration::from_secs(7));
    let all: Vec<_> = (0..3).map(|_| place.start(&auth("whoami"))).collect();
    let mut later: Vec<_> =
        all.into_iter().map(|running| who(running.end().expect(0).json())).collect();
    later.dedup();
    assert!(later.len() == 1 && later[0] > first, "{later:?} {first}");
    assert_eq!(mode(), 0o600);
    let shown = place.run(&["--profile", "staging", "auth", "whoami"]).expect(0);
    assert!(shown.out.starts_with("user_dispatcher_marek of bfg-control\n"), "{shown}");

    // Others may read the tokens: they are not used.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(place.run(&auth("whoami")).expect(1).err.contains("others may read"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();

    // This provider takes no revocation from a public client, and that is said.
    let out = place.run(&auth("logout")).expect(0).json();
    assert_eq!(out, json!({"signed_out": true, "revoked": false}));
    assert!(!file.exists());
    place.run(&auth("whoami")).expect(1);
    assert_eq!(place.run(&auth("logout")).expect(0).json()["signed_out"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_secret_gives_its_tokens_up_at_the_provider() {
    let test = "a_client_with_a_secret_gives_its_tokens_up_at_the_provider";
    let Some(scene) = Scene::new(test).await else { return };
    scene.provider.device_client("desk", Some("desk-secret"));
    let place = place(&scene, "client_id = \"desk\"\nclient_secret = { file = \"desk.secret\" }");
    let absent = place.run(&auth("login")).expect(2);
    assert!(absent.err.contains("desk.secret"), "{absent}");
    std::fs::write(place.work().join("desk.secret"), "desk-secret\n").unwrap();
    login(&scene, &place, "desk");
    let file = place.state().join("login.json");
    let kept = std::fs::read_to_string(&file).unwrap();
    let out = place.run(&auth("logout")).expect(0).json();
    assert_eq!(out, json!({"signed_out": true, "revoked": true}));

    // What somebody copied before gets no new token, and nobody is signed in by it once it is over.
    let mut copied: Value = serde_json::from_str(&kept).unwrap();
    copied["access_token"] = json!("a.b.c");
    std::fs::write(&file, copied.to_string()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let refused = place.run(&auth("whoami")).expect(1);
    assert!(refused.err.contains("nobody is signed in"), "{refused}");
    assert!(!file.exists(), "what is worth nothing is not kept");
}

#[test]
fn a_profile_that_signs_nobody_in_says_so() {
    let place = Place::new();
    for command in ["login", "whoami"] {
        let refused = place.run(&["auth", command]).expect(2);
        assert!(refused.err.contains("mock-auth-header"), "{refused}");
        assert!(refused.err.contains("[adapters.oidc-rbac.client]"), "{refused}");
    }
}
