//! What an answer means for an invoice: functions of data.

use flowcontrol_contract::error::{Error, ErrorKind, Reported, Result, Retry};
use flowcontrol_contract::ksef::InvoiceState;
use flowcontrol_contract::{KsefNumber, Reference, Timestamp};
use flowcontrol_ksef_invoice::number;
use flowcontrol_ksef_wire::messages::{InvoiceStatus, InvoicingMode};

/// What KSeF's status of an invoice means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusMeaning {
    /// The invoice has this state now.
    InvoiceState(InvoiceState),
    /// KSeF could not decrypt it, or gave up by itself: the invoice is not to blame, and may be sent
    /// again in a new session.
    Resend(Reported),
    /// The number is taken: by these very bytes or by another invoice, which is to be found out.
    Duplicate {
        /// The invoice that has it.
        number: KsefNumber,
        /// Where that was sent.
        session: Option<Reference>,
    },
}

/// What a status means.
///
/// # Errors
/// `Unexpected` for an answer that the API does not allow, such as a number whose checksum is wrong.
pub fn meaning(status: &InvoiceStatus) -> Result<StatusMeaning> {
    let info = &status.status;
    let reported = || Reported {
        code: info.code.into(),
        description: info.description.clone(),
        details: info.details.clone().unwrap_or_default(),
        ..Reported::default()
    };
    Ok(match info.code {
        200 => match &status.ksef_number {
            // The status may be there before the number.
            None => StatusMeaning::InvoiceState(InvoiceState::Pending { code: 200 }),
            Some(text) => StatusMeaning::InvoiceState(InvoiceState::Accepted {
                number: issued(text)?,
                at: status.acquisition_date.and_then(instant),
                offline: status.invoicing_mode == Some(InvoicingMode::Offline),
                earlier: None,
            }),
        },
        435 | 500 | 550 => StatusMeaning::Resend(reported()),
        440 => {
            let extension = |name: &str| {
                info.extensions.as_ref().and_then(|e| e.get(name)).and_then(Option::as_deref)
            };
            match extension("originalKsefNumber") {
                None => StatusMeaning::InvoiceState(InvoiceState::Refused { because: reported() }),
                Some(text) => StatusMeaning::Duplicate {
                    number: KsefNumber::new(text)
                        .map_err(|_| undocumented("a duplicate without a valid KSeF number"))?,
                    session: extension("originalSessionReferenceNumber")
                        .map(Reference::new)
                        .transpose()
                        .map_err(|_| {
                            undocumented("a duplicate without a valid session reference")
                        })?,
                },
            }
        }
        code if code < 400 => {
            StatusMeaning::InvoiceState(InvoiceState::Pending { code: code.into() })
        }
        _ => StatusMeaning::InvoiceState(InvoiceState::Refused { because: reported() }),
    })
}

fn undocumented(what: &str) -> Error {
    Error::new(ErrorKind::Unexpected, format!("KSeF returned {what}"))
}

/// A number that KSeF gives now, whose checksum must be right.
fn issued(text: &str) -> Result<KsefNumber> {
    number::KsefNumber::parse(text).map_err(|e| {
        undocumented(&format!("an accepted invoice with an invalid KSeF number: {e}"))
    })?;
    KsefNumber::new(text)
}

fn instant(time: time::OffsetDateTime) -> Option<Timestamp> {
    i64::try_from(time.unix_timestamp_nanos() / 1000)
        .ok()
        .and_then(|m| Timestamp::from_micros(m).ok())
}

/// What to do after a send that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// It may have been accepted: look it up.
    LookUp,
    /// The session cannot be used any more and the invoice was not accepted: send it in another.
    NewSession,
    /// It was not accepted; the failure is returned to the caller.
    GiveUp,
}

/// What to do after a send failed with `error`.
pub fn next_step(error: &Error) -> NextStep {
    if error.retryable() == Retry::Ambiguous {
        return NextStep::LookUp;
    }
    match error.reported().map(|r| (r.status, r.code)) {
        // Full; unknown; its status forbids it; temporarily unavailable.
        Some((400 | 404, 21155 | 21173 | 21180 | 21184)) => NextStep::NewSession,
        _ => NextStep::GiveUp,
    }
}

/// Whether a session's status means that its invoices were not taken, unless it lists them.
pub const fn session_failed(code: i32) -> bool {
    matches!(code, 405 | 415 | 420 | 430 | 435 | 440 | 500)
}

#[cfg(test)]
mod tests {
    use super::{NextStep, StatusMeaning, meaning, next_step};
    use crate::refusal::failure;
    use flowcontrol_contract::error::ErrorKind;
    use flowcontrol_contract::ksef::InvoiceState;
    use flowcontrol_contract::{Effect, KsefNumber, Timestamp};
    use flowcontrol_ksef_wire::messages::InvoiceStatus;
    use serde_json::json;

