//! Who is let in, and what pages tell the browser about themselves.

use super::*;

/// Asks with these headers alone.
async fn knock(site: &Site, method: Method, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Body::from("reference=A&flow=onboarding");
    site.router.clone().oneshot(request.body(body).unwrap()).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn without_a_token_local_callers_read_and_own_pages_send_forms() {
    let site = Site::new(&[]).await;
    let (host, own) = (("host", HOST), ("origin", "http://127.0.0.1:4740"));
    for (headers, reads, sends) in [
        (vec![host, own], 200, 303),
        (vec![host, ("sec-fetch-site", "same-origin")], 200, 303),
        (vec![host], 200, 403),
        (vec![host, ("sec-fetch-site", "none")], 200, 403),
        (vec![host, ("origin", "null")], 403, 403),
        (vec![host, ("origin", "http://evil.example")], 403, 403),
        (vec![host, ("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-site")], 403, 403),
        (vec![("host", "rebound.example:4740"), ("origin", "http://rebound.example:4740")], 403, 403),
        (vec![], 403, 403),
    ] {
        assert_eq!(knock(&site, Method::GET, "/journeys", &headers).await, reads, "{headers:?}");
        assert_eq!(knock(&site, Method::POST, "/journeys", &headers).await, sends, "{headers:?}");
    }
    assert_eq!(site.running.app.outbox.ledger().journeys, 2);
    assert_eq!(site.get("/login").await.to(), "/");
}

#[tokio::test]
async fn with_a_token_a_browser_shows_it_once() {
    let site = Site::with(ProviderKind::Idwise, &[], "", Some("correct-horse")).await;
    let page = site.get("/deliveries?state=exhausted").await;
    assert_eq!(page.to(), "/login?to=%2Fdeliveries%3Fstate%3Dexhausted");
    let page = site.get(page.to()).await;
    page.has("value=\"/deliveries?state=exhausted\"").has("type=\"password\"").lacks("sandbox");
    assert_eq!(site.post("/journeys", &[("flow", "onboarding"), ("reference", "A")]).await.to(), "/login?to=%2F");
    assert_eq!(site.running.app.outbox.ledger().journeys, 0, "nothing was done for a stranger");
    assert_eq!(site.get("/api/v1/stream").await.status, 401);
    let wrong = site.post("/login", &[("token", "wrong-horse"), ("to", "/")]).await;
    assert_eq!(wrong.status, 401);
    wrong.has("This is not the token of this server.").lacks("wrong-horse");
    let right = [("token", "correct-horse"), ("to", "/deliveries?state=exhausted")];
    let foreign = [("origin", "http://evil.example"), ("content-type", "application/x-www-form-urlencoded")];
    let body = "token=correct-horse".to_owned();
    assert_eq!(
        site.ask(Method::POST, "/login", &foreign, body).await.status,
        403,
        "nobody is logged in from elsewhere"
    );
    assert_eq!(site.post("/login", &right).await.to(), "/deliveries?state=exhausted");
    site.get("/deliveries").await.has("Log out");
    assert_eq!(site.get("/api/v1/stream").await.status, 200);
    assert_eq!(site.get("/api/v1/ledger").await.status, 200);
    let own = [("origin", "http://127.0.0.1:4740")];
    let clock = r#"{"advance":"1d"}"#.to_owned();
    assert_eq!(
        site.ask(Method::POST, "/api/v1/clock", &own, clock).await.status,
        401,
        "the API is changed by the token only"
    );
    assert_eq!(site.post("/login", &[("token", "correct-horse"), ("to", "//evil.example")]).await.to(), "/");
    let kept = site.cookies.lock().unwrap().clone();
    assert!(kept.iter().all(|(_, value)| !value.contains("correct")), "{kept:?}");
    assert_eq!(site.post("/logout", &[]).await.to(), "/login");
    *site.cookies.lock().unwrap() = kept;
    assert_eq!(site.get("/").await.to(), "/login?to=%2F", "a session that was left is none, wherever it was copied to");
    let bearer = [("host", "any.example"), ("authorization", "Bearer correct-horse")];
    assert_eq!(knock(&site, Method::GET, "/deliveries", &bearer).await, 200);
}

#[tokio::test]
async fn assets_are_asked_for_once() {
    let site = Site::with(ProviderKind::Idwise, &[], "", Some("correct-horse")).await;
    for (path, kind) in [
        (assets::STYLE, "text/css; charset=utf-8"),
        (assets::LIVE, "text/javascript; charset=utf-8"),
        (assets::ICON, "image/svg+xml"),
    ] {
        let first = site.get(path).await;
        assert_eq!((first.status, &first.headers["content-type"]), (StatusCode::OK, &kind.parse().unwrap()));
        assert_eq!(first.headers["x-content-type-options"], "nosniff");
        let tag = first.headers["etag"].to_str().unwrap();
        let again = site.ask(Method::GET, path, &[("if-none-match", tag)], String::new()).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
        let other = site.ask(Method::GET, path, &[("if-none-match", "\"other\"")], String::new()).await;
        assert_eq!(other.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_note_is_said_once_and_not_to_a_refresh() {
    let site = Site::new(&[]).await;
    let path = site.journey("KYC-1").await;
    let refreshed = site.ask(Method::GET, &path, &[("x-refresh", "1")], String::new()).await;
    refreshed.lacks("id=\"note\"");
    site.get(&path).await.has("id=\"note\"");
    site.get(&path).await.lacks("id=\"note\"");
}

#[tokio::test]
async fn guessing_the_token_is_slow() {
    let site = Site::with(ProviderKind::Idwise, &[], "", Some("correct-horse")).await;
    for _ in 0..10 {
        assert_eq!(site.post("/login", &[("token", "wrong-horse"), ("to", "/")]).await.status, 401);
    }
    let later = site.post("/login", &[("token", "correct-horse"), ("to", "/")]).await;
    assert_eq!(later.status, 429);
    let seconds: u64 = later.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    later.has("There were too many wrong tokens.");
}
