//! The calls that need a token, one function each.

use super::http::{Body, Http};
use super::keys::{Keys, WITHDRAWN};
use super::login::Login;
use super::route::{Group, Route};
use flowcontrol_client::Response;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::{KsefNumber, Reference};
use flowcontrol_ksef_wire::crypto::{self, SymmetricKey};
use flowcontrol_ksef_wire::messages::{
    self, BatchFile, ContextLimits, EncryptionInfo, FormCode, InvoiceStatus, OpenBatchSession,
    OpenOnlineSession, OpenedBatchSession, OpenedOnlineSession, PublicKeyUsage, RateLimits, Sealed,
    SendInvoice, SentInvoice, SessionInvoices, SessionStatus, SessionsList,
};
use std::sync::Arc;

/// The two types of session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionType {
    /// Interactive: invoices are sent one by one.
    Online,
    /// A package of invoices.
    Batch,
}

impl SessionType {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Online, Self::Batch];

    /// The name of the API.
    const fn name(self) -> &'static str {
        match self {
            Self::Online => "Online",
            Self::Batch => "Batch",
        }
    }
}

/// KSeF as one signed-in context.
#[derive(Debug)]
pub struct Api {
    /// The way to it.
    pub http: Arc<Http>,
    /// Its public keys.
    pub keys: Arc<Keys>,
    /// The login.
    pub login: Login,
}

