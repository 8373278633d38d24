//! The engines that the configuration names, started.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::llm::fallback::Fallback;
use super::{EngineError, Hearing, Speaking, Thinking, llm, stt, tts};

/// One engine behind each port.
#[derive(Clone, Debug)]
pub struct Engines {
    /// Speech to text.
    pub hearing: Arc<dyn Hearing>,
    /// What to say and do.
    pub thinking: Arc<dyn Thinking>,
    /// Text to speech.
    pub speaking: Arc<dyn Speaking>,
}

/// Starts them: the model is read, both voices are tried. Servers are first spoken to in a call.
///
/// `rules` think where no language model is named, and where one fails. All of it lives on the current runtime, which must
/// not be one that carries calls.
///
/// # Errors
/// [`EngineError`], of the first engine that cannot start.
pub async fn build(
    hearing: &stt::Settings,
    thinking: &llm::Settings,
    speaking: &tts::Settings,
    shop: llm::Shop,
    rules: Arc<dyn Thinking>,
) -> Result<Engines, EngineError> {
    let runtime = Handle::current();
    let speaking: Arc<dyn Speaking> = match speaking.engine {
        tts::Engine::Espeak => {
            Arc::new(tts::espeak::Espeak::start(speaking.espeak.clone(), runtime.clone()).await?)
        }
        tts::Engine::OpenAi => Arc::new(tts::openai::OpenAi::new(speaking.openai.clone(), runtime.clone())?),
    };
    let thinking = match thinking.engine {
        llm::Engine::Rules => rules,
        llm::Engine::OpenAi => {
            let model = llm::openai::OpenAi::new(thinking.openai.clone(), shop, runtime.clone())?;
            Arc::new(Fallback::new(Arc::new(model), rules, ("openai", "rules"), runtime.clone()))
        }
    };
    let hearing: Arc<dyn Hearing> = match hearing.engine {
        stt::Engine::OpenAi => Arc::new(stt::openai::OpenAi::new(hearing.openai.clone(), runtime)?),
        stt::Engine::Whisper => {
            let settings = hearing.whisper.clone();
            // Reading a large model takes seconds.
            let loading =
                tokio::task::spawn_blocking(move || stt::whisper::Whisper::start(&settings, runtime));
            Arc::new(loading.await.map_err(|error| EngineError::Whisper(error.to_string()))??)
        }
    };
    Ok(Engines { hearing, thinking, speaking })
}
