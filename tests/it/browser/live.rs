//! Pages that are open show what happens, without being loaded again.

use serde_json::json;

use super::{journey, served, stimulate};
use crate::support::browser::Tab;

#[test]
fn what_happens_shows_on_an_open_page() {
    let (_dir, server) = served("");
    let Some(tab) = Tab::open(server.address()) else { return };
    let id = journey(&server, "KYC-1");
    tab.go(&format!("/journeys/{id}"));
    tab.await_text("#live", "live");
    tab.run("window.same = true; document.querySelector('#submit_step-step').focus()");
    stimulate(&server, &id, &json!({ "do": "submit_step", "step": "1" }));
    tab.await_text("#timeline", "Finished Step");
    tab.await_text("#timeline", "200");
    stimulate(&server, &id, &json!({ "do": "submit_step", "step": "2" }));
    tab.await_text("#journey-state", "processing");
    assert!(tab.holds("window.same"), "the page was loaded again");

    tab.go("/");
    tab.await_text("#live", "live");
    tab.run("window.same = true");
    let id = journey(&server, "KYC-2");
    stimulate(&server, &id, &json!({ "do": "submit_step", "step": "1" }));
    tab.await_text("#latest", "KYC-2");
    assert!(tab.holds("window.same"), "the page was loaded again");
    tab.had_no_complaint();
}
