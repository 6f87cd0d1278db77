//! Invoices made from payloads: every kind, and what is refused with its place.

use crate::support::{build, context, errors, payload, refusal, xsd::Schema};
use flowcontrol_ksef_invoice::{Parties, Source, check, draft, read_parties, summary, write};
use serde_json::{Value, json};
use time::macros::datetime;

/// Every kind of invoice that is made, by name.
fn kinds() -> Vec<(&'static str, Value)> {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut payload = payload();
        change(&mut payload);
        payload
    };
    let number = "5265877635-20260210-0A1B2C3D4E5F-2B";
    vec![
        ("VAT", payload()),
        (
            "WDT",
            changed(&|p| {
                p["vat_rate"] = json!("0 WDT");
                p["gross"]["amount"] = json!("1250.00");
                p["ksef"]["seller"]["eu_prefix"] = json!(true);
                p["ksef"]["buyer"] =
                    json!({"eu_vat": "DE123456789", "name": "Müller & Söhne <GmbH>"});
            }),
        ),
        (
            "export in USD",
            changed(&|p| {
                p["vat_rate"] = json!("0 EX");
                p["net"] = json!({"amount": "1250.00", "currency": "USD"});
                p["gross"] = json!({"amount": "1250.00", "currency": "USD"});
                p["ksef"]["buyer"] = json!({"tax_id": "12345678", "tax_country": "UA"});
            }),
        ),
        (
            "np I and np II",
            changed(&|p| {
                p["lines"][0]["vat_rate"] = json!("np I");
                p["lines"][1]["vat_rate"] = json!("np II");
                p["gross"]["amount"] = json!("1250.00");
                p["ksef"]["seller"]["eu_prefix"] = json!(true);
                p["ksef"]["buyer"] = json!({"eu_vat": "EL123456789"});
            }),
        ),
        (
            "EUR with tax in PLN",
            changed(&|p| {
                p["net"]["currency"] = json!("EUR");
                p["gross"]["currency"] = json!("EUR");
                p["ksef"]["exchange_rate"] = json!("4.2512");
            }),
        ),
        (
            "several rates, exempt, reverse charge",
            changed(&|p| {
                p["lines"] = json!([
                {"name": "a", "net": "100.00", "vat_rate": "8"},
                {"name": "b", "gross": "123.00", "vat_rate": "23"},
                {"name": "c", "net": "50.00", "vat_rate": "zw"},
                {"name": "d", "net": "20.00", "vat_rate": "oo"},
                {"name": "e", "net": "0.05", "vat_rate": "7"}]);
                p["net"] = Value::Null;
                p["gross"]["amount"] = json!("301.05");
                p["ksef"]["exemption"] = json!({"act": "art. 43 ust. 1 pkt 37"});
            }),
        ),
        (
            "margin",
            changed(&|p| {
                p["vat_rate"] = Value::Null;
                p["lines"] = json!([{"name": "wycieczka", "quantity": 1, "gross_price": "2000"}]);
                p["net"] = Value::Null;
                p["gross"]["amount"] = json!("2000.00");
                p["ksef"]["margin"] = json!("travel");
            }),
        ),
        (
            "OSS",
            changed(&|p| {
                p["vat_rate"] = Value::Null;
                p["lines"] = json!([{"name": "x", "net": "100.00", "oss_rate": "19"}]);
                p["net"]["amount"] = json!("100.00");
                p["gross"]["amount"] = json!("119.00");
                p["ksef"]["buyer"] = json!({"no_id": true});
            }),
        ),
        (
            "UPR",
            changed(&|p| {
                p["lines"] = json!([{"name": "wiertarka"}]);
                p["net"]["amount"] = json!("365.85");
                p["gross"]["amount"] = json!("450.00");
                p["ksef"]["kind"] = json!("UPR");
                p["ksef"]["totals"] = json!([{"vat_rate": "23", "net": "365.85", "vat": "84.15"}]);
            }),
        ),
        (
            "ZAL",
            changed(&|p| {
                p["lines"] = json!([]);
                p["net"] = Value::Null;
                p["gross"]["amount"] = json!("500.00");
                p["ksef"]["kind"] = json!("ZAL");
                p["ksef"]["order"] =
                    json!([{"name": "Transport", "quantity": 3, "net_price": "1000"}]);
            }),
        ),
        (
            "ZAL in EUR",
            changed(&|p| {
                p["lines"] = json!([]);
                p["net"] = Value::Null;
                p["gross"] = json!({"amount": "500.00", "currency": "EUR"});
                p["ksef"]["kind"] = json!("ZAL");
                p["ksef"]["exchange_rate"] = json!("4.3");
                p["ksef"]["order"] =
                    json!([{"name": "Transport", "quantity": 3, "net_price": "1000"}]);
            }),
        ),
        (
            "ROZ",
            changed(&|p| {
                p["net"]["amount"] = json!("843.50");
                p["gross"]["amount"] = json!("1037.51");
                p["ksef"]["kind"] = json!("ROZ");
                p["ksef"]["advances"] = json!([{"ksef_no": number}, {"number": "ZAL/1"}]);
                p["ksef"]["totals"] = json!([{"vat_rate": "23", "net": "843.50"}]);
            }),
        ),
        (
            "KOR by differences, to KSeF 1.0",
            changed(&|p| {
                p["lines"] = json!([{"name": "rabat", "net": "-100.00"}]);
                p["net"]["amount"] = json!("-100.00");
                p["gross"]["amount"] = json!("-123.00");
                p["ksef"]["kind"] = json!("KOR");
                p["ksef"]["correction"] = json!({"reason": "rabat", "effect": 2, "invoices": [
                {"issued": "2023-09-08", "number": "FV/1", "ksef_no": "9999999999-20230908-8BEF28-0C8D35-4D"},
                {"issued": "2024-01-01", "number": "FV/2", "outside_ksef": true}]});
            }),
        ),
        (
            "KOR before and after",
            changed(&|p| {
                p["lines"] = json!([
                {"name": "Transport", "quantity": 1, "net_price": "1000", "before": true},
                {"name": "Transport", "quantity": 1, "net_price": "900"}]);
                p["net"]["amount"] = json!("-100.00");
                p["gross"]["amount"] = json!("-123.00");
                p["ksef"]["kind"] = json!("KOR");
                p["ksef"]["correction"] = json!({"invoices": [
                {"issued": "2026-02-10", "number": "FV/1", "ksef_no": number}]});
            }),
        ),
        (
            "KOR of a name",
            changed(&|p| {
                p["lines"] = json!([]);
                p["net"] = Value::Null;
                p["gross"]["amount"] = json!("0");
                p["ksef"]["kind"] = json!("KOR");
                p["ksef"]["correction"] = json!({"invoices": [
                {"issued": "2026-02-10", "number": "FV/1", "ksef_no": number}],
                "buyer_before": {"nip": "1111111111", "name": "CDE sp. j."}});
            }),
        ),
        (
            "KOR_ZAL",
            changed(&|p| {
                p["lines"] = json!([]);
                p["net"] = Value::Null;
                p["gross"]["amount"] = json!("-123.00");
                p["ksef"]["kind"] = json!("KOR_ZAL");
                p["ksef"]["totals"] = json!([{"vat_rate": "23", "net": "-100.00"}]);
                p["ksef"]["order"] = json!([
                {"name": "Transport", "net": "1000.00", "before": true}, {"name": "Transport", "net": "900.00"}]);
                p["ksef"]["correction"] = json!({"gross_before": "500.00", "invoices": [
                {"issued": "2026-02-10", "number": "ZAL/1", "ksef_no": number}]});
            }),
        ),
        (
            "all the rest",
            changed(&|p| {
                p["ksef"]["place"] = json!("Warszawa");
                p["ksef"]["period"] = json!({"from": "2026-10-01", "to": "2026-10-31"});
                p["ksef"]["delivery_notes"] = json!(["WZ/1", "WZ/2"]);
                p["ksef"]["others"] = json!([{"role": 2, "party": {"nip": "9999999999", "name": "Odbiorca"}},
                {"role": 6, "party": {"no_id": true, "name": "Płatnik"}}]);
                p["ksef"]["notes"] =
                    json!([{"key": "rejestracja", "value": "RZ 1234A & \"B\" <C>"}]);
                p["ksef"]["payment"] = json!({"due": ["2026-12-20"], "method": "transfer",
                "account": "73111111111111111111111111", "bank": "Bank", "swift": "BREXPLPWXXX"});
                p["ksef"]["footer"] = json!({"text": "Kapitał\nzakładowy", "krs": "0000099999", "regon": "999999999", "bdo": "000099999"});
                p["ksef"]["seller"]["email"] = json!("a@b.pl");
                p["ksef"]["seller"]["phone"] = json!("667444555");
                p["ksef"]["seller"]["eori"] = json!("PL123");
                p["ksef"]["buyer"]["customer_no"] = json!("K/7");
                p["ksef"]["split_payment"] = json!(true);
                p["ksef"]["related"] = json!(true);
                p["ksef"]["receipt"] = json!(true);
                p["lines"][0]["cn"] = json!("8418 21 91");
                p["lines"][0]["gtu"] = json!("GTU_10");
                p["lines"][0]["pkwiu"] = json!("49.41");
                p["lines"][0]["id"] = json!("line-1");
                p["lines"][0]["delivered"] = json!("2026-10-05");
                p["lines"][1]["annex_15"] = json!(true);
            }),
        ),
    ]
}

