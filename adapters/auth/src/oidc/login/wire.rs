//! openidconnect over our own HTTP client, and its errors without what the provider answered.

use super::endpoints::Endpoints;
use crate::oidc::error::unauthenticated;
use crate::oidc::source::Http;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flowcontrol_contract::Secret;
use flowcontrol_contract::error::{Error, ErrorKind};
use futures::future::BoxFuture;
use http::header;
use openidconnect::core::{CoreClient, CoreJsonWebKeySet};
use openidconnect::{
    AsyncHttpClient, AuthUrl, ClientId, ClientSecret, EndpointNotSet, EndpointSet, ErrorResponse,
    HttpRequest, HttpResponse, IssuerUrl, RequestTokenError, TokenUrl,
};
use std::fmt;
use url::{Url, form_urlencoded};

/// Why a provider could not be asked.
#[derive(Debug)]
pub struct Unreached(String);

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreached {}

/// A client with the two endpoints that every flow needs.
pub type Ready = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
>;

/// The library's client.
///
/// # Errors
/// `Unavailable` when an address of the provider cannot be used.
pub fn client(
    issuer: &str,
    id: &str,
    secret: Option<&Secret>,
    endpoints: &Endpoints,
) -> Result<Ready, Error> {
    let url = |e: openidconnect::url::ParseError| Error::new(ErrorKind::Unavailable, e.to_string());
    let issuer = IssuerUrl::new(issuer.to_owned()).map_err(url)?;
    let client =
        CoreClient::new(ClientId::new(id.to_owned()), issuer, CoreJsonWebKeySet::default())
            .set_auth_uri(AuthUrl::from_url(endpoints.authorization.clone()))
            .set_token_uri(TokenUrl::from_url(endpoints.token.clone()));
    Ok(match secret {
        Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
        None => client,
    })
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = Unreached;
    type Future = BoxFuture<'c, Result<HttpResponse, Unreached>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move { self.send(request).await.map_err(Unreached) })
    }
}

/// The request that revokes a token (RFC 7009). The library refuses addresses without TLS, even on
/// loopback.
///
/// # Errors
/// `Unavailable` when the address cannot be asked.
pub fn revocation(
    address: &Url,
    client: &str,
    secret: Option<&Secret>,
    token: &Secret,
    kind: &str,
) -> Result<HttpRequest, Error> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token.expose()).append_pair("token_type_hint", kind);
    let request = http::Request::post(address.as_str())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = match secret {
        Some(secret) => {
            let pair = format!("{}:{}", encoded(client), encoded(secret.expose()));
            request.header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)))
        }
        None => {
            form.append_pair("client_id", client);
            request
        }
    };
    request
        .body(form.finish().into_bytes())
        .map_err(|e| Error::new(ErrorKind::Unavailable, e.to_string()))
}

/// Why a provider issued no tokens: it could not be asked, or it refused.
pub fn refused<T: ErrorResponse>(error: &RequestTokenError<Unreached, T>) -> Error {
    match error {
        RequestTokenError::Request(Unreached(why)) => {
            Error::new(ErrorKind::Unavailable, why.clone())
        }
        RequestTokenError::ServerResponse(_) => {
            unauthenticated("the provider refused to issue tokens")
        }
        // What it answered may hold a token, and is not repeated.
        _ => unauthenticated("the provider's answer is not a token response"),
    }
}
