//! What reaches KSeF, and how often.

use super::{KsefFixture, cx, decided, plain, suite};
use crate::store::expect::{Outcome, done, equal, holds};
use flowcontrol_contract::ksef::InvoiceState;
use flowcontrol_contract::{Digest, Port};

suite!("sends": and_says_what_it_is, an_invoice_until_it_has_a_number, the_same_file_once,
    nothing_again_after_a_restart, each_of_many, a_batch_in_its_order, the_same_batch_once,
    nothing_more_after_a_close);

async fn and_says_what_it_is(fixture: &dyn KsefFixture) -> Outcome {
    let provider = fixture.provider().await;
    equal("the port", &provider.info().port, &Port::Ksef)?;
    let probe = done("probe", provider.probe().await)?;
    holds("the probe found keys", probe.keys > 0)?;
    let limits = done("limits", provider.limits(&cx(fixture)).await)?;
    holds("an invoice may have bytes", limits.invoice_bytes > 0)?;
    holds("a session may have invoices", limits.invoices_in_session > 0)
}

async fn an_invoice_until_it_has_a_number(fixture: &dyn KsefFixture) -> Outcome {
    let invoice = fixture.invoice("S/1");
    let told = decided(fixture, &invoice).await?;
    equal("whose it is", &told.invoice, &Digest::of(&invoice))?;
    holds("the session is told", told.session.is_some())?;
    holds("its reference is told", told.reference.is_some())?;
    let accepted =
        matches!(&told.state, InvoiceState::Accepted { earlier: None, offline: false, .. });
    holds(&format!("it is accepted, and came {:?}", told.state), accepted)
}

async fn the_same_file_once(fixture: &dyn KsefFixture) -> Outcome {
    let invoice = fixture.invoice("S/2");
    let before = fixture.received().await;
    let provider = fixture.provider().await;
    let first = done("once", provider.submit(&cx(fixture), &plain(&invoice)).await)?;
    let again = done("twice", provider.submit(&cx(fixture), &plain(&invoice)).await)?;
    equal("its reference", &again.reference, &first.reference)?;
    fixture.decide().await;
    let done_with = done("status", provider.status(&cx(fixture), &first.invoice).await)?;
    let later = done("thrice", provider.submit(&cx(fixture), &plain(&invoice)).await)?;
    equal("what is told after it was decided", &later, &done_with)?;
    equal("how often it was sent", &(fixture.received().await - before), &1)
}

async fn nothing_again_after_a_restart(fixture: &dyn KsefFixture) -> Outcome {
    let invoice = fixture.invoice("S/3");
    let before = fixture.received().await;
    let told = decided(fixture, &invoice).await?;
    let restarted = fixture.provider().await;
    let known = done("status", restarted.status(&cx(fixture), &told.invoice).await)?;
    equal("what is known after a restart", &known, &told)?;
    let again = done("submit", restarted.submit(&cx(fixture), &plain(&invoice)).await)?;
    equal("what is told after a restart", &again, &told)?;
    equal("how often it was sent", &(fixture.received().await - before), &1)
}

async fn each_of_many(fixture: &dyn KsefFixture) -> Outcome {
    let provider = fixture.provider().await;
    let mut numbers = Vec::new();
    for n in 0..3 {
        let invoice = fixture.invoice(&format!("S/4/{n}"));
        done("submit", provider.submit(&cx(fixture), &plain(&invoice)).await)?;
        numbers.push(Digest::of(invoice));
    }
    fixture.decide().await;
    let mut given = Vec::new();
    for invoice in &numbers {
        match done("status", provider.status(&cx(fixture), invoice).await)?.state {
            InvoiceState::Accepted { number, .. } => given.push(number),
            other => return Err(format!("one of many is {other:?}")),
        }
    }
    given.sort();
    given.dedup();
    equal("how many numbers there are", &given.len(), &3)
}

async fn a_batch_in_its_order(fixture: &dyn KsefFixture) -> Outcome {
    let provider = fixture.provider().await;
    let files: Vec<_> = (0..3).map(|n| fixture.invoice(&format!("S/5/{n}"))).collect();
    let told = provider.submit_batch(&cx(fixture), &mut files.iter().cloned().map(Ok), false).await;
    let told = done("submit_batch", told)?;
    let wanted: Vec<_> = files.iter().map(Digest::of).collect();
    equal("its invoices", &told.iter().map(|t| t.invoice).collect::<Vec<_>>(), &wanted)?;
    fixture.decide().await;
    for invoice in &wanted {
        let state = done("status", provider.status(&cx(fixture), invoice).await)?.state;
        holds(
            &format!("an invoice of a batch is accepted, and came {state:?}"),
            matches!(state, InvoiceState::Accepted { .. }),
        )?;
    }
    Ok(())
}

async fn the_same_batch_once(fixture: &dyn KsefFixture) -> Outcome {
    let files: Vec<_> = (0..2).map(|n| fixture.invoice(&format!("S/6/{n}"))).collect();
    let before = fixture.received().await;
    for time in ["once", "twice"] {
        let provider = fixture.provider().await;
        let mut invoices = files.iter().cloned().map(Ok);
        done(time, provider.submit_batch(&cx(fixture), &mut invoices, false).await)?;
        fixture.decide().await;
    }
    equal("how many were sent", &(fixture.received().await - before), &2)
}

async fn nothing_more_after_a_close(fixture: &dyn KsefFixture) -> Outcome {
    let provider = fixture.provider().await;
    let (one, two) = (fixture.invoice("S/7/1"), fixture.invoice("S/7/2"));
    let first = done("submit", provider.submit(&cx(fixture), &plain(&one)).await)?;
    done("close", provider.close(&cx(fixture)).await)?;
    done("close once more", provider.close(&cx(fixture)).await)?;
    let second = done("submit", provider.submit(&cx(fixture), &plain(&two)).await)?;
    holds("another session is opened", first.session != second.session)?;
    fixture.decide().await;
    let followed = done("status", provider.status(&cx(fixture), &first.invoice).await)?.state;
    holds(
        "the closed session's invoice is followed",
        matches!(followed, InvoiceState::Accepted { .. }),
    )
}
