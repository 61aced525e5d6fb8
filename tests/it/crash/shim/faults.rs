//! A disk that fails on purpose: preloaded into the server (`LD_PRELOAD`), it counts what the process asks of the files under
//! one directory, and lets the n-th call fail. Built by the crash tests with `rustc` alone; no part of the product.
//!
//! ```text
//!   SHIM_UNDER  the directory, absolute                 SHIM_NTH    the call that fails, from 1
//!   SHIM_FAULT  eio | late | enospc | torn | short      SHIM_FROM   set: every later call fails as well
//!   SHIM_AFTER  counting starts with the first call about a path that contains this
//!   SHIM_TELL   a datagram socket that hears of the first failure: the call's name and the file's path
//! ```
//!
//! `late` fails as `eio` does once others had the time to wait for it; `torn` writes half of the bytes, says so, and fails the call that comes next; `short` only does the first part, which is
//! no error: whoever writes must go on.

#[macro_use]
mod libc;

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use libc::{O_CREAT, behind, named, named_here};

const EIO: c_int = 5;
const ENOSPC: c_int = 28;
const LATE: Duration = Duration::from_millis(100);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Piece {
    base: *const c_void,
    length: usize,
}

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
}

struct Plan {
    nth: u64,
    fault: String,
    from: bool,
    after: Option<String>,
    tell: Option<PathBuf>,
}

static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
static CALLS: AtomicU64 = AtomicU64::new(0);
static COUNTING: AtomicBool = AtomicBool::new(false);
/// A torn write is to be followed by an error.
static OWED: AtomicBool = AtomicBool::new(false);

fn plan() -> Option<&'static Plan> {
    let read = || {
        let text = |name: &str| std::env::var(name).ok();
        Some(Plan {
            nth: text("SHIM_NTH")?.parse().ok()?,
            fault: text("SHIM_FAULT")?,
            from: text("SHIM_FROM").is_some(),
            after: text("SHIM_AFTER"),
            tell: text("SHIM_TELL").map(PathBuf::from),
        })
    };
    PLAN.get_or_init(read).as_ref()
}

/// What becomes of a call.
enum Fate {
    Through,
    Fail(c_int),
    /// Half of its bytes, where it has any.
    Half(c_int),
}

fn fate(call: &str, path: &Path) -> Fate {
    let Some(plan) = plan() else { return Fate::Through };
    let awaited = plan.after.as_deref().is_none_or(|after| path.to_string_lossy().contains(after));
    if !COUNTING.load(Ordering::SeqCst) && !awaited {
        return Fate::Through;
    }
    COUNTING.store(true, Ordering::SeqCst);
    let error = if plan.fault == "enospc" { ENOSPC } else { EIO };
    let n = CALLS.fetch_add(1, Ordering::SeqCst) + 1;
    if n == plan.nth {
        if let Some(tell) = &plan.tell {
            let told = format!("{call} {}", path.display());
            let _nobody_listens = UnixDatagram::unbound().and_then(|socket| socket.send_to(told.as_bytes(), tell));
        }
        return match plan.fault.as_str() {
            "torn" => Fate::Half(error),
            "short" if call.contains("write") => Fate::Half(error),
            "short" => Fate::Through,
            "late" => {
                std::thread::sleep(LATE);
                Fate::Fail(error)
            }
            _ => Fate::Fail(error),
        };
    }
    // A full disk still gives room back.
    let gives = error == ENOSPC && (call.contains("truncate") || call.starts_with("unlink"));
    if OWED.swap(false, Ordering::SeqCst) || (plan.from && n > plan.nth && !gives) {
        return Fate::Fail(error);
    }
    Fate::Through
}

fn failed<T: From<i8>>(error: c_int) -> T {
    // SAFETY: the location is this thread's own.
    unsafe { *__errno_location() = error };
    T::from(-1)
}

