//! Webhooks: their health, their buttons, and the form that saves one only after its test.

use super::*;

const TYPED: [(&str, &str); 9] = [
    ("name", "mine"),
    ("environment", "sandbox"),
    ("url", "http://127.0.0.1:9/hook?key=typed"),
    ("types", "Finished Step"),
    ("types", "Finished Journey"),
    ("error_emails", "ops@example.com, dev@example.com"),
    ("auth", "bearer"),
    ("token", "t0ken-that-was-typed"),
    ("header_1", "X-Api-Key"),
];

fn typed<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    TYPED.iter().copied().chain([("header_1_value", "k3y-that-was-typed")]).chain(more.iter().copied()).collect()
}

#[tokio::test]
async fn a_webhook_is_saved_after_its_test_and_not_before() {
    let site = Site::new(&[500, 200, 200]).await;
    site.get("/webhooks/new")
        .await
        .has("1. General")
        .has("2. Authentication")
        .has("3. Testing")
        .has("Manually Reviewed");
    let failed = site.post("/webhooks/new", &typed(&[("do", "save")])).await;
    assert_eq!(failed.status, 422);
    failed.has("The test failed, so nothing was saved").has("Answered 500.").has("id=\"came-back\" open");
    failed
        .has("value=\"mine\"")
        .has("value=\"http://127.0.0.1:9/hook?key=typed\"")
        .has("ops@example.com, dev@example.com");
    failed.has("value=\"Finished Journey\" checked").has("value=\"X-Api-Key\"").has("value=\"bearer\" checked");
    failed.lacks("t0ken-that").lacks("k3y-that");
    assert!(site.running.app.endpoints.get("mine").is_none());
    let tested = site.post("/webhooks/new", &typed(&[("do", "test")])).await;
    assert_eq!(tested.status, 200);
    tested.has("The test passed").lacks("t0ken-that");
    assert!(site.running.app.endpoints.get("mine").is_none(), "a test saves nothing");
    let page = site.follow("/webhooks/new", &typed(&[("do", "save")])).await;
    page.has("Webhook mine was saved and is active.").has("bearer, token ***").has("x-api-key: ***").lacks("-that-was");
    let made = site.running.app.endpoints.get("mine").expect("it was saved");
    assert_eq!(made.types, ["Finished Step", "Finished Journey"]);
    assert_eq!(made.error_emails, ["ops@example.com", "dev@example.com"]);
    assert!(matches!(&made.auth, Auth::Bearer { token } if token.expose() == "t0ken-that-was-typed"));
    let taken = site.post("/webhooks/new", &typed(&[("do", "save")])).await;
    assert_eq!(taken.status, 422);
    taken.has("There is a webhook &quot;mine&quot; already.");
}

#[tokio::test]
async fn what_is_wrong_is_said_at_once_and_the_test_can_be_skipped() {
    let site = Site::new(&[500]).await;
    let wrong = [("name", "a b"), ("url", "ftp://x"), ("types", "Finished"), ("auth", "none"), ("do", "save")];
    let page = site.post("/webhooks/new", &wrong).await;
    assert_eq!(page.status, 422);
    page.has("id=\"complaints\"").has("cannot be a webhook").has("is not an event type");
    let page = site.follow("/webhooks/new", &typed(&[("do", "save"), ("skip_test", "yes")])).await;
    page.has("was saved");
}

#[tokio::test]
async fn a_change_keeps_the_secrets_that_were_not_typed_anew() {
    let site = Site::new(&[]).await;
    site.post("/webhooks/new", &typed(&[("do", "save")])).await;
    let page = site.get("/webhooks/mine/edit").await;
    page.has("name=\"auth_before\" value=\"bearer\"").has("ops@example.com\ndev@example.com").lacks("-that-was");
    let change = [
        ("environment", "sandbox"),
        ("url", "http://127.0.0.1:9/other"),
        ("types", "*"),
        ("auth", "bearer"),
        ("auth_before", "bearer"),
        ("retry", "1s, 2s"),
    ];
    let tested = site.post("/webhooks/mine/edit", &[&change[..], &[("do", "test")]].concat()).await;
    tested.has("The test passed");
    assert_eq!(site.running.app.endpoints.get("mine").unwrap().url.path(), "/hook", "a test saves nothing");
    site.follow("/webhooks/mine/edit", &[&change[..], &[("do", "save")]].concat())
        .await
        .has("Webhook mine was changed.");
    let made = site.running.app.endpoints.get("mine").unwrap();
    assert_eq!((made.url.path(), made.retry.gaps.len(), made.error_emails.len()), ("/other", 2, 0));
    assert!(matches!(&made.auth, Auth::Bearer { token } if token.expose() == "t0ken-that-was-typed"));
    assert_eq!(made.headers.len(), 1);
    let change =
        [&change[..3], &[("auth", "none"), ("auth_before", "bearer"), ("no_headers", "yes"), ("do", "save")]].concat();
    site.follow("/webhooks/mine/edit", &change).await.has("was changed");
    let made = site.running.app.endpoints.get("mine").unwrap();
    assert_eq!((&made.auth, made.headers.len()), (&Auth::None, 0));
    site.follow("/webhooks/mine/drop", &[]).await.has("Mine was removed");
    assert!(site.running.app.endpoints.get("mine").is_none());
}

#[tokio::test]
async fn health_is_told_and_lanes_are_paused_and_tested() {
    let site = Site::new(&[500, 200, 503]).await;
    site.get("/webhooks").await.has("not tried yet").has("id=\"webhook-demo\"");
    let journey = site.journey("KYC-1").await;
    site.post(&format!("{journey}/stimuli"), &[("do", "submit_step"), ("step", "1")]).await;
    site.quiet().await;
    site.get("/webhooks").await.has("failing, retries").has("answered 500");
    site.follow("/webhooks/demo/test", &[]).await.has("The test passed: demo answered 200");
    site.follow("/webhooks/demo/test", &[("back", "/webhooks")]).await.has("The test failed: demo answered 503");
    site.follow("/webhooks/demo/pause", &[("back", "/webhooks")]).await.has("Demo is paused").has(">Resume<");
    site.get("/").await.has("paused");
    site.follow("/webhooks/demo/resume", &[]).await.has("Demo goes on.").has(">Pause<").has("bearer, token ***");
    site.post("/clock", &[("do", "advance"), ("span", "10m")]).await;
    site.quiet().await;
    site.get("/webhooks").await.has("healthy");
    for path in ["/webhooks", "/webhooks/demo", "/webhooks/new", "/deliveries/d1", "/deliveries/d1.har"] {
        site.get(path).await.lacks("t0ken-of-demo").lacks("k3y-of-demo");
    }
}
