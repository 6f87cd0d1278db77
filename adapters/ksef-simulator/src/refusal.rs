//! KSeF's errors, in the shape that the caller asked for.

use super::clock::rfc3339;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flowcontrol_contract::Timestamp;
use flowcontrol_ksef_wire::messages::{
    ApiError, ExceptionDetails, ExceptionInfo, ExceptionResponse, Problem, TooManyRequests,
    TooManyRequestsStatus,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Why a request is refused. A handler returns it; the middleware renders it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Refusal {
    /// 400.
    Bad { code: i32, details: Vec<String> },
    /// 401.
    Unauthorized(String),
    /// 403.
    Forbidden { reason: &'static str, detail: String, security: BTreeMap<String, Value> },
    /// 404, which the API document does not describe.
    Unknown(String),
    /// 410.
    Gone(String),
    /// 429.
    TooMany { said: String, retry_after: String },
    /// 500.
    Broken(String),
}

impl Refusal {
    /// 400 with one detail.
    pub fn bad(code: i32, detail: impl Into<String>) -> Self {
        Self::Bad { code, details: vec![detail.into()] }
    }

    /// 21405, the code of everything that is wrong with an input.
    pub fn input(detail: impl Into<String>) -> Self {
        Self::bad(21405, detail)
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Bad { .. } => StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::Gone(_) => StatusCode::GONE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Writes it out. 400 and 429 keep their legacy shape unless `problem` asks for the other.
    pub fn render(&self, at: &Place<'_>) -> Response {
        let legacy = match self {
            Self::Bad { code, details } if !at.problem => Some(json!(ExceptionResponse {
                exception: Some(ExceptionInfo {
                    exception_detail_list: Some(vec![ExceptionDetails {
                        exception_code: *code,
                        exception_description: Some(described(*code).to_owned()),
                        details: (!details.is_empty()).then(|| details.clone()),
                    }]),
                    service_code: Some(format!("00-{}-0000000000000001-00", at.trace)),
                    service_ctx: Some("simulator".to_owned()),
                    service_name: Some("Undefined".to_owned()),
                    timestamp: Some(rfc3339(at.now)),
                    ..ExceptionInfo::default()
                }),
            })),
            Self::TooMany { said, .. } if !at.problem => Some(json!(TooManyRequests {
                status: TooManyRequestsStatus {
                    code: 429,
                    description: "Too Many Requests".to_owned(),
                    details: vec![said.clone()],
                },
            })),
            _ => None,
        };
        let kind = if legacy.is_some() { "application/json" } else { "application/problem+json" };
        let body = legacy.unwrap_or_else(|| json!(self.problem(at)));
        let mut response = (self.status(), Body::from(body.to_string())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Self::TooMany { retry_after, .. } = self
            && let Ok(value) = HeaderValue::from_str(retry_after)
        {
            headers.insert(header::RETRY_AFTER, value);
        }
        response
    }

    fn problem(&self, at: &Place<'_>) -> Problem {
        let status = self.status();
        let mut problem = Problem {
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: i32::from(status.as_u16()),
            instance: Some(at.path.to_owned()),
            detail: String::new(),
            errors: None,
            reason_code: None,
            security: None,
            timestamp: Some(rfc3339(at.now)),
            trace_id: Some(at.trace.to_owned()),
        };
        match self {
            Self::Bad { code, details } => {
                problem.detail = "Żądanie jest nieprawidłowe.".to_owned();
                problem.errors = Some(vec![ApiError {
                    code: *code,
                    description: described(*code).to_owned(),
                    details: (!details.is_empty()).then(|| details.clone()),
                }]);
            }
            Self::Forbidden { reason, detail, security } => {
                problem.detail.clone_from(detail);
                problem.reason_code = Some((*reason).to_owned());
                problem.security = Some(security.clone());
            }
            Self::Unauthorized(detail)
            | Self::Unknown(detail)
            | Self::Gone(detail)
            | Self::Broken(detail)
            | Self::TooMany { said: detail, .. } => problem.detail.clone_from(detail),
        }
        problem
    }
}

/// The middleware renders it, since it knows which shape the caller asked for.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Where a refusal happened.
pub(super) struct Place<'a> {
    /// The path of the request.
    pub path: &'a str,
    /// The request's own id.
    pub trace: &'a str,
    /// Whether problem documents were asked for.
    pub problem: bool,
    /// When.
    pub now: Timestamp,
}

/// What a code means, in the words of the API document.
pub(super) fn described(code: i32) -> &'static str {
    match code {
        9101 => "Nieprawidłowy dokument.",
        9102 => "Brak podpisu.",
        9105 => "Nieprawidłowy podpis.",
        21001 => "Nieczytelna treść.",
        21111 => "Nieprawidłowe wyzwanie autoryzacyjne.",
        21115 => "Nieprawidłowy certyfikat.",
        21117 => "Nieprawidłowy identyfikator podmiotu dla wskazanego typu kontekstu.",
        21155 => "Przekroczono dozwoloną liczbę faktur w sesji.",
        21157 => "Nieprawidłowy rozmiar części pakietu.",
        21161 => "Przekroczono dozwoloną liczbę części pakietu.",
        21164 => "Faktura o podanym identyfikatorze nie istnieje.",
        21165 => "Faktura o podanym numerze KSeF nie jest jeszcze dostępna.",
        21166 => "Korekta techniczna niedostępna.",
        21167 => "Status faktury nie pozwala na korektę techniczną.",
        21173 => "Brak sesji o wskazanym numerze referencyjnym.",
        21178 => "Nie znaleziono UPO dla podanych kryteriów.",
        21180 => "Status sesji nie pozwala na wykonanie operacji.",
        21184 => "Sesja tymczasowo niedostępna.",
        21205 => "Pakiet nie może być pusty.",
        21208 => "Czas oczekiwania na requesty upload lub finish został przekroczony.",
        21217 => "Nieprawidłowe kodowanie znaków.",
        21301 => "Brak autoryzacji.",
        21304 => "Brak uwierzytelnienia.",
        21401 => "Dokument nie jest zgodny ze schemą (xsd).",
        21402 => "Nieprawidłowy rozmiar pliku.",
        21403 => "Nieprawidłowy skrót pliku.",
        21405 => "Błąd walidacji danych wejściowych.",
        21406 => "Konflikt podpisu i typu uwierzytelnienia.",
        21418 => "Przekazany token kontynuacji ma nieprawidłowy format.",
        21470 => "Przesłany identyfikator klucza jest nieznany lub wskazuje na wycofany klucz.",
        26001 => "Nie można nadać tokenowi uprawnień których nie posiadasz.",
        26002 => "Nie można wygenerować tokena dla obecnego typu kontekstu.",
        _ => "Błąd zaplanowany w symulatorze.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rendered(refusal: Refusal, problem: bool) -> (Response<()>, Value) {
        let now = Timestamp::parse("2026-11-27T08:00:00Z").unwrap();
        let place = Place { path: "/v2/sessions", trace: "t", problem, now };
        let (parts, body) = refusal.render(&place).into_parts();
        let body = axum::body::to_bytes(body, 10_000).await.unwrap();
        (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_bad_request_has_two_shapes_and_a_forbidden_one_has_one() {
        let bad = Refusal::bad(21180, "Status sesji 415 uniemożliwia wysyłkę faktur.");
        let (head, body) = rendered(bad.clone(), false).await;
        assert_eq!(head.headers()["content-type"], "application/json");
        assert_eq!(body["exception"]["exceptionDetailList"][0]["exceptionCode"], 21180);
        let (head, body) = rendered(bad, true).await;
        assert_eq!(head.headers()["content-type"], "application/problem+json");
        assert_eq!(body["errors"][0]["code"], 21180);
        let forbidden = Refusal::Forbidden {
            reason: "missing-permissions",
            detail: "d".into(),
            security: BTreeMap::new(),
        };
        for problem in [false, true] {
            let (_, body) = rendered(forbidden.clone(), problem).await;
            assert_eq!(body["reasonCode"], "missing-permissions");
        }
    }

    #[tokio::test]
    async fn too_many_say_when_to_come_again() {
        let many = Refusal::TooMany { said: "za dużo".into(), retry_after: "30".into() };
        let (head, body) = rendered(many.clone(), false).await;
        assert_eq!(head.headers()["retry-after"], "30");
        assert_eq!(body["status"]["details"][0], "za dużo");
        assert_eq!(rendered(many, true).await.1["detail"], "za dużo");
    }
}