#[test]
fn every_kind_is_built_and_found_right() {
    for (name, payload) in kinds() {
        let xml = build(&payload).unwrap_or_else(|e| panic!("{name}: {e}"));
        let findings = check(&xml, &context());
        let grave: Vec<_> = findings.iter().filter(|f| f.severity.name() != "note").collect();
        assert!(grave.is_empty(), "{name}: {grave:#?}\n{}", String::from_utf8_lossy(&xml));
        let said = summary(&xml).unwrap();
        assert_eq!(said.kind, payload["ksef"]["kind"].as_str().unwrap_or("VAT"), "{name}");
        assert_eq!(xml, build(&payload).unwrap(), "{name} is not the same twice");
    }
}

#[test]
fn the_official_schema_accepts_every_kind() {
    let Some(schema) = Schema::find("every kind by the official schema") else { return };
    let documents: Vec<_> = kinds().iter().map(|(_, payload)| build(payload).unwrap()).collect();
    schema.accepts(&documents);

    // The judge can say no.
    let spoilt = String::from_utf8(documents[0].clone()).unwrap().replace("<JST>2</JST>", "");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spoilt.xml");
    std::fs::write(&path, spoilt).unwrap();
    let out = schema.judge(&[path]);
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("JST"));
}

#[test]
fn a_record_of_the_demo_builds_with_known_parties() {
    let parties = read_parties(
        r#"{"seller": {"nip": "5265877635", "name": "BFG Control",
        "address": {"country": "PL", "line1": "ul. Prosta 1"}},
        "buyers": {"Żubr Logistyka": {"nip": "1111111111"}}}"#,
    )
    .unwrap();
    // The demo rounds its tax down: 333.33 times 23 % is 76.6659.
    let payload = json!({"invoice_no": "FV/2026/000001", "order_no": "BFG/000001",
        "buyer": "Żubr Logistyka", "net": {"amount": "333.33", "currency": "PLN"},
        "gross": {"amount": "409.99", "currency": "PLN"}, "vat_rate": "23",
        "lines": [{"name": "Transport Rzeszów – Київ", "quantity": 1}], "unknown": {"to": "ksef"}});
    // Late on 1 March in London is 2 March in Warsaw.
    let source = Source { occurred_at: datetime!(2026-03-01 23:30 UTC), parties: &parties };
    let xml = write(&draft(&payload.to_string(), &source).unwrap());
    assert_eq!(errors(&check(&xml, &context())), [""; 0]);
    let text = String::from_utf8(xml).unwrap();
    for part in [
        "<P_1>2026-03-02</P_1>",
        "<P_13_1>333.33</P_13_1><P_14_1>76.66</P_14_1>",
        "<P_15>409.99</P_15>",
        "<DataWytworzeniaFa>2026-03-01T23:30:00Z</DataWytworzeniaFa>",
        "<NrZamowienia>BFG/000001</NrZamowienia>",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }

    let nobody = Parties::default();
    let source = Source { parties: &nobody, ..source };
    let error = draft(&payload.to_string(), &source).unwrap_err();
    assert_eq!(error.pointer, "/ksef/seller");
    assert!(error.why.contains("known parties"), "{error}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let refused: &[(&str, Value, &str)] = &[
        ("/gross/amount", json!("1666,66"), "/gross/amount \"1666,66\" is not a valid amount"),
        ("/gross/amount", json!("+1.00"), "/gross/amount \"+1.00\" is not a valid amount"),
        ("/gross/amount", json!("01.00"), "/gross/amount \"01.00\" is not a valid amount"),
        ("/gross/amount", json!("1E3"), "/gross/amount \"1E3\" is not a valid amount"),
        ("/gross/amount", json!("1.005"), "/gross/amount \"1.005\" is not a valid amount"),
        ("/gross/amount", json!("NaN"), "/gross/amount \"NaN\" is not a valid amount"),
        ("/gross/amount", json!(1.5), "/gross/amount is not valid"),
        (
            "/gross/amount",
            json!("1537.48"),
            "/gross/amount is 1537.48, but the lines or totals give 1537.50",
        ),
        (
            "/net/amount",
            json!("1250.01"),
            "/net/amount is 1250.01, but the lines or totals give 1250.00",
        ),
        ("/gross/currency", json!("PLZ"), "/gross/currency \"PLZ\" is not a valid currency code"),
        ("/lines/0/quantity", json!(1.5), "/lines/0/quantity is not valid: 1.5 is a float"),
        (
            "/lines/1/net_price",
            json!("1e2"),
            "/lines/1/net_price \"1e2\" is not a valid unit price",
        ),
        ("/lines/1/net", json!("1.00"), "/lines/1/net is 1.00, but quantity and price give 250.00"),
        (
            "/lines/0/vat_rate",
            json!("23%"),
            "/lines/0/vat_rate \"23%\" is not a valid value of this field",
        ),
        ("/lines/0/nett", json!("1"), "/lines/0/nett is not valid: unknown field"),
        ("/lines/0/name", json!("x".repeat(513)), "/lines/0/name has 513 characters"),
        ("/lines/0/name", json!("a\u{1}b"), "/lines/0/name has the character U+0001"),
        ("/lines/0/name", json!("a\u{80}b"), "/lines/0/name has the character U+0080"),
        ("/lines/0/name", json!("a\u{FDD0}b"), "/lines/0/name has the character U+FDD0"),
        ("/lines/0/name", Value::Null, "/lines/0/name is missing"),
        ("/lines/0/before", json!(true), "/lines/0/before is for lines of a correction"),
        ("/lines", json!([]), "/lines is missing"),
        ("/vat_rate", Value::Null, "/lines/0/vat_rate is missing"),
        ("/vat_rate", json!("24"), "/vat_rate \"24\" is not a valid value"),
        (
            "/vat_rate",
            json!("zw"),
            "/gross/amount is 1537.50, but the lines or totals give 1250.00",
        ),
        ("/invoice_no", json!(""), "/invoice_no is empty"),
        ("/ksef/issued", json!("2026-02-15Z"), "/ksef/issued \"2026-02-15Z\" is not a valid date"),
        (
            "/ksef/seller/nip",
            json!("526-587-76-35"),
            "/ksef/seller/nip \"526-587-76-35\" is not a valid NIP: a NIP is ten digits",
        ),
        (
            "/ksef/seller/nip",
            json!("٥٢٦٥٨٧٧٦٣٥"),
            "/ksef/seller/nip \"٥٢٦٥٨٧٧٦٣٥\" is not a valid NIP",
        ),
        (
            "/ksef/seller/nip",
            json!("5265877636"),
            "/ksef/seller/nip \"5265877636\" is not a valid NIP: its checksum",
        ),
        ("/ksef/seller/nip", json!(5_265_877_635_u64), "/ksef/seller/nip is not valid"),
        ("/ksef/buyer/nip", json!("1111111112"), "/ksef/buyer/nip"),
        ("/ksef/buyer/address/country", json!("Poland"), "/ksef/buyer/address/country"),
        ("/ksef/buyer", json!({"name": "x"}), "/ksef/buyer has no number"),
        (
            "/ksef/buyer",
            json!({"nip": "1111111111", "no_id": true}),
            "/ksef/buyer has more than one",
        ),
        (
            "/ksef/buyer",
            json!({"eu_vat": "US123"}),
            "/ksef/buyer/eu_vat \"US123\" is not a valid VAT number",
        ),
        ("/ksef/kind", json!("FV"), "/ksef/kind is \"FV\"; it is one of VAT, KOR"),
        ("/ksef/kind", json!("KOR"), "/ksef/correction is missing"),
        ("/ksef/kind", json!("ROZ"), "/ksef/totals is missing"),
        ("/ksef/kind", json!("ZAL"), "/ksef/order is missing"),
        (
            "/ksef/exchange_rate",
            json!("4.3"),
            "/ksef/exchange_rate is for invoices in a foreign currency",
        ),
        ("/ksef/margin", json!("boats"), "/ksef/margin is \"boats\""),
        ("/ksef/payment", json!({"method": "gold"}), "/ksef/payment/method is \"gold\""),
        ("/ksef/period", json!({"from": "2026-02-02", "to": "2026-02-01"}), "/ksef/period ends on"),
        ("/ksef/issue", json!("2026-02-01"), "/ksef/issue is not valid: unknown field `issue`"),
        (
            "/ksef/correction",
            json!({"invoices": []}),
            "/ksef/correction stands on an invoice of kind VAT",
        ),
    ];
    for (place, value, told) in refused {
        let mut payload = payload();
        let (parent, name) = place.rsplit_once('/').unwrap();
        match payload.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value.clone(),
            object => object[name] = value.clone(),
        }
        let said = refusal(&payload);
        assert!(said.starts_with(told), "{place} = {value}: {said}");
    }
}

