//! Receipts and other proof.

use super::{KsefFixture, cx, decided, plain, suite};
use crate::store::expect::{Outcome, done, equal, holds, refused};
use flowcontrol_contract::Digest;
use flowcontrol_contract::error::ErrorKind::{Conflict, NotFound};
use flowcontrol_contract::ksef::InvoiceState;

suite!("proves": by_a_receipt_of_this_invoice, by_the_same_receipt_after_a_restart,
    nothing_that_is_not_accepted, by_finding_an_invoice_by_its_bytes, nothing_by_finding_another);

async fn by_a_receipt_of_this_invoice(fixture: &dyn KsefFixture) -> Outcome {
    let invoice = fixture.invoice("P/1");
    let told = decided(fixture, &invoice).await?;
    let InvoiceState::Accepted { number, .. } = told.state else {
        return Err(format!("it is {:?}", told.state));
    };
    let upo = fixture.provider().await.upo(&cx(fixture), &told.invoice).await;
    let upo = done("upo", upo)?;
    equal("its invoice", &upo.invoice, &told.invoice)?;
    equal("its number", &upo.number, &number)?;
    equal("its digest", &upo.digest, &Digest::of(&upo.xml))?;
    let text = String::from_utf8_lossy(&upo.xml);
    holds("the receipt names the number", text.contains(number.as_str()))
}

async fn by_the_same_receipt_after_a_restart(fixture: &dyn KsefFixture) -> Outcome {
    let told = decided(fixture, &fixture.invoice("P/2")).await?;
    let first = fixture.provider().await.upo(&cx(fixture), &told.invoice).await;
    let again = fixture.provider().await.upo(&cx(fixture), &told.invoice).await;
    equal("the receipt", &done("again", again)?, &done("first", first)?)
}

async fn nothing_that_is_not_accepted(fixture: &dyn KsefFixture) -> Outcome {
    let provider = fixture.provider().await;
    let nobody = Digest::of("an invoice that nobody submitted");
    refused("the status of nothing", provider.status(&cx(fixture), &nobody).await, &[NotFound])?;
    refused("the receipt of nothing", provider.upo(&cx(fixture), &nobody).await, &[NotFound])?;
    let invoice = fixture.invoice("P/3");
    let told = done("submit", provider.submit(&cx(fixture), &plain(&invoice)).await)?;
    if told.state.is_final() {
        return Err("it is decided before KSeF was asked".into());
    }
    refused("a receipt too early", provider.upo(&cx(fixture), &told.invoice).await, &[Conflict])
}

async fn by_finding_an_invoice_by_its_bytes(fixture: &dyn KsefFixture) -> Outcome {
    let told = decided(fixture, &fixture.invoice("P/4")).await?;
    let found = fixture.provider().await.find(&cx(fixture), &told.invoice).await;
    let Some(found) = done("find", found)? else { return Err("it is not found".into()) };
    equal("what is found", &found, &told)
}

async fn nothing_by_finding_another(fixture: &dyn KsefFixture) -> Outcome {
    decided(fixture, &fixture.invoice("P/5")).await?;
    let nobody = Digest::of("an invoice that nobody submitted");
    let found = fixture.provider().await.find(&cx(fixture), &nobody).await;
    equal("what is found", &done("find", found)?, &None)
}
