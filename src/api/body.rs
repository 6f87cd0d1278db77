//! Reads a request's body (limited in size and time), its query and its conditional headers.

use super::problem::{Problem, ProblemKind};
use super::service::RequestLimits;
use axum::body::Body;
use axum::extract::{Query, Request};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

/// The body's text; its content type must be JSON.
pub async fn text(limits: &RequestLimits, request: Request) -> Result<String, Problem> {
    require_content_type(request.headers(), "application/json")?;
    read(limits, request).await
}

/// The fields of an HTML form.
pub async fn form(
    limits: &RequestLimits,
    request: Request,
) -> Result<Vec<(String, String)>, Problem> {
    require_content_type(request.headers(), "application/x-www-form-urlencoded")?;
    let text = read(limits, request).await?;
    Ok(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
}

async fn read(limits: &RequestLimits, request: Request) -> Result<String, Problem> {
    let (head, body) = request.into_parts();
    let too_large = || {
        Problem::new(
            ProblemKind::TooLarge,
            format!("the body may have at most {} bytes", limits.body),
        )
        .with("limit", limits.body)
    };
    let declared = head.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    if declared.and_then(|v| v.parse::<usize>().ok()).is_some_and(|n| n > limits.body) {
        return Err(too_large());
    }
    let read = Limited::new(body, limits.body).collect();
    let bytes = match tokio::time::timeout(limits.body_time, read).await {
        Err(_) => {
            let seconds = limits.body_time.as_secs_f64();
            return Err(Problem::new(
                ProblemKind::TooSlow,
                format!("the body did not arrive within {seconds} s"),
            ));
        }
        Ok(Err(e)) if e.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(_)) => {
            return Err(Problem::new(
                ProblemKind::BadRequest,
                "the body ended before it was complete",
            ));
        }
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Problem::new(ProblemKind::BadRequest, "the body is not UTF-8 text"))
}

fn require_content_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(wanted) {
        return Err(Problem::new(
            ProblemKind::UnsupportedMediaType,
            format!("the content type must be {wanted}"),
        ));
    }
    match headers.get(header::CONTENT_ENCODING).map(|v| v.as_bytes()) {
        None | Some(b"identity") => Ok(()),
        Some(_) => Err(Problem::new(
            ProblemKind::UnsupportedMediaType,
            "compressed bodies are not accepted; send the body without Content-Encoding",
        )),
    }
}

/// Parses the body as JSON. A syntax error is 400 with line, column and the JSON pointer that was
/// reached; a document of the wrong shape is 422 with the JSON pointer of the fault.
pub fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path().iter());
        let inner = error.into_inner();
        match inner.is_data() {
            true => Problem::new(ProblemKind::Invalid, plain(&inner)).with("pointer", pointer),
            false => broken(&inner, pointer),
        }
    })?;
    // Text after the document belongs to no place inside it, so it has no pointer.
    reader.end().map_err(|error| broken(&error, String::new()))?;
    Ok(value)
}

fn broken(error: &serde_json::Error, pointer: String) -> Problem {
    Problem::new(ProblemKind::BadRequest, plain(error))
        .with("pointer", pointer)
        .with("line", error.line())
        .with("column", error.column())
}

/// The message without its line and column, which the problem gives in members of their own.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map_or(text.clone(), str::to_owned)
}

fn pointer<'a>(path: impl Iterator<Item = &'a Segment>) -> String {
    let mut pointer = String::new();
    for segment in path {
        let part = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&part);
    }
    pointer
}

/// Parses the query string; an unknown or repeated parameter is refused.
pub fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    match Query::<T>::try_from_uri(uri) {
        Ok(Query(value)) => Ok(value),
        Err(rejected) => {
            let text = rejected.body_text();
            let plain = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            Err(Problem::new(ProblemKind::BadRequest, format!("invalid query: {plain}")))
        }
    }
}

/// The sequence number that `If-Match` asks the head to have; `None` for any.
pub fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let (Some(value), rest) = (values.next(), values.next()) else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| rest.is_none()).map(str::trim);
    let head = match text {
        Some("*") => return Ok(None),
        Some(text) => text.strip_prefix('"').and_then(|t| t.strip_suffix('"')),
        None => None,
    };
    let digits = head.filter(|h| !h.is_empty() && h.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|d| d.parse().ok()).map(Some).ok_or_else(|| {
        Problem::new(
            ProblemKind::BadRequest,
            "If-Match must be `*` or one ETag that a page or the scenario returned",
        )
    })
}

/// The tenant's head as an entity tag.
pub fn etag(head: u64) -> String {
    format!("\"{head}\"")
}

/// Whether `If-None-Match` lists this entity tag.
pub fn matches_none_match(headers: &HeaderMap, etag: &str) -> bool {
    let listed = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    listed.flat_map(|v| v.split(',')).any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

/// `304 Not Modified` for an entity that the caller already has.
pub fn not_modified(etag: &str) -> axum::response::Response {
    let mut response = axum::response::Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    if let Ok(value) = etag.parse() {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::{if_match, parse};
    use axum::http::{HeaderMap, HeaderValue, header};
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only its type matters here")]
        list: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        #[expect(dead_code, reason = "only its type matters here")]
        n: u32,
    }

    #[test]
    fn a_mistake_is_placed() {
        let said = |text: &str| {
            let answer = parse::<Body>(text).unwrap_err().answer("/", "id");
            let status = answer.status().as_u16();
            let body = futures::executor::block_on(axum::body::to_bytes(answer.into_body(), 4096));
            let document: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
            (status, document)
        };
        let (status, document) = said("{\"list\":[\n{]}");
        assert_eq!((status, &document["line"], &document["column"]), (400, &2.into(), &2.into()));
        assert_eq!(document["pointer"], "/list/0");
        let (status, document) = said("{\"list\":[{\"n\":1},{\"n\":\"x\"}]}");
        assert_eq!((status, document["pointer"].as_str()), (422, Some("/list/1/n")));
        let (status, document) = said("{\"list\":[{\"n\":1,\"m\":1}]}");
        assert_eq!((status, document["pointer"].as_str()), (422, Some("/list/0/m")));
        assert_eq!(said("{\"list\":[]} x").0, 400);
        assert_eq!(said("").0, 400);
    }

    #[test]
    fn a_condition_is_one_tag_or_any() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_MATCH, HeaderValue::from_static(value));
            }
            if_match(&headers)
        };
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&["*"]).unwrap(), None);
        assert_eq!(read(&["\"12\""]).unwrap(), Some(12));
        for bad in [
            &["12"][..],
            &["W/\"12\""],
            &["\"+1\""],
            &["\"\""],
            &["\"1\", \"2\""],
            &["\"1\"", "\"1\""],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
