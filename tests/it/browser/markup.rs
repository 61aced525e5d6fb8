//! Markup in every field that somebody else can fill: it is shown as text, and no policy has to stop it.

use serde_json::json;

use super::{journey, served, stimulate};
use crate::support::browser::{Tab, quoted};

const EVIL: &str =
    r#""'><img src=x onerror="window.evil=1"><script>window.evil=1</script><svg/onload=window.evil=1>{{7*7}}"#;

#[test]
fn markup_in_any_field_is_text() {
    // A TOML literal string holds all of it but the apostrophe, which a header's value may have.
    let header = EVIL.replace('\'', "");
    let more = format!(
        "\n[[webhook]]\nname = \"evil\"\nurl = \"/inbox/evil?a=%3Cscript%3Ewindow.evil=1%3C/script%3E\"\nheaders = {{ \"X-Evil\" = '''{header}''' }}\nerror_emails = [\"a@example.com\"]\n"
    );
    let (_dir, server) = served(&more);
    let Some(tab) = Tab::open(server.address()) else { return };
    // A reference has its own alphabet; the provider refuses all else.
    let id = journey(&server, "KYC-1");
    stimulate(&server, &id, &json!({ "do": "submit_step", "step": "1" }));
    stimulate(&server, &id, &json!({ "do": "complete" }));
    stimulate(&server, &id, &json!({ "do": "review", "decision": "Approved", "comment": EVIL }));
    // Whoever posts to the inbox chooses path, query, headers and body, and the ids in it.
    let body = json!({ "event": EVIL, "body": { "eventId": EVIL, "referenceNo": EVIL } }).to_string();
    let path = format!("/inbox/demo?q={}", percent(EVIL));
    for path in [path.as_str(), &format!("/inbox/{}", percent(EVIL))] {
        let _answer = server.ask("POST", path, &[("X-Evil", EVIL), ("User-Agent", EVIL)], body.as_bytes());
    }
    let asked = percent(EVIL);
    let mut pages = vec!["/".to_owned(), "/journeys".into(), format!("/journeys/{id}"), "/webhooks".into()];
    pages.extend(["demo", "evil"].map(|name| format!("/webhooks/{name}")));
    pages.extend([format!("/journeys?reference_no={asked}&state={asked}"), format!("/deliveries?webhook={asked}")]);
    pages.extend(
        ["/deliveries", "/inbox-view", "/inbox-view/demo", "/inbox-view/evil", "/mails", "/clock"].map(String::from),
    );
    pages.extend((1..=4).map(|n| format!("/deliveries/d{n}")));
    pages.extend([format!("/inbox-view/{asked}"), format!("/nothing/{asked}"), format!("/webhooks/{asked}")]);
    pages.extend(["/scenarios".to_owned(), "/webhooks/new".to_owned()]);
    let mut shown = 0;
    for page in &pages {
        tab.go(page);
        assert!(!tab.holds("window.evil"), "a script ran on {page}");
        shown +=
            usize::from(tab.holds(&format!("document.body.innerText.includes({})", quoted("<script>window.evil"))));
    }
    assert!(shown >= 4, "the markup is shown, as text: on {shown} of {} pages", pages.len());
    // Pages that are not there, and searches that make no sense, are answered so; nothing else is complained about.
    let told = |said: &String| !said.contains("status of 404") && !said.contains("status of 400");
    let complaints: Vec<String> = tab.complaints().into_iter().filter(told).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
