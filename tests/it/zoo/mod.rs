//! Receivers that misbehave in every way that the promises list, all at once, beside one that does not.
//!
//! ```text
//!   traffic ──> server ──┬──> healthy         judged: arrives at once, whoever else is served (A10)
//!                        ├──> animals         judged: verdict, class and note of every try, its deadline
//!                        └──> (its process)   judged: memory and descriptors
//! ```
//!
//! The same for mail servers, and for the names that stand before an endpoint.

mod animals;
mod crowd;
mod names;
mod served;
mod smtp;
mod tls;
mod traffic;
mod vitals;
