//! What a terminal shows while a load goes on: rates, latency, errors; `+` and `-` turn the rate, `q` ends the arrivals.

use std::io::{IsTerminal as _, stderr};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Sparkline};
use ratatui::{Terminal, TerminalOptions, Viewport};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::clock::real_sleep;
use crate::load::{Arrivals, Control, Meter, Pacing, Snapshot};

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(250);
/// How much a key turns the rate.
const TURN: f64 = 1.1;
/// Its height in lines.
const HEIGHT: u16 = 14;

/// What is drawn on. Where it was is free when it goes, and the terminal as it was.
struct Screen(Terminal<ratatui::backend::CrosstermBackend<std::io::Stderr>>);

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.0.clear();
        let _ = ratatui::crossterm::execute!(stderr(), ratatui::crossterm::cursor::MoveToColumn(0));
        let _ = ratatui::crossterm::terminal::disable_raw_mode();
    }
}

/// What its keys do.
pub(super) struct Keys {
    /// Turns the rate.
    pub(super) control: watch::Sender<Control>,
    /// Ends the arrivals.
    pub(super) stop: CancellationToken,
    /// Hears of Ctrl-C, which is no signal meanwhile.
    pub(super) interrupts: Arc<Notify>,
}

/// The view of one run.
pub(super) struct View {
    title: String,
    expected: f64,
    span: Option<Duration>,
    keys: Keys,
    live: bool,
    shown: bool,
}

/// A bar that is gone when it is dropped: the report comes where it was.
struct Clearing(ProgressBar);

impl Drop for Clearing {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl View {
    pub(super) fn new(cx: &Context, title: &str, arrivals: &Arrivals, pacing: Pacing, keys: Keys) -> Self {
        let pace = if let Pacing::Runs(pace) = pacing { Some(pace) } else { None };
        let span = pace.map(|pace| arrivals.span().div_f64(pace));
        let shown = stderr().is_terminal() && cx.out.shows_progress();
        let live = shown && std::io::stdin().is_terminal();
        let title = super::text::clean(title).into_owned();
        View { title, expected: arrivals.expected(), span, keys, live, shown }
    }

    /// Draws until dropped; returns at once where nobody looks.
    pub(super) async fn show(&self, meter: &Meter) {
        if !self.live {
            return self.bar(meter).await;
        }
        if self.draw_all(meter).await.is_err() {
            // No terminal that can be drawn on: the report at the end says it all.
            self.clear();
        }
    }

    /// A bar where there is a terminal to show something on, but none to turn a rate from: it draws itself there only.
    async fn bar(&self, meter: &Meter) {
        if !self.shown {
            return;
        }
        let bar = Clearing(ProgressBar::new(self.expected.round() as u64));
        let style = ProgressStyle::with_template("{bar:32} {pos} of about {len} journeys, {elapsed} elapsed, {msg}");
        bar.0.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        loop {
            let snapshot = meter.snapshot();
            bar.0.set_message(format!("p99 {:.2} ms", snapshot.latency.p99));
            bar.0.set_position(snapshot.started);
            real_sleep(EVERY).await;
        }
    }

    async fn draw_all(&self, meter: &Meter) -> std::io::Result<()> {
        ratatui::crossterm::terminal::enable_raw_mode()?;
        let backend = ratatui::backend::CrosstermBackend::new(stderr());
        let options = TerminalOptions { viewport: Viewport::Inline(HEIGHT) };
        let mut screen = Screen(Terminal::with_options(backend, options)?);
        loop {
            while event::poll(Duration::ZERO)? {
                if let Event::Key(key) = event::read()? {
                    let interrupted = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                    match key.code {
                        KeyCode::Char('+') => self.turn(TURN),
                        KeyCode::Char('-') => self.turn(1.0 / TURN),
                        KeyCode::Char('q') => self.keys.stop.cancel(),
                        // Raw mode keeps the signal from being sent.
                        _ if interrupted => self.keys.interrupts.notify_one(),
                        _ => {}
                    }
                }
            }
            let snapshot = meter.snapshot();
            screen.0.draw(|frame| self.draw(frame, &snapshot))?;
            real_sleep(EVERY).await;
        }
    }

    fn turn(&self, by: f64) {
        self.keys.control.send_modify(|control| control.faster = (control.faster * by).clamp(0.01, 100.0));
    }

    fn draw(&self, frame: &mut ratatui::Frame<'_>, at: &Snapshot) {
        let [text, rate, latency] =
            Layout::vertical([Constraint::Length(8), Constraint::Length(3), Constraint::Length(3)]).areas(frame.area());
        let left = match self.span {
            Some(span) if span < Duration::from_secs(86_400 * 365) => {
                format!("{:.0} of {:.0} s", at.elapsed.as_secs_f64(), span.as_secs_f64())
            }
            _ => format!("{:.0} s", at.elapsed.as_secs_f64()),
        };
        let last = at.series.last().copied().unwrap_or_default();
        let errors: Vec<String> = at.errors.iter().map(|(class, n)| format!("{class} {n}")).collect();
        let l = &at.latency;
        let lines = vec![
            Line::from(format!("{left}   {} of about {:.0} journeys", at.started, self.expected)),
            Line::from(format!(
                "rate      {:.1} journeys/s asked (x{:.2}), {} started, {} accepted in the last second",
                last.asked,
                self.keys.control.borrow().faster,
                last.started,
                last.delivered
            )),
            Line::from(format!(
                "latency   p50 {:.2} ms   p90 {:.2} ms   p99 {:.2} ms   max {:.2} ms",
                l.p50, l.p90, l.p99, l.max
            )),
            Line::from(format!("late      p99 {:.2} ms (our own)   {} under way", at.late.p99, at.in_flight)),
            Line::styled(
                if errors.is_empty() {
                    "errors    none".to_owned()
                } else {
                    format!("errors    {}", errors.join(", "))
                },
                Style::new().fg(if errors.is_empty() { Color::Reset } else { Color::Red }),
            ),
            Line::from("+ and - turn the rate, q ends it"),
        ];
        frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(self.title.as_str())), text);
        let width = usize::from(frame.area().width.saturating_sub(2));
        let recent = &at.series[at.series.len().saturating_sub(width)..];
        let accepted: Vec<u64> = recent.iter().map(|second| second.delivered).collect();
        frame.render_widget(
            Sparkline::default()
                .data(accepted)
                .style(Style::new().fg(Color::Blue))
                .block(Block::bordered().title("accepted per second")),
            rate,
        );
        let p99: Vec<u64> = recent.iter().map(|second| (second.p99 * 1_000.0) as u64).collect();
        frame.render_widget(
            Sparkline::default()
                .data(p99)
                .style(Style::new().fg(Color::Yellow))
                .block(Block::bordered().title("p99 of each second")),
            latency,
        );
    }

    /// Gives the terminal back, if a view could not.
    pub(super) fn clear(&self) {
        if self.live {
            let _ = ratatui::crossterm::terminal::disable_raw_mode();
        }
    }
}
