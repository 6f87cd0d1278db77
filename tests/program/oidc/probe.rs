//! `adapters check auth` with a token of the provider, and without.

use super::scene::Scene;
use flowcontrol_testkit::place::Place;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_records_what_a_real_token_maps_to_and_never_the_token() {
    let Some(scene) =
        Scene::new("the_probe_records_what_a_real_token_maps_to_and_never_the_token").await
    else {
        return;
    };
    let place = Place::new();
    place.run(&["init"]).expect(0);
    let file = place.work().join("flowcontrol.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let section = format!(
        "\n[[adapters.oidc-rbac.issuers]]\nissuer = \"{}\"\naudiences = [\"{}\"]\n\
         tenants = [\"bfg-control\"]\nprobe_token = {{ env = \"BFG_PROBE_TOKEN\" }}\n\
         [adapters.oidc-rbac.issuers.claims]\ntenant = \"/tenant\"\nactor = \"/actor\"\n\
         roles = {{ at = \"/roles\", form = \"comma\" }}\n\
         [adapters.oidc-rbac.roles]\ndispatcher = [\"create_order\"]\n",
        scene.provider.issuer,
        flowcontrol_testkit::provider::AUDIENCE
    );
    std::fs::write(&file, text + &section).unwrap();
    let line = ["--profile", "staging", "adapters", "check", "auth", "--format", "json"];
    let check = |token: Option<&str>| -> (Option<i32>, Value) {
        let mut command = place.command(&line);
        if let Some(token) = token {
            command.env("BFG_PROBE_TOKEN", token);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        if let Some(token) = token {
            assert!(!said.contains(token), "{said}");
        }
        let packet: Value = serde_json::from_str(&said).unwrap();
        (output.status.code(), packet["checks"][0].clone())
    };

    let tokens = scene.provider.login("user_dispatcher_marek");
    let (code, found) = check(Some(&tokens.access));
    assert_eq!((code, &found["verdict"]), (Some(0), &json!("ready")), "{found}");
    assert_eq!(found["figures"]["kind"], "oidc-rbac");
    assert_eq!(found["figures"]["mode"], "live");
    let issuer = &found["figures"]["issuers"][0];
    assert_eq!(issuer["issuer"], scene.provider.issuer);
    assert_eq!((&issuer["algorithms"], &issuer["keys"]), (&json!(["RS256"]), &json!(1)));
    assert_eq!(
        issuer["mapped"],
        json!({"tenant": "bfg-control", "actor": "user_dispatcher_marek",
            "roles": ["dispatcher"], "permissions": ["create_order"]})
    );

    let (code, found) = check(Some(&tokens.id));
    assert_eq!((code, &found["verdict"]), (Some(1), &json!("next")));
    assert!(found["reason"].as_str().unwrap().contains("maps to no actor"), "{found}");
    let (code, found) = check(None);
    assert_eq!(code, Some(1));
    assert!(found["reason"].as_str().unwrap().contains("BFG_PROBE_TOKEN"), "{found}");
    place.evidence_verifies();
    for packet in place.packets() {
        let text = packet.to_string();
        assert!(!text.contains(&tokens.access) && !text.contains(&tokens.id));
    }
}

#[test]
fn the_mock_adapter_vouches_for_nobody_and_says_so() {
    let place = Place::new();
    let ended = place.run(&["adapters", "check", "auth", "--format", "json"]).expect(0);
    let found = ended.json()["checks"][0].clone();
    assert_eq!(found["figures"]["mode"], "local");
    assert!(found["reason"].as_str().unwrap().contains("without authentication"), "{found}");
}
