//! Reads what went wrong in an exchange: a chain of foreign errors in, an error class and a sentence out.
//!
//! Called by the HTTP transport. The sentences name no path, query or secret, whatever the libraries put into
//! theirs: only known kinds are told, never a foreign text.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::http1::TooMuch;
use super::resolve::Unresolved;
use crate::message::ErrorClass;

/// How far an exchange had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No connection was ready yet.
    Connecting {
        /// Whether a TLS session was to be made.
        tls: bool,
    },
    /// A request was on its way, or the head of its answer.
    Exchanging,
    /// The final status head was there, and its body on its way.
    Reading,
}

const HEAD_TOO_LARGE: &str = "the answer's headers are larger than what is read";

/// What failed, by class, and a lowercase sentence about it.
pub fn classify(error: &(dyn Error + 'static), stage: Stage) -> (ErrorClass, String) {
    let causes = causes(error);
    let told = |class: ErrorClass, text: &str| (class, text.to_owned());
    if let Some(unresolved) = find::<Unresolved>(&causes) {
        return (class_of_unresolved(unresolved), unresolved.to_string());
    }
    if find::<TooMuch>(&causes).is_some() {
        let reading = "what came around it is larger than what is read";
        return told(ErrorClass::BodyTooLarge, if stage == Stage::Reading { reading } else { HEAD_TOO_LARGE });
    }
    if let Some(tls) = find::<rustls::Error>(&causes) {
        return (ErrorClass::Tls, tls_text(tls));
    }
    if let Some(io) = find::<io::Error>(&causes)
        && let Some(read) = io_failure(io.kind(), stage)
    {
        return told(read.0, read.1);
    }
    match stage {
        Stage::Connecting { .. } => told(ErrorClass::Connect, "no connection"),
        Stage::Exchanging | Stage::Reading => told(ErrorClass::Reset, "connection broke"),
    }
}

fn class_of_unresolved(unresolved: &Unresolved) -> ErrorClass {
    match unresolved {
        Unresolved::Blocked(_) => ErrorClass::Blocked,
        Unresolved::Unknown => ErrorClass::Dns,
        Unresolved::OtherFamily(_) => ErrorClass::Connect,
    }
}

/// The error and all that is behind it. An `io::Error` that wraps another does not name it as its source, so it is
/// opened here.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        causes.push(error);
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    causes
}

/// The innermost cause of a type.
fn find<'a, E: Error + 'static>(causes: &[&'a (dyn Error + 'static)]) -> Option<&'a E> {
    causes.iter().rev().find_map(|cause| cause.downcast_ref())
}

fn io_failure(kind: io::ErrorKind, stage: Stage) -> Option<(ErrorClass, &'static str)> {
    use io::ErrorKind as Kind;
    let in_handshake = matches!(stage, Stage::Connecting { tls: true });
    Some(match kind {
        Kind::ConnectionRefused => (ErrorClass::Connect, "connection refused"),
        Kind::HostUnreachable => (ErrorClass::Connect, "host is unreachable"),
        Kind::NetworkUnreachable | Kind::NetworkDown => (ErrorClass::Connect, "network is unreachable"),
        Kind::AddrNotAvailable | Kind::AddrInUse => (ErrorClass::Connect, "no local address or port to send from"),
        Kind::TimedOut => (ErrorClass::Timeout, "no answer from the network in time"),
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe if in_handshake => {
            (ErrorClass::Tls, "connection reset during the tls handshake")
        }
        Kind::UnexpectedEof if in_handshake => (ErrorClass::Tls, "connection closed during the tls handshake"),
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => (ErrorClass::Reset, "connection reset"),
        Kind::UnexpectedEof => (ErrorClass::Reset, "connection closed before a whole answer"),
        // rustls reports so that a message of the handshake is larger than it reads.
        Kind::InvalidData if in_handshake => (ErrorClass::Tls, "no tls session"),
        Kind::InvalidInput | Kind::InvalidData => (ErrorClass::InvalidHttp, "the answer is not valid http"),
        _ => return None,
    })
}

fn tls_text(error: &rustls::Error) -> String {
    use rustls::Error as Tls;
    let text = match error {
        Tls::InvalidCertificate(certificate) => return certificate_text(certificate),
        Tls::InvalidMessage(_) => "the server does not speak tls here",
        Tls::AlertReceived(alert) => return format!("the server refused the tls session ({alert:?})"),
        Tls::PeerIncompatible(_) => "no tls version or cipher in common",
        Tls::NoCertificatesPresented => "the server presented no certificate",
        _ => "no tls session",
    };
    text.to_owned()
}

fn certificate_text(error: &CertificateError) -> String {
    use CertificateError as Certificate;
    let text = match error {
        Certificate::Expired | Certificate::ExpiredContext { .. } => "certificate has expired",
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => "certificate is not valid yet",
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => "certificate is for another name",
        Certificate::UnknownIssuer => "certificate is not signed by an authority that is trusted here",
        Certificate::Revoked => "certificate has been revoked",
        Certificate::BadSignature => "certificate has a bad signature",
        _ => "certificate is not valid",
    };
    text.to_owned()
}
