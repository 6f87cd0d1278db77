//! Case groups 16 and 18 in a real browser. The provider at 127.0.0.1 is another site than the
//! service at localhost, so that the browser's own rules for cookies are at work.

use super::scene::{CLIENT, MAREK, SESSION, Scene};
use crate::http::site::OURS;
use flowcontrol_testkit::chromium::Chromium;
use flowcontrol_testkit::provider::password;
use serde_json::json;

/// Signs in at the provider's page, as its own script would, and goes on to the service.
fn sign_in(browser: &Chromium, issuer: &str) {
    let address = browser.at(issuer);
    let user = json!({"username": MAREK, "password": password(MAREK)});
    let ask = |method: &str, path: &str, body: &serde_json::Value| {
        let script = format!(
            "fetch('{path}', {{method: '{method}', headers: {{'content-type': 'application/json'}}, \
             body: JSON.stringify({body})}}).then(a => a.status)"
        );
        assert_eq!(browser.run(&script), 200, "{method} {path}");
    };
    ask("POST", "/api/auth", &user);
    ask("PUT", &format!("/api/auth/grant/{}", CLIENT.0), &json!({"scope": "openid"}));
    let address = url::Url::parse(&address).unwrap();
    let on = address.query_pairs().find(|(name, _)| name == "callback_url").unwrap().1;
    browser.run(&format!("location.href = {} + '&g_continue'; 1", json!(on)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_across_sites_and_keeps_its_cookie_from_others() {
    let test = "a_browser_signs_in_across_sites_and_keeps_its_cookie_from_others";
    let Some(scene) = Scene::new(test).await else { return };
    let Some(browser) = Chromium::start(test) else { return };
    let (origin, issuer) =
        (scene.origin.as_str(), url::Url::parse(&scene.provider.issuer).unwrap());
    let elsewhere = issuer.origin().ascii_serialization();

    // An answer that the browser did not ask for.
    browser.go(&format!("{origin}/auth/callback?code=x&state=y&iss={issuer}"));
    browser.at(&format!("{origin}/auth/callback"));
    assert_eq!(browser.run("JSON.parse(document.querySelector('pre').innerText).status"), 400);

    browser.go(&format!("{origin}/auth/login?return_to=/healthz"));
    sign_in(&browser, &elsewhere);
    browser.at(&format!("{origin}/healthz"));
    let ours: Vec<_> =
        browser.cookies().into_iter().filter(|c| c["domain"] == "localhost").collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    let cookie = &ours[0];
    assert_eq!(cookie["name"], SESSION);
    for (attribute, value) in [
        ("secure", json!(true)),
        ("httpOnly", json!(true)),
        ("sameSite", json!("Lax")),
        ("path", json!("/")),
        ("session", json!(true)),
    ] {
        assert_eq!(cookie[attribute], value, "{attribute}");
    }
    assert_eq!(browser.run("document.cookie"), "", "no script reads it");
    let who = browser.run("fetch('/auth/session').then(a => a.json())");
    assert_eq!((&who["tenant"], &who["actor"]), (&json!(OURS), &json!(MAREK)));

    // A page of ours without the token, and with it.
    let csrf = who["csrf_token"].as_str().unwrap();
    let write = |address: &str, id: &str, more: &str| {
        let body = json!(crate::http::site::risks(&[id]).to_string());
        format!(
            "fetch('{address}/api/v1/records', {{method: 'POST', credentials: 'include', body: {body}, \
             headers: {{'content-type': 'application/json'{more}}}}})"
        )
    };
    let status = |script: String| browser.run(&format!("{script}.then(a => a.status)"));
    assert_eq!(status(write("", "no-token", "")), 403);
    assert_eq!(status(write("", "with-token", &format!(", 'x-csrf-token': '{csrf}'"))), 201);

    // Pages of another site: a script, and a form that takes the browser along.
    browser.go(&format!("{elsewhere}/login.html"));
    browser.at(&elsewhere);
    let script = write(origin, "foreign-script", &format!(", 'x-csrf-token': '{csrf}'"));
    assert_eq!(
        browser.run(&format!("{script}.then(() => 'answered', () => 'kept off')")),
        "kept off"
    );
    let blind = write(origin, "foreign-blind", "").replace("'application/json'", "'text/plain'");
    browser.run(
        &blind.replace("method:", "mode: 'no-cors', method:").replace("})", "}).then(() => 1)"),
    );
    browser.run(&format!(
        "const f = document.createElement('form'); f.method = 'POST'; \
         f.action = '{origin}/auth/logout'; document.body.append(f); f.submit(); 1"
    ));
    browser.at(&format!("{origin}/auth/logout"));
    assert_eq!(
        browser.run("JSON.parse(document.querySelector('pre').innerText).status"),
        401,
        "no cookie came along"
    );

    // The session is still there, nothing was written, and a link from elsewhere finds it.
    browser.go(&format!("{elsewhere}/login.html"));
    browser.at(&elsewhere);
    browser.run(&format!("location.href = '{origin}/api/v1/records?kind=risk&limit=500'; 1"));
    browser.at(&format!("{origin}/api/v1/records"));
    let records = browser.run("document.querySelector('pre').innerText");
    let records = records.as_str().unwrap();
    assert!(records.contains("with-token"), "{records}");
    for not in ["no-token", "foreign-script", "foreign-blind"] {
        assert!(!records.contains(not), "{not}");
    }

    let script = format!(
        "fetch('/auth/logout', {{method: 'POST', headers: {{'x-csrf-token': '{csrf}', \
         accept: 'application/json'}}}}).then(a => a.json())"
    );
    let told = browser.run(&script);
    assert!(told["location"].as_str().unwrap().starts_with(&elsewhere), "{told}");
    assert_eq!(browser.run("fetch('/auth/session').then(a => a.status)"), 401);
    assert!(browser.cookies().iter().all(|c| c["domain"] != "localhost"));
}
