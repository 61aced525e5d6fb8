//! How far the archive went: the number of the last batch that was durable, beside the segments.
//!
//! Written after each batch and never synced, for no promise rests on it. But an archive that ends before its mark
//! was cut or bent, and must not pass for a whole one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::ArchiveError;
use super::segment::sync_dir;

const MAGIC: &[u8; 8] = b"USMARK01";
const LENGTH: usize = 20;

#[derive(Debug)]
pub(super) struct Mark(File);

impl Mark {
    /// A mark that says that there is no batch yet, durable.
    pub(super) fn create(dir: &Path) -> io::Result<Mark> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path(dir))?;
        let mark = Mark(file);
        mark.set(0)?;
        mark.0.sync_all()?;
        sync_dir(dir)?;
        Ok(mark)
    }

    /// The mark that is there, and what it says.
    pub(super) fn open(dir: &Path) -> Result<(Mark, u64), ArchiveError> {
        let file = match File::options().read(true).write(true).open(path(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ArchiveError::Damaged("the mark beside the archive's segments is missing".into()));
            }
            file => file?,
        };
        let mut bytes = [0; LENGTH];
        let read = file.read_exact_at(&mut bytes, 0);
        match read.ok().and_then(|()| decode(&bytes)) {
            Some(number) => Ok((Mark(file), number)),
            None => Err(ArchiveError::Damaged("the mark beside the archive's segments does not hold".into())),
        }
    }

    /// Batch `number` is durable.
    pub(super) fn set(&self, number: u64) -> io::Result<()> {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&number.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..16]);
        bytes[16..].copy_from_slice(&crc.to_le_bytes());
        self.0.write_all_at(&bytes, 0)
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("mark")
}

fn decode(bytes: &[u8; LENGTH]) -> Option<u64> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    let (magic, number) = body.split_first_chunk::<8>()?;
    let whole = magic == MAGIC && crc32fast::hash(body) == u32::from_le_bytes(*crc);
    whole.then(|| number.try_into().ok().map(u64::from_le_bytes))?
}
