//! `[[schedule]]`: what happens by the provider's clock.

use crate::chance::Weights;
use crate::portal::words;
use crate::provider::ProviderKind;
use crate::provider::idwise::SystemDecision;
use crate::reader::nearest::nearest;
use crate::reader::{Reading, Section};
use crate::schedule::{Job, Timetable, TimetableError, Work, zones};

/// A pattern that can be read.
const EVERY_DAY: &str = "0 0 0 * * *";

const FORM: &str = "write second minute hour day month weekday, like \"0 0 2 * * *\" for two o'clock every day";

/// All jobs of the document.
pub(super) fn jobs(reading: &mut Reading<'_>, root: &Section, provider: ProviderKind) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    for section in root.tables("schedule") {
        if provider == ProviderKind::Qoreid {
            let help = Some("remove the table".to_owned());
            let message = "qoreid does nothing by a timetable: it monitors nobody and renews nothing";
            reading.complain(section.span.clone(), message, help);
            continue;
        }
        let (Some(name), Some(timetable), Some(work)) =
            (name(reading, section, &jobs), timetable(reading, section), work(reading, section))
        else {
            continue;
        };
        if work == Work::Renewals && jobs.iter().any(|job| job.work == Work::Renewals) {
            let help = Some("remove one of them".to_owned());
            reading.complain_of(section, "do", "there is another schedule that does renewals", help);
        }
        jobs.push(Job { name, timetable, work });
    }
    jobs
}

fn name(reading: &mut Reading<'_>, section: &Section, others: &[Job]) -> Option<String> {
    let name = section.text("name")?;
    if name.trim().is_empty() {
        reading.complain_of(section, "name", "a schedule's \"name\" cannot be empty", None);
    }
    if others.iter().any(|job| job.name == name) {
        let help = Some("give each schedule a name of its own".to_owned());
        reading.complain_of(section, "name", format!("there is another schedule {name:?}"), help);
    }
    Some(name.to_owned())
}

fn timetable(reading: &mut Reading<'_>, section: &Section) -> Option<Timetable> {
    let (cron, zone) = (section.text("cron")?, section.text("timezone")?);
    let error = match Timetable::parse(cron, zone) {
        Ok(timetable) => return Some(timetable),
        Err(error) => error,
    };
    // Everything that is wrong comes at once: a pattern that cannot be read hides no zone.
    let zone = match error {
        TimetableError::Zone(_) => None,
        _ => Timetable::parse(EVERY_DAY, zone).err(),
    };
    for error in [Some(error), zone].into_iter().flatten() {
        let (key, help) = match &error {
            TimetableError::Fields(5) => ("cron", format!("put the second before it: \"0 {cron}\"")),
            TimetableError::Fields(_) | TimetableError::Pattern(_) => ("cron", FORM.to_owned()),
            TimetableError::Never => ("cron", "choose a day that the month has, or L for its last one".to_owned()),
            TimetableError::Zone(name) => (
                "timezone",
                match nearest(name, zones()) {
                    Some(zone) => format!("did you mean {zone:?}?"),
                    None => "write \"UTC\", or a name like \"Europe/Zurich\"".to_owned(),
                },
            ),
        };
        reading.complain_of(section, key, format!("{key:?} cannot be read: {error}"), Some(help));
    }
    None
}

fn work(reading: &mut Reading<'_>, section: &Section) -> Option<Work> {
    let word = section.text("do")?;
    let foreign: &[&str] = match word {
        "renewals" => &["share", "decision"],
        "aml_monitor_update" => &["decision"],
        _ => &[],
    };
    for key in foreign.iter().filter(|key| section.given(key)) {
        let help = match word {
            "renewals" => "remove it: every journey whose renewal has fallen due is taken",
            _ => "remove it: what is decided follows from what monitoring found",
        };
        reading.complain_of(section, key, format!("{word} has no {key:?}"), Some(help.to_owned()));
    }
    let share = if section.given("share") { section.number("share")? } else { 1.0 };
    if share <= 0.0 {
        let help = Some("remove the table, or write a share above 0".to_owned());
        reading.complain_of(section, "share", "a share of none is no job", help);
    }
    Some(match word {
        "renewals" => Work::Renewals,
        "aml_monitor_update" => Work::AmlMonitorUpdate { share },
        _ => Work::SpotCheck { share, decision: decision(section)? },
    })
}

fn decision(section: &Section) -> Option<Weights<SystemDecision>> {
    if !section.given("decision") {
        return Some(Weights::only(SystemDecision::Complete));
    }
    let pairs = section.weights("decision")?;
    Weights::new(pairs.iter().filter_map(|(word, weight)| Some((words::system_decision(word)?, *weight))).collect())
}
