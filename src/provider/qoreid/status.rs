//! How a verification ended, and the three words that say so: `{status, subStatus, state}`.
//!
//! The values are those of docs.qoreid.com/reference/address-verification-status. Documentation and samples differ in
//! their case, so the case is a switch.

use serde::{Deserialize, Serialize};

use super::Product;
use crate::provider::words::{Word, text_form};

/// How a verification ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// It is as the customer said.
    Verified,
    /// It is not, for the products whose pages name no reasons.
    Unverified,
    /// The applicant does not live there.
    WrongAddress,
    /// There is no such address.
    InvalidAddress,
    /// The agent could not get there.
    NoAccess,
    /// The register knows someone else.
    IdMismatch,
    /// It was called off.
    Cancelled,
}

impl Status {
    /// The status in capitals; what stimuli and the configuration call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Verified => "VERIFIED",
            Status::Unverified => "UNVERIFIED",
            Status::WrongAddress => "WRONG_ADDRESS",
            Status::InvalidAddress => "INVALID_ADDRESS",
            Status::NoAccess => "NO_ACCESS",
            Status::IdMismatch => "ID_MISMATCH",
            Status::Cancelled => "CANCELLED",
        }
    }

    /// The `subStatus`: with spaces, not underscores. The page has none for the other products: the status stands there.
    pub fn sub_status(self) -> &'static str {
        match self {
            Status::WrongAddress => "FAILED - NOT IN RESIDENCE",
            Status::InvalidAddress => "FAILED - INVALID ADDRESS",
            Status::NoAccess => "CANNOT ACCESS ADDRESS",
            other => other.as_str(),
        }
    }

    /// The statuses in which a verification of `product` can end by itself.
    pub fn of(product: Product) -> &'static [Status] {
        match product {
            Product::Identity => &[Status::Verified, Status::IdMismatch],
            Product::Address => &[Status::Verified, Status::WrongAddress, Status::InvalidAddress, Status::NoAccess],
            Product::Employment | Product::Guarantor | Product::Property | Product::Workflow => {
                &[Status::Verified, Status::Unverified]
            }
        }
    }

    /// What a drawn or forced status means for `product`: a failure that the product has no word for is its own failure.
    #[must_use]
    pub fn as_of(self, product: Product) -> Status {
        match Status::of(product) {
            known if known.contains(&self) => self,
            [_, failure, ..] => *failure,
            _ => self,
        }
    }

    /// The status that a reference asks for by its end: `A-1+WRONG_ADDRESS`.
    pub fn forced_by(reference: &str) -> Option<Status> {
        let (_, word) = reference.rsplit_once('+')?;
        Status::ALL.iter().copied().find(|status| status.as_str() == word)
    }
}

impl Word for Status {
    const KIND: &'static str = "a status";
    const ALL: &'static [Self] = &[
        Status::Verified,
        Status::WrongAddress,
        Status::InvalidAddress,
        Status::NoAccess,
        Status::Unverified,
        Status::IdMismatch,
        Status::Cancelled,
    ];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// In which case statuses are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Casing {
    /// As the samples have it: last-mile products in capitals, identities and workflows in small letters.
    #[default]
    AsDocumented,
    /// All in small letters.
    Lower,
    /// All in capitals.
    Upper,
}

impl Casing {
    /// The switch's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Casing::AsDocumented => "as-documented",
            Casing::Lower => "lower",
            Casing::Upper => "upper",
        }
    }

    /// `word`, which is in capitals, as `product` writes it.
    pub fn write(self, product: Product, word: &str) -> String {
        let lower = match self {
            Casing::AsDocumented => !product.is_last_mile(),
            Casing::Lower => true,
            Casing::Upper => false,
        };
        if lower { word.to_ascii_lowercase() } else { word.to_owned() }
    }
}

impl Word for Casing {
    const KIND: &'static str = "a case";
    const ALL: &'static [Self] = &[Casing::AsDocumented, Casing::Lower, Casing::Upper];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

text_form!(Status, Casing);
