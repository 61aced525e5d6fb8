//! The network and the mail server: each endpoint and the server is in a mood, which changes while the provider runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use understudy::clock::{BoxFuture, real_sleep};
use understudy::message::{DeliveryState, Endpoint, ErrorClass, Mail, Message, Outcome};
use understudy::rng::Draw;
use understudy::transport::{MailError, MailTransport, Transport};

use super::fuse::Step;
use super::plan::pick;
use super::witness::{Posted, Taken, Try, Witness, named};

/// How an endpoint takes requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mood {
    #[default]
    Well,
    Slow,
    Refuses,
    Hangs,
    Fails,
    /// Takes the request and breaks the connection.
    Drops,
    /// Any of these, each time anew.
    Flaps,
}

/// How the mail server takes mails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Post {
    #[default]
    Takes,
    Busy,
    Refuses,
    Hangs,
    /// Takes the mail, and its reply is lost.
    Mute,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Weather {
    pub(super) endpoints: BTreeMap<String, Mood>,
    pub(super) post: Post,
}

impl Mood {
    pub(super) fn draw(draw: &mut Draw) -> Mood {
        let all =
            [Mood::Well, Mood::Slow, Mood::Refuses, Mood::Hangs, Mood::Fails, Mood::Fails, Mood::Drops, Mood::Flaps];
        pick(draw, &all)
    }
}

impl Post {
    pub(super) fn draw(draw: &mut Draw) -> Post {
        pick(draw, &[Post::Takes, Post::Takes, Post::Busy, Post::Refuses, Post::Hangs, Post::Mute])
    }
}

/// The world's end of [`Transport`] and [`MailTransport`].
#[derive(Clone, Debug)]
pub(super) struct Network(pub(super) Arc<Witness>);

/// A request under way; one that is given up leaves as well.
struct Open<'a> {
    witness: &'a Witness,
    webhook: &'a str,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(open) = self.witness.seen().open.get_mut(self.webhook) {
            *open = open.saturating_sub(1);
        }
    }
}

impl Transport for Network {
    fn send<'a>(&'a self, endpoint: &'a Endpoint, message: &'a Message) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let witness = &*self.0;
            let (place, mood, mut draw) = witness.sent(endpoint, message);
            let open = Open { witness, webhook: &endpoint.name };
            witness.pass(Step::Sent).await;
            let outcome = answer(mood, endpoint, &mut draw).await;
            let success = outcome.status.is_some_and(|status| good(endpoint, status));
            {
                let mut seen = witness.seen();
                let now = seen.now();
                seen.tries[place].answer = Some((now, success));
                seen.note(|_| format!("{} answers {}: {}", endpoint.name, message.event_id, outcome.summary()));
            }
            drop(open);
            witness.pass(Step::Answered).await;
            outcome
        })
    }
}

/// What success is, told once more: one endpoint takes any 2xx.
pub(super) fn good(endpoint: &Endpoint, status: u16) -> bool {
    if endpoint.name == "steps" { (200..300).contains(&status) } else { status == 200 }
}

async fn answer(mood: Mood, endpoint: &Endpoint, draw: &mut Draw) -> Outcome {
    let mood = match mood {
        Mood::Flaps => {
            pick(draw, &[Mood::Well, Mood::Slow, Mood::Refuses, Mood::Hangs, Mood::Fails, Mood::Drops, Mood::Well])
        }
        steady => steady,
    };
    let status = |status| Outcome { status: Some(status), ..Outcome::default() };
    match mood {
        Mood::Well | Mood::Flaps => {
            if draw.chance(0.5) {
                real_sleep(Duration::from_millis(draw.below(50))).await;
            }
            status(200)
        }
        Mood::Slow => {
            let most = endpoint.timeout.as_millis() as u64;
            real_sleep(Duration::from_millis(most / 10 + draw.below(most * 8 / 10))).await;
            status(200)
        }
        Mood::Refuses => Outcome::failed(ErrorClass::Connect, "connection refused"),
        Mood::Hangs => {
            real_sleep(endpoint.timeout).await;
            Outcome::failed(ErrorClass::Timeout, "no status head")
        }
        Mood::Fails => {
            real_sleep(Duration::from_millis(draw.below(20))).await;
            status(pick(draw, &[500, 503, 429, 404, 302, 204, 101]))
        }
        Mood::Drops => {
            real_sleep(Duration::from_millis(draw.below(900))).await;
            Outcome::failed(ErrorClass::Reset, "the connection broke")
        }
    }
}

