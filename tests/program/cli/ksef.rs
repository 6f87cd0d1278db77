//! Invoices on the command line: made from the demo's records, judged, printed with their codes.

use super::place::Place;
use serde_json::{Value, json};

const PARTIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ksef/parties.json");

fn payload() -> Value {
    json!({"invoice_no": "FV/2026/000012", "buyer": "Karpaty Trans",
        "gross": {"amount": "1230.00", "currency": "PLN"}, "vat_rate": "23",
        "lines": [{"name": "Transport", "quantity": 1, "net_price": "1000.00"}],
        "ksef": {"issued": "2026-03-02"}})
}

/// The invoices of the demo's first tenant: id, buyer and payload.
fn records(place: &Place) -> Vec<(String, Value)> {
    let tail = place.run("scenario tail --tenant bfg-control -n 2000 --format json").json();
    let records = tail["records"].as_array().unwrap().clone();
    let invoices = records.into_iter().filter(|r| r["kind"] == "invoice");
    invoices.map(|r| (r["id"].as_str().unwrap().to_owned(), r["payload"].clone())).collect()
}

#[test]
fn every_invoice_of_the_demo_in_pln_builds_and_is_accepted() {
    let place = Place::seeded(1_200);
    let (mut made, mut foreign) = (Vec::new(), 0);
    for (id, payload) in records(&place) {
        let line =
            format!("ksef build {id} --tenant bfg-control --parties {PARTIES} --out {id}.xml");
        let said = place.run(&line);
        if payload["gross"]["currency"] == "PLN" {
            assert_eq!(said.code, Some(0), "{said:?}");
            made.push(format!("{id}.xml"));
        } else {
            let told = said.refused(2);
            assert!(told.contains("/ksef/exchange_rate is missing"), "{told}");
            foreign += 1;
        }
    }
    assert!(made.len() > 5 && foreign > 5, "{} and {foreign}", made.len());
    let judged = place.run(&format!("ksef validate {} --format json", made.join(" "))).json();
    assert_eq!(judged["refused"], 0);
    assert_eq!(judged["files"].as_array().unwrap().len(), made.len());

    let again = format!(
        "ksef build {} --tenant bfg-control --parties {PARTIES} --out {}",
        made[0].trim_end_matches(".xml"),
        made[0]
    );
    let before = place.read(&made[0]);
    let told = place.run(&again).refused(2);
    assert!(told.contains("already exists") && told.contains("never overwritten"), "{told}");
    assert_eq!(place.read(&made[0]), before);
}

#[test]
fn a_record_that_is_none_or_no_invoice_is_named() {
    let place = Place::seeded(60);
    let told = place.run("ksef build invoice-99999999").refused(2);
    assert!(told.contains("there is no record invoice-99999999"), "{told}");
    let told = place.run("ksef build order-00000002 --tenant bfg-control").refused(2);
    assert!(told.contains("record order-00000002 is of kind order"), "{told}");
    let (id, _) = records(&place).swap_remove(0);
    let told = place.run(&format!("ksef build {id} --tenant bfg-control")).refused(2);
    assert!(told.contains("/ksef/seller is missing"), "{told}");
}

#[test]
fn a_payload_is_built_judged_and_printed() {
    let place = Place::new();
    place.write("payload.json", payload().to_string());
    let built = format!("ksef build --file payload.json --parties {PARTIES} --out fv.xml");
    assert!(place.run(&built).fine().starts_with("fv.xml: "));
    let xml = String::from_utf8(place.read("fv.xml")).unwrap();
    assert!(xml.contains("<P_15>1230.00</P_15>"), "{xml}");

    let said = place.run("ksef validate fv.xml --as-of 2026-03-02").fine();
    assert_eq!(said, "fv.xml: accepted\n");
    let said = place.run("ksef validate fv.xml --as-of 2026-03-01");
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("error date.future: /Faktura/Fa/P_1"), "{}", said.out);

    place.write("bad.xml", xml.replace("<P_15>1230.00", "<P_15>1330.00"));
    let said = place.run("ksef validate fv.xml bad.xml --as-of 2026-03-02 --format json");
    assert_eq!(said.code, Some(1));
    let judged: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(judged["refused"], 1);
    let finding = &judged["files"][1]["findings"][0];
    assert_eq!(
        (&finding["path"], &finding["rule"]),
        (&json!("/Faktura/Fa/P_15"), &json!("sum.gross"))
    );

    let links = place.run("ksef qr fv.xml --environment test --out page --format json").json();
    let link = links["kod_1"].as_str().unwrap();
    assert!(
        link.starts_with("https://qr-test.ksef.mf.gov.pl/invoice/5265877635/02-03-2026/"),
        "{link}"
    );
    assert_eq!(links["kod_2"], Value::Null);
    let html = std::fs::read_to_string(place.file("page/invoice.html")).unwrap();
    assert!(html.contains("OFFLINE") && html.contains(link), "{html}");
    assert!(place.file("page/kod-1.png").is_file() && place.file("page/kod-1.svg").is_file());
}

#[test]
fn wrong_input_is_told_with_the_way_out() {
    let place = Place::new();
    let mut wrong = payload();
    wrong["ksef"]["sellr"] = json!({});
    place.write("wrong.json", wrong.to_string());
    place.write("no.xml", "<a/>");
    let told = place.run("ksef build --file wrong.json").refused(2);
    assert!(told.contains("/ksef/sellr") && told.contains("unknown field"), "{told}");
    let told = place.run("ksef build --file nothing.json").refused(2);
    assert!(told.contains("there is no file nothing.json"), "{told}");
    let told = place.run("ksef qr no.xml --environment test").refused(1);
    assert!(
        told.contains("no.xml is not a valid invoice") && told.contains("ksef validate no.xml"),
        "{told}"
    );
    let told = place.run("ksef validate fv.xml --as-of yesterday").refused(2);
    assert!(told.contains("--as-of \"yesterday\" is not a valid date"), "{told}");
    let told = place.run("ksef qr no.xml").refused(2);
    assert!(told.contains("--environment"), "{told}");
    // The future is refused when it is made, and nothing is written.
    let mut tomorrow = payload();
    tomorrow["ksef"]["issued"] = json!("2049-01-01");
    place.write("tomorrow.json", tomorrow.to_string());
    let said =
        place.run(&format!("ksef build --file tomorrow.json --parties {PARTIES} --out t.xml"));
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains("date.future"), "{}", said.err);
    assert!(!place.file("t.xml").exists());
}
