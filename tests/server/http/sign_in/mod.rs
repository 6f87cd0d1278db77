//! Browsers that sign in, stay and sign out: case groups 16 to 20 against a real provider. The
//! provider is at 127.0.0.1 and the service at localhost, so that the two are different sites.

mod callback;
mod chromium;
mod renewal;
mod scene;
mod session;
mod sign_out;
