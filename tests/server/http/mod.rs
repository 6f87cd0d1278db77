//! The Scenario API as a caller meets it: a real server on a free port, asked by a real client.

mod arbitrary;
mod evidence;
mod gates;
mod hostile;
mod logs;
mod oidc;
mod postgres;
mod problems;
mod records;
mod rehearsals;
mod running;
mod scenario;
mod service;
mod sign_in;
mod site;
