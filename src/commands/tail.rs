//! `tail`: follows a running server's stream, a line for each thing that happens, until told to leave.
//!
//! ```text
//!   server ── stream ──> events ──> a line each; on a terminal a foot below them, and keys: r / up down q
//!      '── gone ──> asked again every second until it is back
//! ```

mod desk;
mod screen;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::desk::{Desk, Wish};
use self::screen::Screen;
use super::client::{Client, Opened, Patience};
use super::events::{Came, Reader};
use super::output::Paint;
use super::signals::Signals;
use super::text::clean;
use super::{Context, Exit, Failure};
use crate::cli::{Output, TailArgs};
use crate::clock::real_sleep;

const PATH: [&str; 3] = ["api", "v1", "stream"];

/// A server says something at least every 15 seconds; one that is silent for so long is gone, whatever its connection says.
const SILENCE: Duration = Duration::from_secs(45);

/// The pause between two attempts to find a server that went away.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Follows until it has shown enough, or is told to leave.
///
/// # Errors
/// No server at the start; what it refuses.
pub(super) async fn run(cx: &Context, args: &TailArgs) -> Result<Exit, Failure> {
    let client = Arc::new(Client::new(cx, &args.remote)?);
    let mut signals = Signals::new()?;
    let mut stream = match client.open(&PATH, &query(args)).await? {
        Opened::Open(stream) => stream,
        Opened::Refused(failure) | Opened::Away(failure) => return Err(failure),
    };
    let mut view = View::new(cx, client.clone(), args.once)?;
    let mut reader = Reader::default();
    view.talk(&format!("following {}", client.base()))?;
    loop {
        let piece = tokio::select! {
            _ = signals.terminate.recv() => return Ok(Exit::Terminated),
            _ = signals.interrupt.recv() => return Ok(Exit::Interrupted),
            wish = view.wish() => match view.obey(wish)? {
                Some(exit) => return Ok(exit),
                None => continue,
            },
            piece = tokio::time::timeout(SILENCE, stream.chunk()) => piece,
        };
        if let Ok(Ok(Some(piece))) = piece {
            let Some(came) = reader.read(&piece) else {
                return Err(Failure::could_not_run("the server sends a line without end"));
            };
            for came in came {
                if view.show(&came)? {
                    return Ok(Exit::Yes);
                }
            }
            continue;
        }
        view.talk("the server went away; waiting for it")?;
        reader = Reader::default();
        stream = tokio::select! {
            _ = signals.terminate.recv() => return Ok(Exit::Terminated),
            _ = signals.interrupt.recv() => return Ok(Exit::Interrupted),
            left = view.until_left() => return left,
            back = back(&client, args) => back?,
        };
        view.talk("the server is back; what happened meanwhile is in its lists")?;
    }
}

fn query(args: &TailArgs) -> Vec<(&'static str, Option<String>)> {
    let words = args.kind.iter().filter_map(|kind| Some(kind.to_possible_value()?.get_name().to_owned()));
    let kinds: Vec<String> = words.collect();
    vec![("kind", Some(kinds.join(","))), ("journey", args.journey.clone()), ("webhook", args.webhook.clone())]
}

/// Asks until the server is there again.
async fn back(client: &Client, args: &TailArgs) -> Result<reqwest::Response, Failure> {
    loop {
        real_sleep(ASK_AGAIN).await;
        match client.open(&PATH, &query(args)).await? {
            Opened::Open(stream) => return Ok(stream),
            Opened::Refused(failure) => return Err(failure),
            Opened::Away(_) => {}
        }
    }
}

/// Where it is shown, and what was asked for there.
struct View<'a> {
    cx: &'a Context,
    client: Arc<Client>,
    desk: Desk,
    screen: Option<Screen>,
    resends: JoinSet<(String, Result<Value, Failure>)>,
    left: Option<u64>,
}

/// What a person asked for, or what came of it.
enum Asked {
    For(Wish),
    Resent(String, Result<Value, Failure>),
}

