//! What the tests of invoices share.

pub mod xsd;

use flowcontrol_ksef_invoice::{
    BuildError, Context, Finding, Parties, Severity, Source, draft, write,
};
use serde_json::{Value, json};
use time::macros::{date, datetime};

/// A day after every sample's date of issue.
pub fn context() -> Context {
    Context { today: date!(2026 - 11 - 27) }
}

/// The errors alone, as `rule path`.
pub fn errors(findings: &[Finding]) -> Vec<String> {
    let errors = findings.iter().filter(|f| f.severity == Severity::Error);
    errors.map(|f| format!("{} {}", f.rule, f.path)).collect()
}

/// A record's payload that builds: two lines, one rate.
pub fn payload() -> Value {
    json!({"invoice_no": "FV/2026/000012", "order_no": "BFG/000012", "buyer": "Karpaty Trans",
        "net": {"amount": "1250.00", "currency": "PLN"},
        "gross": {"amount": "1537.50", "currency": "PLN"}, "vat_rate": "23",
        "lines": [
            {"name": "Transport Rzeszów – Львів", "quantity": 1, "net_price": "1000.00"},
            {"name": "Postój", "quantity": "2.5", "unit": "godz.", "net_price": "100"}],
        "ksef": {"issued": "2026-11-20",
            "seller": {"nip": "5265877635", "name": "BFG Control sp. z o.o.",
                "address": {"country": "PL", "line1": "ul. Prosta 1", "line2": "00-001 Warszawa"}},
            "buyer": {"nip": "1111111111",
                "address": {"country": "PL", "line1": "ul. Polna 2, 35-001 Rzeszów"}}}})
}

/// Makes the invoice of a payload without known parties.
///
/// # Errors
/// What [`draft`] says.
pub fn build(payload: &Value) -> Result<Vec<u8>, BuildError> {
    let parties = Parties::default();
    let occurred_at = datetime!(2026-11-20 09:30 UTC);
    draft(&payload.to_string(), &Source { occurred_at, parties: &parties }).map(|i| write(&i))
}

/// The pointer and reason with which a payload is refused.
///
/// # Panics
/// When it is not.
pub fn refusal(payload: &Value) -> String {
    match build(payload) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it was built: {payload}"),
    }
}
