//! The first five minutes of somebody who has never read the manual.

use super::served;
use crate::support::browser::Tab;

#[test]
fn a_journey_is_driven_an_endpoint_broken_mended_and_sent_again() {
    let (_dir, server) = served("");
    let Some(tab) = Tab::open(server.address()) else { return };
    tab.go("/");
    assert_eq!(tab.text("h1"), "Overview");

    tab.press_in("main", "Journeys");
    tab.fill("#reference", "KYC-77");
    tab.press("Start journey");
    assert!(tab.path().starts_with("/journeys/"), "{}", tab.path());
    assert_eq!(tab.text("h1"), "Journey KYC-77");
    let journey = tab.path();

    tab.choose("#submit_step-step", "1");
    tab.press_in("do-submit_step", "submit step");
    tab.await_text("#timeline", "Finished Step");
    tab.await_text("#timeline", "200");

    tab.go("/inbox-view/demo");
    tab.press("Answer 500");
    tab.await_text("#behaves", "500");

    tab.go(&journey);
    tab.choose("#submit_step-step", "2");
    tab.press_in("do-submit_step", "submit step");
    tab.await_text("#journey-state", "processing");
    tab.await_text("#timeline", "500");

    tab.go("/deliveries");
    tab.await_text("#deliveries", "waiting");
    // Two events, both broken: the first of them is looked at, to the bitter end.
    tab.go("/deliveries/d2");
    tab.await_text("#tries", "500");
    tab.press("Leap the clock to the next attempt");
    tab.await_text("#delivery-state", "exhausted");
    tab.go("/");
    tab.await_text("#attention", "exhausted");

    tab.go("/inbox-view/demo");
    tab.press("Behave well");
    tab.go("/deliveries/d2");
    tab.press("Resend");
    tab.until("the new delivery is shown", "location.pathname !== '/deliveries/d2'");
    tab.await_text("#delivery-state", "delivered");
    tab.go("/inbox-view/demo");
    tab.await_text("#received", "duplicate");

    tab.go("/clock");
    tab.press("Advance 1h");
    tab.go("/mails");
    tab.await_text("#mails", "ops@example.com");
    tab.had_no_complaint();
}
