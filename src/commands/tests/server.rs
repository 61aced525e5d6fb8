//! The client commands against a real server on a port of its own: one journey from its start to its deliveries.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::super::output::tests::captured;
use super::super::{Context, Exit, Failure, carry_out};
use crate::app::run::{Firing, Parts, Running, Store, Watchers, start};
use crate::cli::{Cli, Output};
use crate::clock::ClockMode;
use crate::config::{Config, SHIPPED};
use crate::http::access::Access;
use crate::http::api;
use crate::http::inbox::Inbox;
use crate::http::serve::{Limits, serve};
use crate::reader::{Overrides, Source};
use crate::rng::Seed;
use crate::secret::{Blanks, Secret};
use crate::transport::{HttpSettings, MailSettings};

const TOKEN: &str = "t0ken-of-the-server";

struct Server {
    url: String,
    running: Running,
}

impl Server {
    /// The shipped configuration with a manual clock, at a free port; its webhook goes to its own inbox.
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let config = Config::load(Source { name: "t", text: SHIPPED }, &Overrides::none(), &|_| None).expect("shipped");
        let base = url.parse().expect("a url");
        let parts = Parts {
            provider: config.provider,
            dialect: config.dialect,
            environment: config.environment,
            seed: Seed(1),
            clock: ClockMode::Manual,
            start: Some("2026-11-20T08:00:00Z".parse().expect("an instant")),
            store: Store::Memory { retention: Duration::MAX },
            flows: config.flows,
            schedule: Vec::new(),
            endpoints: config.webhooks.iter().map(|webhook| webhook.endpoint(&base)).collect(),
            http: HttpSettings::default(),
            mail: MailSettings::default(),
            digest: Duration::from_secs(60),
            firing: Firing::ByItself,
            watchers: Watchers::default(),
        };
        let mut running = start(parts).await.expect("it starts");
        let inbox = Inbox::new(running.app.clock.clone(), Seed(1));
        let router =
            api::router(Arc::clone(&running.app), Arc::new(Access::new(Some(Secret::new(TOKEN)))), inbox.api())
                .merge(inbox.router());
        let stop: CancellationToken = running.stop.stop_claiming.clone();
        running.own("http", async move {
            serve(listener, router, Limits::default(), stop).await;
            Ok(())
        });
        Server { url, running }
    }

    /// What a command line comes to.
    async fn ends(&self, line: &str, format: Output) -> (Result<Exit, Failure>, String) {
        let words =
            ["understudy"].into_iter().chain(line.split_whitespace()).chain(["--server", &self.url, "--token", TOKEN]);
        let cli = Cli::read(words.map(Into::into)).expect("a command line");
        let (out, data, _) = captured(format);
        let cx = Context { config: None, data_dir: None, out, blanks: Blanks::default() };
        (carry_out(&cx, &cli.command).await, data.text())
    }

    /// Waits until so many deliveries are.
    async fn delivered(&self, count: usize) {
        let mut changed = self.running.app.outbox.changed();
        let all = async {
            while self.json("deliveries list --state delivered").await["items"].as_array().map(Vec::len) < Some(count) {
                changed.changed().await.expect("the store lives");
            }
        };
        tokio::time::timeout(Duration::from_secs(20), all).await.expect("delivered in time");
    }

    async fn text(&self, line: &str) -> String {
        let (ended, said) = self.ends(line, Output::Text).await;
        assert_eq!(ended, Ok(Exit::Yes), "{line}");
        said
    }

    async fn json(&self, line: &str) -> Value {
        let (ended, said) = self.ends(line, Output::Json).await;
        assert_eq!(ended, Ok(Exit::Yes), "{line}");
        serde_json::from_str(&said).expect("json")
    }

    async fn refused(&self, line: &str) -> (u8, String, String) {
        let failure = self.ends(line, Output::Text).await.0.expect_err(line);
        (failure.exit.code(), failure.message, failure.help.unwrap_or_default())
    }
}

#[tokio::test]
async fn a_journey_is_played_from_the_command_line() {
    let server = Server::start().await;
    assert_eq!(server.text("healthcheck").await, "ready\n");

    let started = server.json("journeys start onboarding KYC/1").await;
    let id = started["id"].as_str().expect("an id").to_owned();
    assert_eq!(server.json("journeys show ref:KYC/1").await, started, "a slash in a reference is no path");
    insta::assert_snapshot!(server.text("journeys do ref:KYC/1 submit_step step=1").await, @r"
    journey    8d9c7863f6513c4f1280779d
    reference  KYC/1
    flow       onboarding (sandbox)
    created    2026-11-20T08:00:00.000Z
    state      open
    decision   system Incomplete, final Incomplete
    steps      1 Document submitted
               2 Selfie not_submitted
    legal      submit_step, complete, cancel, delete

    SEQ  EVENT          ID
      1  Finished Step  b66891d7-0e83-4ddf-a156-32278591af8d
    ");
    server.text(&format!("journeys do {id} submit_step step=2")).await;
    let clock = server.text("clock advance 1h").await;
    assert!(clock.starts_with("now       2026-11-20T09:00:00.000Z\nmode      manual"), "{clock}");

    let list = server.json("journeys list").await;
    assert_eq!((list["items"][0]["id"].as_str(), list["items"][0]["sequence"].as_u64()), (Some(id.as_str()), Some(4)));
    server.delivered(4).await;
    let (ended, lines) = server.ends("deliveries list --limit 2", Output::Ndjson).await;
    assert_eq!((ended, lines.lines().count()), (Ok(Exit::Yes), 2));
    assert!(server.text("deliveries show d1").await.contains("  > POST http://127.0.0.1:"));
    assert!(server.text("deliveries list --webhook nobody").await.is_empty());
    server.running.shutdown(Duration::from_secs(5)).await.expect("drained");
}

#[tokio::test]
async fn refusals_are_told_with_their_codes() {
    let server = Server::start().await;
    server.text("journeys start onboarding KYC-1").await;
    let (code, message, _) = server.refused("journeys show ref:nobody").await;
    assert_eq!((code, message.as_str()), (1, "there is no journey ref:nobody"));
    assert_eq!(server.refused("journeys do ref:KYC-1 renewal_deadline").await.0, 1);
    assert_eq!(server.refused("journeys do ref:KYC-1 submitstep").await.0, 2);
    assert_eq!(server.refused("journeys start nosuchflow KYC-2").await.0, 2);
    assert_eq!(server.refused("deliveries show x1").await.0, 2);
    assert_eq!(server.refused("deliveries show ..").await, (2, "\"..\" is not an id".to_owned(), String::new()));
    assert_eq!(server.refused("clock set 2020-01-01T00:00:00Z").await.0, 1);
    assert_eq!(server.refused("mails show m1").await.0, 1);
    let wrong = ["understudy", "mails", "list", "--server", &server.url, "--token", "wrong"].map(Into::into);
    let cx = Context { config: None, data_dir: None, out: captured(Output::Text).0, blanks: Blanks::default() };
    let failure = carry_out(&cx, &Cli::read(wrong).expect("a command line").command).await.expect_err("refused");
    assert_eq!((failure.exit, failure.help.is_some()), (Exit::CouldNotRun, true));
    server.running.shutdown(Duration::from_secs(5)).await.expect("drained");
}
