//! What a customer sets up in the provider's portal, as TOML tables: flows, webhooks, delivery, error mail.
//!
//! `config` and `scenario` read these tables with the same declarations and the same builders, so that a key means
//! the same in `webhooks.toml` and in a `*.journey.toml`. Nothing here opens a file or a connection.

pub mod changes;
mod credentials;
pub mod delivery;
pub mod email;
pub mod flow;
pub mod spec;
pub mod target;
pub mod webhook;
pub mod words;

pub use delivery::{DeliveryPolicy, DeliverySettings, PolicyOverrides};
pub use email::EmailSettings;
pub use target::Target;
pub use webhook::Webhook;
