//! A service with a script of faults around it.

use crate::apply::{after, before};
use crate::body::{Body, BoxError};
use crate::script::Script;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, request::Parts};
use hyper::body::Body as HttpBody;
use std::convert::Infallible;
use std::task::{Context, Poll};
use tower_service::Service;

/// Applies a script to a service.
#[derive(Clone, Debug)]
pub struct Scripted<S, O> {
    inner: S,
    script: Script<O>,
    operation: fn(&Parts) -> Option<O>,
}

/// Operations by the path of their requests.
pub fn by_path(request: &Parts) -> Option<String> {
    Some(request.uri.path().to_owned())
}

impl<S, O> Scripted<S, O> {
    /// `operation` names the operation of a request; `None` is never struck.
    pub fn new(inner: S, script: Script<O>, operation: fn(&Parts) -> Option<O>) -> Self {
        Self { inner, script, operation }
    }
}

impl<S, O, B> Service<Request<Body>> for Scripted<S, O>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    O: PartialEq + Clone,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let fault = (self.operation)(&parts).and_then(|operation| self.script.strike(&operation));
        let mut inner = self.inner.clone();
        let request = Request::from_parts(parts, body);
        Box::pin(async move {
            let Some(fault) = fault else { return Ok(inner.call(request).await?.map(Body::new)) };
            match before(&fault).await {
                Some(response) => Ok(response),
                None => Ok(after(&fault, inner.call(request).await?).await),
            }
        })
    }
}
