//! The tape: a record of every input of a call, from which the call can be repeated.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[tape]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The folder in which each call gets a folder of its own. Not set: nothing is recorded. A tape holds the caller's
    /// voice and number: keep it as you keep customers' data.
    pub dir: Option<PathBuf>,
}

impl Settings {
    /// What is wrong with these values.
    pub fn problems(&self) -> Vec<String> {
        match &self.dir {
            Some(dir) if dir.exists() && !dir.is_dir() => {
                vec![format!("dir: expected a folder, found a file: {}", dir.display())]
            }
            _ => Vec::new(),
        }
    }
}
