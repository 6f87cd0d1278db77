//! A service that answers from a table.

use crate::body::{Body, full};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tower_service::Service;

/// An answer as it is sent.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    never: bool,
}

impl Answer {
    /// A status without a body; one that is not a status becomes 500.
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers: Vec::new(), body: Bytes::new(), never: false }
    }

    /// A status with a body of this content type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut answer = Self::status(status).with("content-type", content_type);
        answer.body = body.into();
        answer
    }

    /// 200 with JSON.
    pub fn json(value: &serde_json::Value) -> Self {
        Self::new(200, "application/json", value.to_string())
    }

    /// 302 to an address.
    pub fn redirect(to: &str) -> Self {
        Self::status(302).with(header::LOCATION.as_str(), to)
    }

    /// None: the connection stays open in silence.
    pub fn never() -> Self {
        Self { never: true, ..Self::status(500) }
    }

    /// A header more; one that HTTP cannot carry is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (name.parse(), value.parse()) {
            self.headers.push((name, value));
        }
        self
    }

    async fn response(self) -> Result<Response<Body>, Infallible> {
        if self.never {
            std::future::pending::<()>().await;
        }
        let mut response = Response::new(full(self.body));
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        Ok(response)
    }
}

/// Answers by path, whatever the method and query; 404 for other paths. Clones share the table.
#[derive(Clone, Debug, Default)]
pub struct Canned(Arc<Mutex<BTreeMap<String, Answer>>>);

impl Canned {
    /// Gives a path its answer from now on.
    pub fn put(&self, path: impl Into<String>, answer: Answer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.into(), answer);
    }
}

impl<B> Service<Request<B>> for Canned {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = table.get(request.uri().path()).cloned();
        answer.unwrap_or_else(|| Answer::status(404)).response().boxed()
    }
}
