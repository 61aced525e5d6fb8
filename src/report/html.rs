//! A report as one HTML file: tables and plots, without a network and without a script.

use plotters::prelude::*;
use plotters::style::RGBColor;

use crate::report::judged::word;
use crate::report::write::{ledger, ms, rows};
use crate::report::{LoadReport, Part};
use crate::scenario::judge::Holds;

const WIDTH: u32 = 900;
const HEIGHT: u32 = 300;

const BLUE: RGBColor = RGBColor(0x1f, 0x6f, 0xb4);
const LIGHT: RGBColor = RGBColor(0x8f, 0xbf, 0xe6);
const PALE: RGBColor = RGBColor(0xc9, 0xdf, 0xf2);
const RED: RGBColor = RGBColor(0xb8, 0x32, 0x2a);
const GREY: RGBColor = RGBColor(0x6b, 0x72, 0x80);

/// More points than this make no clearer picture.
const POINTS: usize = 600;

/// The whole file.
pub fn html(report: &LoadReport) -> String {
    let verdict = match report.exit_code {
        0 => "good",
        4 => "none",
        _ => "bad",
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style></head><body><main>\n<h1>{title}</h1>\n\
         <p class=\"verdict {verdict}\">{reason}</p>\n\
         <p class=\"about\">{journeys} journeys in {took:.1} s · clock {clock} · seed {seed} · {at}</p>\n",
        title = escaped(&report.name),
        reason = escaped(&report.exit_reason),
        journeys = report.journeys,
        took = report.took_s,
        clock = escaped(&report.clock),
        seed = report.seed,
        at = escaped(&report.at),
    );
    page.push_str(&tiles(report));
    page.push_str(&required(report));
    page.push_str("<h2>Latency over time</h2>\n<p>From the planned instant: p50, p90 and p99 of each second as bands, its longest as a line.</p>\n");
    page.push_str(&plot(|area| latency(area, report)));
    page.push_str("<h2>Rate asked for and achieved</h2>\n<p>Journeys per second that were planned, that started, and attempts that were accepted.</p>\n");
    page.push_str(&plot(|area| rates(area, report)));
    page.push_str("<h2>Errors and attempts under way</h2>\n");
    page.push_str(&plot(|area| errors(area, report)));
    page.push_str("<h2>Distribution of latency</h2>\n");
    page.push_str(&plot(|area| histogram(area, report)));
    page.push_str("<h2>Figures</h2>\n<table><tr><th></th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th><th>mean</th><th></th></tr>\n");
    for (name, f, meaning) in rows(report) {
        let cells: String =
            [f.p50, f.p90, f.p99, f.p999, f.max, f.mean].map(|v| format!("<td>{}</td>", ms(v))).concat();
        page.push_str(&format!("<tr><th>{name}</th>{cells}<td class=\"left\">{meaning}</td></tr>\n"));
    }
    page.push_str("</table>\n");
    for (title, parts) in [("By event", &report.types), ("By webhook", &report.webhooks)] {
        page.push_str(&format!("<h2>{title}</h2>\n<table><tr><th></th><th>attempts</th><th>failed</th><th>p50</th><th>p99</th><th>max</th></tr>\n"));
        for (name, part) in parts {
            page.push_str(&part_row(name, part));
        }
        page.push_str("</table>\n");
    }
    if let Some(knee) = &report.knee {
        page.push_str(&format!("<h2>Knee</h2>\n<p>{:.0} journeys/s: {}</p>\n<table><tr><th>journeys/s</th><th>p99</th><th>refused</th></tr>\n", knee.rate, escaped(&knee.reason)));
        for (rate, p99, refused) in &knee.tried {
            page.push_str(&format!(
                "<tr><td>{rate:.0}</td><td>{}</td><td>{:.1} %</td></tr>\n",
                ms(*p99),
                refused * 100.0
            ));
        }
        page.push_str("</table>\n");
    }
    page.push_str(&format!("<p class=\"about\">{}</p>\n</main></body></html>\n", escaped(&ledger(report))));
    page
}

