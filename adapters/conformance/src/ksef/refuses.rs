//! What must not be sent.

use super::{KsefFixture, cx, plain, suite};
use crate::store::expect::{Outcome, done, equal, refused};
use flowcontrol_contract::error::ErrorKind::{Conflict, Denied, InvalidInput, NotFound};
use flowcontrol_contract::ksef::Submission;
use flowcontrol_contract::{CallCx, Digest, TenantId};

suite!("refuses": what_breaks_a_rule, a_batch_with_one_that_does, an_empty_batch,
    the_same_file_as_another_sending, another_tenant);

/// Invalid files, for which no request may be made.
fn wrong(fixture: &dyn KsefFixture) -> Vec<(&'static str, Vec<u8>)> {
    let good = fixture.invoice("R/1");
    let text = String::from_utf8_lossy(&good).into_owned();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        ("nothing", Vec::new()),
        ("no XML", b"an invoice".to_vec()),
        ("a byte order mark", [&b"\xef\xbb\xbf"[..], &good].concat()),
        ("UTF-16", [&b"\xff\xfe"[..], &utf16].concat()),
        ("half of it", good[..good.len() / 2].to_vec()),
        (
            "a document type",
            [&b"<!DOCTYPE a>"[..], text.trim_start_matches('\u{feff}').as_bytes()].concat(),
        ),
    ]
}

async fn what_breaks_a_rule(fixture: &dyn KsefFixture) -> Outcome {
    let before = fixture.received().await;
    let provider = fixture.provider().await;
    for (what, file) in wrong(fixture) {
        refused(what, provider.submit(&cx(fixture), &plain(&file)).await, &[InvalidInput])?;
        let kept = provider.status(&cx(fixture), &Digest::of(&file)).await;
        refused(&format!("the status of {what}"), kept, &[NotFound])?;
    }
    equal("how many were sent", &(fixture.received().await - before), &0)
}

async fn a_batch_with_one_that_does(fixture: &dyn KsefFixture) -> Outcome {
    let before = fixture.received().await;
    let provider = fixture.provider().await;
    for (what, file) in wrong(fixture) {
        let mut files = [fixture.invoice("R/2"), file].into_iter().map(Ok);
        let outcome = provider.submit_batch(&cx(fixture), &mut files, false).await;
        refused(what, outcome, &[InvalidInput])?;
    }
    equal("how many were sent", &(fixture.received().await - before), &0)
}

async fn an_empty_batch(fixture: &dyn KsefFixture) -> Outcome {
    let provider = fixture.provider().await;
    let outcome = provider.submit_batch(&cx(fixture), &mut std::iter::empty(), false).await;
    refused("an empty batch", outcome, &[InvalidInput])
}

async fn the_same_file_as_another_sending(fixture: &dyn KsefFixture) -> Outcome {
    let provider = fixture.provider().await;
    let invoice = fixture.invoice("R/3");
    done("submit", provider.submit(&cx(fixture), &plain(&invoice)).await)?;
    let before = fixture.received().await;
    let offline = Submission { offline: true, ..plain(&invoice) };
    refused("the same as offline", provider.submit(&cx(fixture), &offline).await, &[Conflict])?;
    equal("how many were sent", &(fixture.received().await - before), &0)
}

async fn another_tenant(fixture: &dyn KsefFixture) -> Outcome {
    let provider = fixture.provider().await;
    let invoice = fixture.invoice("R/4");
    let told = done("submit", provider.submit(&cx(fixture), &plain(&invoice)).await)?;
    let other = TenantId::new("somebody-else").map_err(|e| e.to_string())?;
    let other = CallCx::tenant(other);
    let kinds = [NotFound, Denied];
    refused("another's status", provider.status(&other, &told.invoice).await, &kinds)?;
    refused("another's receipt", provider.upo(&other, &told.invoice).await, &kinds)
}
