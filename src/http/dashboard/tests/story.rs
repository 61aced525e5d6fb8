//! Whole stories: what a person does, and what the pages say then.

use super::*;
use crate::http::dashboard::repertoire::{Piece, Wanted};

#[tokio::test]
async fn a_journey_is_driven_watched_broken_mended_and_resent() {
    let site = Site::new(&[500, 500]).await;
    site.get("/").await.has("<details class=\"steps\" open>").has("Start a journey");
    site.get("/journeys").await.has("No journeys yet: start one above.").has("id=\"start-journey\"");
    let path = site.journey("KYC-1").await;
    site.get(&path).await.has("Journey KYC-1").has("Journey KYC-1 was started.");
    let page = site.get(&path).await;
    page.lacks("id=\"note\"").has("id=\"do-submit_step\"").has("<option value=\"1\">1 · Document</option>");
    page.has("class=\"place here\"").has("class=\"can\"");

    // The endpoint fails, and fails again: given up, and a mail is owed.
    let stimuli = format!("{path}/stimuli");
    let page = site.follow(&stimuli, &[("do", "submit_step"), ("step", "1")]).await;
    page.has("<strong>Done</strong> Submit_step 1: sent to whoever subscribes: Finished Step.")
        .has("<strong>submit_step 1</strong>");
    site.quiet().await;
    site.get("/").await.has("failing").has("<strong>1</strong> waiting");
    let page = site.get("/deliveries/d1").await;
    page.has("Leap the clock to the next attempt").has("answered 500").lacks(">Resend<");
    let page =
        site.follow("/clock", &[("do", "set"), ("to", "2026-11-20T08:05:00Z"), ("back", "/deliveries/d1")]).await;
    page.has("Delivery d1").has("The clock stands at 2026-11-20T08:05:00Z.");
    site.quiet().await;
    site.get("/deliveries/d1").await.has("exhausted").has("Attempt 2").has(">Resend<").has("id=\"curl-2\"");
    site.get("/")
        .await
        .has("1 delivery</a> given up and not sent again")
        .has("<strong>1</strong> exhausted")
        .has("href=\"/deliveries/d1\"");
    site.post("/clock", &[("do", "advance"), ("span", "2m")]).await;
    site.quiet().await;
    site.get("/mails").await.has("ops@example.com").has("1 event was not delivered");
    site.get("/mails/m1").await.has("understudy deliveries resend d1").has("no SMTP server is configured");

    // It is well again: it is sent again, and then no more of what was given up; but what was delivered may be.
    let page = site.follow("/deliveries/d1/resend", &[]).await;
    site.quiet().await;
    page.has("Delivery d2").has("D1 is sent again as d2").has("href=\"/deliveries/d1\"");
    site.get("/deliveries/d2").await.has("delivered");
    site.get("/").await.has(" All is well.");
    site.get("/deliveries/resend?state=exhausted&webhook=demo&limit=5").await.has("Nothing matches");
    let page = site.get("/deliveries/resend?state=delivered&webhook=demo&limit=5").await;
    page.has("Dry run: <strong>1 delivery</strong>").has("Resend 1 delivery");
    assert_eq!(site.running.app.outbox.ledger().deliveries.accepted, 2, "a dry run sends nothing");
    site.follow("/deliveries/resend", &[("state", "delivered"), ("webhook", "demo"), ("limit", "5")])
        .await
        .has("1 delivery sent again");
    site.quiet().await;
    let deliveries = site.running.app.outbox.ledger().deliveries;
    assert_eq!((deliveries.delivered, deliveries.exhausted, deliveries.accepted), (2, 1, 3));
    site.get("/").await.has("<strong>2</strong> delivered").has("<strong id=\"accepted\">3</strong> accepted");
}

