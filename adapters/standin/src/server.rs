//! Listens on loopback and serves connections until it is told to stop.

use crate::apply::HangUp;
use crate::body::{Body, BoxError, full};
use crate::seen::{Notes, Seen};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tower_service::Service;

/// How long a caller may take for its headers.
const HEADERS: Duration = Duration::from_secs(15);
/// How long requests under way may take to end when the server stops.
const END: Duration = Duration::from_secs(5);

/// A port that is bound and not served yet, so that a service can be told its own address first.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
    notes: Option<Notes>,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Acceptor>,
}

/// A running server. Dropping it stops it at once; [`Server::stop`] lets requests end.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    origin: String,
    notes: Option<Notes>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Listener {
    /// A free port of 127.0.0.1.
    ///
    /// # Errors
    /// That none can be bound.
    pub async fn free() -> io::Result<Self> {
        Self::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// A port of loopback; 0 is a free one.
    ///
    /// # Errors
    /// That it cannot be bound; `InvalidInput` for an address that others can reach.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            let why = format!("a stand-in listens on loopback only, not on {address}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let tcp = TcpListener::bind(address).await?;
        let address = tcp.local_addr()?;
        Ok(Self {
            tcp,
            address,
            notes: None,
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    /// Keeps every request, body included, for [`Server::seen`].
    #[must_use]
    pub fn noting(mut self) -> Self {
        self.notes = Some(Notes::default());
        self
    }

    /// Speaks TLS with this certificate.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, certificate: &crate::tls::Certificate) -> Self {
        self.tls = Some(certificate.acceptor());
        self
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The origin of its addresses: `http://127.0.0.1:4711`, or with TLS `https://localhost:4711`.
    pub fn origin(&self) -> String {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return format!("https://localhost:{}", self.address.port());
        }
        format!("http://{}", self.address)
    }

    /// Serves `service` from now on, on a task of its own.
    pub fn serve<S, B>(self, service: S) -> Server
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (stop, stopped) = watch::channel(false);
        let (address, origin, notes) = (self.address, self.origin(), self.notes.clone());
        let serving = tokio::spawn(serve(self, service, stopped));
        Server { address, origin, notes, stop, serving }
    }
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The origin of its addresses; see [`Listener::origin`].
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The requests so far, in the order they came; none unless [`Listener::noting`] was called.
    pub fn seen(&self) -> Vec<Seen> {
        self.notes.as_ref().map(Notes::all).unwrap_or_default()
    }

    /// Ends it when the requests under way have ended, at most after five seconds.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // A task that panicked has ended too.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve<S, B>(listener: Listener, service: S, mut stop: watch::Receiver<bool>)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.tcp.accept() => match accepted {
                Ok((stream, _)) => {
                    let (service, notes) = (service.clone(), listener.notes.clone());
                    let stop = stop.clone();
                    #[cfg(feature = "tls")]
                    if let Some(tls) = listener.tls.clone() {
                        connections.spawn(async move {
                            // A caller that does not trust the certificate goes away here.
                            if let Ok(stream) = tls.accept(stream).await {
                                connection(stream, service, notes, stop).await;
                            }
                        });
                        continue;
                    }
                    connections.spawn(plain(stream, service, notes, stop));
                }
                // Too many open files; they become fewer.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    // What does not end in time is cut off with the set.
    let _ = tokio::time::timeout(END, all).await;
}

/// Completes when the server is told to stop, or nobody is left to tell it.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn plain<S, B>(
    stream: TcpStream,
    service: S,
    notes: Option<Notes>,
    stop: watch::Receiver<bool>,
) where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // Without it a small answer after a small answer waits for an acknowledgement.
    let _ = stream.set_nodelay(true);
    connection(stream, service, notes, stop).await;
}

async fn connection<I, S, B>(
    stream: I,
    service: S,
    notes: Option<Notes>,
    mut stop: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin,
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (mut service, notes) = (service.clone(), notes.clone());
        async move {
            let request = match notes {
                None => request.map(Body::new),
                Some(notes) => noted(request, &notes).await?,
            };
            let response = service.call(request).await.unwrap_or_else(|never| match never {});
            // An error here ends the connection without an answer.
            match response.extensions().get::<HangUp>() {
                Some(HangUp) => Err(io::Error::other("a planned fault")),
                None => Ok(response),
            }
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS);
    let served = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    tokio::select! {
        // A connection that fails has nobody left to tell.
        _ = served.as_mut() => {}
        () = stopped(&mut stop) => {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
    }
}

/// Reads the body to its end and notes the request; the connection ends when the body does not come.
async fn noted(request: Request<Incoming>, notes: &Notes) -> io::Result<Request<Body>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    notes.add(Seen::new(&parts, body.clone()));
    Ok(Request::from_parts(parts, full(body)))
}
