//! `listen`: a receiver on a port of its own that shows what comes, as it comes.
//!
//! The built-in inbox does the receiving and misbehaving; this reads what it kept and shows it.
//!
//! ```text
//!   sender -> serve -> any path -> inbox (keeps, answers) ~~ watch ~~> one line per request
//!                                                        Ctrl-C, SIGTERM, --count -> summary
//! ```

mod shown;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::signals::Signals;
use super::{Context, Exit, Failure};
use crate::cli::{ListenArgs, Output};
use crate::clock::{ClockMode, ProviderClock};
use crate::http::inbox::{Inbox, Received};
use crate::http::misbehave::{LONGEST_DELAY, Misbehaviour};
use crate::http::serve::{Limits, serve};
use crate::message::Auth;
use crate::rng::Seed;

/// The one inbox that everything goes to.
const NAME: &str = "listen";

/// An answer that is not held up on request is out within this.
const ANSWERED: Duration = Duration::from_secs(1);

/// Receives until it is told to stop, or has enough.
///
/// # Errors
/// A port that cannot be had; a directory that cannot be written.
pub(super) async fn run(cx: &Context, args: &ListenArgs) -> Result<Exit, Failure> {
    if let Some(dir) = &args.save {
        let failed = |error| Failure::bad_usage(format!("cannot make the directory {}: {error}", dir.display()));
        tokio::fs::create_dir_all(dir).await.map_err(failed)?;
    }
    let wanted = SocketAddr::new(args.host, args.port);
    let listener = TcpListener::bind(wanted).await.map_err(|error| not_bound(wanted, &error))?;
    let address = listener.local_addr().map_err(|error| not_bound(wanted, &error))?;

    let base = misbehaviour(args);
    let longest = base.delay.as_ref().map_or(Duration::ZERO, |delay| delay.bounds().1.min(LONGEST_DELAY));
    let clock = Arc::new(ProviderClock::new(ClockMode::Real, None));
    let inbox = Inbox::misbehaving(clock, Seed::fresh(), base);
    let stop = CancellationToken::new();
    let limits = Limits { grace: longest + ANSWERED, ..Limits::of_this_process() };
    let mut signals = Signals::new()?;
    let mut server = JoinSet::new();
    server.spawn(serve(listener, everything_to(&inbox), limits, stop.clone()));
    cx.out.talk(&format!("listening on http://{address}/, any path; Ctrl-C ends"));

    let mut seen = Seen::default();
    let shown = show_arrivals(cx, args, &inbox, &mut seen, &mut signals).await;
    stop.cancel();
    // What was shown last may still be waiting for its answer.
    while server.join_next().await.is_some() {}
    shown?;
    summary(cx, &seen)
}

fn misbehaviour(args: &ListenArgs) -> Misbehaviour {
    Misbehaviour {
        status: args.status,
        fail: args.fail.map_or(0.0, |share| share.0),
        fail_first: args.fail_first.unwrap_or(0),
        delay: args.delay.clone(),
        hang: args.hang.map_or(0.0, |share| share.0),
        retry_after: args.retry_after,
        auth: args.auth.as_ref().map_or(Auth::None, |wanted| wanted.0.clone()),
    }
}

fn not_bound(address: SocketAddr, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::AddrInUse => Failure::could_not_run(format!("port {} is taken", address.port()))
            .help("name another with --port, or take any with --port 0"),
        _ => Failure::could_not_run(format!("cannot listen on {address}: {error}")),
    }
}

/// Whatever path a sender uses, it is one inbox.
fn everything_to(inbox: &Inbox) -> Router {
    let inner = inbox.router();
    Router::new().fallback(move |mut request: Request| {
        let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str());
        let inside = format!("/inbox/{NAME}{asked}").parse();
        if let Ok(inside) = inside {
            *request.uri_mut() = inside;
        }
        inner.clone().oneshot(request)
    })
}

/// What has been shown so far.
#[derive(Debug, Default)]
struct Seen {
    received: u64,
    duplicates: u64,
}

/// Shows each request once, until a signal comes or there were enough.
async fn show_arrivals(
    cx: &Context,
    args: &ListenArgs,
    inbox: &Inbox,
    seen: &mut Seen,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let mut arrivals = inbox.watch();
    loop {
        arrivals.mark_unchanged();
        for request in
            inbox.received(NAME).iter().filter(|request| request.n > seen.received).cloned().collect::<Vec<_>>()
        {
            if args.count.is_some_and(|count| seen.received >= count) {
                return Ok(());
            }
            if request.n > seen.received + 1 {
                cx.out
                    .talk(&format!("{} requests came faster than they could be shown", request.n - seen.received - 1));
            }
            seen.received = request.n;
            seen.duplicates += u64::from(request.is_duplicate());
            show(cx, &request)?;
            if let Some(dir) = &args.save {
                save(dir, &request).await?;
            }
        }
        if args.count.is_some_and(|count| seen.received >= count) {
            return Ok(());
        }
        tokio::select! {
            () = signals.end() => return Ok(()),
            // The inbox is held here, so that its watch never closes.
            _ = arrivals.changed() => {}
        }
    }
}

fn show(cx: &Context, request: &Received) -> Result<(), Failure> {
    match cx.out.format() {
        Output::Text => cx.out.line(&shown::line(request, prefix(), cx.out.paint())),
        Output::Json | Output::Ndjson => cx.out.json(&shown::json(request, prefix())),
    }
}

/// What [`everything_to`] put before the path.
fn prefix() -> &'static str {
    "/inbox/listen"
}

async fn save(dir: &Path, request: &Received) -> Result<(), Failure> {
    let path = dir.join(shown::file_name(request));
    let failed = |error| Failure::could_not_run(format!("cannot write {}: {error}", path.display()));
    tokio::fs::write(&path, &request.body).await.map_err(failed)
}

fn summary(cx: &Context, seen: &Seen) -> Result<Exit, Failure> {
    let Seen { received, duplicates } = *seen;
    let distinct = received - duplicates;
    let exit = Exit::Yes;
    let shape = json!({
        "exit_code": exit.code(),
        "exit_reason": exit.reason(),
        "summary": { "received": received, "distinct": distinct, "duplicates": duplicates },
    });
    cx.out.show(&shape, |_| format!("received {received}, distinct {distinct}, duplicates {duplicates}\n"))?;
    Ok(exit)
}

#[cfg(test)]
mod tests;