fn tiles(report: &LoadReport) -> String {
    let failed: u64 = report.webhooks.values().map(|part| part.failed).sum();
    let tile = |value: String, what: &str| format!("<div><b>{value}</b><span>{what}</span></div>");
    format!(
        "<section class=\"tiles\">{}{}{}{}{}</section>\n",
        tile(format!("{:.0}/s", report.rate.delivered), "deliveries"),
        tile(ms(report.latency.p50), "latency, half below"),
        tile(ms(report.latency.p99), "latency, 99 of 100 below"),
        tile(failed.to_string(), "attempts failed"),
        tile(ms(report.late.p99), "our own lateness, p99"),
    )
}

fn required(report: &LoadReport) -> String {
    if report.expectations.is_empty() {
        return String::new();
    }
    let mut table = "<h2>Required</h2>\n<table><tr><th></th><th></th><th></th></tr>\n".to_owned();
    for judged in &report.expectations {
        let class = if judged.verdict == Holds::Fail { " class=\"bad\"" } else { "" };
        table.push_str(&format!(
            "<tr{class}><td class=\"left\">{}</td><td class=\"left\"><code>{}</code></td><td class=\"left\">{}</td></tr>\n",
            word(judged.verdict),
            escaped(&judged.name),
            escaped(&judged.detail)
        ));
    }
    table.push_str("</table>\n");
    table
}

fn part_row(name: &str, part: &Part) -> String {
    let [p50, p99, max] = [part.latency.p50, part.latency.p99, part.latency.max].map(ms);
    format!(
        "<tr><th>{}</th><td>{}</td><td>{}</td><td>{p50}</td><td>{p99}</td><td>{max}</td></tr>\n",
        escaped(name),
        part.attempts,
        part.failed
    )
}

/// Second and value.
type Points = Vec<(f64, f64)>;

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// A plot, or a line that says there is nothing to draw.
fn plot(draw: impl FnOnce(&Area<'_>) -> Result<(), Box<dyn std::error::Error>>) -> String {
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        draw(&area).and_then(|()| Ok(area.present()?))
    };
    match drawn {
        Ok(()) => svg.replacen("<svg ", "<svg role=\"img\" ", 1) + "\n",
        Err(_) => "<p>Nothing was measured.</p>\n".to_owned(),
    }
}

/// A second's place on the axis and its values, thinned where there are more than a picture shows: the worst stays.
fn thinned(report: &LoadReport, of: impl Fn(&crate::report::Second) -> f64) -> Points {
    let step = report.series.len().div_ceil(POINTS).max(1);
    let point =
        |seconds: &[crate::report::Second]| (seconds[0].at_s as f64, seconds.iter().map(&of).fold(0.0, f64::max));
    report.series.chunks(step).map(point).collect()
}

fn span(report: &LoadReport) -> f64 {
    report.series.last().map_or(1.0, |second| second.at_s as f64).max(1.0)
}

fn top(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max).max(1e-3) * 1.08
}

fn latency(area: &Area<'_>, report: &LoadReport) -> Result<(), Box<dyn std::error::Error>> {
    let most = thinned(report, |second| second.max);
    if most.is_empty() {
        return Err("empty".into());
    }
    let mut chart = chart(area).build_cartesian_2d(0.0..span(report), 0.0..top(most.iter().map(|(_, v)| *v)))?;
    chart.configure_mesh().x_desc("seconds").y_label_formatter(&|v| ms(*v)).light_line_style(TRANSPARENT).draw()?;
    for (of, colour) in [
        ((|second| second.p99) as fn(&crate::report::Second) -> f64, PALE),
        (|second| second.p90, LIGHT),
        (|second| second.p50, BLUE),
    ] {
        chart.draw_series(AreaSeries::new(thinned(report, of), 0.0, colour.mix(0.9)))?;
    }
    chart.draw_series(LineSeries::new(most, RED.stroke_width(1)))?;
    Ok(())
}

fn rates(area: &Area<'_>, report: &LoadReport) -> Result<(), Box<dyn std::error::Error>> {
    let lines = [
        ("accepted", BLUE, thinned(report, |second| second.delivered as f64)),
        ("asked", GREY, thinned(report, |second| second.asked)),
        ("started", RED, thinned(report, |second| second.started as f64)),
    ];
    lines_over_time(area, report, lines)
}

