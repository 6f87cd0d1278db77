//! An invoice of 100 lines, made, judged, hashed and encrypted by us, against what libxml2 takes to
//! judge the same bytes by the official schema: lxml in one process with a compiled schema, in turn
//! with us. One core each.
//!
//! `cargo bench -p flowcontrol-ksef-wire`; `-- --rounds N --calls N` changes the size. Needs
//! ../shared/ksef, and lxml in `target/judges` or in the Python of FLOWCONTROL_PYTHON.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

use flowcontrol_ksef_invoice::{Context, Parties, Source, accepted, check, draft, write};
use flowcontrol_ksef_wire::crypto::{SymmetricKey, sha256_base64};
use serde_json::json;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;
use time::macros::{date, datetime};

fn argument(name: &str, default: u32) -> u32 {
    let mut arguments = std::env::args().skip_while(|a| a != name);
    arguments.nth(1).map_or(default, |text| text.parse().expect("a number"))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A record's payload with so many lines.
fn payload(lines: u32) -> String {
    let line = |n: u32| {
        json!({"name": format!("Transport Rzeszów – Львів, kurs {n}"), "quantity": "1.5",
            "unit": "kurs", "net_price": format!("{}.25", 1000 + n), "index": format!("T-{n:04}"),
            "pkwiu": "49.41.1", "vat_rate": if n.is_multiple_of(5) { "8" } else { "23" }})
    };
    let cents = |rate: u32| -> i64 {
        let of = |n: u32| if n.is_multiple_of(5) { 8 } else { 23 } == rate;
        // 1.5 times a price in quarters, rounded half up.
        (1..=lines).filter(|n| of(*n)).map(|n| (i64::from(100_025 + 100 * n) * 15 + 5) / 10).sum()
    };
    let gross: i64 =
        [8, 23].into_iter().map(|r| cents(r) + (cents(r) * i64::from(r) + 50) / 100).sum();
    json!({"invoice_no": "FV/2026/000012", "order_no": "BFG/000012", "buyer": "Karpaty Trans",
        "gross": {"amount": format!("{}.{:02}", gross / 100, gross % 100), "currency": "PLN"},
        "lines": (1..=lines).map(line).collect::<Vec<_>>(),
        "ksef": {"issued": "2026-11-20",
            "seller": {"nip": "5265877635", "name": "BFG Control sp. z o.o.",
                "address": {"country": "PL", "line1": "ul. Prosta 1", "line2": "00-001 Warszawa"}},
            "buyer": {"nip": "1111111111"}}})
    .to_string()
}

fn main() {
    let (rounds, calls) = (argument("--rounds", 15), argument("--calls", 200));
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let ours_alone = std::env::args().any(|a| a == "--ours");
    let payload = payload(100);
    let parties = Parties::default();
    let source = Source { occurred_at: datetime!(2026-11-20 09:30 UTC), parties: &parties };
    let context = Context { today: date!(2026 - 11 - 20) };
    let key = SymmetricKey::generate();
    let once = || {
        let xml = write(&draft(black_box(&payload), &source).expect("it builds"));
        assert!(accepted(&check(&xml, &context)));
        let plain = sha256_base64(&xml);
        let sealed = key.encrypt(&xml);
        black_box((plain, sha256_base64(&sealed), sealed));
        xml
    };
    let xml = once();
    let timed = || {
        let began = Instant::now();
        for _ in 0..calls {
            once();
        }
        began.elapsed().as_secs_f64() / f64::from(calls)
    };
    if ours_alone {
        println!("{:.1} us", median((0..rounds).map(|_| timed()).collect()) * 1e6);
        return;
    }
    let schemas = root.join("../shared/ksef").canonicalize().expect("../shared/ksef is there");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &xml).expect("it is written");
    let named = std::env::var_os("FLOWCONTROL_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| root.join("target/judges/bin/python"));
    let mut judge = Command::new(python)
        .arg(root.join("benches/support/xsd.py").canonicalize().expect("the script is there"))
        .args([file.path().as_os_str(), calls.to_string().as_ref()])
        .env("XML_CATALOG_FILES", schemas.join("catalog.xml"))
        .current_dir(&schemas)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a Python with lxml: ./ci/test makes one, FLOWCONTROL_PYTHON names another");
    let mut ask = judge.stdin.take().expect("its input");
    let mut answers = BufReader::new(judge.stdout.take().expect("its output")).lines();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        writeln!(ask, "go").expect("it listens");
        let answer = answers.next().expect("an answer").expect("text");
        theirs.push(answer.parse::<f64>().expect("seconds"));
        ours.push(timed());
    }
    drop(ask);
    judge.wait().expect("it ends");
    let (ours, theirs) = (median(ours) * 1e6, median(theirs) * 1e6);
    println!("{} bytes; medians of {rounds} rounds of {calls} calls in turn", xml.len());
    println!("  lxml: parse, validate by schema           {theirs:7.1} us");
    println!(
        "  build, validate, hash, encrypt, hash      {ours:7.1} us   ratio {:.2} (at least 1.0)",
        theirs / ours
    );
}
