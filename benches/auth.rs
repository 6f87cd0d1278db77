//! One RS256 token whose key is known, through the whole of `authenticate`, against jsonwebtoken's
//! bare `decode` of the same token with the same cryptography, in turn.
//!
//! `cargo bench -p flowcontrol-auth`; `-- --rounds N --calls N` changes the size.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

#[path = "../adapters/auth/tests/support/mod.rs"]
mod provider;

use flowcontrol_contract::Presented;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use provider::forge::Signer;
use provider::{Stub, bear, built};
use serde_json::Value;
use std::hint::black_box;
use std::time::Instant;

fn argument(name: &str, default: u32) -> u32 {
    let mut arguments = std::env::args().skip_while(|a| a != name);
    arguments.nth(1).map_or(default, |text| text.parse().unwrap())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (rounds, calls) = (argument("--rounds", 15), argument("--calls", 4_000));
    let signer = Signer::rsa("k1");
    let stub = Stub::new(&[&signer]).await;
    let auth = built(stub.config()).await.unwrap();
    let token = signer.token(&signer.header(), &stub.claims());
    bear(&*auth, &token).await.unwrap();
    let value = format!("Bearer {token}");
    let headers: [(&str, &[u8]); 3] = [
        ("host", b"api.bfg.example"),
        ("accept", b"application/json"),
        ("authorization", value.as_bytes()),
    ];

    let key = DecodingKey::from_jwk(&serde_json::from_value(signer.jwk()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["https://api.bfg.example"]);
    validation.set_issuer(&[&stub.issuer]);

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = Instant::now();
        for _ in 0..calls {
            black_box(decode::<Value>(black_box(&token), &key, &validation).unwrap());
        }
        theirs.push(began.elapsed().as_secs_f64() / f64::from(calls));
        let began = Instant::now();
        for _ in 0..calls {
            let presented = Presented { headers: black_box(&headers) };
            black_box(auth.authenticate(&presented).await.unwrap());
        }
        ours.push(began.elapsed().as_secs_f64() / f64::from(calls));
    }
    let (ours, theirs) = (median(ours) * 1e6, median(theirs) * 1e6);
    println!(
        "a token of {} bytes; medians of {rounds} rounds of {calls} calls in turn",
        token.len()
    );
    println!("  jsonwebtoken decode   {theirs:6.1} us");
    println!("  authenticate          {ours:6.1} us   ratio {:.2} (at least 0.80)", theirs / ours);
}
