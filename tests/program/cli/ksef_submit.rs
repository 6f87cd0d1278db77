//! `ksef submit`, `status`, `upo` and `limits` before the simulator in the same process.

use super::place::Place;
use flowcontrol_ksef_invoice::today_at;
use flowcontrol_ksef_testkit::invoices;
use serde_json::Value;
use time::OffsetDateTime;

/// An invoice of the day on which the test runs: the program goes by the machine's clock.
fn today(number: &str) -> Vec<u8> {
    let now = flowcontrol_contract::Timestamp::now().micros() / 1_000_000;
    let now = OffsetDateTime::from_unix_timestamp(now).unwrap();
    invoices::invoice_of(number, &today_at(now).to_string())
}

/// The records of a tenant's scenario.
fn records(place: &Place, tenant: &str) -> Vec<Value> {
    let name = format!("frozen-{}.jsonl", place.names().len());
    place.run(&format!("snapshot freeze --out {name}")).fine();
    let text = String::from_utf8(place.read(&name)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|record| record["tenant"] == tenant && record["seq"].is_u64()).collect()
}

const TENANT: &str = "bfg-control";

#[test]
fn an_accepted_invoice_is_noted_in_the_scenario_with_its_number_and_its_receipt() {
    let place = Place::seeded(200);
    let before = records(&place, TENANT);
    let paid =
        before.iter().find(|r| r["kind"] == "payment").unwrap()["payload"]["invoice_no"].clone();
    let invoice = before
        .iter()
        .find(|r| r["kind"] == "invoice" && r["payload"]["invoice_no"] == paid)
        .unwrap();
    let (id, number) = (invoice["id"].as_str().unwrap(), paid.as_str().unwrap());
    place.write("invoice.xml", today(number));
    let submit = format!("ksef submit invoice.xml --tenant {TENANT} --record {id} --format json");
    let told = place.run(&submit).json();
    assert_eq!(told["accepted"], 1, "{told}");
    let state = &told["invoices"][0]["state"];
    let (given, upo) = (&state["number"], &told["invoices"][0]["upo_sha256"]);

    let after = records(&place, TENANT);
    let noted: Vec<&Value> = after[before.len()..].iter().collect();
    let kinds: Vec<&str> = noted.iter().map(|r| r["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["invoice", "payment"]);
    for record in &noted {
        let payload = &record["payload"];
        assert_eq!((&payload["ksef_no"], &payload["ksef_upo_sha256"]), (given, upo));
        assert_eq!(payload["invoice_no"], paid);
    }
    assert_eq!(noted[0]["payload"]["supersedes"], id);

    // Once more: told again, sent once, noted once.
    let again = place.run(&submit).json();
    assert_eq!(
        (&again["invoices"][0]["state"], &again["records"]),
        (state, &serde_json::json!([]))
    );
    assert_eq!(records(&place, TENANT).len(), after.len());

    let said = place.run(&format!("ksef status invoice.xml --tenant {TENANT}")).fine();
    assert_eq!(said, format!("invoice.xml: accepted as {}\n", given.as_str().unwrap()));
    place.run(&format!("ksef upo invoice.xml --tenant {TENANT} --out upo.xml")).fine();
    let kept = flowcontrol_contract::Digest::of(place.read("upo.xml")).to_string();
    assert_eq!(upo, &Value::from(kept));
    let said = place.run(&format!("ksef status invoice.xml --tenant {TENANT} --find")).fine();
    assert!(said.contains(given.as_str().unwrap()), "{said}");
}

#[test]
fn what_cannot_be_sent_is_named_before_anything_is_sent() {
    let place = Place::seeded(60);
    place.write("invoice.xml", today("FV/1"));
    place.write("bom.xml", [&b"\xef\xbb\xbf"[..], &today("FV/2")].concat());
    let said = place.run("ksef submit invoice.xml").refused(2);
    assert!(said.contains("--tenant"), "{said}");
    let said = place.run(&format!("ksef submit bom.xml --tenant {TENANT}")).refused(2);
    assert!(said.contains("the invoice is not sent"), "{said}");
    let said = place.run(&format!("ksef submit absent.xml --tenant {TENANT}")).refused(2);
    assert!(said.contains("there is no file absent.xml"), "{said}");
    let unknown = format!("ksef submit invoice.xml --tenant {TENANT} --record nobody");
    let said = place.run(&unknown).refused(1);
    assert!(said.contains("has no record nobody"), "{said}");
    let said = place.run(&format!("ksef status invoice.xml --tenant {TENANT}")).refused(1);
    assert!(said.contains("was submitted here") && said.contains("--find"), "{said}");
    let said = place.run(&format!("ksef upo invoice.xml --tenant {TENANT}")).refused(1);
    assert!(said.contains("was submitted here"), "{said}");
}

#[test]
fn a_batch_is_accepted_as_a_whole_and_limits_are_told() {
    let place = Place::new();
    place.run("init").fine();
    for n in 0..3 {
        place.write(&format!("{n}.xml"), today(&format!("FV/{n}")));
    }
    let submit = format!("ksef submit --batch 0.xml 1.xml 2.xml --tenant {TENANT}");
    let said = place.run(&submit).fine();
    assert!(said.ends_with("\n3 invoices: 3 accepted\n"), "{said}");
    let limits = place.run(&format!("ksef limits --tenant {TENANT} --format json")).json();
    assert_eq!(limits["invoice_bytes"], 1_000_000);
    let said = place.run(&format!("ksef limits --tenant {TENANT}")).fine();
    assert!(said.contains("invoiceSend"), "{said}");
}

#[test]
fn production_and_certificates_are_refused_before_any_request() {
    let place = Place::new();
    place.run("init").fine();
    place.write("invoice.xml", today("FV/1"));
    let text = String::from_utf8(place.read("flowcontrol.toml")).unwrap();
    let text = text.replacen("ksef = \"mock-ksef\"", "ksef = \"ksef-api\"", 1);
    let with = |more: &str| {
        let section =
            format!("\n[adapters.ksef-api]\ntenant = \"{TENANT}\"\nnip = \"5265877635\"\n{more}\n");
        place.write("flowcontrol.toml", format!("{text}{section}"));
        place.run("ksef submit invoice.xml").refused(2)
    };
    let token = "token = { env = \"KSEF_TOKEN\" }";
    let said = with(&format!("environment = \"prd\"\n{token}"));
    assert!(said.contains("legal effect") && said.contains("production = true"), "{said}");
    let said = with(&format!("base_url = \"http://ksef.example.org/v2\"\n{token}"));
    assert!(said.contains("loopback"), "{said}");
    let said = with(&format!("environment = \"test\"\n{token}"));
    assert!(said.contains("KSEF_TOKEN"), "{said}");
    let said = with("environment = \"test\"\ncertificate = { file = \"a.pem\" }");
    assert!(said.contains("a certificate without its key"), "{said}");
}
