//! What a customer submits, as far as webhooks and answers show it again.
//!
//! A journey keeps it as a JSON text: it is a different shape for each product, and the store's own form has no room for
//! absent members. Photos and other large members of a request are dropped before.

use serde::{Deserialize, Serialize};

use super::Lookup;

macro_rules! submission {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(skip_serializing_if = "is_default")] pub $field: $kind,)+
        }
    };
}

submission!(
    /// Whom it is about.
    Applicant {
        /// First name.
        firstname: Option<String>,
        /// Last name.
        lastname: Option<String>,
        /// Middle name.
        middlename: Option<String>,
        /// `YYYY-MM-DD`.
        dob: Option<String>,
        /// With or without country code.
        phone: Option<String>,
        /// Mail address.
        email: Option<String>,
        /// As the customer writes it.
        gender: Option<String>,
        /// Of which document.
        id_type: Option<String>,
        /// The document's number.
        id_number: Option<String>,
    }
);

submission!(
    /// What was submitted; which members there are depends on the product.
    Submission {
        /// Whom it is about.
        applicant: Applicant,
        /// Of an identity: which look-up.
        lookup: Lookup,
        /// Of an identity: the number looked up.
        id_number: Option<String>,
        /// Of an address.
        street: Option<String>,
        /// Of an address: the local government area.
        lga_name: Option<String>,
        /// Of an address.
        state_name: Option<String>,
        /// Of an address.
        city: Option<String>,
        /// Of an address.
        landmark: Option<String>,
        /// Of an employment.
        employer_name: Option<String>,
        /// Of an employment.
        employer_email: Option<String>,
        /// Of an employment.
        employer_phone: Option<String>,
        /// Of an employment.
        job_title: Option<String>,
        /// Of an employment.
        start_date: Option<String>,
        /// Of an employment.
        end_date: Option<String>,
        /// Of an employment.
        currently_employed: Option<bool>,
        /// Of a guarantor: first name.
        firstname: Option<String>,
        /// Of a guarantor: last name.
        lastname: Option<String>,
        /// Of a guarantor.
        phone: Option<String>,
        /// Of a guarantor.
        email: Option<String>,
        /// Of a guarantor: the documents that are taken.
        acceptable_id_type: Vec<String>,
        /// Of a guarantor: whether the address is visited too.
        verify_address: Option<bool>,
    }
);

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Submission {
    /// What a journey keeps.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("texts and lists always become JSON")
    }

    /// What a journey kept. A text of another version that cannot be read any more counts as nothing.
    pub fn from_text(text: &str) -> Submission {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// What a verification shows that was started without particulars: the published persona, at an address of hers.
    pub fn sample() -> Submission {
        let text = |text: &str| Some(text.to_owned());
        Submission {
            applicant: Applicant {
                firstname: text("Bunch"),
                lastname: text("Dillon"),
                phone: text("08000000000"),
                ..Applicant::default()
            },
            id_number: text("63184876213"),
            street: text("5, Adeniyi Jones"),
            lga_name: text("Ikeja"),
            state_name: text("Lagos"),
            city: text("Ikeja"),
            employer_name: text("Example Stores"),
            job_title: text("Clerk"),
            firstname: text("Kolade"),
            lastname: text("Alade"),
            ..Submission::default()
        }
    }
}
