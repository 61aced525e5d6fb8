//! What QoreID verifies: products, which are its event families, and the look-ups of the identity product.

use serde::{Deserialize, Serialize};

use crate::provider::words::{Word, text_form};

/// A product, and so a family of events (docs.qoreid.com/docs/overview).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Product {
    /// A look-up in a register, answered at once.
    Identity,
    /// An agent visits an address.
    Address,
    /// An employer is asked.
    Employment,
    /// A guarantor is asked.
    Guarantor,
    /// A property is visited.
    Property,
    /// Several of the others, one after the other.
    Workflow,
}

impl Product {
    /// The product's word, which is the `event` of its webhooks.
    pub fn as_str(self) -> &'static str {
        match self {
            Product::Identity => "identity",
            Product::Address => "address",
            Product::Employment => "employment",
            Product::Guarantor => "guarantor",
            Product::Property => "property",
            Product::Workflow => "workflow",
        }
    }

    /// Whether people have to find something out: it starts, takes its time, and ends.
    pub fn is_last_mile(self) -> bool {
        !matches!(self, Product::Identity | Product::Workflow)
    }

    /// The key of its result under `summary`; an identity's depends on the look-up.
    pub fn check(self, lookup: Lookup) -> &'static str {
        match self {
            Product::Identity => lookup.check(),
            Product::Address => "address_check",
            Product::Employment => "employment_check",
            Product::Guarantor => "guarantor_check",
            Product::Property => "property_check",
            Product::Workflow => "workflow_check",
        }
    }
}

impl Word for Product {
    const KIND: &'static str = "a product";
    const ALL: &'static [Self] = &[
        Product::Identity,
        Product::Address,
        Product::Employment,
        Product::Guarantor,
        Product::Property,
        Product::Workflow,
    ];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// A look-up of the identity product: the path below `/v1/ng/identities` (docs.qoreid.com/docs/nin-with-phone-number;
/// the other paths are known from customers' code).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lookup {
    /// The national identification number.
    #[default]
    #[serde(rename = "nin")]
    Nin,
    /// The same record by its phone number.
    #[serde(rename = "nin-phone")]
    NinPhone,
    /// The bank verification number.
    #[serde(rename = "bvn-basic")]
    BvnBasic,
    /// A tokenised national identification number.
    #[serde(rename = "virtual-nin")]
    VirtualNin,
    /// A bank account number.
    #[serde(rename = "nuban")]
    Nuban,
    /// A Ghana card.
    #[serde(rename = "ghana-id")]
    GhanaId,
    /// A company by its registration number.
    #[serde(rename = "cac-basic")]
    CacBasic,
}

impl Lookup {
    /// The path segment.
    pub fn as_str(self) -> &'static str {
        match self {
            Lookup::Nin => "nin",
            Lookup::NinPhone => "nin-phone",
            Lookup::BvnBasic => "bvn-basic",
            Lookup::VirtualNin => "virtual-nin",
            Lookup::Nuban => "nuban",
            Lookup::GhanaId => "ghana-id",
            Lookup::CacBasic => "cac-basic",
        }
    }

    /// The key of the result under `summary`: `nin_check` is documented, the others are those that customers look for.
    pub fn check(self) -> &'static str {
        match self {
            Lookup::Nin | Lookup::NinPhone => "nin_check",
            Lookup::BvnBasic => "bvn_check",
            Lookup::VirtualNin => "vnin_check",
            Lookup::Nuban => "nuban_check",
            Lookup::GhanaId => "ghana_id_check",
            Lookup::CacBasic => "cac_check",
        }
    }

    /// The key of the record beside `summary`.
    pub fn record(self) -> &'static str {
        match self {
            Lookup::Nin | Lookup::NinPhone => "nin",
            Lookup::BvnBasic => "bvn",
            Lookup::VirtualNin => "vnin",
            Lookup::Nuban => "nuban",
            Lookup::GhanaId => "ghana_id",
            Lookup::CacBasic => "cac",
        }
    }
}

impl Word for Lookup {
    const KIND: &'static str = "an identity look-up";
    const ALL: &'static [Self] = &[
        Lookup::Nin,
        Lookup::NinPhone,
        Lookup::BvnBasic,
        Lookup::VirtualNin,
        Lookup::Nuban,
        Lookup::GhanaId,
        Lookup::CacBasic,
    ];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

text_form!(Product, Lookup);