impl Api {
    async fn call(
        &self,
        route: &Route,
        headers: &[(&'static str, &str)],
        body: &Body,
    ) -> Result<Response> {
        let token = self.login.access().await?;
        match self.http.call(route, Some(&token), headers, body).await {
            // 401 was refused before anything was done, so it may be sent again.
            Err(e) if e.reported().is_some_and(|r| r.status == 401) => {
                let token = self.login.renewed(&token).await?;
                self.http.call(route, Some(&token), headers, body).await
            }
            other => other,
        }
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, route: &Route) -> Result<T> {
        self.call(route, &[], &Body::Empty).await?.json()
    }

    /// Opens an interactive session under a new key. One whose answer is lost stays empty, and KSeF
    /// cancels it by itself, so opening may be repeated.
    pub async fn open_online(&self, key: &SymmetricKey) -> Result<OpenedOnlineSession> {
        let route = Route::post("open a session", Group::OnlineSession, "/sessions/online");
        let message =
            |encryption| Body::json(&OpenOnlineSession { form_code: FormCode::fa3(), encryption });
        self.sealed(&route.repeatable(), key, message).await?.json()
    }

    /// Opens a batch; the same holds.
    pub async fn open_batch(
        &self,
        key: &SymmetricKey,
        file: &BatchFile,
        offline: bool,
    ) -> Result<OpenedBatchSession> {
        let route = Route::post("open a batch", Group::BatchSession, "/sessions/batch");
        let message = |encryption| {
            Body::json(&OpenBatchSession {
                form_code: FormCode::fa3(),
                batch_file: file.clone(),
                encryption,
                offline_mode: offline,
            })
        };
        self.sealed(&route.repeatable(), key, message).await?.json()
    }

    /// A call that carries a session key; once more with another key where KSeF withdrew the first.
    async fn sealed(
        &self,
        route: &Route,
        key: &SymmetricKey,
        message: impl Fn(EncryptionInfo) -> Result<Body>,
    ) -> Result<Response> {
        match self.call(route, &[], &message(self.encryption(key).await?)?).await {
            Err(e) if e.reported().is_some_and(|r| r.code == WITHDRAWN) => {
                self.keys.forget().await;
                self.call(route, &[], &message(self.encryption(key).await?)?).await
            }
            other => other,
        }
    }

    async fn encryption(&self, key: &SymmetricKey) -> Result<EncryptionInfo> {
        let public = self.keys.get(PublicKeyUsage::SymmetricKeyEncryption).await?;
        let wrapped = public
            .wrap(key.key())
            .map_err(|e| Error::new(ErrorKind::Unexpected, format!("the session key: {e}")))?;
        Ok(EncryptionInfo {
            encrypted_symmetric_key: Sealed::new(wrapped),
            initialization_vector: Sealed::new(crypto::encode(key.iv())),
            public_key_id: Some(public.id().to_owned()),
        })
    }

    /// Sends one invoice. It must happen once.
    pub async fn send(&self, session: &Reference, message: &SendInvoice) -> Result<SentInvoice> {
        let path = format!("/sessions/online/{session}/invoices");
        let route = Route::post("send an invoice", Group::InvoiceSend, path);
        self.call(&route, &[], &Body::json(message)?).await?.json()
    }

    /// Closes an interactive session.
    pub async fn close_online(&self, session: &Reference) -> Result<()> {
        let path = format!("/sessions/online/{session}/close");
        let route = Route::post("close a session", Group::OnlineSessionClose, path).repeatable();
        self.call(&route, &[], &Body::Empty).await.map(drop)
    }

    /// Closes a batch, after which KSeF works on it.
    pub async fn close_batch(&self, session: &Reference) -> Result<()> {
        let path = format!("/sessions/batch/{session}/close");
        let route = Route::post("close a batch", Group::BatchSessionClose, path).repeatable();
        self.call(&route, &[], &Body::Empty).await.map(drop)
    }

    /// A session's status.
    pub async fn session(&self, session: &Reference) -> Result<SessionStatus> {
        let path = format!("/sessions/{session}");
        self.get(&Route::get("ask for a session's status", Group::SessionMisc, path)).await
    }

    /// An invoice's status.
    pub async fn invoice(&self, session: &Reference, invoice: &Reference) -> Result<InvoiceStatus> {
        let path = format!("/sessions/{session}/invoices/{invoice}");
        self.get(&Route::get("ask for an invoice's status", Group::InvoiceStatus, path)).await
    }

    /// One page of a session's invoices, and the mark of the next.
    pub async fn invoices(
        &self,
        session: &Reference,
        page: Option<&str>,
    ) -> Result<(Vec<InvoiceStatus>, Option<String>)> {
        let path = format!("/sessions/{session}/invoices?pageSize=1000");
        let route = Route::get("list a session's invoices", Group::SessionInvoiceList, path);
        let answer = self.call(&route, &marked(page), &Body::Empty).await?;
        let listed: SessionInvoices = answer.json()?;
        Ok((
            listed.invoices,
            next(answer.header(messages::CONTINUATION), listed.continuation_token),
        ))
    }

    /// One page of the context's sessions of a type, the latest first.
    pub async fn sessions(
        &self,
        of: SessionType,
        page: Option<&str>,
    ) -> Result<(Vec<messages::SessionListItem>, Option<String>)> {
        let path = format!("/sessions?sessionType={}&pageSize=1000", of.name());
        let route = Route::get("list the sessions", Group::SessionList, path);
        let answer = self.call(&route, &marked(page), &Body::Empty).await?;
        let listed: SessionsList = answer.json()?;
        Ok((
            listed.sessions,
            next(answer.header(messages::CONTINUATION), listed.continuation_token),
        ))
    }

    /// An accepted invoice's receipt.
    pub async fn receipt(&self, session: &Reference, number: &KsefNumber) -> Result<Response> {
        let path = format!("/sessions/{session}/invoices/ksef/{number}/upo");
        let route = Route::get("fetch a receipt", Group::SessionMisc, path);
        self.call(&route, &[], &Body::Empty).await
    }

    /// How large and how many invoices may be.
    pub async fn context_limits(&self) -> Result<ContextLimits> {
        self.get(&Route::get("ask for the context's limits", Group::Other, "/limits/context")).await
    }

    /// How often may be asked.
    pub async fn rate_limits(&self) -> Result<RateLimits> {
        self.get(&Route::get("ask for the rate limits", Group::Other, "/rate-limits")).await
    }
}

fn marked(page: Option<&str>) -> Vec<(&'static str, &str)> {
    page.map(|mark| (messages::CONTINUATION, mark)).into_iter().collect()
}

/// The mark of the next page, from the header or the body; an empty one ends the list.
fn next(header: Option<&str>, body: Option<String>) -> Option<String> {
    header.map(str::to_owned).or(body).filter(|mark| !mark.is_empty())
}

/// A reference that came in an answer; it was parsed on its way in already.
pub fn reference(from: &messages::ReferenceNumber) -> Result<Reference> {
    Reference::new(from.as_str())
}
