//! What a verified token gives, and what it does not: case groups 12, 13 and 15.

use super::scene::{Scene, bear, built, config};
use flowcontrol_contract::Presented;
use flowcontrol_contract::error::ErrorKind;
use flowcontrol_testkit::forge::Signer;
use serde_json::{Value, json};

const DENIED: Option<ErrorKind> = Some(ErrorKind::Denied);

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_tenants_are_never_guessed() {
    let Some(scene) = Scene::new("roles_and_tenants_are_never_guessed").await else { return };
    let wrong: [(&str, Vec<Value>); 3] = [
        (
            "roles",
            vec![
                json!(null),
                json!(""),
                json!([]),
                json!("superuser"),
                json!(["dispatcher"]),
                json!(1),
                json!({"dispatcher": true}),
                json!("Dispatcher"),
                json!("dispatcher "),
                json!("dispatcher,"),
                json!(",dispatcher"),
                json!("dispatcher driver"),
                json!(true),
            ],
        ),
        (
            "tenant",
            vec![
                json!(null),
                json!(""),
                json!("another"),
                json!(["bfg-control"]),
                json!(1),
                json!("BFG-Control"),
                json!("bfg-control "),
                json!("bfg-control\u{0}"),
                json!({}),
            ],
        ),
        (
            "actor",
            vec![
                json!(null),
                json!(""),
                json!(1),
                json!(["a"]),
                json!(" a"),
                json!("a\u{0}"),
                json!("a".repeat(300)),
            ],
        ),
    ];
    let mut tokens = Vec::new();
    for (member, values) in wrong {
        for value in values {
            let name = format!("{member} {value}");
            tokens.push((name, scene.forge(&scene.claims_with(member, value))));
        }
    }
    scene.all(DENIED, tokens).await;
    let both = scene.forge(&scene.claims_with("roles", json!("driver,dispatcher,driver")));
    assert_eq!(scene.bear(&both).await.unwrap().roles, ["dispatcher", "driver"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_in_the_one_spelling_that_is_configured() {
    let Some(mut scene) = Scene::new("a_list_is_read_in_the_one_spelling_that_is_configured").await
    else {
        return;
    };
    for (form, good, bad) in [
        ("array", json!(["dispatcher"]), json!("dispatcher")),
        ("space", json!("x dispatcher"), json!("x,dispatcher")),
        ("comma", json!("x,dispatcher"), json!(["dispatcher"])),
    ] {
        let mut other = config(&scene.provider.issuer);
        other["issuers"][0]["claims"]["roles"]["form"] = json!(form);
        scene.auth = built(other).await;
        let token = |roles: &Value| scene.forge(&scene.claims_with("roles", roles.clone()));
        assert_eq!(scene.verdict(&token(&good)).await, None, "{form}");
        assert_eq!(scene.verdict(&token(&bad)).await, DENIED, "{form}");
        assert_eq!(scene.verdict(&token(&json!(["dispatcher", 1]))).await, DENIED, "{form}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_vouches_for_its_own_tenants_alone() {
    let Some(scene) = Scene::new("an_issuer_vouches_for_its_own_tenants_alone").await else {
        return;
    };
    let other_signer = Signer::rsa("key-1");
    let other = flowcontrol_testkit::provider::Provider::start(&other_signer);
    let mut both = config(&scene.provider.issuer);
    both["issuers"][0]["tenants"] = json!(["bfg-control"]);
    let mut second = config(&other.issuer)["issuers"][0].clone();
    second["tenants"] = json!(["north-depot"]);
    both["issuers"].as_array_mut().unwrap().push(second);
    let auth = built(both).await;
    let kind = async |token: String| bear(&*auth, &token).await.err().map(|e| e.kind());
    let of = |issuer: &str, tenant: &str| {
        let mut claims = scene.claims_with("tenant", json!(tenant));
        claims["iss"] = json!(issuer);
        claims
    };
    let (a, b) = (&scene.provider.issuer, &other.issuer);
    assert_eq!(kind(scene.forge(&of(a, "bfg-control"))).await, None);
    assert_eq!(kind(other_signer.token(&other_signer.header(), &of(b, "north-depot"))).await, None);
    assert_eq!(kind(scene.forge(&of(a, "north-depot"))).await, DENIED);
    assert_eq!(
        kind(other_signer.token(&other_signer.header(), &of(b, "bfg-control"))).await,
        DENIED
    );
    // One issuer's key is no key of the other, although both have a key of that name.
    let refused = Some(ErrorKind::Unauthenticated);
    assert_eq!(kind(scene.forge(&of(b, "north-depot"))).await, refused);
    assert_eq!(
        kind(other_signer.token(&other_signer.header(), &of(a, "bfg-control"))).await,
        refused
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_the_mock_adapter_mean_nothing_here() {
    let Some(scene) = Scene::new("headers_of_the_mock_adapter_mean_nothing_here").await else {
        return;
    };
    let mock: [(&str, &[u8]); 4] = [
        ("x-bfg-actor", b"user_md_anna"),
        ("x-bfg-tenant", b"north-depot"),
        ("x-bfg-role", b"driver"),
        ("x-bfg-permissions", b"report_event"),
    ];
    let alone = scene.auth.authenticate(&Presented { headers: &mock }).await.unwrap_err();
    assert_eq!(alone.kind(), ErrorKind::Unauthenticated);
    let bearer = format!("Bearer {}", scene.forge(&scene.claims()));
    let mut headers = mock.to_vec();
    headers.push(("authorization", bearer.as_bytes()));
    let principal = scene.auth.authenticate(&Presented { headers: &headers }).await.unwrap();
    assert_eq!(principal.actor.as_str(), "user_dispatcher_marek");
    assert_eq!(principal.tenant.as_str(), "bfg-control");
    assert_eq!(principal.roles, ["dispatcher"]);
}
