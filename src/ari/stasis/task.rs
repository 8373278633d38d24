//! One caller's task: carries the machine's commands out, and brings it what happens.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::call::{Call, End, Fault, Input};
use super::command::Command;
use super::{Agents, Happened};
use crate::ari::{Ari, AriError};
use crate::telemetry::figures;

/// How often a step that takes something away is tried while ARI cannot be reached, and how long the first pause is; it
/// doubles. Chosen: eight seconds in all, inside the watchdog's fifteen.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(250);
/// How long the last steps may take once the caller has gone; then the next reconciliation finds what is left.
const CLOSING: Duration = Duration::from_secs(60);

/// What a task needs.
pub(super) struct Task {
    pub(super) ari: Ari,
    pub(super) agents: std::sync::Arc<dyn Agents>,
    pub(super) call: Call,
    pub(super) events: mpsc::Receiver<Happened>,
}

impl Task {
    /// Runs until nothing is left to do; tells how the call ended.
    pub(super) async fn run(mut self) -> Option<End> {
        let began = Instant::now();
        let mut opened = false;
        let mut closing_until = None;
        loop {
            if let Some(end) = self.call.end() {
                return Some(end);
            }
            if closing_until.is_some_and(|until| until <= Instant::now()) {
                tracing::error!("a call's remains could not be taken away in time");
                return None;
            }
            let command = self.call.poll();
            let idle = command.is_none();
            // One at a time, and beside it the events: a caller may hang up while Asterisk still connects the sound.
            let running = carry_out(&self.ari, self.agents.as_ref(), command);
            tokio::pin!(running);
            loop {
                let deadline = self.call.deadline();
                tokio::select! {
                    biased;
                    answer = &mut running, if !idle => {
                        self.call.handle(answer, Instant::now());
                        break;
                    }
                    event = self.events.recv() => match event {
                        Some(event) => {
                            happened(&mut self.call, self.agents.as_ref(), event);
                            if idle {
                                break;
                            }
                        }
                        // The application is gone: the process ends.
                        None => return None,
                    },
                    () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                        self.call.handle(Input::Woken, Instant::now());
                        if idle {
                            break;
                        }
                    }
                }
            }
            if !opened && self.call.stage() == super::call::Stage::Talking {
                opened = true;
                metrics::histogram!(figures::STASIS_SETUP_SECONDS).record(began.elapsed().as_secs_f64());
            }
            if self.call.stage() == super::call::Stage::Closing {
                closing_until.get_or_insert_with(|| Instant::now() + CLOSING);
            }
            if let Some(why) = self.call.why.take() {
                tracing::warn!(%why, call.id = %self.call.leg(), "the caller goes on in the dialplan");
            }
        }
    }
}

fn happened(call: &mut Call, agents: &dyn Agents, event: Happened) {
    let now = Instant::now();
    match event {
        Happened::MediaEnded(channel) => {
            let next = agents.next(call.leg());
            call.handle(Input::MediaEnded(channel, next), now);
        }
        Happened::MediaStarted(channel) => call.handle(Input::MediaStarted(channel), now),
        Happened::PersonStarted(channel) => call.handle(Input::PersonStarted(channel), now),
        Happened::PersonEnded(channel) => call.handle(Input::PersonEnded(channel), now),
        Happened::CallerLeft => call.handle(Input::CallerLeft, now),
        Happened::Held(on) => agents.held(call.leg(), on),
        Happened::Stopping => call.handle(Input::Stopping, now),
        // The stream was broken: what was missed is read from what exists now.
        Happened::Listed(there) => {
            let next = agents.next(call.leg());
            for input in call.missed(&there, next) {
                call.handle(input, now);
            }
        }
    }
}

/// One command, to its answer. None never answers.
pub(super) async fn carry_out(ari: &Ari, agents: &dyn Agents, command: Option<Command>) -> Input {
    let Some(command) = command else { return std::future::pending().await };
    if let Command::Announce { call, caller, back } = command {
        return match agents.announce(call, caller, back) {
            Ok(()) => Input::Done(None),
            Err(why) => Input::Failed(Fault::Other(why)),
        };
    }
    let mut pause = PAUSE;
    for attempt in 1.. {
        match ask(ari, &command).await {
            Ok(text) => return Input::Done(text),
            Err(error) if is_gone(&error) => return Input::Failed(Fault::Gone),
            Err(error) => {
                metrics::counter!(figures::ARI_COMMANDS_FAILED_TOTAL, "command" => command.label())
                    .increment(1);
                if attempt >= TRIES || !command.is_parting() {
                    tracing::warn!(command = command.label(), %error, "Asterisk did not do what it was asked for");
                    return Input::Failed(Fault::Other(error.to_string()));
                }
                sleep(pause).await;
                pause *= 2;
            }
        }
    }
    unreachable!("the attempts end before their numbers do")
}

/// How long one command may take; above the client's own deadline, which names the failure better.
const COMMAND: Duration = Duration::from_secs(6);

async fn ask(ari: &Ari, command: &Command) -> Result<Option<String>, AriError> {
    let Some(request) = command.request(ari.app()) else { return Ok(None) };
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let query: Vec<(&str, &str)> =
        request.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let asked = ari.send(request.method.clone(), &path, &query, request.body.as_ref());
    let body = match timeout(COMMAND, asked).await {
        Ok(answer) => answer?,
        Err(_) => return Err(AriError::TimedOut { deadline_ms: super::super::millis(COMMAND) }),
    };
    let value = match command {
        Command::AskCodec { .. } => serde_json::from_slice::<serde_json::Value>(&body)
            .ok()
            .and_then(|answer| answer.get("value")?.as_str().map(str::to_owned)),
        _ => None,
    };
    Ok(value)
}

/// 404: no such channel or bridge; 409: the channel is in no application any more; 412: it has hung up.
fn is_gone(error: &AriError) -> bool {
    match error {
        AriError::NoSuchChannel => true,
        AriError::Unexpected { status, .. } => matches!(status, 404 | 409 | 412),
        _ => false,
    }
}
