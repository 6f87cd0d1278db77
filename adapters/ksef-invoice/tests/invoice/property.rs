//! Whatever payload builds, the checker accepts, and so does the official schema.

use crate::support::{build, context, errors, payload, xsd::Schema};
use flowcontrol_ksef_invoice::{Decimal, check, summary};
use flowcontrol_ksef_testkit::judges;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const RATES: [(&str, u32); 11] = [
    ("23", 23),
    ("22", 22),
    ("8", 8),
    ("7", 7),
    ("5", 5),
    ("4", 4),
    ("3", 3),
    ("0 KR", 0),
    ("zw", 0),
    ("oo", 0),
    ("np I", 0),
];

fn amount(cents: i64) -> String {
    let mut value = Decimal::new(cents, 2);
    value.rescale(2);
    value.to_string()
}

/// Lines with a net value or a quantity and a price, and what they make in all.
#[derive(Clone, Debug)]
struct Made {
    payload: Value,
}

fn text() -> impl Strategy<Value = String> {
    // What people write, and what XML must escape.
    "[\\PC&&[^\u{7F}-\u{9F}\u{FDD0}-\u{FDEF}]]{1,40}|[a-ząćęłńóśźż ]{1,20}|[<>&'\"\\]]{1,8}"
        .prop_filter("white space alone", |t| !t.trim_matches([' ', '\t', '\n', '\r']).is_empty())
}

fn line() -> impl Strategy<Value = (Value, usize)> {
    let priced = (1..5_000_000_i64, 1..10_000_i64, 0..4_u32).prop_map(|(price, quantity, scale)| {
        let quantity = Decimal::new(quantity, scale);
        json!({"quantity": quantity.to_string(), "net_price": Decimal::new(price, 4).to_string()})
    });
    let valued = (1..100_000_000_i64).prop_map(|cents| json!({"net": amount(cents)}));
    (prop_oneof![priced, valued], text(), 0..RATES.len()).prop_map(|(mut line, name, rate)| {
        line["name"] = json!(name);
        line["vat_rate"] = json!(RATES[rate].0);
        (line, rate)
    })
}

