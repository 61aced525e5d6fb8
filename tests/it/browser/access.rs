//! Who can use the pages: narrow screens, the dark, the keyboard, and what axe-core says of them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{journey, served, stimulate};
use crate::support::browser::Tab;
use crate::support::server::Server;
use crate::support::tools::stand_down;

/// The gate puts it there, from the npm registry.
const AXE: &str = "target/ci-axe/package/axe.min.js";

/// A server with something of everything, and its pages.
fn furnished(server: &Server) -> Vec<String> {
    let id = journey(server, "KYC-1");
    let behave = server.ask("GET", "/inbox/demo", &[], b"");
    assert!(behave.is_ok());
    stimulate(server, &id, &json!({ "do": "submit_step", "step": "1" }));
    stimulate(server, &id, &json!({ "do": "submit_step", "step": "2" }));
    stimulate(server, &id, &json!({ "do": "finish_processing", "decision": "Refer" }));
    // Nobody listens there: attempts fail, are exhausted, and mailed.
    let advanced = server.post("/api/v1/clock", &json!({ "advance": "1h" }));
    assert_eq!(advanced.status, 200, "{}", advanced.text());
    let mut pages = vec![format!("/journeys/{id}")];
    for page in ["/", "/journeys", "/webhooks", "/webhooks/demo", "/webhooks/new", "/deliveries", "/deliveries/d1"] {
        pages.push(page.to_owned());
    }
    for page in ["/deliveries/d2", "/deliveries/resend?state=exhausted", "/inbox-view", "/inbox-view/demo", "/mails"] {
        pages.push(page.to_owned());
    }
    for page in ["/mails/m1", "/clock", "/scenarios", "/not-there"] {
        pages.push(page.to_owned());
    }
    pages
}

/// A webhook at which nobody listens.
const DEAD: &str =
    "\n[[webhook]]\nname = \"dead\"\nurl = \"http://127.0.0.1:9/\"\nerror_emails = [\"ops@example.com\"]\n";

#[test]
fn pages_fit_a_telephone_and_the_dark() {
    let (_dir, server) = served(DEAD);
    let Some(tab) = Tab::open(server.address()) else { return };
    let pages = furnished(&server);
    for (width, scheme) in [(360, "light"), (1_280, "dark")] {
        tab.width(width);
        tab.scheme(scheme);
        for page in &pages {
            tab.go(page);
            let wide = tab.run("document.documentElement.scrollWidth");
            assert!(wide.as_u64().is_some_and(|wide| wide <= u64::from(width)), "{page} is {wide} wide, of {width}");
            let name = page.trim_start_matches('/').replace(['/', '?', '='], "-");
            let name = if name.is_empty() { "overview" } else { &name };
            // Ids differ from run to run.
            let name = if name.starts_with("journeys-") { "journey" } else { name };
            tab.picture(&format!("{name}-{width}-{scheme}"));
            let light = tab.run(LIGHT);
            let is_dark = light.as_f64().is_some_and(|light| light < 0.2);
            assert_eq!(is_dark, scheme == "dark", "{page}: its background has a lightness of {light}");
        }
    }
    let others: Vec<String> = tab.complaints().into_iter().filter(|said| !said.contains("status of 404")).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// How light the page's background is, from 0 to 1.
const LIGHT: &str = "(() => {
  const colour = [document.body, document.documentElement].map((e) => getComputedStyle(e).backgroundColor)
    .find((c) => c !== 'rgba(0, 0, 0, 0)') ?? 'rgb(255, 255, 255)';
  const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
  return (r + g + b) / 765;
})()";

#[test]
fn the_keyboard_reaches_what_the_mouse_does() {
    let (_dir, server) = served("");
    let Some(tab) = Tab::open(server.address()) else { return };
    tab.go("/journeys");
    tab.key("Tab");
    assert!(tab.holds("document.activeElement.classList.contains('skip')"), "the first stop skips the navigation");
    tab.key("Enter");
    tab.until("the link leads to the page's own part", "location.hash === '#main'");
    tab.run("document.querySelector('#reference').focus()");
    let ring = tab.run("getComputedStyle(document.activeElement).outlineStyle");
    assert_ne!(ring, json!("none"), "whoever has the focus shows it");
    tab.fill("#reference", "KYC-9");
    tab.key("Enter");
    tab.until("the journey is shown", "document.querySelector('h1').innerText === 'Journey KYC-9'");
    tab.had_no_complaint();
}

#[test]
fn axe_finds_nothing_serious() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(AXE);
    let Ok(axe) = fs::read_to_string(&file) else {
        stand_down("axe-core (npm pack axe-core)");
        return;
    };
    let (_dir, server) = served(DEAD);
    let Some(tab) = Tab::open(server.address()) else { return };
    let pages = furnished(&server);
    let mut found = Vec::new();
    for scheme in ["light", "dark"] {
        tab.scheme(scheme);
        for page in &pages {
            tab.go(page);
            // Through the debugger, which the page's own policy does not bind.
            tab.run(&axe);
            let result = tab.run("axe.run().then((result) => JSON.stringify(result.violations))");
            let violations: Vec<Value> = serde_json::from_str(result.as_str().unwrap_or("[]")).expect("JSON");
            for violation in violations {
                if matches!(violation["impact"].as_str(), Some("serious" | "critical")) {
                    let where_it_is = &violation["nodes"][0]["html"];
                    found.push(format!("{page} {scheme}: {} {} {where_it_is}", violation["id"], violation["help"]));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
