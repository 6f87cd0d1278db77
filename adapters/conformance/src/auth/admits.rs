//! Callers who are accepted, and as whom.

use super::sample::{authenticate, callers, is};
use super::{AuthFixture, suite};
use crate::store::expect::{Outcome, done, equal};
use futures::future::join_all;

suite!("admits": each_actor_as_themselves, the_same_caller_again, each_of_many_at_once);

async fn each_actor_as_themselves(fixture: &dyn AuthFixture) -> Outcome {
    let provider = fixture.provider().await;
    for caller in callers() {
        let principal =
            done("a caller", authenticate(&*provider, &fixture.present(&caller).await).await)?;
        is(&principal, &caller)?;
    }
    Ok(())
}

async fn the_same_caller_again(fixture: &dyn AuthFixture) -> Outcome {
    let provider = fixture.provider().await;
    let headers = fixture.present(&callers()[0]).await;
    let first = done("once", authenticate(&*provider, &headers).await)?;
    let second = done("twice", authenticate(&*provider, &headers).await)?;
    equal("the second answer", &second, &first)
}

async fn each_of_many_at_once(fixture: &dyn AuthFixture) -> Outcome {
    let provider = fixture.provider().await;
    let mut presented = Vec::new();
    for caller in callers() {
        let headers = fixture.present(&caller).await;
        presented.push((caller, headers));
    }
    let many = presented.iter().cycle().take(60);
    let answers = join_all(
        many.map(async |(caller, headers)| (caller, authenticate(&*provider, headers).await)),
    );
    for (caller, answer) in answers.await {
        is(&done("one of many", answer)?, caller)?;
    }
    Ok(())
}
