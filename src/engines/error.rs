//! Why an engine could not be started.

/// An engine cannot be started. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A program that an engine runs cannot be run.
    #[error(
        "{program} cannot be run ({source}): install the package {package}, or name the program in {setting}"
    )]
    Program { program: String, package: &'static str, setting: &'static str, source: std::io::Error },
    /// A speech program does not speak in a voice.
    #[error("{program} does not speak in the voice {voice:?}: {found}")]
    Voice { program: String, voice: String, found: String },
}
