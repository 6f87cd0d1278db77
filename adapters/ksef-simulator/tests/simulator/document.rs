//! Every answer against the official API document and the official schema of receipts, by judges
//! that are not ours.

use crate::batch::{package, zip};
use crate::caller::{Caller, SELLER, fa3, sending};
use flowcontrol_ksef_invoice::nip::Nip;
use flowcontrol_ksef_simulator::{Operation, Tempo};
use flowcontrol_ksef_testkit::invoices::{another_of, invoice};
use flowcontrol_ksef_testkit::judges::{answers, official, openapi, python, said, skip};
use flowcontrol_ksef_wire::crypto::SymmetricKey;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Calls everything, well and badly.
async fn everything(caller: &mut Caller) {
    let token = caller.simulator.issue_token(&Nip::parse(SELLER).unwrap()).unwrap();
    let begun = caller.begin(token.expose(), SELLER, 0).await;
    caller.login_status(&begun).await;
    caller.clock.advance(Duration::from_secs(5));
    caller.login_status(&begun).await;
    caller.sign_in_again(&begun).await;
    caller.redeem(&begun).await;
    caller.begin(token.expose(), SELLER, 7).await;
    caller.begin(token.expose(), "526-587-76-35", 0).await;
    let refresh = caller.refresh.clone();
    caller.call_as(Method::POST, "/auth/token/refresh", &[], None, &refresh).await;
    caller.call_as(Method::GET, "/limits/context", &[], None, "nonsense").await;
    for template in
        ["/limits/context", "/limits/subject", "/rate-limits", "/auth/sessions", "/tokens"]
    {
        caller.get(template, &[]).await;
    }
    let body = json!({"permissions": ["InvoiceRead"], "description": "reads only"});
    let made = caller.post("/tokens", &[], &body).await.text("referenceNumber");
    caller.get("/tokens/{referenceNumber}", &[&made]).await;
    caller.call(Method::DELETE, "/tokens/{referenceNumber}", &[&made], None).await;
    caller.get("/tokens/{referenceNumber}", &["20261127-EC-0000000000-0000000000-00"]).await;
    online(caller).await;
    batch(caller).await;
    caller.call(Method::DELETE, "/auth/sessions/{referenceNumber}", &[&made], None).await;
    caller.call(Method::DELETE, "/auth/sessions/current", &[], None).await;
    caller.call_as(Method::POST, "/auth/token/refresh", &[], None, &refresh).await;
    caller.clock.advance(Duration::from_secs(8 * 24 * 3600));
}

async fn online(caller: &Caller) {
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    caller.post("/sessions/online", &[], &json!({"formCode": fa3()})).await;
    caller.simulator.faults().plan("context-limits:429=30".parse().unwrap());
    caller.get("/limits/context", &[]).await;
    let xml = invoice("FV/1");
    let one = caller.sent(&session, &key, &xml).await;
    caller.invoice(&session, &one).await;
    caller.clock.advance(Duration::from_secs(1));
    caller.invoice(&session, &one).await;
    caller.sent(&session, &key, &another_of("FV/1")).await;
    caller.sent(&session, &key, b"<Faktura/>").await;
    for n in 10..22 {
        caller.sent(&session, &key, &invoice(&format!("FV/{n}"))).await;
    }
    let mut wrong = sending(&key, &xml);
    wrong["encryptedInvoiceSize"] = json!(1);
    caller.send(&session, &wrong).await;
    caller.clock.advance(Duration::from_secs(60));
    let told = caller.invoice(&session, &one).await;
    caller.get("/sessions/{referenceNumber}/invoices?pageSize=10", &[&session]).await;
    caller.get("/sessions/{referenceNumber}/invoices/failed", &[&session]).await;
    caller.get("/sessions/{referenceNumber}/invoices?pageSize=9", &[&session]).await;
    let upo = "/sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}/upo";
    caller.get(upo, &[&session, &one]).await;
    let number = told["ksefNumber"].as_str().unwrap();
    let by_number = "/sessions/{referenceNumber}/invoices/ksef/{ksefNumber}/upo";
    caller.get(by_number, &[&session, number]).await;
    caller.get("/invoices/ksef/{ksefNumber}", &[number]).await;
    caller.get("/invoices/ksef/{ksefNumber}", &["5265877635-20261127-0100FFFFFFFF-00"]).await;
    caller.session(&session).await;
    caller.close("online", &session).await;
    caller.session(&session).await;
    caller.clock.advance(Duration::from_secs(60));
    let told = caller.session(&session).await;
    let page = told["upo"]["pages"][0]["referenceNumber"].as_str().unwrap();
    caller.get("/sessions/{referenceNumber}/upo/{upoReferenceNumber}", &[&session, page]).await;
    caller.get("/sessions?sessionType=Online&statuses=Succeeded", &[]).await;
    caller.get("/sessions?sessionType=Neither", &[]).await;
    caller.session("20261127-SO-0000000000-0000000000-00").await;
    caller.close("online", &session).await;
}

