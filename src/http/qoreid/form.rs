//! A request's body: members are taken out by name, and all that is wrong is said at once.
//!
//! Members that are not asked for are ignored, as the provider does; photos are among them, so they are never kept.

use serde_json::{Map, Value};

use super::Refusal;
use crate::provider::qoreid::Applicant;

/// A member may have so many characters: what is kept of a verification stays small.
const LONGEST: usize = 500;

/// The largest number that is taken.
const COUNT_MAX: f64 = 2_147_483_647.0;

/// A body on its way into a submission.
#[derive(Debug, Default)]
pub(super) struct Form {
    members: Map<String, Value>,
    /// What names in complaints begin with.
    prefix: &'static str,
    wrong: Vec<String>,
}

impl Form {
    /// A body that is a JSON object.
    pub(super) fn read(body: &[u8]) -> Result<Form, Refusal> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Form { members, ..Form::default() }),
            Ok(_) => Err(Refusal::bad_request(vec!["the body must be a JSON object".to_owned()])),
            Err(error) => Err(Refusal::bad_request(vec![format!("the body is not JSON: {error}")])),
        }
    }

    /// A text that may be absent.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let text = match self.members.get(name)? {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            _ => {
                self.wrong.push(format!("{}{name} must be a string", self.prefix));
                return None;
            }
        };
        if text.chars().count() > LONGEST {
            self.wrong.push(format!("{}{name} must be shorter than or equal to {LONGEST} characters", self.prefix));
            return None;
        }
        Some(text)
    }

    /// A text that must be there and say something; empty after a complaint.
    pub(super) fn needed(&mut self, name: &str) -> String {
        let before = self.wrong.len();
        let text = self.text(name).filter(|text| !text.trim().is_empty());
        if text.is_none() && self.wrong.len() == before {
            self.wrong.push(format!("{}{name} should not be empty", self.prefix));
        }
        text.unwrap_or_default()
    }

    /// A number above zero that may be absent.
    pub(super) fn count(&mut self, name: &str) -> Option<u64> {
        let number = self.members.get(name).filter(|value| !value.is_null())?;
        // `120.0` is the integer 120 in JSON's eyes.
        let count = number.as_f64().filter(|n| (1.0..=COUNT_MAX).contains(n) && n.fract() == 0.0);
        if count.is_none() {
            self.wrong.push(format!("{}{name} must be a positive number", self.prefix));
        }
        count.map(|count| count as u64)
    }

    /// A truth that may be absent.
    pub(super) fn truth(&mut self, name: &str) -> Option<bool> {
        match self.members.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(truth)) => Some(*truth),
            Some(_) => {
                self.wrong.push(format!("{}{name} must be a boolean value", self.prefix));
                None
            }
        }
    }

    /// A list of texts that must be there.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let items = self.members.get(name).and_then(Value::as_array).filter(|items| items.len() <= 20);
        let texts: Option<Vec<String>> =
            items.and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        texts.filter(|texts| !texts.is_empty() && texts.iter().all(|text| text.len() <= LONGEST)).unwrap_or_else(|| {
            self.wrong.push(format!("{}{name} must be an array of strings", self.prefix));
            Vec::new()
        })
    }

    /// Whether a member is there and not `null`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// Says that something is wrong.
    pub(super) fn complain(&mut self, message: impl Into<String>) {
        self.wrong.push(message.into());
    }

    /// The applicant of a last-mile product; `phone` must be there.
    pub(super) fn applicant(&mut self) -> Applicant {
        let Some(Value::Object(members)) = self.members.get("applicant") else {
            self.wrong.push("applicant should not be empty".to_owned());
            return Applicant::default();
        };
        let mut inner = Form { members: members.clone(), prefix: "applicant.", wrong: Vec::new() };
        let applicant = inner.person();
        inner.needed("phone");
        self.wrong.extend(inner.wrong);
        applicant
    }

    /// A person whose members stand right here: first and last name must be there.
    pub(super) fn person(&mut self) -> Applicant {
        Applicant {
            firstname: Some(self.needed("firstname")),
            lastname: Some(self.needed("lastname")),
            middlename: self.text("middlename"),
            dob: self.text("dob"),
            phone: self.text("phone"),
            email: self.text("email"),
            gender: self.text("gender"),
            id_type: self.text("idType"),
            id_number: self.text("idNumber"),
        }
    }

    /// Nothing was wrong.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        if self.wrong.is_empty() { Ok(()) } else { Err(Refusal::bad_request(self.wrong)) }
    }
}