impl Witness {
    /// A request left the provider.
    fn sent(&self, endpoint: &Endpoint, message: &Message) -> (usize, Mood, Draw) {
        let mut seen = self.seen();
        let (webhook, event, at) = (endpoint.name.clone(), message.event_id, seen.now());
        let open = seen.open.entry(webhook.clone()).or_default();
        *open += 1;
        let (open, most) = (*open, self.plan.endpoint(&webhook).max_in_flight);
        if open > most {
            seen.wrong("A9", format!("{open} requests are open at {webhook}, which takes {most}"));
        }
        let known = seen.bodies.entry(event).or_insert_with(|| message.clone());
        if known.body != message.body
            || known.event_type != message.event_type
            || known.journey_id != message.journey_id
        {
            let text = format!("{event} was sent to {webhook} otherwise than before");
            seen.wrong("A1, A2", text);
        }
        let life = seen.life();
        let place = seen.tries.len();
        seen.tries.push(Try { life, webhook: webhook.clone(), event, at, answer: None });
        let tried = seen.tried.entry((webhook.clone(), event)).or_default();
        tried.push(place);
        let n = tried.len() as u64;
        let mood = seen.weather.endpoints.get(&webhook).copied().unwrap_or_default();
        seen.note(|_| format!("{webhook} is sent {event} {}, for the {n}. time", message.event_type));
        let parts: [&[u8]; 4] = [b"wire", webhook.as_bytes(), &event.0, &n.to_le_bytes()];
        (place, mood, self.seed.draw(&parts))
    }
}

impl MailTransport for Network {
    fn is_configured(&self) -> bool {
        true
    }

    fn domain(&self) -> &str {
        "understudy.local"
    }

    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>> {
        Box::pin(async move {
            let witness = &*self.0;
            let post = witness.posting(mail);
            let fail = |temporary, text: &str| Err(MailError { temporary, text: text.to_owned() });
            let (taken, answer) = match post {
                Post::Takes => (Taken::Yes, Ok(())),
                Post::Busy => (Taken::NotNow, fail(true, "smtp server refused with 451: busy")),
                Post::Refuses => (Taken::Never, fail(false, "smtp server refused with 550: no such user")),
                Post::Hangs => {
                    real_sleep(Duration::from_secs(60)).await;
                    (Taken::NotNow, fail(true, "smtp server did not take the mail within 1m"))
                }
                Post::Mute => (Taken::ReplyLost, fail(true, "the connection broke behind the final dot")),
            };
            witness.posted(mail, taken);
            witness.pass(Step::Posted).await;
            real_sleep(Duration::from_millis(3)).await;
            answer
        })
    }
}

impl Witness {
    /// A mail leaves the provider: all that it names must be over by now, and known to be.
    fn posting(&self, mail: &Mail) -> Post {
        let mut seen = self.seen();
        let names = named(&mail.text);
        if names != mail.deliveries || !names.is_sorted() {
            let wrong = format!("{} says that it names {:?}, and its text names {names:?}", mail.id, mail.deliveries);
            seen.wrong("E1", wrong);
        }
        let Some(outbox) = seen.outbox() else { return seen.weather.post };
        for id in names {
            let state = outbox.delivery(id).ok().flatten().map(|(delivery, _)| delivery.state);
            if state != Some(DeliveryState::Exhausted) {
                seen.wrong("E3", format!("{} names {id}, which is {state:?}", mail.id));
            }
        }
        seen.weather.post
    }

    fn posted(&self, mail: &Mail, taken: Taken) {
        let mut seen = self.seen();
        let life = seen.life();
        let (message_id, to, text) = (mail.message_id.clone(), mail.to.clone(), mail.text.clone());
        seen.note(|_| format!("mail {} to {to} with {} bytes: {taken:?}", mail.id, text.len()));
        let names = named(&text).into_iter().collect();
        seen.posted.push(Posted { life, message_id, to, text, names, taken });
    }
}
