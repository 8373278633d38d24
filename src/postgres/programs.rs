//! Where the distribution put PostgreSQL's server programs.

use std::fs;
use std::path::{Path, PathBuf};

use super::ClusterError;

/// `initdb` and `postgres` of one installation.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
}

impl Programs {
    /// The installation that made `data`, when that is a cluster already; else the newest one, else the one in PATH.
    pub(super) fn find(data: &Path) -> Result<Self, ClusterError> {
        let wanted = fs::read_to_string(data.join("PG_VERSION")).ok();
        let wanted = wanted.as_deref().map(str::trim);
        let mut installed = versioned(Path::new("/usr/lib/postgresql"), "");
        installed.extend(versioned(Path::new("/usr"), "pgsql-"));
        installed.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        let same = installed.iter().filter(|(version, _)| Some(version.to_string().as_str()) == wanted);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let named = same
            .chain(&installed)
            .map(|(_, folder)| folder.clone())
            .chain(std::env::split_paths(&path))
            .collect::<Vec<_>>();
        let programs =
            |folder: PathBuf| Self { initdb: folder.join("initdb"), postgres: folder.join("postgres") };
        let mut found = named.into_iter().map(programs);
        found.find(|p| p.initdb.is_file() && p.postgres.is_file()).ok_or(ClusterError::NoPrograms)
    }
}

/// `PARENT/PREFIX15/bin` for every version there is.
fn versioned(parent: &Path, prefix: &str) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let version = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let version = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    };
    entries.filter_map(version).collect()
}