/// Declares a function of libc that has no bytes to write: it succeeds as ever, or fails whole.
macro_rules! whole {
    ($name:ident($($argument:ident: $type:ty),*) -> $result:ty, about $path:expr) => {
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            let next = next!($name: fn($($type),*) -> $result);
            let path: Option<PathBuf> = $path;
            match path.map_or(Fate::Through, |path| fate(stringify!($name), &path)) {
                Fate::Through => unsafe { next($($argument),*) },
                Fate::Fail(error) | Fate::Half(error) => failed(error),
            }
        }
    };
}

/// Declares a function of libc that writes `length` bytes from `from` on.
macro_rules! writes {
    ($name:ident(fd, from, length $(, $argument:ident: $type:ty)*)) => {
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(fd: c_int, from: *const c_void, length: usize $(, $argument: $type)*) -> isize {
            let next = next!($name: fn(c_int, *const c_void, usize $(, $type)*) -> isize);
            match behind(fd).map_or(Fate::Through, |path| fate(stringify!($name), &path)) {
                Fate::Through => unsafe { next(fd, from, length $(, $argument)*) },
                Fate::Fail(error) => failed::<i64>(error) as isize,
                Fate::Half(error) if length < 2 => failed::<i64>(error) as isize,
                Fate::Half(_) => {
                    owe();
                    unsafe { next(fd, from, length / 2 $(, $argument)*) }
                }
            }
        }
    };
}

/// Declares a function of libc that writes several pieces: half is the first half of the first.
macro_rules! gathers {
    ($name:ident(fd, pieces, count $(, $argument:ident: $type:ty)*)) => {
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(fd: c_int, pieces: *const Piece, count: c_int $(, $argument: $type)*) -> isize {
            let next = next!($name: fn(c_int, *const Piece, c_int $(, $type)*) -> isize);
            match behind(fd).map_or(Fate::Through, |path| fate(stringify!($name), &path)) {
                Fate::Through => unsafe { next(fd, pieces, count $(, $argument)*) },
                Fate::Fail(error) => failed::<i64>(error) as isize,
                Fate::Half(error) if count < 1 => failed::<i64>(error) as isize,
                Fate::Half(_) => {
                    owe();
                    let mut first = unsafe { *pieces };
                    first.length /= 2;
                    unsafe { next(fd, &first, 1 $(, $argument)*) }
                }
            }
        }
    };
}

fn owe() {
    OWED.store(plan().is_some_and(|plan| plan.fault == "torn"), Ordering::SeqCst);
}

/// An open counts where it may create.
fn created(path: Option<PathBuf>, flags: c_int) -> Option<PathBuf> {
    path.filter(|_| flags & O_CREAT != 0)
}

writes!(write(fd, from, length));
writes!(pwrite(fd, from, length, at: i64));
writes!(pwrite64(fd, from, length, at: i64));
gathers!(writev(fd, pieces, count));
gathers!(pwritev(fd, pieces, count, at: i64));
gathers!(pwritev64(fd, pieces, count, at: i64));
whole!(fsync(fd: c_int) -> c_int, about behind(fd));
whole!(fdatasync(fd: c_int) -> c_int, about behind(fd));
whole!(sync_file_range(fd: c_int, at: i64, length: i64, flags: c_uint) -> c_int, about behind(fd));
whole!(ftruncate(fd: c_int, length: i64) -> c_int, about behind(fd));
whole!(ftruncate64(fd: c_int, length: i64) -> c_int, about behind(fd));
whole!(fallocate(fd: c_int, mode: c_int, at: i64, length: i64) -> c_int, about behind(fd));
whole!(fallocate64(fd: c_int, mode: c_int, at: i64, length: i64) -> c_int, about behind(fd));
whole!(open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int, about created(named_here(path), flags));
whole!(open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int, about created(named_here(path), flags));
whole!(openat(dir: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int, about created(named(dir, path), flags));
whole!(openat64(dir: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int, about created(named(dir, path), flags));
whole!(mkdir(path: *const c_char, mode: c_uint) -> c_int, about named_here(path));
whole!(rename(from: *const c_char, to: *const c_char) -> c_int, about named_here(to));
whole!(unlink(path: *const c_char) -> c_int, about named_here(path));
whole!(unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int, about named(dir, path));
