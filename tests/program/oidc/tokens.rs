//! Tokens of every wrong form under the provider's own keys: case groups 1 to 6 and 11.

use super::scene::{Scene, config, now};
use flowcontrol_contract::Presented;
use flowcontrol_contract::error::ErrorKind;
use flowcontrol_testkit::forge::{Signer, b64, hs256};
use serde_json::{Value, json};

const REFUSED: Option<ErrorKind> = Some(ErrorKind::Unauthenticated);

#[tokio::test(flavor = "multi_thread")]
async fn the_providers_own_access_token_is_its_user_and_its_id_token_is_nobody() {
    let Some(scene) =
        Scene::new("the_providers_own_access_token_is_its_user_and_its_id_token_is_nobody").await
    else {
        return;
    };
    let tokens = scene.provider.login("user_dispatcher_marek");
    let principal = scene.bear(&tokens.access).await.unwrap();
    assert_eq!(principal.tenant.as_str(), "bfg-control");
    assert_eq!(principal.actor.as_str(), "user_dispatcher_marek");
    assert_eq!(principal.roles, ["dispatcher"]);
    assert!(principal.permissions.contains("create_order"));
    assert!(principal.require("report_event").is_err());
    assert_eq!(principal.how.issuer.as_ref(), Some(&scene.provider.issuer));
    assert_eq!(scene.verdict(&tokens.id).await, REFUSED);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_algorithm_type_or_extension_is_refused() {
    let Some(scene) = Scene::new("another_algorithm_type_or_extension_is_refused").await else {
        return;
    };
    let (signer, claims) = (&scene.signer, scene.claims());
    let header = |member: &str, value: Value| {
        let mut header = signer.header();
        header[member] = value;
        header
    };
    let mut tokens = Vec::new();
    let mut add = |name: &str, token: String| tokens.push((name.to_owned(), token));
    for none in ["none", "nOnE", "None", ""] {
        let bare =
            format!("{}.{}.", b64(header("alg", json!(none)).to_string()), b64(claims.to_string()));
        add(&format!("alg {none:?} without a signature"), bare);
        add(&format!("alg {none:?}"), signer.token(&header("alg", json!(none)), &claims));
    }
    let hs = header("alg", json!("HS256"));
    add("HS256 with the public key", hs256(&signer.public_bytes(), &hs, &claims));
    add("HS256 with the client's secret", hs256(b"portal-secret", &hs, &claims));
    add("HS256 with the public JWK", hs256(signer.jwk().to_string().as_bytes(), &hs, &claims));
    add("RS512 under an RS256 key", signer.rs512(&header("alg", json!("RS512")), &claims));
    add("RS512 that says RS256", signer.rs512(&signer.header(), &claims));
    add("ES256 that says RS256", Signer::es256("key-1").token(&signer.header(), &claims));
    add("another's key of the same name", Signer::rsa("key-1").token(&signer.header(), &claims));
    for alg in [json!("rs256"), json!("RS256 "), json!(["RS256"]), json!(256), json!(null)] {
        add(&format!("alg {alg}"), signer.token(&header("alg", alg), &claims));
    }
    for typ in ["JWT", "logout+jwt", "jwt", "", "at+jwt ", "secevent+jwt", "text/at+jwt"] {
        add(&format!("typ {typ:?}"), signer.token(&header("typ", json!(typ)), &claims));
    }
    add("typ a number", signer.token(&header("typ", json!(1)), &claims));
    add("typ absent", signer.token(&json!({"alg": "RS256", "kid": "key-1"}), &claims));
    add("crit", signer.token(&header("crit", json!(["exp"])), &claims));
    add("an empty crit", signer.token(&header("crit", json!([])), &claims));
    add("b64", signer.token(&header("b64", json!(false)), &claims));
    for kid in ["../../etc/passwd", "' or 1=1 --", "http://169.254.169.254/", "key-2", ""] {
        add(&format!("kid {kid}"), signer.token(&header("kid", json!(kid)), &claims));
    }
    // As it stands the token is longer than is read at all.
    add("kid of 10 KB", signer.token(&header("kid", json!("k".repeat(10_240))), &claims));
    add("kid of 300 bytes", signer.token(&header("kid", json!("k".repeat(300))), &claims));
    for kid in [json!(1), json!(null), json!(["key-1"]), json!({"key-1": 1})] {
        add(&format!("kid {kid}"), signer.token(&header("kid", kid), &claims));
    }
    add("kid absent", signer.token(&json!({"alg": "RS256", "typ": "at+jwt"}), &claims));
    for id_token in ["nonce", "at_hash", "c_hash", "events"] {
        add(id_token, scene.forge(&scene.claims_with(id_token, json!("x"))));
    }
    scene.all(REFUSED, tokens).await;
    let fine = ["AT+JWT", "application/at+jwt"]
        .map(|typ| (format!("typ {typ}"), signer.token(&header("typ", json!(typ)), &claims)));
    scene.all(None, fine.into()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_addresses_in_a_token_are_never_asked() {
    let Some(scene) = Scene::new("keys_and_addresses_in_a_token_are_never_asked").await else {
        return;
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let evil = format!("http://{}/keys", listener.local_addr().unwrap());
    let own = Signer::rsa("evil");
    for (kid, wanted) in [("key-1", REFUSED), ("evil", REFUSED)] {
        let mut header = own.header();
        header["kid"] = json!(kid);
        header["jwk"] = own.jwk();
        for address in ["jku", "x5u"] {
            header[address] = json!(evil);
        }
        assert_eq!(scene.verdict(&own.token(&header, &scene.claims())).await, wanted, "{kid}");
    }
    let asked = listener.accept().map(drop).map_err(|e| e.kind());
    assert_eq!(asked, Err(std::io::ErrorKind::WouldBlock), "the address was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_issuer_audience_or_time_is_refused() {
    let Some(scene) = Scene::new("another_issuer_audience_or_time_is_refused").await else {
        return;
    };
    let mut tokens = Vec::new();
    let issuer = scene.provider.issuer.clone();
    let audience = flowcontrol_testkit::provider::AUDIENCE;
    let t = now();
    let wrong: Vec<(&str, Vec<Value>)> = vec![
        (
            "iss",
            vec![
                json!(null),
                json!(format!("{issuer}/")),
                json!([issuer]),
                json!(1),
                json!("https://evil.example"),
                json!(issuer.to_uppercase()),
            ],
        ),
        (
            "aud",
            vec![
                json!(null),
                json!("portal"),
                json!("openid"),
                json!(7),
                json!({"a": audience}),
                json!([]),
                json!([audience, 7]),
                json!(["portal"]),
                json!(format!("{audience}/")),
                json!(true),
            ],
        ),
        ("sub", vec![json!(null), json!(""), json!(5), json!(["a"])]),
        (
            "exp",
            vec![
                json!(null),
                json!(t - 31),
                json!(format!("{}", t + 60)),
                json!(1e300),
                json!(-1),
                json!(0),
                json!(t + 3 * 3600),
                json!([t + 60]),
                json!(true),
            ],
        ),
        ("nbf", vec![json!(t + 3600), json!("now"), json!(1e300)]),
        ("iat", vec![json!(t + 3600), json!("now"), json!(t - 7200), json!(0)]),
    ];
    for (member, values) in wrong {
        for value in values {
            let name = format!("{member} {value}");
            tokens.push((name, scene.forge(&scene.claims_with(member, value))));
        }
    }
    scene.all(REFUSED, tokens).await;
    let mut fine = vec![
        ("exp 20 s ago".to_owned(), scene.forge(&scene.claims_with("exp", json!(now() - 20)))),
        ("nbf in 20 s".to_owned(), scene.forge(&scene.claims_with("nbf", json!(now() + 20)))),
        ("no nbf".to_owned(), scene.forge(&scene.claims_with("nbf", json!(null)))),
        (
            "exp with a fraction".to_owned(),
            scene.forge(&scene.claims_with("exp", json!(now() as f64 + 60.5))),
        ),
    ];
    let several = scene.claims_with("aud", json!(["openid", audience]));
    fine.push(("aud among several".to_owned(), scene.forge(&several)));
    scene.all(None, fine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_form_of_a_token_or_of_its_header_is_refused() {
    let Some(scene) = Scene::new("another_form_of_a_token_or_of_its_header_is_refused").await
    else {
        return;
    };
    let good = scene.forge(&scene.claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let mut tokens: Vec<(String, String)> = [
        ("four parts", format!("{good}.x")),
        ("five parts", format!("{good}.x.y")),
        ("two parts", signed.to_owned()),
        ("no signature", format!("{signed}.")),
        ("padding", format!("{good}==")),
        ("padding of the claims", format!("{signed}=.{signature}")),
        ("a line break", format!("{good}\n")),
        ("a line break inside", good.replacen('.', ".\n", 1)),
        ("a space after", format!("{good} ")),
        ("a space before", format!(" {good}")),
        ("a tab before", format!("\t{good}")),
        ("standard base64", good.replace('-', "+").replace('_', "/") + "+"),
        ("a cut signature", good[..good.len() - 4].to_owned()),
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
        (
            "another letter",
            format!("{signed}.{}", signature.replacen(|c: char| c.is_ascii_digit(), "é", 1)),
        ),
    ]
    .map(|(name, token)| (name.to_owned(), token))
    .into();
    let big = scene.claims_with("pad", json!("a".repeat(8 * 1024)));
    tokens.push(("more than 8 KiB".into(), scene.forge(&big)));
    tokens.push(("a MiB that is no token".into(), "A".repeat(1 << 20)));
    let (header, claims) = (scene.signer.header().to_string(), scene.claims().to_string());
    for twice in [
        "\"aud\":\"portal\"",
        "\"roles\":\"driver\"",
        "\"tenant\":\"north-depot\"",
        "\"iss\":\"https://evil.example\"",
        "\"exp\":9999999999",
        "\"\\u0061ud\":\"portal\"",
    ] {
        let before = claims.replacen('{', &format!("{{{twice},"), 1);
        let after = format!("{},{twice}}}", claims.strip_suffix('}').unwrap());
        tokens.push((format!("{twice} before"), scene.signer.text(&header, &before)));
        tokens.push((format!("{twice} after"), scene.signer.text(&header, &after)));
    }
    let twice = header.replacen('{', "{\"alg\":\"none\",", 1);
    tokens.push(("alg twice".into(), scene.signer.text(&twice, &claims)));
    for text in ["[]", "null", "\"a\"", "", "{}", "{", "{\"iss\":"] {
        tokens.push((format!("claims {text:?}"), scene.signer.text(&header, text)));
        tokens.push((format!("header {text:?}"), scene.signer.text(text, &claims)));
    }
    scene.all(REFUSED, tokens).await;

    let ask = async |headers: &[(&str, &[u8])]| {
        scene.auth.authenticate(&Presented { headers }).await.err().map(|e| e.kind())
    };
    let bearer = format!("Bearer {good}");
    let once: (&str, &[u8]) = ("authorization", bearer.as_bytes());
    assert_eq!(ask(&[once]).await, None);
    assert_eq!(ask(&[once, once]).await, Some(ErrorKind::InvalidInput));
    assert_eq!(ask(&[("authorization", b"Basic YTpi"), once]).await, Some(ErrorKind::InvalidInput));
    for scheme in ["bearer", "BEARER"] {
        let value = format!("{scheme} {good}");
        assert_eq!(ask(&[("authorization", value.as_bytes())]).await, None, "{scheme}");
    }
    for scheme in ["Basic", "DPoP", "Bearer:", "Bearer\t", "Token", ""] {
        let value = format!("{scheme} {good}");
        assert_eq!(ask(&[("authorization", value.as_bytes())]).await, REFUSED, "{scheme:?}");
    }
    assert_eq!(ask(&[("authorization", good.as_bytes())]).await, REFUSED);
    // A token anywhere else is no token.
    for name in ["cookie", "x-access-token", "proxy-authorization", "x-forwarded-authorization"] {
        assert_eq!(ask(&[(name, bearer.as_bytes())]).await, REFUSED, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_an_id_token_has_too_is_accepted_where_the_issuer_is_configured_so() {
    let Some(mut scene) =
        Scene::new("a_type_that_an_id_token_has_too_is_accepted_where_the_issuer_is_configured_so")
            .await
    else {
        return;
    };
    let mut opted = config(&scene.provider.issuer);
    opted["issuers"][0]["types"] = json!(["JWT"]);
    scene.auth = super::scene::built(opted).await;
    let tokens = scene.provider.login("user_dispatcher_marek");
    assert_eq!(scene.verdict(&tokens.id).await, REFUSED, "an ID token is still none");
    assert_eq!(scene.verdict(&tokens.access).await, REFUSED, "at+jwt is not in the list");
    let mut header = scene.signer.header();
    header["typ"] = json!("JWT");
    let token = scene.signer.token(&header, &scene.claims());
    assert_eq!(scene.verdict(&token).await, None);
}
