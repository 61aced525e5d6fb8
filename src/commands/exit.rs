//! How a command ends: its exit code, and what is said when it did not work out.
//!
//! Made by every command, shown by [`super::main`]. Ends nothing itself.

use std::io;

use serde_json::{Value, json};

/// How the process ends. The codes are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It worked, and the answer is yes.
    Yes,
    /// It worked, and the answer is no: an expectation failed, a send was refused.
    No,
    /// The command line or a file is wrong.
    BadUsage,
    /// It could not be tried: nobody answers, the port is taken, the disk is full.
    CouldNotRun,
    /// It was tried and proves nothing.
    NoVerdict,
    /// Ended by SIGINT.
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
}

impl Exit {
    /// All of them.
    pub const ALL: [Exit; 7] =
        [Exit::Yes, Exit::No, Exit::BadUsage, Exit::CouldNotRun, Exit::NoVerdict, Exit::Interrupted, Exit::Terminated];

    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::BadUsage => 2,
            Exit::CouldNotRun => 3,
            Exit::NoVerdict => 4,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// The word for it, `exit_reason` in JSON.
    pub fn reason(self) -> &'static str {
        match self {
            Exit::Yes => "yes",
            Exit::No => "no",
            Exit::BadUsage => "bad_usage",
            Exit::CouldNotRun => "could_not_run",
            Exit::NoVerdict => "no_verdict",
            Exit::Interrupted => "interrupted",
            Exit::Terminated => "terminated",
        }
    }
}

/// Why a command did not do what it was asked. Holds no secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What is wrong: lower case, no full stop. Empty when nothing is to be said.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// Shown in place of message and help where it stands: complaints with the lines they are about.
    pub drawn: Option<String>,
    /// For programs, as `details`.
    pub details: Option<Value>,
}

impl Failure {
    /// A failure that ends the process like this.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Failure { exit, message: message.into(), help: None, drawn: None, details: None }
    }

    /// The answer is no.
    pub fn no(message: impl Into<String>) -> Self {
        Failure::new(Exit::No, message)
    }

    /// The command line or a file is wrong.
    pub fn bad_usage(message: impl Into<String>) -> Self {
        Failure::new(Exit::BadUsage, message)
    }

    /// It could not be tried.
    pub fn could_not_run(message: impl Into<String>) -> Self {
        Failure::new(Exit::CouldNotRun, message)
    }

    /// Several at once: said one after the other. The gravest decides how the process ends.
    pub fn all(failures: Vec<Failure>) -> Self {
        let exit = failures.iter().map(|failure| failure.exit).max_by_key(|exit| exit.code()).unwrap_or(Exit::BadUsage);
        let said = |failure: &Failure| failure.drawn.clone().unwrap_or_else(|| format!("{}\n", failure.message));
        let messages: Vec<&str> = failures.iter().map(|failure| failure.message.as_str()).collect();
        Failure {
            exit,
            message: messages.join("; "),
            help: failures.iter().find_map(|failure| failure.help.clone()),
            drawn: Some(failures.iter().map(said).collect()),
            details: Some(failures.iter().filter_map(|failure| failure.details.clone()).collect()),
        }
    }

    /// With what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With a drawing that says it better.
    #[must_use]
    pub fn drawn(mut self, drawn: impl Into<String>) -> Self {
        self.drawn = Some(drawn.into());
        self
    }

    /// With more for programs.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Whoever read our output has gone: nothing is wrong, and there is nobody to tell.
    fn reader_gone() -> Self {
        Failure::new(Exit::Yes, "")
    }

    /// As `--output json` shows it.
    pub fn to_json(&self) -> Value {
        let mut shape = json!({
            "exit_code": self.exit.code(),
            "exit_reason": self.exit.reason(),
            "error": { "message": self.message, "help": self.help },
        });
        if let Some(details) = &self.details {
            shape["error"]["details"] = details.clone();
        }
        shape
    }
}

impl From<io::Error> for Failure {
    /// An error of writing to stdout.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::reader_gone(),
            _ => Failure::could_not_run(format!("cannot write to stdout: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_and_words_are_a_contract() {
        let table: Vec<(u8, &str)> = Exit::ALL.iter().map(|exit| (exit.code(), exit.reason())).collect();
        assert_eq!(
            table,
            [
                (0, "yes"),
                (1, "no"),
                (2, "bad_usage"),
                (3, "could_not_run"),
                (4, "no_verdict"),
                (130, "interrupted"),
                (143, "terminated"),
            ]
        );
    }

    #[test]
    fn a_failure_has_a_form_for_programs() {
        let failure = Failure::no("there is no journey x").help("list them").details(json!({"code": "not_found"}));
        insta::assert_snapshot!(failure.to_json(), @r#"{"error":{"details":{"code":"not_found"},"help":"list them","message":"there is no journey x"},"exit_code":1,"exit_reason":"no"}"#);
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let gone = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((gone.exit, gone.message.as_str()), (Exit::Yes, ""));
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).exit, Exit::CouldNotRun);
    }
}