fn errors(area: &Area<'_>, report: &LoadReport) -> Result<(), Box<dyn std::error::Error>> {
    let lines = [
        ("under way", GREY, thinned(report, |second| second.in_flight as f64)),
        ("failed", RED, thinned(report, |second| (second.attempts - second.delivered) as f64)),
    ];
    lines_over_time(area, report, lines)
}

fn lines_over_time<const N: usize>(
    area: &Area<'_>,
    report: &LoadReport,
    lines: [(&str, RGBColor, Points); N],
) -> Result<(), Box<dyn std::error::Error>> {
    if report.series.is_empty() {
        return Err("empty".into());
    }
    let high = top(lines.iter().flat_map(|(_, _, points)| points).map(|(_, value)| *value));
    let mut chart = chart(area).build_cartesian_2d(0.0..span(report), 0.0..high)?;
    chart.configure_mesh().x_desc("seconds").light_line_style(TRANSPARENT).draw()?;
    for (name, colour, points) in lines {
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.8)).draw()?;
    Ok(())
}

/// The room that every plot leaves for its labels.
fn chart<'a, 'b>(area: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut chart = ChartBuilder::on(area);
    // To the right, half of the last second's label stands beyond the plot.
    chart.margin(8).margin_right(24).x_label_area_size(40).y_label_area_size(64);
    chart
}

fn histogram(area: &Area<'_>, report: &LoadReport) -> Result<(), Box<dyn std::error::Error>> {
    let (Some(first), Some(last)) = (report.histogram.first(), report.histogram.last()) else {
        return Err("empty".into());
    };
    let (low, high) = ((first.to_ms / 1.15).max(1e-3), last.to_ms * 1.15);
    let most = top(report.histogram.iter().map(|bucket| bucket.count as f64));
    let mut chart = chart(area).build_cartesian_2d((low..high).log_scale(), 0.0..most)?;
    chart.configure_mesh().x_label_formatter(&|v| mark(*v)).light_line_style(TRANSPARENT).draw()?;
    let bars = report.histogram.iter().map(|bucket| {
        Rectangle::new([(bucket.to_ms / 1.15, 0.0), (bucket.to_ms, bucket.count as f64)], BLUE.mix(0.8).filled())
    });
    chart.draw_series(bars)?;
    Ok(())
}

/// What stands below a line of a logarithmic axis: 1, 2 and 5 of each decade, for the others lie too close.
fn mark(value: f64) -> String {
    let leading = value / 10_f64.powf((value.log10() + 1e-9).floor());
    if [1.0, 2.0, 5.0].iter().any(|first| (leading - first).abs() < 0.01) { ms(value) } else { String::new() }
}

/// Text as HTML shows it, whatever is in it.
fn escaped(text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => said.push_str("&amp;"),
            '<' => said.push_str("&lt;"),
            '>' => said.push_str("&gt;"),
            '"' => said.push_str("&quot;"),
            '\'' => said.push_str("&#39;"),
            c => said.push(c),
        }
    }
    said
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--card:#f6f8fa;--page:#fff}\
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--line:#30363d;--card:#161b22;--page:#0d1117}}\
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}\
main{max-width:960px;margin:0 auto;padding:24px 16px}h1{font-size:24px;margin:0 0 8px}h2{font-size:17px;margin:28px 0 4px}\
p{margin:4px 0;color:var(--soft)}.verdict{font-weight:600;padding:8px 12px;border-radius:6px;color:#fff}\
.good{background:#1a7f37}.bad.verdict{background:#b8322a}.none{background:#7a5c00}\
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:16px 0}\
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px}\
.tiles b{display:block;font-size:22px}.tiles span{color:var(--soft);font-size:13px}\
svg{width:100%;height:auto;background:#fff;border:1px solid var(--line);border-radius:8px}\
table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}th,td{padding:4px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\
th:first-child,.left{text-align:left}.left{white-space:normal}tr.bad td{color:#b8322a;font-weight:600}code{font-size:13px}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_decade_three_lines_are_named() {
        let named: Vec<String> = (1..=10).map(|n| mark(f64::from(n) * 100.0)).filter(|text| !text.is_empty()).collect();
        assert_eq!(named, ["100 ms", "200 ms", "500 ms", "1.00 s"]);
    }
}