impl<'a> View<'a> {
    fn new(cx: &'a Context, client: Arc<Client>, left: Option<u64>) -> Result<Self, Failure> {
        let screen = Screen::open(cx)?;
        Ok(View { cx, client, desk: Desk::default(), screen, resends: JoinSet::new(), left })
    }

    /// Shows what came; whether that was enough.
    fn show(&mut self, came: &Came) -> Result<bool, Failure> {
        let data: Value = serde_json::from_str(&came.data).unwrap_or_else(|_| Value::from(came.data.as_str()));
        if came.kind == "missed" {
            let count = data["count"].as_u64().unwrap_or_default();
            if self.cx.out.format() != Output::Text {
                self.cx.out.json(&shown::json("missed", data))?;
            } else {
                self.talk(&format!(
                    "{count} things happened faster than they could be shown; the server's lists have them"
                ))?;
            }
            return Ok(false);
        }
        if self.cx.out.format() != Output::Text {
            self.cx.out.json(&shown::json(&came.kind, data))?;
        } else {
            let plain = shown::line(&came.kind, &data, Paint::Plain);
            if let (Some(_), Some(id)) = (&self.screen, data["delivery_id"].as_str()) {
                self.desk.remember(&clean(id), &plain);
            }
            if !self.desk.wants(&plain) {
                return Ok(false);
            }
            let line = shown::line(&came.kind, &data, self.cx.out.paint());
            self.line(&line)?;
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(self.left == Some(0))
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        match &mut self.screen {
            Some(screen) => Ok(screen.line(line, &self.desk.foot())?),
            None => self.cx.out.line(line),
        }
    }

    /// Says what is no news.
    fn talk(&mut self, text: &str) -> Result<(), Failure> {
        match &mut self.screen {
            Some(screen) => Ok(screen.line(&format!("-- {text}"), &self.desk.foot())?),
            None => {
                self.cx.out.talk(text);
                Ok(())
            }
        }
    }

    fn foot(&mut self) -> Result<(), Failure> {
        match &mut self.screen {
            Some(screen) => Ok(screen.foot(&self.desk.foot())?),
            None => Ok(()),
        }
    }

    /// The next thing that a person asks for, or that came of one. Cancelling it loses nothing.
    async fn wish(&mut self) -> Asked {
        let Some(screen) = &mut self.screen else { return std::future::pending().await };
        tokio::select! {
            key = screen.key() => Asked::For(self.desk.press(key)),
            Some(Ok((id, sent))) = self.resends.join_next() => Asked::Resent(id, sent),
        }
    }

    /// Does what was asked for; how to end, where that was it.
    fn obey(&mut self, asked: Asked) -> Result<Option<Exit>, Failure> {
        match asked {
            Asked::For(Wish::Leave) => return Ok(Some(Exit::Yes)),
            Asked::For(Wish::Interrupt) => return Ok(Some(Exit::Interrupted)),
            Asked::For(Wish::Draw) => self.foot()?,
            Asked::For(Wish::Resend(id)) => {
                let client = self.client.clone();
                self.resends.spawn(async move {
                    let path = ["api", "v1", "deliveries", &id, "resend"];
                    let sent = client.post(&path, &json!({}), Patience::Usual).await;
                    (id, sent)
                });
                self.foot()?;
            }
            Asked::Resent(id, Ok(sent)) => {
                self.talk(&format!("{id} is sent again as {}", clean(sent["id"].as_str().unwrap_or("?"))))?;
            }
            Asked::Resent(id, Err(failure)) => {
                self.talk(&format!("{id} is not sent again: {}", clean(&failure.message)))?
            }
        }
        Ok(None)
    }

    /// Obeys until that means to leave.
    async fn until_left(&mut self) -> Result<Exit, Failure> {
        loop {
            let asked = self.wish().await;
            if let Some(exit) = self.obey(asked)? {
                return Ok(exit);
            }
        }
    }
}