#[test]
fn tax_of_a_foreign_currency_needs_its_rate_of_exchange() {
    let mut payload = payload();
    payload["net"]["currency"] = json!("EUR");
    payload["gross"]["currency"] = json!("EUR");
    assert!(
        refusal(&payload)
            .starts_with("/ksef/exchange_rate is missing: the tax of an invoice in EUR")
    );
    payload["net"]["currency"] = json!("PLN");
    payload["ksef"]["exchange_rate"] = json!("4.25");
    assert!(refusal(&payload).starts_with("/net/currency is PLN, but gross is in EUR"));
}

#[test]
fn a_correction_waits_for_the_number_of_its_original() {
    let (_, mut payload) =
        kinds().into_iter().find(|(name, _)| *name == "KOR before and after").unwrap();
    let invoice = &mut payload["ksef"]["correction"]["invoices"][0];
    invoice["ksef_no"] = Value::Null;
    let said = refusal(&payload);
    let told = "/ksef/correction/invoices/0/ksef_no is missing: a correction can be sent once KSeF";
    assert!(said.starts_with(told), "{said}");
    payload["ksef"]["correction"]["invoices"][0]["ksef_no"] = json!("5265877635-20260210-0A1B2C");
    assert!(refusal(&payload).contains("is not a valid KSeF number"));
}
