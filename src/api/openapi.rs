//! The OpenAPI document, collected from the handlers' descriptions.

use super::problem::{MEDIA_TYPE, Problem, ProblemKind};
use super::schema::{ProblemSchema, text};
use super::service::Service;
use crate::registry::CALLER_HEADERS;
use crate::sign_in::browser::cookie;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use flowcontrol_contract::Mode;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Content, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, Response as Described,
    ResponseBuilder,
};
use utoipa::{IntoParams, IntoResponses, PartialSchema};

/// The document without the handlers' paths.
pub fn base() -> OpenApi {
    let about = "Records of a scenario, its snapshot, gates, evidence and rehearsals. Tenant and \
        actor are those of the verified caller; what belongs to another tenant does not exist for it.";
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("FlowControl Scenario API")
                .version(flowcontrol_base::VERSION)
                .description(Some(about))
                .license(Some(utoipa::openapi::License::new("MIT OR Apache-2.0"))),
        )
        .build()
}

/// The whole document. Callers authenticate by plain headers (`mock`) or by bearer tokens, and by a
/// session cookie where `browsers` can sign in.
pub fn whole(mock: bool, browsers: bool) -> OpenApi {
    let (_, mut document) = super::routes().split_for_parts();
    let components = document.components.get_or_insert_default();
    components.schemas.insert("Problem".to_owned(), ProblemSchema::schema());
    let names: Vec<&str> = match mock {
        true => {
            for header in CALLER_HEADERS {
                let key = ApiKey::Header(ApiKeyValue::new(header));
                components.add_security_scheme(header, SecurityScheme::ApiKey(key));
            }
            CALLER_HEADERS.into()
        }
        false => {
            let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
            components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
            vec!["bearer"]
        }
    };
    let mut ways = Vec::new();
    if browsers {
        let key = ApiKeyValue::with_description(
            cookie::SESSION,
            "The session of a browser, which starts at /auth/login. A write must repeat the csrf_token of \
                         /auth/session in x-csrf-token and come from a page of the service.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(key)));
        ways.push(SecurityRequirement::new("session", Vec::<String>::new()));
    }
    let needed = names.into_iter().fold(SecurityRequirement::default(), |needed, name| {
        needed.add(name, Vec::<String>::new())
    });
    ways.insert(0, needed);
    document.security = Some(ways);
    document
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "service", operation_id = "openapi",
    security(()), responses((status = 200, body = Value)))]
pub async fn document(State(service): State<Arc<Service>>) -> Result<Response, Problem> {
    super::view(
        StatusCode::OK,
        &whole(service.auth.info().mode == Mode::Local, service.sessions.is_some()),
    )
}

fn refusals(statuses: &[u16]) -> BTreeMap<String, RefOr<Described>> {
    let one = |status: &u16| {
        let kinds = ProblemKind::ALL.into_iter().filter(|kind| kind.status().as_u16() == *status);
        let said: Vec<_> = kinds.map(ProblemKind::title).collect();
        let content = Content::new(Some(Ref::from_schema_name("Problem")));
        let described = ResponseBuilder::new().description(said.join("; or "));
        (status.to_string(), described.content(MEDIA_TYPE, content).build().into())
    };
    statuses.iter().map(one).collect()
}

/// The errors that any request can get.
pub struct CommonErrors;

impl IntoResponses for CommonErrors {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        refusals(&[400, 401, 403, 404, 405, 422, 429, 431, 500, 503, 504])
    }
}

/// The errors that a write can get.
pub struct WriteErrors;

impl IntoResponses for WriteErrors {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        refusals(&[
            400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 423, 429, 431, 500, 503, 504,
            507,
        ])
    }
}

fn header(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn keyed() -> Parameter {
    let schema = text().min_length(Some(1)).max_length(Some(200)).pattern(Some("^[!-~]+$"));
    header(
        "Idempotency-Key",
        "A request that is repeated with the same key is carried out once",
        schema,
    )
}

/// The header of a request that can be made idempotent.
pub struct IdempotencyHeader;

impl IntoParams for IdempotencyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![keyed()]
    }
}

/// The headers of an append.
pub struct AppendHeaders;

impl IntoParams for AppendHeaders {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let tag = text().pattern(Some("^(\\*|\"[0-9]{1,18}\")$"));
        vec![keyed(), header("If-Match", "Append only if the head has this ETag", tag)]
    }
}
