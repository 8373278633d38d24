//! Voice servers without a shop behind them: the echo, and the responder. No engine, no store, no journal, no ARI.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::call::Calls;
use crate::call::core::{echoes, responders};
use crate::config::Config;
use crate::http::{Console, PartState, Readiness};
use crate::server::Listener;

/// Which agent answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Agent {
    /// The caller hears themselves.
    Echo,
    /// Whatever the caller says is answered with a chime: the real ear and mouth, and nothing between them.
    Vad,
}

/// A plain server that accepts calls.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) socket: SocketAddr,
    pub(super) http: SocketAddr,
    calls: Arc<Calls>,
    serving: JoinHandle<std::io::Result<()>>,
    stop_http: CancellationToken,
}

impl Plain {
    pub(super) async fn start(
        config: &Config,
        agent: Agent,
        metrics: Arc<dyn Fn() -> String + Send + Sync>,
    ) -> anyhow::Result<Self> {
        let new_core = match agent {
            Agent::Echo => echoes(),
            Agent::Vad => responders(config.conversation.clone()),
        };
        let calls = Arc::new(Calls {
            settings: config.call.clone(),
            language: config.conversation.language,
            ..Calls::plain(new_core, Handle::current())
        });
        let listener = Listener::bind(&config.server)
            .with_context(|| format!("server.listen: cannot listen on {}", config.server.listen))?;
        let readiness = Readiness::default();
        readiness.set("calls", PartState::Up);
        let console = Console {
            registry: calls.registry.clone(),
            observer: calls.observer.clone(),
            readiness,
            metrics,
            token: config.http.token.clone(),
            regions: config.ari.regions.clone().into(),
        };
        let stop_http = CancellationToken::new();
        let socket = listener.local_addr()?;
        let http = super::voice::serve_http(&config.http, console, stop_http.clone()).await?;
        let serving = tokio::spawn(listener.serve(calls.clone()));
        Ok(Self { socket, http, calls, serving, stop_http })
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.calls.draining.cancel();
        self.serving.await.context("the server's task")??;
        self.stop_http.cancel();
        Ok(())
    }

    pub(super) fn hurry(&self) -> CancellationToken {
        self.calls.stopping.clone()
    }
}
