//! Why a write, a read or an opening came to nothing.

use bytes::Bytes;

/// Why a write or a read came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// The journey was changed in between, or exists already. Nothing was written.
    #[error("the journey was changed by somebody else in between")]
    Conflict,
    /// The key was used for another request. Nothing was written.
    #[error("the key {key:?} was used for another request")]
    KeyReused {
        /// The key as it was given.
        key: String,
    },
    /// The key was used for the same request: this was answered. Nothing was written.
    #[error("the request was answered before")]
    Repeated {
        /// What was answered.
        answer: Bytes,
    },
    /// A value is larger than the store takes. Nothing was written.
    #[error("{what} has {size} bytes, more than the {max} that the outbox takes")]
    TooLarge {
        /// What it is.
        what: String,
        /// Its size in bytes.
        size: usize,
        /// The largest size in bytes.
        max: usize,
    },
    /// No such row, or it is in a state that does not allow it.
    #[error("{0}")]
    NotPossible(String),
    /// The store failed or is damaged: no more writes are taken; the process must end.
    #[error("the outbox failed: {0}")]
    Broken(String),
}

/// Why a store could not be opened. The message names the place and the way out.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the store at {path} is used by another process; stop it, or choose another place with --data-dir")]
    Locked {
        /// The store's directory.
        path: String,
    },
    /// It fails its continuity check, or cannot be read.
    #[error("the store at {path} is damaged: {detail}; restore a copy, or move it away to start empty")]
    Damaged {
        /// The store's directory.
        path: String,
        /// What does not hold.
        detail: String,
    },
    /// It was written by another version.
    #[error(
        "the store at {path} has format {found}, this version reads format {expected}; move it away to start empty"
    )]
    Format {
        /// The store's directory.
        path: String,
        /// What it says.
        found: String,
        /// What is read.
        expected: String,
    },
    /// The disk or its rights are in the way.
    #[error(
        "the store at {path} cannot be opened: {detail}; see that its disk works, has room and may be written, or choose \
         another place with --data-dir"
    )]
    Io {
        /// The store's directory.
        path: String,
        /// The operating system's word.
        detail: String,
    },
}
