//! Faults applied to a request and its answer.

use crate::body::{Body, BoxError, full};
use crate::fault::Fault;
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::{Body as HttpBody, Frame};
use std::time::Duration;

/// Longest answer that a fault edits, in bytes.
const EDITED: usize = 10_000_000;

/// In a response's extensions: it is never sent, and the connection ends instead.
#[derive(Clone, Copy, Debug)]
pub struct HangUp;

/// A response that ends the connection.
pub fn hang_up() -> Response<Body> {
    let mut response = bare(204);
    response.extensions_mut().insert(HangUp);
    response
}

/// The answer of a fault that keeps the request from taking effect; `None` when the request is to be
/// handled. A delay is waited for; a hang never returns.
pub async fn before(fault: &Fault) -> Option<Response<Body>> {
    Some(match fault {
        Fault::Dropped => hang_up(),
        Fault::Hang => std::future::pending().await,
        Fault::Status(status) => bare(*status),
        Fault::TooMany(after) => with(bare(429), header::RETRY_AFTER, after),
        Fault::Busy(after) => with(bare(503), header::RETRY_AFTER, after),
        Fault::Redirect(to) => with(bare(307), header::LOCATION, to),
        Fault::Delay(pause) => {
            tokio::time::sleep(*pause).await;
            return None;
        }
        _ => return None,
    })
}

/// What a fault makes of the answer of a request that took effect.
pub async fn after<B>(fault: &Fault, response: Response<B>) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let response = response.map(Body::new);
    match fault {
        Fault::Lost => hang_up(),
        Fault::HangAfter => std::future::pending().await,
        Fault::StatusAfter(status) => bare(*status),
        Fault::ContentType(kind) => with(response, header::CONTENT_TYPE, kind),
        Fault::Garbage => {
            let page = full("<html>503 Service Unavailable</html>");
            let mut garbage = Response::new(page);
            *garbage.status_mut() = response.status();
            with(garbage, header::CONTENT_TYPE, "text/html")
        }
        Fault::Oversized(bytes) => replaced(response, |_| full(vec![b' '; *bytes])).await,
        Fault::Omit(_) | Fault::Add(_) => replaced(response, |b| full(edited(fault, b))).await,
        Fault::Slow(pause) => replaced(response, |b| slow(b, *pause)).await,
        Fault::Truncated => truncated(response).await,
        _ => response,
    }
}

fn bare(status: u16) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    response
}

fn with(mut response: Response<Body>, name: header::HeaderName, value: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

async fn replaced(response: Response<Body>, edit: impl FnOnce(Bytes) -> Body) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, edit(whole(body).await))
}

async fn whole(body: Body) -> Bytes {
    let collected = Limited::new(body, EDITED).collect().await;
    collected.map(|whole| whole.to_bytes()).unwrap_or_default()
}

/// Changes the object of a JSON answer; any other answer stays as it is.
fn edited(fault: &Fault, bytes: Bytes) -> Bytes {
    let Ok(serde_json::Value::Object(mut object)) = serde_json::from_slice(&bytes) else {
        return bytes;
    };
    match fault {
        Fault::Omit(field) => drop(object.remove(field)),
        Fault::Add(field) => {
            object.insert(field.clone(), serde_json::json!({"since": "later"}));
        }
        _ => {}
    }
    Bytes::from(serde_json::Value::Object(object).to_string())
}

fn slow(bytes: Bytes, pause: Duration) -> Body {
    let pieces = stream::unfold(0, move |at| {
        let piece = (at < bytes.len()).then(|| bytes.slice(at..=at));
        async move {
            let piece = piece?;
            tokio::time::sleep(pause).await;
            Some((Ok::<_, BoxError>(Frame::data(piece)), at + 1))
        }
    });
    Body::new(StreamBody::new(pieces))
}

/// Announces the whole body, sends half of it, and ends the connection.
async fn truncated(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let bytes = whole(body).await;
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len().max(1)));
    let half = bytes.slice(..bytes.len() / 2);
    let pieces = stream::unfold(Some(half), |half| async move {
        match half {
            Some(half) => Some((Ok(Frame::data(half)), None)),
            None => {
                // The half is on its way before the connection ends.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(BoxError::from("a planned fault")), None))
            }
        }
    });
    Response::from_parts(parts, Body::new(StreamBody::new(pieces)))
}
