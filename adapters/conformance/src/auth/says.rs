//! The adapter's description of itself.

use super::sample::{ask, callers};
use super::{AuthFixture, suite};
use crate::store::expect::{Outcome, done, equal, holds};
use flowcontrol_contract::Port;

suite!("says": what_it_is, a_scheme_to_answer_401_with, that_it_is_ready, no_credential_in_its_probe);

async fn what_it_is(fixture: &dyn AuthFixture) -> Outcome {
    let info = fixture.provider().await.info();
    equal("the port", &info.port, &Port::Auth)?;
    holds("the kind has a name", !info.kind.is_empty())?;
    holds("the endpoint is named", !info.endpoint.is_empty())?;
    let principal = done("a caller", ask(fixture, &callers()[0]).await)?;
    equal("the principal's kind", &principal.how.kind, &info.kind)
}

async fn a_scheme_to_answer_401_with(fixture: &dyn AuthFixture) -> Outcome {
    let scheme = fixture.provider().await.challenge();
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    holds("the scheme is a token of HTTP", !scheme.is_empty() && scheme.chars().all(token))
}

async fn that_it_is_ready(fixture: &dyn AuthFixture) -> Outcome {
    done("ready", fixture.provider().await.ready().await)
}

async fn no_credential_in_its_probe(fixture: &dyn AuthFixture) -> Outcome {
    let provider = fixture.provider().await;
    let probe = done("the probe", provider.probe().await)?;
    let shown = format!("{probe:?} {provider:?}");
    for (name, value) in fixture.present(&callers()[0]).await {
        let value = String::from_utf8_lossy(&value).into_owned();
        // Short values are names, which no adapter has to hide.
        let hidden = value.len() < 64 || !shown.contains(&value);
        holds(&format!("the value of {name} is shown nowhere"), hidden)?;
    }
    Ok(())
}