/// The value of a line, rounded as an invoice rounds it.
fn net(line: &Value) -> Decimal {
    let number = |name: &str| line[name].as_str().map(|t| t.parse::<Decimal>().unwrap());
    number("net").unwrap_or_else(|| {
        let value = number("quantity").unwrap() * number("net_price").unwrap();
        value.round_dp_with_strategy(2, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
    })
}

fn made() -> impl Strategy<Value = Made> {
    let lines = prop::collection::vec(line(), 1..12);
    (lines, text(), text(), prop::option::of(10_000..99_999_i64)).prop_map(
        |(lines, seller, number, exchange)| {
            // Rates of one total are summed before they are rounded together by nobody: each rate
            // is rounded for itself.
            let mut gross = Decimal::ZERO;
            for (rate, (_, percent)) in RATES.iter().enumerate() {
                let net: Decimal =
                    lines.iter().filter(|(_, r)| *r == rate).map(|(l, _)| net(l)).sum();
                let vat = net * Decimal::new((*percent).into(), 2);
                let rounding = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
                gross += net + vat.round_dp_with_strategy(2, rounding);
            }
            let mut payload = payload();
            payload["net"] = Value::Null;
            payload["gross"]["amount"] = json!(gross.to_string());
            payload["lines"] = lines.iter().map(|(line, _)| line.clone()).collect();
            payload["invoice_no"] = json!(number);
            payload["ksef"]["seller"]["name"] = json!(seller);
            payload["ksef"]["exemption"] = json!({"act": "art. 43"});
            if !lines.iter().any(|(_, rate)| RATES[*rate].0 == "zw") {
                payload["ksef"]["exemption"] = Value::Null;
            }
            if let Some(exchange) = exchange {
                payload["gross"]["currency"] = json!("EUR");
                payload["ksef"]["exchange_rate"] = json!(Decimal::new(exchange, 4).to_string());
            }
            Made { payload }
        },
    )
}

/// The quantities, prices and amounts of an invoice that are not digits with at most one point: a
/// float would spell some of them with an exponent. Texts may say what they like.
fn floats(xml: &str) -> Vec<String> {
    let amount = |name: &str| {
        ["P_8B", "P_9", "P_11", "P_13_", "P_14_", "P_15", "KursWaluty"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    let document = roxmltree::Document::parse(xml).unwrap();
    let amounts: Vec<_> =
        document.descendants().filter(|node| amount(node.tag_name().name())).collect();
    assert!(!amounts.is_empty(), "no amount in {xml}");
    let number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') && digits.parse::<Decimal>().is_ok()
    };
    amounts
        .iter()
        .map(|node| node.text().unwrap_or_default())
        .filter(|text| !number(text))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_float_is_told_from_a_name() {
    let line = |name: &str, price: &str| format!("<l><P_7>{name}</P_7><P_9A>{price}</P_9A></l>");
    assert!(floats(&line("E+", "-0.0001")).is_empty());
    assert_eq!(floats(&line("a", "1e-4")), ["1e-4"]);
    assert_eq!(floats(&line("a", "1E+20")), ["1E+20"]);
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]
    #[test]
    fn what_is_built_is_accepted(made in made()) {
        let xml = build(&made.payload).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let findings = check(&xml, &context());
        prop_assert!(errors(&findings).is_empty(), "{findings:?}\n{}", String::from_utf8_lossy(&xml));
        let gross: Decimal = made.payload["gross"]["amount"].as_str().unwrap().parse().unwrap();
        prop_assert_eq!(summary(&xml).unwrap().gross, gross);
        let text = String::from_utf8(xml).unwrap();
        let spelled = floats(&text);
        prop_assert!(spelled.is_empty(), "{spelled:?}\n{text}");
    }

    #[test]
    fn no_bytes_break_the_checker(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = check(&bytes, &context());
    }

    #[test]
    fn a_spoilt_byte_never_breaks_the_checker(place in 0..3_000_usize, to: u8) {
        let mut xml = build(&payload()).unwrap();
        let place = place % xml.len();
        xml[place] = to;
        let _ = check(&xml, &context());
    }
}

#[test]
fn the_official_schema_accepts_what_is_built() {
    let Some(schema) = Schema::find("built invoices by the official schema") else { return };
    let mut runner = TestRunner::deterministic();
    let documents: Vec<_> = (0..300)
        .map(|_| build(&made().new_tree(&mut runner).unwrap().current().payload).unwrap())
        .collect();
    schema.accepts(&documents);
}

/// What the schema refuses, the checker refuses: an element is dropped, doubled, renamed, moved or
/// gets another text.
#[test]
fn the_checker_is_no_milder_than_the_official_schema() {
    let Some(schema) = Schema::find("the checker against the official schema") else { return };
    let mut documents = Vec::new();
    let folder = schema_samples();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(path).unwrap();
        documents.extend(mutations(&text));
    }
    let scratch = tempfile::tempdir().unwrap();
    let paths: Vec<_> = documents
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let path = scratch.path().join(format!("{index}.xml"));
            std::fs::write(&path, text).unwrap();
            path
        })
        .collect();
    let (mut refused, mut stricter) = (0, 0);
    for (documents, paths) in documents.chunks(200).zip(paths.chunks(200)) {
        let said = String::from_utf8_lossy(&schema.judge(paths).stderr).into_owned();
        for (text, path) in documents.iter().zip(paths) {
            let valid = said.contains(&format!("{} validates", path.display()));
            let findings = check(text.as_bytes(), &context());
            let structural: Vec<_> = errors(&findings)
                .into_iter()
                .filter(|e| {
                    e.starts_with("structure.") || e.starts_with("value.") || e.starts_with("xml.")
                })
                .collect();
            if valid {
                // NIP checksums are no business of the schema.
                stricter += usize::from(structural.iter().any(|e| !e.starts_with("value.nip")));
                assert!(
                    structural.iter().all(|e| e.starts_with("value.nip")),
                    "{structural:?}\n{text}"
                );
            } else {
                refused += 1;
                assert!(
                    !structural.is_empty(),
                    "{}\n{text}",
                    said.lines().find(|l| l.contains(&path.display().to_string())).unwrap_or("")
                );
            }
        }
    }
    assert!(refused > 1_000, "only {refused} of {} were refused", documents.len());
    assert_eq!(stricter, 0);
}

fn schema_samples() -> std::path::PathBuf {
    judges::official("samples").unwrap().join("samples/fa3")
}

/// Every element of a document dropped, doubled, renamed, exchanged with the next one, and emptied.
fn mutations(text: &str) -> Vec<String> {
    let tree = roxmltree::Document::parse(text).unwrap();
    let mut all = Vec::new();
    let root = tree.root_element();
    for (index, node) in root.descendants().filter(|n| n.is_element() && *n != root).enumerate() {
        let range = node.range();
        let (before, own, after) = (&text[..range.start], &text[range.clone()], &text[range.end..]);
        let name = node.tag_name().name();
        // Not every mutation of every element: the samples repeat themselves.
        match index % 5 {
            0 => all.push(format!("{before}{after}")),
            1 => all.push(format!("{before}{own}{own}{after}")),
            2 => all.push(format!("{before}{}{after}", own.replace(name, "P_99"))),
            3 => {
                if let Some(next) = node.next_siblings().skip(1).find(|n| n.is_element()) {
                    let next = next.range();
                    let (between, second) = (&text[range.end..next.start], &text[next.clone()]);
                    all.push(format!("{before}{second}{between}{own}{}", &text[next.end..]));
                }
            }
            _ => {
                for content in ["", "x", "-1", "0", "1", "3", "2026-02-30", "1.999", " 1 ", "PL"] {
                    all.push(format!("{before}<{name}>{content}</{name}>{after}"));
                }
            }
        }
    }
    all
}
