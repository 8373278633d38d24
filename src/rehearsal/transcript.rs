//! A call in writing, for people.

use std::fmt::Write as _;

use crate::conversation::event::Note;
use crate::ids::RequestId;
use crate::orders::ActionOutcome;
use crate::rehearsal::{End, Happened, Moment};

/// A part of a call: `>` the caller, `<` the agent; a clause that was cut off ends in `—`. A `verbose` one shows the tools,
/// what the shop was asked and the core's milestones, too, each with its time in seconds.
pub fn transcript(moments: &[Moment], verbose: bool) -> String {
    let mut out = String::new();
    let mut agent: Vec<(RequestId, String)> = Vec::new();
    for moment in moments {
        let line = match &moment.what {
            Happened::Note(Note::Saying { id, text }) => {
                agent.push((*id, text.clone()));
                continue;
            }
            Happened::Note(Note::Said { id, cut, .. }) => {
                if !cut {
                    continue;
                }
                match agent.iter_mut().find(|(of, _)| of == id) {
                    Some((_, text)) => {
                        text.push_str(" —");
                        continue;
                    }
                    // It was shown with what came before.
                    None => "< —".to_owned(),
                }
            }
            Happened::Caller(words) => format!("> {words}"),
            Happened::Key(key) => format!("> key {key}"),
            Happened::End(end) => format!("= {}", ended(end)),
            Happened::Act(act) if verbose => {
                format!("  shop {}: {}", json(&act.0.action), brief(&act.1))
            }
            Happened::Note(Note::Called { tool, arguments }) if verbose => {
                format!("  tool {tool} {arguments}")
            }
            Happened::Note(Note::Gave { tool, summary }) if verbose => format!("  gave {tool} {summary}"),
            Happened::Note(Note::ReadBack { order_number }) => format!("  (read back whole: {order_number})"),
            Happened::Note(note) if verbose => format!("  note {}", json(note)),
            Happened::Act(..) | Happened::Note(_) => continue,
        };
        flush(&mut out, &mut agent);
        if verbose {
            let _ = write!(out, "{:7.2} ", moment.at_ms as f64 / 1000.0);
        }
        out.push_str(&line);
        out.push('\n');
    }
    flush(&mut out, &mut agent);
    out
}

fn flush(out: &mut String, agent: &mut Vec<(RequestId, String)>) {
    if agent.is_empty() {
        return;
    }
    let texts: Vec<String> = agent.drain(..).map(|(_, text)| text).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "< {}", texts.join(" "));
}

fn ended(end: &End) -> String {
    match end {
        End::Agent => "the agent has hung up".to_owned(),
        End::Person(handover) => format!("a person takes over: {}", handover.summary),
        End::Caller => "the caller has hung up".to_owned(),
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// An outcome on one line.
fn brief(outcome: &ActionOutcome) -> String {
    match outcome {
        ActionOutcome::Products { products } => {
            let names: Vec<String> =
                products.iter().map(|product| format!("{} ({})", product.name, product.price)).collect();
            format!("{} products: {}", products.len(), names.join(", "))
        }
        other => json(other),
    }
}
