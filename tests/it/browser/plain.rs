//! The dashboard where no script runs.

use super::served;
use crate::support::browser::Tab;

#[test]
fn everything_works_without_scripts() {
    let (_dir, server) = served("");
    let Some(tab) = Tab::open(server.address()) else { return };
    tab.without_scripts();
    tab.go("/journeys");
    tab.fill("#reference", "KYC-5");
    tab.press("Start journey");
    assert_eq!(tab.text("h1"), "Journey KYC-5");
    tab.press_in("do-submit_step", "submit step");
    let journey = tab.path();
    for _ in 0..200 {
        if tab.text("#timeline").contains("200") {
            break;
        }
        tab.go(&journey);
    }
    assert!(tab.text("#timeline").contains("Finished Step"), "{}", tab.text("#timeline"));
    tab.go("/webhooks");
    tab.press("Pause");
    assert!(tab.text("#webhook-demo").contains("paused"), "{}", tab.text("#webhook-demo"));
    assert!(tab.holds("document.querySelector('#live').hidden"), "no script has run");
    tab.had_no_complaint();
}
