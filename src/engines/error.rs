//! Why an engine could not be started.

/// An engine cannot be started. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A program that an engine runs cannot be run.
    #[error(
        "{program} cannot be run ({error}): install the package {package}, or name the program in {setting}"
    )]
    Program { program: String, package: &'static str, setting: &'static str, error: std::io::Error },
    /// A speech program does not speak in a voice.
    #[error("{program} does not speak in the voice {voice:?}: {found}")]
    Voice { program: String, voice: String, found: String },
    /// The hearing engine's model cannot be used.
    #[error(transparent)]
    Model(#[from] super::stt::model::ModelError),
    /// whisper.cpp failed where only memory can be short.
    #[error("whisper.cpp made no decoding state: {0}")]
    Whisper(String),
    /// A thread cannot be started.
    #[error("a thread of the hearing engine cannot be started: {0}")]
    Thread(std::io::Error),
    /// The HTTP client cannot be made.
    #[error("the HTTP client for speech and language servers cannot be made: {0}")]
    Http(String),
}
