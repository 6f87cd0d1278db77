//! The HTTP server: listens, applies the limits of each connection, and shuts down without cutting
//! a write short.

use super::middleware::Peer;
use super::service::Service;
use super::write_timeout::WriteTimeout;
use crate::config::Settings;
use crate::registry::{open_auth, open_store};
use axum::Router;
use axum::extract::Request;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::AuthProvider;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Most headers of one request, and most bytes of its request line and headers together.
const HEADERS: (usize, usize) = (64, 32 * 1024);
/// Pause after accepting a connection failed, for example because no file descriptor was free.
const PAUSE: Duration = Duration::from_millis(50);

/// A server that is bound to its address and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    service: Arc<Service>,
}

/// Opens the adapters of the active profile and binds `address`.
///
/// # Errors
/// A usage failure when an adapter is not configured, or when the auth adapter must not be
/// reachable on that address; an environment failure when the address cannot be bound.
pub async fn open(
    settings: Settings,
    address: SocketAddr,
    stop: watch::Receiver<bool>,
) -> Result<Server> {
    let auth = open_auth(&settings).await?;
    safe(&*auth, address.ip())?;
    // A signing key that cannot be read must stop the start, before any request is answered.
    settings.evidence()?;
    settings.vouching_key()?;
    let store = open_store(&settings).await?;
    let listener = TcpListener::bind(address).await.map_err(|e| {
        Failure::environment(format!("cannot listen on {address}: {e}"))
            .hint("stop what listens there, or choose another address: --listen 127.0.0.1:0")
    })?;
    let service = Service::new(settings, store, auth, stop).with_sign_in()?;
    Ok(Server { listener, service: Arc::new(service) })
}

/// Refuses to listen beyond loopback with an auth adapter that believes unverified headers.
fn safe(auth: &dyn AuthProvider, ip: IpAddr) -> Result<()> {
    if ip.is_loopback() || !auth.loopback_only() {
        return Ok(());
    }
    let kind = auth.info().kind;
    Err(Failure::usage(format!(
        "{kind} does not verify its callers, so it may listen on loopback only, and {ip} is not loopback"
    ))
    .hint(format!(
        "listen on 127.0.0.1, or use oidc-rbac; `beyond_loopback = true` in [adapters.{kind}] lets \
                         everybody who reaches the service act as anybody"
    )))
}

impl Server {
    /// The address it is bound to.
    ///
    /// # Errors
    /// When the operating system does not report it.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr().map_err(|e| {
            Failure::environment(format!("cannot read the address it listens on: {e}"))
        })
    }

    /// Serves until the service is asked to stop. Then no new connection is accepted, further
    /// writes are refused, writes in progress and the rehearsal are brought to their end, and other
    /// requests get a limited time to finish.
    pub async fn run(self) {
        let Self { listener, service } = self;
        let router = super::router(Arc::clone(&service));
        let seats = Arc::new(Semaphore::new(service.limits.connections));
        let graceful = GracefulShutdown::new();
        let mut stop = service.stop.clone();
        loop {
            let next = next(&listener, &seats);
            let (stream, peer, seat) = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                next = next => next,
            };
            serve(&service, &router, &graceful, stream, peer, seat);
        }
        drop(listener);
        let ended = async { futures::join!(graceful.shutdown(), service.close()) };
        if tokio::time::timeout(service.limits.grace, ended).await.is_err() {
            tracing::warn!("requests were still in progress when the service stopped");
        }
    }
}

/// Accepts the next connection once a slot is free.
async fn next(
    listener: &TcpListener,
    seats: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let Ok(seat) = Arc::clone(seats).acquire_owned().await else {
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, seat),
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn serve(
    service: &Service,
    router: &Router,
    graceful: &GracefulShutdown,
    stream: TcpStream,
    peer: SocketAddr,
    seat: OwnedSemaphorePermit,
) {
    let router = router.clone();
    let answer = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        // A router is always ready, so `poll_ready` is not needed.
        hyper::service::Service::call(&TowerToHyperService::new(router.clone()), request)
    });
    // Without this, a small response waits for the acknowledgement of the previous packet.
    drop(stream.set_nodelay(true));
    let stream = WriteTimeout::new(stream, service.limits.write_time);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(service.limits.head_time)
        .max_headers(HEADERS.0)
        .max_buf_size(HEADERS.1)
        .serve_connection(TokioIo::new(stream), answer);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection ended: {error}");
        }
        drop(seat);
    });
}
