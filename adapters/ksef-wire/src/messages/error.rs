//! The shapes of KSeF's errors.
//!
//! 400 and 429 come in the legacy shape unless problem documents are asked for; 401, 403 and 410
//! are always problem documents.

use super::ReferenceNumber;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `ExceptionResponse`: the legacy shape of 400.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionResponse {
    /// Its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<ExceptionInfo>,
}

/// `ExceptionInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionInfo {
    /// What was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception_detail_list: Option<Vec<ExceptionDetails>>,
    /// The call's own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_number: Option<ReferenceNumber>,
    /// A trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_code: Option<String>,
    /// Which server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_ctx: Option<String>,
    /// Which service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// When. KSeF's own examples lack the offset, so it stays text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

/// One entry of the legacy shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionDetails {
    /// Such as 21405.
    #[serde(default)]
    pub exception_code: i32,
    /// What the code means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception_description: Option<String>,
    /// What it was here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Vec<String>>,
}

/// The legacy shape of 429.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TooManyRequests {
    /// Its content.
    pub status: TooManyRequestsStatus,
}

/// What [`TooManyRequests`] holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TooManyRequestsStatus {
    /// 429.
    pub code: i32,
    /// `Too Many Requests`.
    pub description: String,
    /// Which limit, and when to come again.
    #[serde(default)]
    pub details: Vec<String>,
}

/// `BadRequestProblemDetails`, `UnauthorizedProblemDetails`, `ForbiddenProblemDetails`,
/// `GoneProblemDetails` and `TooManyRequestsProblemDetails`: one shape whose extra fields depend on
/// the status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The status's name.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: i32,
    /// The path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// One sentence.
    #[serde(default)]
    pub detail: String,
    /// 400 only: the codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<ApiError>>,
    /// 403 only: such as `missing-permissions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// 403 only: depends on the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<BTreeMap<String, serde_json::Value>>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// For the ministry's support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// One entry of a problem's `errors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// Such as 21405.
    pub code: i32,
    /// What the code means.
    #[serde(default)]
    pub description: String,
    /// What it was here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Vec<String>>,
}
