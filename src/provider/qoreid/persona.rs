//! The people whom the test registers know, and how a look-up matches them.
//!
//! Two are published: Bunch Dillon (docs.qoreid.com/docs/nin-with-phone-number) and the predecessor's John Doe
//! (docs.verifyme.ng/identity-verifications/national-identification-number). "Any other details simulate a failed match."

use super::{Json, Lookup, Status, Submission};

/// A person in a test register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Persona {
    nin: &'static str,
    firstname: &'static str,
    lastname: &'static str,
    middlename: &'static str,
    phone: &'static str,
    gender: &'static str,
    /// `DD-MM-YYYY`, as the register writes it.
    birthdate: &'static str,
    address: &'static str,
}

const PERSONAS: [Persona; 2] = [
    Persona {
        nin: "63184876213",
        firstname: "Bunch",
        lastname: "Dillon",
        middlename: "John",
        phone: "08000000000",
        gender: "m",
        birthdate: "06-01-1974",
        address: "5, Adeniyi Jones, Ikeja, Lagos",
    },
    Persona {
        nin: "10000000001",
        firstname: "John",
        lastname: "Doe",
        middlename: "James",
        phone: "08000000001",
        gender: "m",
        birthdate: "04-04-1944",
        address: "7, Allen Avenue, Ikeja, Lagos",
    },
];

/// What a register says to a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// `EXACT_MATCH`, `PARTIAL_MATCH` or `NO_MATCH`.
    pub status: &'static str,
    /// For each submitted member whether it is the register's; the names are those of `fieldMatches`.
    pub fields: Vec<(&'static str, bool)>,
    /// Who it is; nobody on a mismatch.
    pub persona: Option<Persona>,
}

/// Looks a submission up. `forced` says how it ends in place of the register: a mismatch hides the person, a match takes
/// the submitted names for the person's.
pub fn look_up(submission: &Submission, forced: Option<Status>) -> Match {
    let found = PERSONAS.into_iter().find(|persona| persona.has(submission));
    let fields = |persona: Option<Persona>| fields(submission, persona.as_ref());
    match forced {
        Some(Status::Verified) => {
            let all = fields(None).into_iter().map(|(name, _)| (name, true)).collect();
            Match { status: "EXACT_MATCH", fields: all, persona: Some(found.unwrap_or(PERSONAS[0])) }
        }
        None if found.is_some_and(|persona| persona.is_called(submission)) => {
            let fields = fields(found);
            let exact = fields.iter().all(|(_, same)| *same);
            Match { status: if exact { "EXACT_MATCH" } else { "PARTIAL_MATCH" }, fields, persona: found }
        }
        _ => Match { status: "NO_MATCH", fields: fields(None), persona: None },
    }
}

impl Match {
    /// How the verification ends: a partial match of someone of that name is verified
    /// (docs.qoreid.com/docs/webhook-payload-structure).
    pub fn verdict(&self) -> Status {
        if self.persona.is_some() { Status::Verified } else { Status::IdMismatch }
    }
}

impl Persona {
    /// Whether the number that was looked up is this person's. No numbers are published for the other registers, so there
    /// any number is of whoever bears the name.
    fn has(&self, submission: &Submission) -> bool {
        let number = submission.id_number.as_deref().unwrap_or_default();
        match submission.lookup {
            Lookup::Nin => number == self.nin,
            Lookup::NinPhone => number == self.phone,
            Lookup::BvnBasic | Lookup::VirtualNin | Lookup::Nuban | Lookup::GhanaId | Lookup::CacBasic => {
                self.is_called(submission)
            }
        }
    }

    /// Whoever asks for a company names nobody: there any number is of one.
    fn is_called(&self, submission: &Submission) -> bool {
        if submission.lookup == Lookup::CacBasic {
            return true;
        }
        let applicant = &submission.applicant;
        same(applicant.firstname.as_deref(), self.firstname) && same(applicant.lastname.as_deref(), self.lastname)
    }

    /// The record as the register gives it, for a look-up of `number`.
    pub fn record(&self, lookup: Lookup, number: &str) -> Json {
        let mut members = match lookup {
            Lookup::Nin | Lookup::NinPhone => vec![("nin", self.nin.into())],
            Lookup::BvnBasic => vec![("bvn", number.into())],
            Lookup::VirtualNin => vec![("vNin", number.into())],
            Lookup::Nuban => vec![("accountNumber", number.into())],
            Lookup::GhanaId => vec![("idNumber", number.into())],
            // No page shows a company's record: its name and state are this stand-in's.
            Lookup::CacBasic => {
                let company = [("rcNumber", number), ("companyName", "Dillon Trading Limited"), ("status", "ACTIVE")];
                return Json::Object(company.map(|(name, value)| (name, value.into())).to_vec());
            }
        };
        members.extend([
            ("firstname", self.firstname.into()),
            ("lastname", self.lastname.into()),
            ("middlename", self.middlename.into()),
            ("phone", self.phone.into()),
            ("gender", self.gender.into()),
            ("birthdate", self.birthdate.into()),
            ("photo", "base 64 encoded".into()),
            ("address", self.address.into()),
        ]);
        Json::Object(members)
    }
}

fn fields(submission: &Submission, persona: Option<&Persona>) -> Vec<(&'static str, bool)> {
    let applicant = &submission.applicant;
    let is = |given: &Option<String>, own: fn(&Persona) -> String| {
        given.as_deref().map(|given| persona.is_some_and(|persona| same(Some(given), &own(persona))))
    };
    let email = applicant.email.as_ref().map(|_| false);
    [
        ("firstname", is(&applicant.firstname, |p| p.firstname.to_owned())),
        ("lastname", is(&applicant.lastname, |p| p.lastname.to_owned())),
        ("dob", is(&applicant.dob, |p| turned(p.birthdate))),
        ("phoneNumber", is(&applicant.phone, |p| p.phone.to_owned())),
        ("gender", is(&applicant.gender, |p| p.gender.to_owned())),
        ("emailAddress", email),
    ]
    .into_iter()
    .filter_map(|(name, same)| Some((name, same?)))
    .collect()
}

/// `DD-MM-YYYY` as `YYYY-MM-DD`.
fn turned(date: &str) -> String {
    let mut parts: Vec<&str> = date.split('-').collect();
    parts.reverse();
    parts.join("-")
}

/// Case and surrounding space do not count, and a gender may be written out.
fn same(given: Option<&str>, own: &str) -> bool {
    let given = given.unwrap_or_default().trim().to_lowercase();
    let own = own.to_lowercase();
    given == own
        || (matches!(own.as_str(), "m" | "f")
            && matches!((given.as_str(), own.as_str()), ("male", "m") | ("female", "f")))
}
