//! The wizard General, Authentication, Testing, as the provider's portal has it.

use super::served;
use crate::support::browser::Tab;

#[test]
fn a_webhook_is_saved_once_its_test_passed() {
    let (_dir, server) = served("");
    let Some(tab) = Tab::open(server.address()) else { return };
    tab.go("/inbox-view/demo");
    tab.press("Answer 500");

    tab.go("/webhooks/new");
    tab.fill("#name", "mine");
    tab.fill("#url", "/inbox/demo");
    tab.click("#auth-basic");
    tab.fill("#username", "user");
    tab.fill("#password", "hunter2-hunter2");
    tab.press("Test webhook");
    tab.await_text("#test-result", "500");
    assert!(tab.holds("document.querySelector('#name').value === 'mine'"), "what was typed stays");
    tab.fill("#password", "hunter2-hunter2");
    tab.press("Save");
    tab.await_text("main", "500");
    tab.go("/webhooks");
    assert!(!tab.text("#webhooks").contains("mine"), "nothing was saved: {}", tab.text("#webhooks"));

    tab.go("/inbox-view/demo");
    tab.press("Behave well");
    tab.go("/webhooks/new");
    tab.fill("#name", "mine");
    tab.fill("#url", "/inbox/demo");
    tab.click("#auth-basic");
    tab.fill("#username", "user");
    tab.fill("#password", "hunter2-hunter2");
    tab.press("Save");
    tab.go("/webhooks");
    tab.await_text("#webhook-mine", "mine");
    tab.go("/webhooks/mine");
    let whole = tab.run("document.documentElement.outerHTML").to_string();
    assert!(!whole.contains("hunter2"), "the password is shown nowhere");
    // A form that was refused is answered with 422, which Chromium notes as a resource that failed to load.
    let others: Vec<String> = tab.complaints().into_iter().filter(|said| !said.contains("status of 422")).collect();
    assert!(others.is_empty(), "{others:?}");
}
