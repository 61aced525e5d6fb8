//! Delivery: what is due is leased, sent and settled.
//!
//! ```text
//!   commit / resend ──Input::Work──> ┌────────┐ ──Effect::Claim──> outbox ──Input::Claimed──┐
//!   attempt settled ──Input::Ended─> │ engine │ <───────────────────────────────────────────┘
//!   clock ───────────Input::Woke───> └────────┘ ──Effect::Start──> one task per attempt:
//!                                                    send, read, settle durably, then Input::Ended
//! ```
//!
//! [`engine`] and [`lane`] are pure: they decide what to claim and what to start, and own the slots. [`shell`] carries
//! the effects out. A slot is given back only when the attempt's settlement is durable, so that a crash repeats at most
//! as many sends as there are slots. An endpoint can hurt only its own lane: own due time, own slots, own rate. Mail is
//! one more lane.

pub mod attempt;
pub mod endpoints;
pub mod engine;
pub mod lane;
pub mod shell;
mod waiting;