#[tokio::test]
async fn what_is_not_legal_is_refused_and_said() {
    let site = Site::new(&[]).await;
    let path = site.journey("KYC-1").await;
    let stimuli = format!("{path}/stimuli");
    site.follow(&stimuli, &[("do", "review"), ("decision", "Approved")])
        .await
        .has("<strong>Refused</strong> Review: this is not possible now");
    site.follow(&stimuli, &[("do", "submit_step")]).await.has("Refused");
    site.follow(&stimuli, &[("do", "fly")]).await.has("Refused").has("is not a stimulus");
    site.follow(&stimuli, &[]).await.has("Nothing was asked for.");
    site.follow("/journeys", &[("flow", "onboarding"), ("reference", "")]).await.has("A journey needs a reference");
    site.follow("/journeys", &[("flow", "none"), ("reference", "A")]).await.has("There is no flow");
    site.follow("/journeys", &[("flow", "onboarding"), ("reference", "a b")]).await.has("The reference has");
    site.follow("/clock", &[("do", "advance"), ("span", "soon")]).await.has("is not a duration");
    site.follow("/clock", &[("do", "set"), ("to", "2020-01-01T00:00:00Z")]).await.has("cannot go back");
    site.follow("/clock", &[("do", "rate"), ("rate", "-1")]).await.has("is no pace");
    site.follow("/clock", &[("do", "rate"), ("rate", "60")]).await.has("60 provider seconds per real second");
    site.follow("/clock", &[("do", "freeze")]).await.has("The clock is frozen.");
    for (path, status) in [
        ("/journeys/nothing", 400),
        ("/journeys/000000000000000000000000", 404),
        ("/deliveries/d99", 404),
        ("/deliveries/x", 404),
        ("/deliveries/d99.har", 404),
        ("/deliveries?state=odd", 400),
        ("/deliveries?cursor=x", 400),
        ("/deliveries/resend?state=waiting", 400),
        ("/deliveries/resend?limit=5000", 400),
        ("/webhooks/none", 404),
        ("/webhooks/demo/edit", 409),
        ("/mails/m1", 404),
        ("/scenarios/runs/1", 404),
        ("/journeys/x/stimuli", 405),
        ("/nowhere", 404),
    ] {
        let page = site.get(path).await;
        assert_eq!(page.status.as_u16(), status, "{path}");
        page.has("<h1>").has("Go to the overview");
        assert!(page.headers.contains_key("content-security-policy"), "{path}");
    }
    let plain = site.ask(Method::GET, "/nowhere", &[("accept", "application/json")], String::new()).await;
    assert_eq!(plain.headers["content-type"], "text/html; charset=utf-8", "the browser's own accept came first");
    let request = Request::get("/nowhere").header("host", HOST).body(Body::empty()).unwrap();
    let answer = site.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn what_happened_is_told_in_its_order() {
    let site = Site::new(&[]).await;
    let path = site.journey("KYC-1").await;
    for stimulus in
        [&[("do", "submit_step"), ("step", "1")][..], &[("do", "cancel")], &[("do", "submit_step"), ("step", "2")]]
    {
        site.post(&format!("{path}/stimuli"), stimulus).await;
        site.quiet().await;
    }
    // All at one instant of a clock that stands still; the newest comes first.
    let page = site.get(&path).await;
    let (_, timeline) = page.body.split_once("id=\"timeline\"").expect("it is told");
    let told: Vec<&str> =
        timeline.split("<span class=\"kind\">").skip(1).map(|told| told.split("</span>").next().unwrap()).collect();
    let submitted_2 = ["attempt", "event", "attempt", "event", "stimulus"];
    assert_eq!(told, [&submitted_2[..], &["stimulus", "attempt", "event", "stimulus", "start"]].concat());
}

#[tokio::test]
async fn journeys_and_deliveries_are_found() {
    let site = Site::new(&[]).await;
    let first = site.journey("KYC-1").await;
    site.journey("KYC-2").await;
    site.post(&format!("{first}/stimuli"), &[("do", "submit_step"), ("step", "1")]).await;
    site.quiet().await;
    site.get("/journeys?reference=KYC-2").await.has(">KYC-2</a>").lacks(">KYC-1</a>");
    site.get("/journeys?state=processing").await.has("No journey matches.").has("value=\"processing\" selected");
    site.get("/journeys?state=open").await.has(">KYC-2</a>").has(">KYC-1</a>");
    site.get("/deliveries?journey=ref:KYC-1").await.has("/deliveries/d1").has("value=\"ref:KYC-1\"");
    site.get("/deliveries?journey=ref:KYC-2").await.has("No delivery matches.");
    site.get("/deliveries?state=delivered&webhook=demo").await.has("/deliveries/d1");
    site.get("/deliveries?state=exhausted").await.lacks("/deliveries/d1");
    let event = site.running.app.outbox.events(None, None, 1).unwrap().items[0].message.event_id;
    site.get(&format!("/deliveries?event={event}")).await.has("/deliveries/d1");
    for n in 3..=60 {
        site.journey(&format!("KYC-{n}")).await;
    }
    let page = site.get("/journeys").await;
    assert_eq!(page.body.matches("data-label=\"Reference\"").count(), 50);
    let (_, next) = page.body.split_once("href=\"/journeys?cursor=").expect("an older page");
    let next = next.split('"').next().unwrap();
    site.get(&format!("/journeys?cursor={next}")).await.has(">KYC-1</a>").has("rel=\"first\"");
}

#[tokio::test]
async fn an_archive_is_what_browsers_open() {
    let site = Site::new(&[500]).await;
    let path = site.journey("KYC-1").await;
    site.post(&format!("{path}/stimuli"), &[("do", "submit_step"), ("step", "1")]).await;
    site.quiet().await;
    let archive = site.get("/deliveries/d1.har").await;
    assert_eq!(archive.headers["content-disposition"], "attachment; filename=\"d1.har\"");
    let har: serde_json::Value = serde_json::from_str(&archive.body).expect("JSON");
    assert_eq!(har["log"]["version"], "1.2");
    let entry = &har["log"]["entries"][0];
    assert_eq!((&entry["request"]["method"], &entry["response"]["status"]), (&"POST".into(), &500.into()));
    let sent: serde_json::Value = serde_json::from_str(entry["request"]["postData"]["text"].as_str().unwrap()).unwrap();
    assert_eq!(sent["event"], "Finished Step");
    for key in ["startedDateTime", "time", "cache", "timings"] {
        assert!(!entry[key].is_null(), "{key}");
    }
}

#[tokio::test]
async fn the_inbox_is_looked_into_and_told_to_misbehave() {
    let site = Site::new(&[]).await;
    site.get("/inbox-view").await.has("/inbox-view/demo").has("well");
    let send = async |token: &str| {
        let body = r#"{"event":"Finished Step","body":{"eventId":"e-1"}}"#.to_owned();
        site.ask(Method::POST, "/inbox/demo", &[("authorization", token)], body).await.status.as_u16()
    };
    assert_eq!(send("Bearer t0ken-of-demo").await, 200);
    let page = site.follow("/inbox-view/demo/misbehave", &[("how", "status=429&retry_after=30s")]).await;
    page.has("The inbox misbehaves from now on.").has("answer 429: with Retry-After: 30");
    assert_eq!(send("Bearer wrong").await, 429);
    let page = site.follow("/inbox-view/demo/misbehave", &[("how", "")]).await;
    page.has("The inbox behaves well again.")
        .has("duplicate, try 2")
        .has("authorization right")
        .has("authorization missing or wrong");
    page.has("authorization: ***").lacks("t0ken-of-demo");
    assert_eq!(send("Bearer wrong").await, 200);
    site.follow("/inbox-view/demo/misbehave", &[("how", "status=9")])
        .await
        .has("Status takes a status from 200 to 599.");
}

#[tokio::test]
async fn a_signature_gets_its_verdict() {
    let site = Site::with(ProviderKind::Qoreid, &[], "", None).await;
    let mut signed = endpoint("signed", "http://127.0.0.1:9/inbox/signed", ProviderKind::Qoreid);
    signed.auth = Auth::Hmac { secret: Secret::new("s1gn-with-this") };
    site.running.app.set_endpoints(vec![signed]).await;
    for (body, key) in [("{\"a\":1}", "s1gn-with-this"), ("{\"a\":2}", "another")] {
        let signature = qoreid::signature::sign(key, body.as_bytes());
        site.ask(Method::POST, "/inbox/signed", &[(qoreid::signature::HEADER, &signature)], body.to_owned()).await;
    }
    site.get("/inbox-view/signed").await.has("signature right").has("signature missing or wrong");
}

#[tokio::test]
async fn a_scenario_is_wanted_and_watched() {
    let site = Site::new(&[]).await;
    site.get("/scenarios").await.has("This server plays no scenarios.");
    let config = crate::config::Config::load(
        crate::reader::Source { name: "t", text: crate::config::SHIPPED },
        &crate::reader::Overrides::none(),
        &|_| None,
    );
    let config = config.expect("the shipped configuration");
    let (file, text) = crate::scenario::examples::EXAMPLES[3];
    let vocabulary = crate::scenario::Vocabulary {
        dialect: config.dialect,
        environment: config.environment,
        flows: &config.flows,
        delivery: &config.delivery,
        email: &config.email,
        finished_journey_on_review: false,
        qoreid: &config.qoreid.like,
        env: &|_| None,
    };
    let scenario = Arc::new(Scenario::parse(file, text, &vocabulary).expect("a scenario"));
    let piece = |file: &str, scenario| Piece {
        file: file.to_owned(),
        about: format!("about {file}"),
        text: Some(text),
        scenario,
    };
    let pieces = vec![piece(file, Ok(scenario.clone())), piece("other", Err("plays another provider".to_owned()))];
    let mut wanted = site.dashboard.0.repertoire.offer(pieces);
    site.get("/scenarios").await.has("plain.journey.toml").has("plays another provider");
    site.follow("/scenarios/run", &[("file", "other")]).await.has("Plays another provider.");
    site.follow("/scenarios/run", &[("file", "gone")]).await.has("There is no scenario");
    let page = site.follow("/scenarios/run", &[("file", file)]).await;
    page.has("It is being played.").has("playing").has("Play #1: plain");
    let Wanted { run, .. } = wanted.try_recv().expect("it is wanted");
    run.note(site.running.app.now(), "submit_step 1: Finished Step");
    let journey = site.journey("PLAIN-1").await;
    let id = journey.rsplit('/').next().unwrap().parse().unwrap();
    run.journey(id, "PLAIN-1");
    run.end(repertoire::Progress::Over(Vec::new()));
    let page = site.get("/scenarios/runs/1").await;
    page.has("over, as expected").has("submit_step 1: Finished Step").has(&journey);
    for _ in 0..20 {
        site.post("/scenarios/run", &[("file", file)]).await;
    }
    site.follow("/scenarios/run", &[("file", file)]).await.has("Too many plays are wanted at once");
}
