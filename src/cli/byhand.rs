//! The two commands that talk to a webhook, or are one, without a server: `send` and `listen`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::{Setting, Share, WantedAuth, span_draw, status, whole_seconds};
use crate::chance::SpanDraw;

/// `send`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  understudy send 'Finished Journey' --to http://127.0.0.1:8080/hooks
  understudy send 'Finished Journey' --to demo --set body.referenceNo=A-1 --set body.systemDecision=Refer
  understudy send --to demo --body event.json
  understudy send 'Updated Journey' --to demo --print-curl

Exits 0 when the answer is a success, 1 when it is not, 3 when there is none.")]
pub struct SendArgs {
    /// The event's type, 'Finished Journey' say; case does not matter
    #[arg(value_name = "EVENT", required_unless_present = "body")]
    pub event: Option<String>,

    /// A URL, or the name of a configured webhook, whose auth and headers are used then
    #[arg(long, value_name = "URL|NAME", env = "UNDERSTUDY_SEND_TO", hide_env_values = true)]
    pub to: String,

    /// Change the body; JSON where the value is JSON, else a text. May be given again
    #[arg(long = "set", value_name = "PATH=VALUE", conflicts_with = "body")]
    pub set: Vec<Setting>,

    /// Send the exact bytes of this file, - for stdin
    #[arg(long, value_name = "FILE")]
    pub body: Option<PathBuf>,

    /// Send nothing; print the curl command that would, with variables for secrets
    #[arg(long)]
    pub print_curl: bool,
}

/// `listen`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  understudy listen                                  answer 200 on http://127.0.0.1:4741/
  understudy listen --fail 30% --delay 2s            fail now and then, and be slow
  understudy listen --status 503 --retry-after 3s    refuse everything
  understudy listen --auth bearer:TOKEN --count 3    want a token, end after three

Ctrl-C prints a summary and exits 0.")]
pub struct ListenArgs {
    /// The port; 0 takes a free one and prints it
    #[arg(long, value_name = "N", default_value = "4741", env = "UNDERSTUDY_LISTEN_PORT", hide_env_values = true)]
    pub port: u16,

    /// The address to listen at
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    #[arg(env = "UNDERSTUDY_LISTEN_HOST", hide_env_values = true)]
    pub host: IpAddr,

    /// Answer with this status; beside --fail or --fail-first, only what fails
    #[arg(long, value_name = "CODE", value_parser = status, env = "UNDERSTUDY_LISTEN_STATUS", hide_env_values = true)]
    pub status: Option<u16>,

    /// Fail this share of the requests, with 500 unless --status says otherwise
    #[arg(long, value_name = "SHARE", env = "UNDERSTUDY_LISTEN_FAIL", hide_env_values = true)]
    pub fail: Option<Share>,

    /// Fail each event this many times before taking it
    #[arg(long, value_name = "N", env = "UNDERSTUDY_LISTEN_FAIL_FIRST", hide_env_values = true)]
    pub fail_first: Option<u32>,

    /// Wait before every answer: 2s, or uniform(1s, 3s)
    #[arg(long, value_name = "SPAN", value_parser = span_draw, env = "UNDERSTUDY_LISTEN_DELAY", hide_env_values = true)]
    pub delay: Option<SpanDraw>,

    /// Never answer this share of the requests
    #[arg(long, value_name = "SHARE", env = "UNDERSTUDY_LISTEN_HANG", hide_env_values = true)]
    pub hang: Option<Share>,

    /// Send this Retry-After with every failure
    #[arg(long, value_name = "SPAN", value_parser = whole_seconds)]
    #[arg(env = "UNDERSTUDY_LISTEN_RETRY_AFTER", hide_env_values = true)]
    pub retry_after: Option<Duration>,

    /// Answer 401 to whoever does not show this: basic:USER:PASSWORD or bearer:TOKEN
    #[arg(long, value_name = "AUTH", env = "UNDERSTUDY_LISTEN_AUTH", hide_env_values = true)]
    pub auth: Option<WantedAuth>,

    /// End after this many requests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    #[arg(env = "UNDERSTUDY_LISTEN_COUNT", hide_env_values = true)]
    pub count: Option<u64>,

    /// Keep each body as a file in this directory
    #[arg(long, value_name = "DIR", env = "UNDERSTUDY_LISTEN_SAVE", hide_env_values = true)]
    pub save: Option<PathBuf>,
}
