//! A disk that forgets what it was not told to keep: preloaded into the server (`LD_PRELOAD`), it keeps beside the files
//! under one directory what a disk would have of them if the power went now. Built by the crash tests with `rustc` alone; no
//! part of the product.
//!
//! ```text
//!   SHIM_UNDER  the directory, absolute
//!   SHIM_KEPT   where there is what would be left of it; a copy of it when the process starts
//!   SHIM_EVERY  so many writes to a tree's log lie between two power cuts, each of which leaves a copy of what is kept: one
//!               that is called like it, with a number behind a dot, from 1
//!   SHIM_CUTS   so many there are; the last one ends the process
//!   SHIM_TOLD   a file beside, copied before each cut to that name with `.told` behind it
//! ```
//!
//! Of all that a file system may do it does what hurts most: what is written over something else is there at once, what makes
//! a file longer only once it was synced. Pushing pages out (`sync_file_range`) keeps nothing. A file that is synchronous, by
//! a flag of its descriptor or a mark of its own, keeps each write. Names are what they are at any time.

#[macro_use]
mod libc;

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use libc::{O_CREAT, behind, named, named_here, under};

const O_DSYNC: c_int = 0o10000;
const F_GETFL: c_int = 3;
const FS_IOC_GETFLAGS: c_ulong = 0x8008_6601;
const FS_SYNC_FL: c_int = 0x8;
const SEEK_CUR: c_int = 1;

const SIGKILL: c_int = 9;

unsafe extern "C" {
    fn getpid() -> c_int;
    fn kill(process: c_int, signal: c_int) -> c_int;
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
    fn lseek(fd: c_int, by: i64, from: c_int) -> i64;
}

/// What the disk has changes in one place at a time.
static DISK: Mutex<()> = Mutex::new(());
static WRITES: AtomicU64 = AtomicU64::new(0);

fn disk() -> MutexGuard<'static, ()> {
    DISK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is left of what lies at `path`.
fn kept(path: &Path) -> Option<PathBuf> {
    static KEPT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let kept = KEPT.get_or_init(|| std::env::var_os("SHIM_KEPT").map(PathBuf::from)).as_deref()?;
    Some(kept.join(path.strip_prefix(under()?).ok()?))
}

/// What is left of a file; `None` where it has lost its name.
fn opened(kept: &Path) -> io::Result<Option<File>> {
    match File::options().write(true).open(kept) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

/// Whether each write to it is synced by itself.
fn is_synchronous(fd: RawFd) -> bool {
    let mut marks: c_int = 0;
    // SAFETY: the one has no argument, the other writes an integer there.
    let (flags, asked) = unsafe { (fcntl(fd, F_GETFL), ioctl(fd, FS_IOC_GETFLAGS, &raw mut marks)) };
    (flags >= 0 && flags & O_DSYNC != 0) || (asked == 0 && marks & FS_SYNC_FL != 0)
}

/// `bytes` were written at `at`.
fn wrote(fd: RawFd, path: &Path, bytes: &[u8], at: u64) -> io::Result<()> {
    let Some(kept) = kept(path) else { return Ok(()) };
    let _disk = disk();
    let Some(file) = opened(&kept)? else { return Ok(()) };
    let known = if is_synchronous(fd) { u64::MAX } else { file.metadata()?.len() };
    let left = bytes.len().min(usize::try_from(known.saturating_sub(at)).unwrap_or(usize::MAX));
    file.write_all_at(&bytes[..left], at)?;
    if !path.ends_with("db") {
        return Ok(());
    }
    let writes = WRITES.fetch_add(1, Ordering::SeqCst) + 1;
    let (every, cuts) = (number("SHIM_EVERY"), number("SHIM_CUTS"));
    if writes.is_multiple_of(every) {
        cut_power(writes / every)?;
    }
    if writes == every * cuts {
        // SAFETY: it has no memory to do with.
        unsafe { kill(getpid(), SIGKILL) };
    }
    Ok(())
}

fn number(variable: &str) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
}

/// Leaves a copy of what a disk has now, and of what was told before.
fn cut_power(n: u64) -> io::Result<()> {
    let Some(kept) = kept(Path::new(under().unwrap_or(Path::new("")))) else { return Ok(()) };
    let copy = kept.with_extension(n.to_string());
    if let Some(told) = std::env::var_os("SHIM_TOLD").filter(|told| Path::new(told).exists()) {
        fs::copy(told, copy.with_added_extension("told"))?;
    }
    copy_all(&kept, &copy)
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copy_all(&entry.path(), &to)? } else { fs::copy(entry.path(), to).map(drop)? }
    }
    Ok(())
}

