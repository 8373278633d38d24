//! One sample call: the caller phones in, both sides are printed as it happens, and the end is compared with the script.

use std::fmt::Write;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::house::House;
use crate::call::observer::{CallEvent, Happening};
use crate::conversation::event::Note;
use crate::telephone::{self, CallReport, Ended, Moment, Script};

/// What came of a call.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) report: CallReport,
    pub(super) endpoint_ms: Vec<u64>,
    pub(super) decode_ms: Vec<u32>,
    /// Where it did not go as the script says.
    pub(super) failures: Vec<String>,
}

/// Places the call and follows it to its end.
pub(super) async fn play(house: &House, script: &Script) -> anyhow::Result<Outcome> {
    let call = Uuid::new_v4();
    house.register(call, script).await?;
    let mut events = house.listen();
    let (told, mut moments) = tokio::sync::mpsc::channel(64);
    let socket = house.socket().to_string();
    let telephone = telephone::place(&socket, call, script.rate, script, move |moment| {
        // A full channel loses a line on the screen, nothing else.
        let _ = told.try_send(moment);
    });
    tokio::pin!(telephone);
    let mut seen = Seen::default();
    let mut report = None;
    // The telephone ends first, or the server does: both ends are waited for, the second not for ever.
    let limit = tokio::time::sleep(std::time::Duration::from_secs(300));
    tokio::pin!(limit);
    while report.is_none() || !seen.ended {
        tokio::select! {
            done = &mut telephone, if report.is_none() => report = Some(done?),
            Some(moment) = moments.recv() => seen.moment(&moment),
            event = events.recv() => match event {
                Ok(event) if event.call.0 == call => seen.event(&event),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            () = &mut limit => break,
        }
    }
    let report = report.context("the call did not end within five minutes")?;
    let failures = check(house, script, &report, &seen).await?;
    Ok(Outcome { report, endpoint_ms: seen.endpoint_ms, decode_ms: seen.decode_ms, failures })
}

/// What was seen of a call so far.
#[derive(Debug, Default)]
struct Seen {
    said: String,
    endpoint_ms: Vec<u64>,
    decode_ms: Vec<u32>,
    ended: bool,
}

impl Seen {
    fn moment(&mut self, moment: &Moment) {
        match moment {
            Moment::Saying { at_ms, text } => line(*at_ms, "caller", &format!("“{text}”")),
            Moment::Keying { at_ms, digit } => line(*at_ms, "caller", &format!("presses {digit}")),
            Moment::Ended { at_ms, ended } => line(*at_ms, "", &format!("the call is over: {}", how(ended))),
            Moment::AgentBegan { .. } | Moment::AgentFinished { .. } => {}
        }
    }

    fn event(&mut self, event: &Arc<CallEvent>) {
        let at = event.at_ms;
        match &event.what {
            Happening::Identified { caller } => line(at, "number", &format!("{:?}", caller.number)),
            Happening::Ended { .. } => self.ended = true,
            Happening::Began { .. } => {}
            Happening::Noted { note } => self.note(at, note),
        }
    }

    fn note(&mut self, at: u64, note: &Note) {
        match note {
            Note::Understood { text, decode_ms, .. } => {
                self.decode_ms.push(*decode_ms);
                line(at, "heard", &format!("{text}   ({decode_ms} ms of decoding)"));
            }
            Note::TurnEnded { last_sound, decided, .. } => {
                let after = decided.since(*last_sound).as_millis();
                self.endpoint_ms.push(u64::try_from(after).unwrap_or(u64::MAX));
            }
            Note::Nothing { .. } => line(at, "heard", "(noise)"),
            Note::Called { tool, arguments } => line(at, "tool", &format!("{tool} {arguments}")),
            Note::Gave { summary, .. } => line(at, "", &format!("  → {}", short(summary))),
            Note::Answering { after_last_sound_ms, .. } => {
                line(at, "", &format!("  (answers {after_last_sound_ms} ms after the caller's last sound)"));
            }
            Note::Saying { text, .. } => {
                let _ = write!(self.said, "{text} ");
                line(at, "agent", text);
            }
            Note::Said { cut: true, played_ms, .. } => {
                line(at, "", &format!("  (interrupted after {played_ms} ms)"));
            }
            Note::ReadBack { order_number } => line(at, "", &format!("  (read back whole: {order_number})")),
            Note::Agreed { order_number } => line(at, "", &format!("  (the caller agreed: {order_number})")),
            Note::FellBack { from, to, why } => {
                line(at, "", &format!("  (fell back from {from} to {to}: {why})"))
            }
            Note::Switched { language } => line(at, "", &format!("  (language: {})", language.code())),
            Note::RecordingTold => line(at, "", "  (the caller has been told of the recording)"),
            Note::RecordingRefused => line(at, "", "  (the call is not recorded)"),
            Note::CardHeard { .. } => line(at, "heard", "(a card's number; not kept)"),
            Note::TurnBegan { .. } | Note::Said { .. } => {}
        }
    }
}

fn line(at_ms: u64, who: &str, text: &str) {
    println!("{:6}.{:01}  {who:<7} {text}", at_ms / 1000, at_ms % 1000 / 100);
}

/// A long result is cut for the screen.
fn short(text: &str) -> String {
    if text.chars().count() <= WIDTH {
        return text.to_owned();
    }
    text.chars().take(WIDTH).chain(['…']).collect()
}

/// Characters of a tool's result that are shown.
const WIDTH: usize = 240;

fn how(ended: &Ended) -> String {
    match ended {
        Ended::Agent => "the agent hung up".to_owned(),
        Ended::Caller => "the caller hung up".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Where the call and its script differ.
async fn check(
    house: &House,
    script: &Script,
    report: &CallReport,
    seen: &Seen,
) -> anyhow::Result<Vec<String>> {
    let mut failures = Vec::new();
    if report.steps_done != report.steps {
        failures.push(format!("expected {} steps, the caller got to do {}", report.steps, report.steps_done));
    }
    if script.expect.agent_hangs_up == Some(true) && report.ended != Ended::Agent {
        failures.push(format!("expected the agent to hang up, found: {}", how(&report.ended)));
    }
    for words in &script.expect.spoken {
        if !seen.said.to_lowercase().contains(&words.to_lowercase()) {
            failures.push(format!("expected the agent to say “{words}”, found nothing like it"));
        }
    }
    if let Some(expected) = &script.expect.ordered {
        let found = house.order_state(report.call).await?;
        let state = found.as_deref().unwrap_or("none");
        if state != expected {
            failures.push(format!("expected the call's order to be {expected}, found {state}"));
        }
        if expected == "confirmed" && !house.sms_queued(report.call).await? {
            failures.push("expected an SMS for the order, found none in the outbox".to_owned());
        }
    }
    Ok(failures)
}
