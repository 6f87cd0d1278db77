//! The provider that `docker-compose.yml` brings up knows the demo's actors as the demo does.

use super::scene::NoSecrets;
use flowcontrol::registry::built_in;
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_demo as demo;
use serde_json::{Value, json};
use std::path::Path;

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/provider");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[tokio::test]
async fn the_demos_actors_sign_in_with_what_the_demo_gives_them() {
    let config: toml::Table = read("oidc.toml").parse().unwrap();
    let config = serde_json::to_value(&config["adapters"]["oidc-rbac"]).unwrap();
    let cx = BuildCx { secrets: &NoSecrets, base: Path::new("") };
    let auth = built_in().build_auth("oidc-rbac", config.clone(), cx).await.unwrap();
    // Its secret is not there, and that is found before anybody comes.
    assert!(auth.sign_in().unwrap().site().is_err());

    let realm: Value = serde_json::from_str(&read("realm.json")).unwrap();
    let issuer = config["issuers"][0]["issuer"].as_str().unwrap();
    assert!(issuer.ends_with(&format!("/realms/{}", realm["realm"].as_str().unwrap())));
    let roster = demo::rosters(demo::Size::default()).unwrap().remove(0);
    assert_eq!(config["issuers"][0]["tenants"], json!([roster.tenant]));
    let users = realm["users"].as_array().unwrap();
    assert_eq!(users.len(), roster.actors.len());
    for actor in &roster.actors {
        let user = users.iter().find(|user| user["username"] == actor.id.as_str());
        assert_eq!(user.unwrap()["realmRoles"], json!([actor.role]), "{}", actor.id);
        assert_eq!(config["roles"][&actor.role], json!(actor.permissions), "{}", actor.role);
        // No password stands in a file.
        assert_eq!(user.unwrap()["credentials"][0]["value"], "${BFG_DEMO_PASSWORD}");
    }
    let client = &config["client"];
    for id in [&client["client_id"], &client["device_client_id"]] {
        let known = realm["clients"].as_array().unwrap().iter().find(|c| c["clientId"] == *id);
        let mappers = known.unwrap()["protocolMappers"].as_array().unwrap();
        let audience = &mappers[1]["config"]["included.custom.audience"];
        assert_eq!(config["issuers"][0]["audiences"], json!([audience]));
    }
    let callback = format!("{}/auth/callback", client["public_url"].as_str().unwrap());
    assert_eq!(realm["clients"][0]["redirectUris"], json!([callback]));
    assert_eq!(realm["clients"][0]["secret"], "${BFG_OIDC_CLIENT_SECRET}");
}
