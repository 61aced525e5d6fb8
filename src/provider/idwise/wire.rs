//! Bytes.
use super::Event;
use crate::ids::EventId;
use crate::provider::Journey;
/// Renders.
pub fn render(_event: &Event, _id: EventId, _journey: &Journey) -> Vec<u8> {
    Vec::new()
}
