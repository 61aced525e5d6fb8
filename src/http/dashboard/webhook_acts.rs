//! What is done to a webhook with one press: pause, resume, test, remove.

use axum::response::Response;

use super::parts::millis;
use super::trouble::Trouble;
use super::visit::{Form, Pairs, Path, Visit};
use crate::message::Outcome;

/// Where a press leads back to: the list, or the webhook's own page.
fn back(form: &Pairs, name: &str) -> String {
    let own = format!("/webhooks/{name}");
    if form.get("back") == Some("/webhooks") { "/webhooks".to_owned() } else { own }
}

pub(super) async fn pause(visit: Visit, Path(name): Path, Form(form): Form) -> Result<Response, Trouble> {
    visit.desk.app.pause_webhook(&name, true).await?;
    Ok(visit.done(&back(&form, &name), format!("{name} is paused: what it is owed waits")))
}

pub(super) async fn resume(visit: Visit, Path(name): Path, Form(form): Form) -> Result<Response, Trouble> {
    visit.desk.app.pause_webhook(&name, false).await?;
    Ok(visit.done(&back(&form, &name), format!("{name} goes on")))
}

pub(super) async fn test(visit: Visit, Path(name): Path, Form(form): Form) -> Result<Response, Trouble> {
    let (passed, outcome) = visit.desk.app.test_webhook(&name).await?;
    let (to, text) = (back(&form, &name), said(&name, &outcome));
    Ok(if passed {
        visit.done(&to, format!("the test passed: {text}"))
    } else {
        visit.refused(&to, format!("the test failed: {text}"))
    })
}

pub(super) async fn remove(visit: Visit, Path(name): Path) -> Result<Response, Trouble> {
    let cancelled = visit.desk.app.drop_webhook(&name).await?;
    Ok(visit.done("/webhooks", format!("{name} was removed, and {cancelled} of its deliveries called off")))
}

fn said(name: &str, outcome: &Outcome) -> String {
    format!("{name} {} in {}", outcome.summary(), millis(outcome.phases.total_us))
}
