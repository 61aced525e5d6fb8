//! What holds for the markup of every page: foreign text stays text, nothing is inline, everything has its label.

use super::*;

/// Every page there is, of a site on which everything has happened.
const PAGES: [&str; 22] = [
    "/",
    "/journeys",
    "/journeys?reference=KYC-1",
    "/webhooks",
    "/webhooks/demo",
    "/webhooks/new",
    "/webhooks/made/edit",
    "/deliveries",
    "/deliveries?state=exhausted&webhook=demo",
    "/deliveries/d1",
    "/deliveries/d2",
    "/deliveries/resend?state=delivered",
    "/inbox-view",
    "/inbox-view/demo",
    "/mails",
    "/mails/m1",
    "/clock",
    "/scenarios",
    "/scenarios/runs/1",
    "/nowhere",
    "/journeys/000000000000000000000000",
    "/journeys/ref:KYC-1",
];

/// A site on which everything has happened, every foreign text being markup where it may be.
async fn busy(provider: ProviderKind) -> (Site, Vec<String>) {
    let site = Site::with(provider, &[500, 500], MARKUP, None).await;
    let reference = match provider {
        ProviderKind::Idwise => "KYC-1",
        ProviderKind::Qoreid => MARKUP,
    };
    let journey = site.journey(reference).await;
    let stimulus = match provider {
        ProviderKind::Idwise => [("do", "submit_step"), ("step", "1")],
        ProviderKind::Qoreid => [("do", "finish"), ("status", "VERIFIED")],
    };
    site.post(&format!("{journey}/stimuli"), &stimulus).await;
    site.post("/clock", &[("do", "advance"), ("span", "1h")]).await;
    site.quiet().await;
    site.post("/deliveries/d1/resend", &[]).await;
    site.quiet().await;
    let made =
        [("name", "made"), ("url", "http://127.0.0.1:9/hook"), ("types", "*"), ("auth", "none"), ("skip_test", "yes")];
    assert_eq!(site.post("/webhooks/new", &made).await.to(), "/webhooks/made");
    let inbox = format!("/inbox/{}?a={}", parts::segment(MARKUP), parts::segment(MARKUP));
    site.ask(Method::POST, &inbox, &[("x-odd", MARKUP)], MARKUP.to_owned()).await;
    let named = serde_json::json!({"event": MARKUP, "body": {"eventId": MARKUP}}).to_string();
    site.ask(Method::POST, "/inbox/demo", &[], named).await;
    site.running.app.refused_file(MARKUP);
    let mut pages: Vec<String> = PAGES.iter().map(|page| (*page).to_owned()).collect();
    let odd = parts::segment(MARKUP);
    pages.extend([journey, format!("/inbox-view/{odd}")]);
    for path in
        ["/journeys?reference=", "/journeys?state=", "/deliveries?webhook=", "/deliveries?state=", "/deliveries?event="]
    {
        pages.push(format!("{path}{odd}"));
    }
    for path in ["/journeys/", "/webhooks/", "/deliveries/", "/mails/", "/scenarios/runs/", "/"] {
        pages.push(format!("{path}{odd}"));
    }
    (site, pages)
}

#[tokio::test]
async fn foreign_text_stays_text_on_every_page() {
    for provider in [ProviderKind::Idwise, ProviderKind::Qoreid] {
        let (site, pages) = busy(provider).await;
        let mut shown = 0;
        for path in &pages {
            let page = site.get(path).await;
            page.lacks("<script>alert").lacks("<img src=x").lacks("\"><script>").lacks("onerror='alert(2)'>{{");
            shown += page.body.matches("&lt;script&gt;alert(1)").count();
        }
        assert!(shown > 20, "{provider}: {shown} times only, so the test proves little");
        // What a form came to, and what was typed into one.
        site.follow("/clock", &[("do", MARKUP)]).await.has("&lt;script&gt;").lacks("<script>alert");
        let wrong = site
            .post(
                "/webhooks/new",
                &[("name", MARKUP), ("url", MARKUP), ("types", MARKUP), ("header_1", MARKUP), ("username", MARKUP)],
            )
            .await;
        wrong.has("&lt;script&gt;").lacks("<script>alert").lacks("\"><script>");
    }
}

#[tokio::test]
async fn nothing_is_inline_and_everything_is_labelled() {
    let (site, pages) = busy(ProviderKind::Idwise).await;
    for path in pages {
        let page = site.get(&path).await;
        let body = &page.body;
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(body.matches("<h1>").count(), 1, "{path}");
        assert!(!body.contains(" style=") && !body.contains("<style"), "{path}: an inline style");
        assert!(!body.contains(" onclick") && !body.contains("javascript:"), "{path}: an inline script");
        for script in body.split("<script").skip(1) {
            assert!(script.starts_with(" src=\"/assets/live.js\" defer></script>"), "{path}: {:.60}", script);
        }
        for landmark in [
            "<header",
            "<nav aria-label=\"Main\"",
            "<main id=\"main\"",
            "<footer",
            "class=\"skip\" href=\"#main\"",
            "<html lang=\"en\">",
        ] {
            assert!(body.contains(landmark), "{path}: no {landmark}");
        }
        let mut ids: Vec<&str> = attributes(body, "id").collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{path}: an id is there twice");
        for (at, tag) in fields(body) {
            let id = attributes(tag, "id").next();
            let named = id.is_some_and(|id| body.contains(&format!("for=\"{id}\"")));
            let inside = body[..at].rfind("<label").is_some_and(|label| !body[label..at].contains("</label"));
            assert!(named || inside, "{path}: no label for {tag}");
        }
        for reference in attributes(body, "aria-labelledby").flat_map(str::split_whitespace) {
            assert!(ids.binary_search(&reference).is_ok(), "{path}: aria-labelledby {reference} leads nowhere");
        }
        // What a script swaps it finds by its id.
        for (at, _) in body.match_indices(" data-live") {
            let tag = &body[body[..at].rfind('<').unwrap()..at];
            assert!(attributes(tag, "id").next().is_some(), "{path}: {tag}");
        }
        // A paragraph ends where a form begins, so a form in one would not be where it seems.
        for paragraph in body.split("<p").skip(1).filter(|p| p.starts_with(['>', ' '])) {
            assert!(!paragraph.split("</p>").next().unwrap().contains("<form"), "{path}: a form in a paragraph");
        }
    }
}

fn attributes<'a>(html: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let start = format!(" {name}=\"");
    html.match_indices(&start)
        .map(|(at, found)| html[at + found.len()..].split('"').next().unwrap())
        .collect::<Vec<_>>()
        .into_iter()
}

/// Inputs that a person fills in, each with its place.
fn fields(html: &str) -> Vec<(usize, &str)> {
    let tags = ["<input", "<select", "<textarea"].iter().flat_map(|tag| html.match_indices(tag));
    let whole = tags.map(|(at, _)| (at, &html[at..=at + html[at..].find('>').unwrap()]));
    whole.filter(|(_, tag)| !tag.contains("type=\"hidden\"")).collect()
}
