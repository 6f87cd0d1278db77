//! Limits in force.

use super::super::config::INVOICES;
use super::super::shared::Shared;
use super::{Answer, answer};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use flowcontrol_ksef_wire::messages::{
    CertificateLimits, CollectiveIdentifierLimits, ContextLimits, EnrollmentLimits,
    OnlineSessionLimits, SubjectLimits,
};
use std::sync::Arc;

pub(super) async fn context(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    shared.caller(&headers)?;
    let limits = || OnlineSessionLimits {
        max_invoice_size_in_mb: 1,
        max_invoice_with_attachment_size_in_mb: 3,
        max_invoices: INVOICES as u32,
    };
    answer(
        StatusCode::OK,
        &ContextLimits {
            online_session: limits(),
            batch_session: limits(),
            collective_identifier: Some(CollectiveIdentifierLimits { max_invoices: 500 }),
        },
    )
}

pub(super) async fn subject(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    shared.caller(&headers)?;
    answer(
        StatusCode::OK,
        &SubjectLimits {
            enrollment: Some(EnrollmentLimits { max_enrollments: Some(12) }),
            certificate: Some(CertificateLimits { max_certificates: Some(6) }),
        },
    )
}

pub(super) async fn rates(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    shared.caller(&headers)?;
    answer(StatusCode::OK, &shared.rates)
}
