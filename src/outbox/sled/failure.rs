//! Why a store could not be opened, told by its parts, and worded where the store's place is known.
//!
//! Called by all that opens a part of the sled outbox. Decides nothing.

use std::any::Any;
use std::io;
use std::path::Path;

use super::tree::{plain, plain_io, said, system_error};
use crate::outbox::archive::ArchiveError;
use crate::outbox::record::{BadRecord, FORMAT};
use crate::outbox::{OpenError, OutboxError};

/// Why a store, or a part of it, could not be made ready.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Io(io::Error),
    #[error("{0}")]
    Damaged(String),
    /// It is of this format, not of ours.
    #[error("it has format {0}")]
    Format(String),
    #[error("somebody else has it")]
    Locked,
}

impl Failure {
    /// Of a panic. sled panics where others return an error; a disk that fails is no damage.
    pub(super) fn of_panic(panic: &(dyn Any + Send)) -> Failure {
        match panic.downcast_ref::<String>().and_then(|text| system_error(text)) {
            Some(error) => Failure::Io(error),
            None => Failure::Damaged(said(panic)),
        }
    }

    /// For whoever wanted the store in `dir`.
    pub(super) fn at(self, dir: &Path) -> OpenError {
        let path = dir.display().to_string();
        match self {
            Failure::Io(error) => OpenError::Io { path, detail: error.to_string() },
            Failure::Damaged(detail) => OpenError::Damaged { path, detail },
            Failure::Format(found) => OpenError::Format { path, found, expected: FORMAT.to_string() },
            Failure::Locked => OpenError::Locked { path },
        }
    }
}

impl From<sled::Error> for Failure {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Failure::Io(plain_io(&error)),
            other => Failure::Damaged(plain(&other)),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

impl From<BadRecord> for Failure {
    fn from(error: BadRecord) -> Self {
        Failure::Damaged(error.to_string())
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Damaged(detail) => Failure::Damaged(detail),
            ArchiveError::Io(error) => Failure::Io(error),
        }
    }
}

impl From<OutboxError> for Failure {
    fn from(error: OutboxError) -> Self {
        Failure::Damaged(error.to_string())
    }
}
