//! The shapes of QoreID's API as its description declares them. The handlers read bodies member by member, so that every
//! complaint comes at once and members that are not asked for are let be; these types only describe them.

use serde_json::Value;
use utoipa::ToSchema;

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(ToSchema)]
            #[schema(rename_all = "camelCase")]
            #[expect(dead_code, reason = "a description: bodies are read and written by hand")]
            pub(super) struct $name {
                $($(#[$field_doc])* $field: $kind,)*
            }
        )*
    };
}

shapes! {
    /// A key pair. docs.qoreid.com/reference/get-client-token
    Pair {
        #[schema(example = "client", max_length = 500, pattern = r"\S")]
        client_id: String,
        #[schema(example = "secret", max_length = 500, pattern = r"\S")]
        secret: String,
    }

    /// What a key pair is exchanged for.
    Token {
        access_token: String,
        /// Seconds.
        expires_in: u64,
        token_type: String,
    }

    /// Whose number is looked up. docs.qoreid.com/docs/nin-with-phone-number
    LookUp {
        #[schema(example = "Bunch", max_length = 500, pattern = r"\S")]
        firstname: String,
        #[schema(example = "Dillon", max_length = 500, pattern = r"\S")]
        lastname: String,
        #[schema(max_length = 500)]
        middlename: Option<String>,
        #[schema(max_length = 500)]
        dob: Option<String>,
        #[schema(max_length = 500)]
        phone: Option<String>,
        #[schema(max_length = 500)]
        email: Option<String>,
        #[schema(max_length = 500)]
        gender: Option<String>,
        /// The customer's own; made from the number when absent.
        #[schema(max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$")]
        customer_reference: Option<String>,
    }

    /// Whose account is looked up: the number stands in the body.
    AccountLookUp {
        #[schema(example = "Bunch", max_length = 500, pattern = r"\S")]
        firstname: String,
        #[schema(example = "Dillon", max_length = 500, pattern = r"\S")]
        lastname: String,
        #[schema(example = "0123456789", pattern = "^[0-9]{1,20}$")]
        account_number: String,
        #[schema(example = "058", pattern = "^[0-9]{1,9}$")]
        bank_code: String,
    }

    /// A company to be looked up.
    CompanyLookUp {
        #[schema(example = "RC123456", pattern = "^[0-9A-Za-z]{1,20}$")]
        reg_number: String,
    }

    /// Who is verified.
    Applicant {
        #[schema(example = "Kolade", max_length = 500, pattern = r"\S")]
        firstname: String,
        #[schema(example = "Alade", max_length = 500, pattern = r"\S")]
        lastname: String,
        #[schema(example = "+2348111111111", max_length = 500, pattern = r"\S")]
        phone: String,
        #[schema(max_length = 500)]
        middlename: Option<String>,
        #[schema(max_length = 500)]
        dob: Option<String>,
        #[schema(max_length = 500)]
        gender: Option<String>,
        #[schema(max_length = 500)]
        id_type: Option<String>,
        #[schema(max_length = 500)]
        id_number: Option<String>,
    }

    /// An address, or a property. docs.qoreid.com/docs/tier-iii-address
    Place {
        #[schema(example = "A-1", max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$")]
        customer_reference: String,
        #[schema(example = "5, Adeniyi Jones", max_length = 500, pattern = r"\S")]
        street: String,
        #[schema(example = "Ikeja", max_length = 500, pattern = r"\S")]
        lga_name: String,
        #[schema(example = "Lagos", max_length = 500, pattern = r"\S")]
        state_name: String,
        #[schema(example = "Ikeja", max_length = 500, pattern = r"\S")]
        city: String,
        #[schema(max_length = 500)]
        landmark: Option<String>,
        applicant: Applicant,
    }

    /// docs.qoreid.com/docs/employment-verification
    Employment {
        #[schema(example = "A-1", max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$")]
        customer_reference: String,
        #[schema(example = "Example Ltd", max_length = 500, pattern = r"\S")]
        employer_name: String,
        #[schema(example = "hr@example.com", max_length = 500, pattern = r"\S")]
        employer_email: String,
        #[schema(example = "08000000000", max_length = 500, pattern = r"\S")]
        employer_phone: String,
        #[schema(max_length = 500)]
        job_title: Option<String>,
        #[schema(max_length = 500)]
        start_date: Option<String>,
        #[schema(max_length = 500)]
        end_date: Option<String>,
        currently_employed: Option<bool>,
        applicant: Applicant,
    }

    /// docs.qoreid.com/docs/guarantor-verification
    Guarantor {
        #[schema(example = "A-1", max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$")]
        customer_reference: String,
        #[schema(example = "Ada", max_length = 500, pattern = r"\S")]
        firstname: String,
        #[schema(example = "Obi", max_length = 500, pattern = r"\S")]
        lastname: String,
        #[schema(example = "08000000000", max_length = 500, pattern = r"\S")]
        phone: String,
        #[schema(example = "ada@example.com", max_length = 500, pattern = r"\S")]
        email: String,
        #[schema(example = json!(["nin"]), min_items = 1, max_items = 20, max_length = 100)]
        acceptable_id_type: Vec<String>,
        verify_address: Option<bool>,
        #[schema(max_length = 500)]
        street: Option<String>,
        #[schema(max_length = 500)]
        lga_name: Option<String>,
        #[schema(max_length = 500)]
        landmark: Option<String>,
        applicant: Applicant,
    }

    /// How far a verification is. docs.qoreid.com/reference/address-verification-status
    Status {
        #[schema(example = "VERIFIED")]
        status: String,
        /// Of last-mile products.
        sub_status: Option<String>,
        #[schema(example = "COMPLETE")]
        state: String,
    }

    /// A look-up's answer; the record that was found stands beside these, under `nin`, `bvn`, ...
    Identity {
        id: u64,
        #[schema(value_type = Object)]
        applicant: Value,
        status: Status,
        /// Results by check; `null` while the source is down.
        #[schema(value_type = Option<Object>)]
        summary: Option<Value>,
    }

    /// A verification that people look after; its particulars stand beside these, under the product's word.
    Verification {
        id: u64,
        customer_reference: String,
        #[schema(value_type = Object)]
        applicant: Value,
        /// Results by check.
        #[schema(value_type = Object)]
        summary: Value,
        status: Status,
    }

    /// A session that is asked for. docs.qoreid.com/docs/sdk-session-tokens
    Session {
        #[schema(example = "A-1", max_length = 500, pattern = r"\S")]
        reference: String,
        /// Of a collection; excludes `workflowId`.
        #[schema(example = "liveness", max_length = 500, pattern = r"\S")]
        product_code: String,
        #[schema(max_length = 500)]
        subject_ref: Option<String>,
        #[schema(example = 120, minimum = 1, maximum = 2_147_483_647)]
        ttl_seconds: Option<u32>,
        #[schema(minimum = 1, maximum = 2_147_483_647)]
        max_attempts: Option<u32>,
    }

    /// A session of a workflow that is asked for.
    WorkflowSession {
        #[schema(example = "A-1", max_length = 500, pattern = r"\S")]
        reference: String,
        #[serde(rename = "type")]
        #[schema(example = "workflow", pattern = "^workflow$")]
        kind: String,
        #[schema(minimum = 1, maximum = 2_147_483_647)]
        workflow_id: u32,
        #[schema(example = 120, minimum = 1, maximum = 2_147_483_647)]
        ttl_seconds: Option<u32>,
    }

    /// A session.
    Minted {
        session_id: String,
        sdk_session_token: String,
        #[schema(format = DateTime)]
        expires_at: String,
    }

    /// What every refusal looks like.
    ErrorBody {
        status_code: u16,
        message: Message,
    }
}

/// A session: of a collection, or of a workflow.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "a description: bodies are read and written by hand")]
pub(super) enum AnySession {
    /// Of a collection.
    Collection(Session),
    /// Of a workflow.
    Workflow(WorkflowSession),
}

/// What is wrong; a list where several things are.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "a description: bodies are read and written by hand")]
pub(super) enum Message {
    /// One thing.
    One(String),
    /// Several.
    Several(Vec<String>),
}