async fn batch(caller: &Caller) {
    let key = SymmetricKey::generate();
    let archive = zip(&[("a.xml", invoice("B/1")), ("b.xml", b"<x/>".to_vec())]);
    let (file, parts) = package(&archive, None, 800, &key);
    caller.close("batch", &caller.open_batch(&key, &file).await.text("referenceNumber")).await;
    let session = caller.batch(&key, &file, &parts).await;
    for _ in 0..50 {
        caller.clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(40)).await;
        if caller.session(&session).await["status"]["code"] == 200 {
            break;
        }
    }
    caller.get("/sessions/{referenceNumber}/invoices", &[&session]).await;
    caller.get("/sessions?sessionType=Batch", &[]).await;
    let mut wrong = file.clone();
    wrong["fileParts"] = json!([]);
    caller.open_batch(&key, &wrong).await;
}

impl Caller {
    async fn sign_in_again(&mut self, begun: &crate::caller::Answer) {
        let tokens = self.redeem(begun).await;
        self.pass = tokens.json["accessToken"]["token"].as_str().unwrap().to_owned();
        self.refresh = tokens.json["refreshToken"]["token"].as_str().unwrap().to_owned();
    }
}

#[tokio::test]
async fn every_answer_is_one_of_the_official_document() {
    let test = "every_answer_is_one_of_the_official_document";
    let Some(folder) = official(test) else { return };
    let Some(python) = python(test, "jsonschema") else { return };
    let document = folder.join("openapi/ksef-openapi-2.9.0-te-20261020.json");
    let tempo = Tempo { login: Duration::from_secs(1), ..Tempo::default() };
    let mut exchanges = Vec::new();
    for problem in [false, true] {
        let mut caller = Caller::with(|config| config.tempo = tempo).await;
        caller.problem = problem;
        everything(&mut caller).await;
        exchanges.append(&mut caller.noted.lock().unwrap());
    }
    let out = openapi(&python, &document, &exchanges);
    assert!(out.status.success(), "{}", said(&out));

    // Every operation that the document knows was called.
    let called: BTreeSet<String> = exchanges
        .iter()
        .map(|e| format!("{} {}", e["method"].as_str().unwrap(), e["path"].as_str().unwrap()))
        .collect();
    let known = Operation::ALL.iter().map(|operation| operation.route());
    let routes = known.filter(|(_, path)| path.starts_with("/v2")).count();
    // Signed documents are posted as XML, in tests of their own.
    assert_eq!(called.len(), routes - 1, "{called:#?}");

    // The judge can say no: to a missing field, a wrong type and an undescribed status.
    let bend = |change: &dyn Fn(&mut Value)| {
        let mut one = exchanges
            .iter()
            .find(|e| e["path"] == "/sessions/online" && e["status"] == "201")
            .unwrap()
            .clone();
        change(&mut one);
        openapi(&python, &document, &[one])
    };
    assert!(bend(&|_| {}).status.success());
    for change in [
        &|e: &mut Value| drop(e["body"].as_object_mut().unwrap().remove("validUntil")),
        &|e: &mut Value| e["body"]["referenceNumber"] = json!(7),
        &|e: &mut Value| e["body"]["validUntil"] = json!("tomorrow"),
        &|e: &mut Value| e["body"]["validuntil"] = json!("x"),
        &|e: &mut Value| e["request"]["formcode"] = json!({}),
        &|e: &mut Value| e["status"] = json!("418"),
    ] as [&dyn Fn(&mut Value); 6]
    {
        let out = bend(change);
        assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    }
}

#[tokio::test]
async fn receipts_are_what_the_official_schema_says() {
    let test = "receipts_are_what_the_official_schema_says";
    let Some(folder) = official(test) else { return };
    let xmllint = PathBuf::from("xmllint");
    if !answers(&xmllint, &["--version"]) {
        return skip(test, "xmllint", "it is not installed");
    }
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    let name = "FV/1 &lt;&amp;&gt; ąć";
    for name in [name, "FV/2"] {
        caller.sent(&session, &key, &invoice(name)).await;
    }
    let mut late = sending(&key, &invoice("FV/3"));
    late["offlineMode"] = json!(true);
    let one = caller.send(&session, &late).await.text("referenceNumber");
    caller.close("online", &session).await;
    let told = caller.session(&session).await;
    let page = told["upo"]["pages"][0]["downloadUrl"].as_str().unwrap();
    let whole = caller.fetch(page, "").await.text;
    assert!(whole.contains(&format!("<NumerFaktury>{name}</NumerFaktury>")), "{whole}");
    let upo = "/sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}/upo";
    let single = caller.get(upo, &[&session, &one]).await.text;
    assert!(single.contains("<TrybWysylki>Offline</TrybWysylki>"));
    let scratch = tempfile::tempdir().unwrap();
    let judged = |xml: &str| {
        let file = scratch.path().join("upo.xml");
        std::fs::write(&file, xml).unwrap();
        let schema = folder.join("xsd/upo/upo-v4-3.xsd");
        let mut xmllint = Command::new(&xmllint);
        xmllint.args(["--nonet", "--noout", "--schema"]).arg(schema).arg(file).output().unwrap()
    };
    for xml in [&whole, &single] {
        let out = judged(xml);
        assert!(out.status.success(), "{}\n{xml}", said(&out));
    }
    assert!(!judged(&single.replace("Offline<", "Nowhere<")).status.success());
}
