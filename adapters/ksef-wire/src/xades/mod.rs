//! XAdES signatures of authentication requests: made by the live adapter, verified by the simulator.
//!
//! The form is one: an enveloped signature of the whole document with its signed properties, RSA of
//! 2048 bits or more (PKCS#1 1.5 with SHA-256) or ECDSA on P-256 whose value is R||S. Canonical XML
//! comes from a library; what is written here is which parts are signed and what is believed.

mod credential;
mod request;
mod sign;
mod verify;

pub use credential::{Credential, Purpose, purpose};
pub use request::{AuthTokenRequest, Context, Subject};
pub use sign::sign;
pub use verify::{Refused, Verified, verify};

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const XADES: &str = "http://uri.etsi.org/01903/v1.3.2#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const ECDSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
const SIGNED_PROPERTIES: &str = "http://uri.etsi.org/01903#SignedProperties";

#[cfg(test)]
mod tests;
