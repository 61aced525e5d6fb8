//! `x-verifyme-signature`: how a receiver knows that a body is QoreID's (docs.qoreid.com/docs/webhook-configuration).
//!
//! Pure; called by the transport over the exact bytes that it sends, so that every attempt carries the same value.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha512;

/// The header's name: that of VerifyMe, the predecessor, survives.
pub const HEADER: &str = "x-verifyme-signature";

/// HMAC-SHA512 of `body` under the UTF-8 bytes of `secret`: 128 hexadecimal digits in lower case.
///
/// There is no timestamp in it, so it does not protect against a replay.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).expect("hmac takes a key of any length");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "your_webhook_secret";
    const FLAT: &str = r#"{"event":"address","event_type":"verification_completed","summary":{"address_check":"verified"},"status":{"status":"verified","state":"complete"},"address":{}}"#;
    const ACCENTED: &str = r#"{"event":"identity","event_type":"verification_completed","data":{"id":1,"applicant":{"firstname":"Adé","lastname":"Doe"},"status":{"status":"verified","state":"complete"},"summary":{"nin_check":{"status":"EXACT_MATCH","fieldMatches":{"firstname":true,"lastname":true}}}}}"#;

    #[test]
    fn the_published_vectors_reproduce() {
        for (body, length, expected) in [
            (
                FLAT,
                159,
                "67025b7851239b41d01698d364bd77f50e8e112ad6b49808114e7d00ed1b51db5e88fe52b17e57a158b804d7f35b9b9a725af4f7d990081cadda84488125ba64",
            ),
            (
                ACCENTED,
                273,
                "9276556b9febb0eafd4ba9c163d39a2a1d2029961c744bfb135579984967db414c429b58c0e2edacfe44e87f8481b45b44f63a42f6e6455be5cd6b5487d13c84",
            ),
            (
                "{}",
                2,
                "9614299d5baea0cd8bd47f53660c8411e4aecd2c6cd7202c5e77c7e2ed8aab303f381604c2e34190d3aa793b6946788724e6bdb25c8df98cd6e7d2c8fa54ea1a",
            ),
        ] {
            assert_eq!(body.len(), length);
            assert_eq!(sign(SECRET, body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn every_byte_of_body_and_secret_counts() {
        let whole = sign(SECRET, ACCENTED.as_bytes());
        for at in 0..ACCENTED.len() {
            let mut bent = ACCENTED.as_bytes().to_vec();
            bent[at] ^= 1;
            assert_ne!(sign(SECRET, &bent), whole, "byte {at}");
        }
        assert_ne!(sign("Your_webhook_secret", ACCENTED.as_bytes()), whole);
    }
}
