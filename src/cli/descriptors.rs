//! Open files: as many as this process may have. A socket is one, and a shell's default of 1,024 would end at a thousand
//! calls.

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to the hard one; tells what it is then.
///
/// # Errors
/// What the system says.
pub(super) fn raise() -> anyhow::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("the limit of open files")?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raising the limit of open files")?;
    }
    Ok(hard)
}
