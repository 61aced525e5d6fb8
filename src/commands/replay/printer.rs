//! What a replay shows while it goes on, and what it came to.

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc;

use crate::cli::Output;
use crate::commands::{Context, Failure};
use crate::play::Watching;
use crate::play::report::Report;
use crate::play::timeline::{Timeline, TimelineLine, Tone};
use crate::scenario::Scenario;
use crate::scenario::judge::Holds;

/// More journeys than this are counted rather than told one by one.
const TOLD_ONE_BY_ONE: u64 = 20;

/// Prints the timeline while the play goes on.
pub(super) struct Printer<'a> {
    cx: &'a Context,
    timeline: Timeline,
    told: bool,
    bar: ProgressBar,
}

impl<'a> Printer<'a> {
    pub(super) fn new(cx: &'a Context, journeys: u64, scenario: &Scenario) -> Self {
        let told = journeys <= TOLD_ONE_BY_ONE || cx.out.format() != Output::Text;
        let bar = if told {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
        } else {
            // Draws itself on a terminal only.
            ProgressBar::new(journeys.saturating_mul(scenario.steps.len() as u64))
        };
        let style = ProgressStyle::with_template("{bar:32} {pos}/{len} lines, {elapsed} elapsed, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Printer { cx, timeline: Timeline::default(), told, bar }
    }

    pub(super) async fn print(
        &mut self,
        mut applied: mpsc::Receiver<crate::app::Applied>,
        mut tried: mpsc::Receiver<crate::delivery::attempt::Tried>,
        mut lines: mpsc::Receiver<Watching>,
    ) -> Result<(), Failure> {
        loop {
            let what = tokio::select! {
                // In this order: when the player says that an instant is over, all of it was sent before.
                biased;
                Some(tried) = tried.recv() => Watching::Tried(Box::new(tried)),
                // Everything applied comes through here; the player's own account of it only moves the bar.
                Some(applied) = applied.recv() => Watching::Applied(Box::new(applied)),
                Some(line) = lines.recv() => match line {
                    Watching::Over(at) => {
                        let over = self.timeline.over(at);
                        self.show(over)?;
                        continue;
                    }
                    Watching::Skipped { .. } => {
                        self.bar.inc(1);
                        line
                    }
                    Watching::Applied(_) | Watching::Tried(_) => {
                        self.bar.inc(1);
                        continue;
                    }
                },
                else => break,
            };
            self.timeline.take(&what);
        }
        let rest = self.timeline.finish();
        self.show(rest)?;
        self.bar.finish_and_clear();
        Ok(())
    }

    fn show(&self, lines: Vec<TimelineLine>) -> Result<(), Failure> {
        if !self.told {
            return Ok(());
        }
        for line in lines {
            match self.cx.out.format() {
                Output::Text => self.cx.out.line(&self.text(&line))?,
                Output::Ndjson => self.cx.out.json(&line.json)?,
                Output::Json => {}
            }
        }
        Ok(())
    }

    fn text(&self, line: &TimelineLine) -> String {
        let style = match line.tone {
            Tone::Stimulus => Style::new().bold(),
            Tone::Good => Style::new().fg_color(Some(AnsiColor::Green.into())),
            Tone::Warn => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
            Tone::Bad => Style::new().fg_color(Some(AnsiColor::Red.into())),
        };
        let at = line.at.to_chrono().format("%Y-%m-%d %H:%M:%S");
        let what = format!(
            "{:<12} {}",
            crate::commands::text::clean(&line.reference),
            crate::commands::text::clean(&line.text)
        );
        format!("{at}  {}", self.cx.out.paint().paint(style, what.trim_end()))
    }
}

/// The judgements and the sum, line by line.
pub(super) fn verdict(cx: &Context, report: &Report) -> Vec<String> {
    let green = Style::new().fg_color(Some(AnsiColor::Green.into()));
    let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
    let mut lines: Vec<String> = report
        .expectations
        .iter()
        .map(|judged| {
            let (word, style) = match judged.verdict {
                Holds::Pass => ("pass", green),
                Holds::Fail => ("FAIL", red),
                Holds::Unproven => ("unproven", Style::new()),
            };
            let detail = if judged.verdict == Holds::Pass { String::new() } else { format!(": {}", judged.detail) };
            format!("  {} {}{}", cx.out.paint().paint(style, word), judged.name, crate::commands::text::clean(&detail))
        })
        .collect();
    let d = &report.ledger.deliveries;
    lines.push(format!(
        "  {} events, {} deliveries = {} delivered + {} exhausted + {} cancelled + {} waiting + {} in flight; {} attempts, {} mails",
        report.ledger.events, d.accepted, d.delivered, d.exhausted, d.cancelled, d.waiting, d.in_flight, report.ledger.attempts,
        report.ledger.mails.accepted,
    ));
    lines.push(String::new());
    lines
}
