//! KSeF adapters: `mock-ksef`, a faithful KSeF on loopback, and `ksef-api`, the ministry's system.

pub mod crypto;
pub mod invoice;
mod key;
pub mod live;
pub mod nip;
pub mod number;
pub mod print;
pub mod qr;
pub mod simulator;
pub mod wire;
pub mod xades;

pub use key::KeyError;
