//! What a client of KSeF and KSeF itself say to each other: the messages of API 2.0, the encryption
//! of invoices and tokens, and the XAdES signature of a sign-in request. No I/O.

pub mod crypto;
pub mod messages;
pub mod xades;
