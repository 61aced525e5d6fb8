//! What was expected and how it came, as JUnit and Markdown: the part that the results of every kind of run share.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use crate::scenario::judge::{Holds, Judged};

/// One suite: a test for each thing that was expected, and one for the run itself, which ended with an exit code for a
/// reason.
pub fn suite(name: &str, expectations: &[Judged], (code, reason): (u8, &str), took: Duration) -> TestSuite {
    let mut suite = TestSuite::new(name);
    for judged in expectations {
        let status = match judged.verdict {
            Holds::Pass => TestCaseStatus::success(),
            Holds::Fail => failed(&judged.detail),
            Holds::Unproven => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(judged.detail.clone());
                status
            }
        };
        suite.add_test_case(TestCase::new(judged.name.clone(), status));
    }
    let status = if code == 0 { TestCaseStatus::success() } else { failed(reason) };
    let mut run = TestCase::new("the run", status);
    run.set_time(took);
    suite.add_test_case(run);
    suite
}

/// Suites as one file.
///
/// # Errors
/// When it cannot be written, which only memory can be to blame for.
pub fn suites(title: &str, suites: impl IntoIterator<Item = TestSuite>) -> Result<String, String> {
    let mut all = Junit::new(title);
    suites.into_iter().for_each(|suite| {
        all.add_test_suite(suite);
    });
    all.to_string().map_err(|error| error.to_string())
}

/// A table of what was expected; nothing where nothing was.
pub fn required(expectations: &[Judged]) -> String {
    if expectations.is_empty() {
        return String::new();
    }
    let mut said = "\n| required | | seen |\n|---|---|---|\n".to_owned();
    for judged in expectations {
        said.push_str(&format!("| `{}` | {} | {} |\n", cell(&judged.name), word(judged.verdict), cell(&judged.detail)));
    }
    said
}

/// Text that cannot end its cell.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

pub(super) fn word(holds: Holds) -> &'static str {
    match holds {
        Holds::Pass => "pass",
        Holds::Fail => "FAIL",
        Holds::Unproven => "unproven",
    }
}

fn failed(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(why);
    status
}