/// All of the file is to be kept: what it is longer by is all that is not.
fn synced(fd: RawFd, path: &Path) -> io::Result<()> {
    let Some(kept) = kept(path) else { return Ok(()) };
    // SAFETY: whoever syncs it has it open.
    let file = File::from(unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?);
    if !file.metadata()?.is_file() {
        return Ok(());
    }
    let _disk = disk();
    // The descriptor may be one that only writes.
    let file = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let Some(left) = opened(&kept)? else { return Ok(()) };
    let (known, length) = (left.metadata()?.len(), file.metadata()?.len());
    let mut bytes = vec![0; usize::try_from(length.saturating_sub(known)).expect("it fits into memory")];
    // It may be cut meanwhile.
    let read = file.read_at(&mut bytes, known)?;
    left.write_all_at(&bytes[..read], known)
}

/// The file was made longer or shorter: only the latter counts at once.
fn cut(path: &Path, length: u64) -> io::Result<()> {
    let Some(kept) = kept(path) else { return Ok(()) };
    let _disk = disk();
    let Some(file) = opened(&kept)? else { return Ok(()) };
    if file.metadata()?.len() > length { file.set_len(length) } else { Ok(()) }
}

/// Declares a function of libc that is followed by what becomes of the disk if it succeeds.
macro_rules! followed {
    ($name:ident($($argument:ident: $type:ty),*) -> $result:ty, $done:ident => $then:expr) => {
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            let next = next!($name: fn($($type),*) -> $result);
            let $done = unsafe { next($($argument),*) };
            if $done >= 0 {
                let then: Option<io::Result<()>> = (|| $then)();
                then.transpose().unwrap_or_else(|error| panic!("{} is not followed: {error}", stringify!($name)));
            }
            $done
        }
    };
}

/// The bytes that a call has written.
fn bytes<'a>(from: *const c_void, done: isize) -> &'a [u8] {
    // SAFETY: libc has just read as many from there.
    unsafe { std::slice::from_raw_parts(from.cast(), done as usize) }
}

/// There may be a file of that name now.
fn made(path: Option<PathBuf>, flags: c_int) -> Option<io::Result<()>> {
    let kept = kept(&path.filter(|_| flags & O_CREAT != 0)?)?;
    let _disk = disk();
    Some(File::options().append(true).create(true).open(kept).map(drop))
}

fn unlinked(path: &Path) -> Option<io::Result<()>> {
    let kept = kept(path)?;
    let _disk = disk();
    Some(if kept.is_dir() { fs::remove_dir_all(kept) } else { fs::remove_file(kept) })
}

fn renamed(from: &Path, to: &Path) -> Option<io::Result<()>> {
    let (from, to) = (kept(from)?, kept(to)?);
    let _disk = disk();
    Some(fs::rename(from, to))
}

followed!(write(fd: c_int, from: *const c_void, length: usize) -> isize, done => {
    let path = behind(fd)?;
    // SAFETY: it is a file that was written to.
    let end = unsafe { lseek(fd, 0, SEEK_CUR) };
    Some(wrote(fd, &path, bytes(from, done), (end - done as i64).try_into().ok()?))
});
followed!(pwrite64(fd: c_int, from: *const c_void, length: usize, at: i64) -> isize, done => {
    Some(wrote(fd, &behind(fd)?, bytes(from, done), at.try_into().ok()?))
});
followed!(fsync(fd: c_int) -> c_int, done => Some(synced(fd, &behind(fd)?)));
followed!(fdatasync(fd: c_int) -> c_int, done => Some(synced(fd, &behind(fd)?)));
followed!(ftruncate64(fd: c_int, length: i64) -> c_int, done => Some(cut(&behind(fd)?, length.try_into().ok()?)));
followed!(open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int, done => made(named_here(path), flags));
followed!(openat64(dir: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int, done => {
    made(named(dir, path), flags)
});
followed!(mkdir(path: *const c_char, mode: c_uint) -> c_int, done => Some(fs::create_dir(kept(&named_here(path)?)?)));
followed!(rename(from: *const c_char, to: *const c_char) -> c_int, done => renamed(&named_here(from)?, &named_here(to)?));
followed!(unlink(path: *const c_char) -> c_int, done => unlinked(&named_here(path)?));
followed!(unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int, done => unlinked(&named(dir, path)?));
followed!(rmdir(path: *const c_char) -> c_int, done => unlinked(&named_here(path)?));