    const NUMBER: &str = "5265877635-20250626-010080DD2B5E-26";
    const SESSION: &str = "20250626-SO-2F14610000-242991F8C9-B4";

    fn status(more: &serde_json::Value) -> InvoiceStatus {
        let mut value = json!({"ordinalNumber": 1, "referenceNumber": SESSION,
            "invoiceHash": "mkht+3m5trnfxlTYhq3QFn74LkEO69MFNlsMAkCDSPA=", "later": {},
            "invoicingDate": "2026-11-27T10:00:00.1234567+00:00"});
        for (name, part) in more.as_object().unwrap() {
            value[name] = part.clone();
        }
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn accepted_with_a_number_whose_checksum_is_right_and_offline_as_ksef_says() {
        let accepted = |number: &str, mode: &str| {
            meaning(&status(&json!({"status": {"code": 200, "description": "Sukces"},
                "ksefNumber": number, "invoicingMode": mode,
                "acquisitionDate": "2026-11-27T10:00:01Z"})))
        };
        for (mode, offline) in [("Offline", true), ("Online", false), ("Later", false)] {
            let Ok(StatusMeaning::InvoiceState(InvoiceState::Accepted {
                number,
                at,
                offline: told,
                earlier,
            })) = accepted(NUMBER, mode)
            else {
                panic!("not accepted")
            };
            assert_eq!((number.as_str(), told, earlier), (NUMBER, offline, None));
            assert_eq!(at, Some(Timestamp::parse("2026-11-27T10:00:01Z").unwrap()));
        }
        let wrong = accepted(&NUMBER.replace("-26", "-27"), "Online").unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::Unexpected);
        let early = status(&json!({"status": {"code": 200, "description": "Sukces"}}));
        assert_eq!(
            meaning(&early).unwrap(),
            StatusMeaning::InvoiceState(InvoiceState::Pending { code: 200 })
        );
    }

    #[test]
    fn every_other_code_has_its_meaning() {
        let of = |code: i32| {
            meaning(&status(&json!({"status": {"code": code, "description": "x",
                "details": ["P_1"]}})))
            .unwrap()
        };
        for code in [100, 150, 170, 199, 300] {
            assert_eq!(
                of(code),
                StatusMeaning::InvoiceState(InvoiceState::Pending { code: code.into() })
            );
        }
        for code in [435, 500, 550] {
            assert!(
                matches!(of(code), StatusMeaning::Resend(r) if r.code == i64::from(code)),
                "{code}"
            );
        }
        for code in [405, 410, 415, 430, 440, 450, 499] {
            let StatusMeaning::InvoiceState(InvoiceState::Refused { because }) = of(code) else {
                panic!("{code}")
            };
            assert_eq!(
                (because.code, &*because.details),
                (i64::from(code), &["P_1".to_owned()][..])
            );
        }
        let duplicate = status(&json!({"status": {"code": 440, "description": "Duplikat faktury",
            "extensions": {"originalKsefNumber": NUMBER, "originalSessionReferenceNumber": SESSION}}}));
        let StatusMeaning::Duplicate { number, session } = meaning(&duplicate).unwrap() else {
            panic!()
        };
        assert_eq!(
            (number, session.unwrap().as_str()),
            (KsefNumber::new(NUMBER).unwrap(), SESSION)
        );
        let strange = status(&json!({"status": {"code": 440, "description": "x",
            "extensions": {"originalKsefNumber": NUMBER, "originalSessionReferenceNumber": "../.."}}}));
        assert!(meaning(&strange).is_err());
    }

    #[tokio::test]
    async fn a_failed_send_is_looked_up_moved_or_given_up() {
        let now = Timestamp::from_micros(0).unwrap();
        for (status, code, wanted) in [
            (504, 0, NextStep::LookUp),
            (500, 0, NextStep::LookUp),
            (400, 21180, NextStep::NewSession),
            (400, 21184, NextStep::NewSession),
            (400, 21155, NextStep::NewSession),
            (400, 21402, NextStep::GiveUp),
            (400, 21403, NextStep::GiveUp),
            (403, 0, NextStep::GiveUp),
            (429, 0, NextStep::GiveUp),
        ] {
            let body = json!({"title": "", "status": status, "detail": "",
                "errors": [{"code": code, "description": ""}]})
            .to_string();
            let error = failure("send", Effect::Once, status, None, &body, now).await;
            assert_eq!(next_step(&error), wanted, "{status} {code}");
        }
    }
}
