//! Callers who are refused.

use super::sample::{Caller, ask, authenticate, callers};
use super::{AuthFixture, Headers, suite};
use crate::store::expect::{Outcome, holds, refused};
use flowcontrol_contract::error::ErrorKind::{Denied, InvalidInput, Unauthenticated};

suite!("refuses": nothing, a_header_twice, a_missing_tenant, another_tenant, a_missing_role,
    an_unknown_role, missing_permissions, more_permissions_than_the_role_has, garbage,
    to_repeat_a_credential);

async fn nothing(fixture: &dyn AuthFixture) -> Outcome {
    let provider = fixture.provider().await;
    refused("no header", authenticate(&*provider, &Headers::new()).await, &[Unauthenticated])?;
    let other: Headers = vec![("host".into(), b"bfg.example".to_vec())];
    refused("another header", authenticate(&*provider, &other).await, &[Unauthenticated])
}

async fn a_header_twice(fixture: &dyn AuthFixture) -> Outcome {
    let provider = fixture.provider().await;
    let (one, two) = (callers().swap_remove(0), callers().swap_remove(2));
    let (one, two) = (fixture.present(&one).await, fixture.present(&two).await);
    for again in one.iter().chain(&two) {
        let mut headers = one.clone();
        headers.push(again.clone());
        let what = format!("{} twice", again.0);
        refused(&what, authenticate(&*provider, &headers).await, &[InvalidInput])?;
    }
    Ok(())
}

async fn changed(fixture: &dyn AuthFixture, what: &str, change: fn(&mut Caller)) -> Outcome {
    let mut caller = callers().swap_remove(1);
    change(&mut caller);
    refused(what, ask(fixture, &caller).await, &[Denied])
}

async fn a_missing_tenant(fixture: &dyn AuthFixture) -> Outcome {
    changed(fixture, "no tenant", |c| c.tenant = None).await
}

async fn another_tenant(fixture: &dyn AuthFixture) -> Outcome {
    changed(fixture, "an unknown tenant", |c| c.tenant = Some("nobody".into())).await
}

async fn a_missing_role(fixture: &dyn AuthFixture) -> Outcome {
    changed(fixture, "no role", |c| c.roles = None).await?;
    changed(fixture, "an empty list of roles", |c| c.roles = Some(Vec::new())).await
}

async fn an_unknown_role(fixture: &dyn AuthFixture) -> Outcome {
    changed(fixture, "an unknown role", |c| c.roles = Some(vec!["superuser".into()])).await
}

async fn missing_permissions(fixture: &dyn AuthFixture) -> Outcome {
    changed(fixture, "no permissions", |c| c.permissions = None).await
}

/// Denied, or admitted without them.
async fn more_permissions_than_the_role_has(fixture: &dyn AuthFixture) -> Outcome {
    let mut caller = callers().swap_remove(1);
    caller.permissions.get_or_insert_default().push("gate.accept".into());
    match ask(fixture, &caller).await {
        Ok(principal) => holds(
            "gate.accept is not among the permissions",
            !principal.permissions.contains("gate.accept"),
        ),
        Err(error) => refused::<()>("more permissions", Err(error), &[Denied]),
    }
}

async fn garbage(fixture: &dyn AuthFixture) -> Outcome {
    let provider = fixture.provider().await;
    let good = fixture.present(&callers().swap_remove(0)).await;
    let long = vec![b'a'; 1 << 20];
    let values: [&[u8]; 8] =
        [b"", b" ", b"\xff\xfe", b"\x00", b"Bearer", b"Bearer ", b"Bearer a.b.c", &long];
    for place in 0..good.len() {
        for value in values {
            let mut headers = good.clone();
            headers[place].1 = value.to_vec();
            let what = format!("{} = {:?}", good[place].0, &value[..value.len().min(12)]);
            let kinds = [Unauthenticated, Denied, InvalidInput];
            refused(&what, authenticate(&*provider, &headers).await, &kinds)?;
        }
    }
    Ok(())
}

async fn to_repeat_a_credential(fixture: &dyn AuthFixture) -> Outcome {
    let provider = fixture.provider().await;
    let good = fixture.present(&callers().swap_remove(0)).await;
    for place in 0..good.len() {
        let mut headers = good.clone();
        headers[place].1.push(b'A');
        let Err(error) = authenticate(&*provider, &headers).await else {
            return Err(format!("{} with another end is admitted", good[place].0));
        };
        let value = String::from_utf8_lossy(&good[place].1).into_owned();
        let said = format!("{} {error:?}", error.chain());
        holds("the error repeats no credential", value.len() < 64 || !said.contains(&value))?;
    }
    Ok(())
}
