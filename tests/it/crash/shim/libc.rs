//! What both shims need of libc: the functions that would have been called without them, and the paths behind their arguments.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub const O_CREAT: c_int = 0o100;
const AT_FDCWD: c_int = -100;
const RTLD_NEXT: *mut c_void = -1_isize as *mut c_void;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
}

/// Where the function `name`, which ends with NUL, is in whatever was loaded after us.
pub fn next_symbol(name: &str) -> usize {
    // SAFETY: the name ends with NUL.
    let found = unsafe { dlsym(RTLD_NEXT, name.as_ptr().cast()) } as usize;
    assert!(found != 0, "libc has no {name}");
    found
}

/// The function that would have been called without us.
macro_rules! next {
    ($name:ident: fn($($type:ty),*) -> $result:ty) => {{
        static FOUND: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let mut found = FOUND.load(std::sync::atomic::Ordering::Relaxed);
        if found == 0 {
            found = $crate::libc::next_symbol(concat!(stringify!($name), "\0"));
            FOUND.store(found, std::sync::atomic::Ordering::Relaxed);
        }
        // SAFETY: libc's function of this name has this type.
        unsafe { std::mem::transmute::<usize, unsafe extern "C" fn($($type),*) -> $result>(found) }
    }};
}

/// The directory that the shim is about; `None` where there is none.
pub fn under() -> Option<&'static Path> {
    static UNDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    UNDER.get_or_init(|| std::env::var_os("SHIM_UNDER").map(PathBuf::from)).as_deref()
}

/// The path behind a descriptor, below that directory.
pub fn behind(fd: c_int) -> Option<PathBuf> {
    let under = under()?;
    std::fs::read_link(format!("/proc/self/fd/{fd}")).ok().filter(|path| path.starts_with(under))
}

/// The path that is named, below that directory.
pub fn named(dir: c_int, path: *const c_char) -> Option<PathBuf> {
    let under = under()?;
    // SAFETY: callers of the libc function hand over a string that ends with NUL.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    let path = match dir {
        _ if path.is_absolute() => path.to_owned(),
        AT_FDCWD => std::env::current_dir().ok()?.join(path),
        dir => behind(dir)?.join(path),
    };
    Some(path).filter(|path| path.starts_with(under))
}

/// The same of a name without a directory.
pub fn named_here(path: *const c_char) -> Option<PathBuf> {
    named(AT_FDCWD, path)
}
