//! The real binary, ended at random moments under load: what it acknowledged is there, and arrives.
//!
//! Promises D1, D2, D3, A1, A2, A7. The order of things is chance; what is checked holds in every order.

mod kill;
mod power;
mod workload;
