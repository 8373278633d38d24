//! A call's entries for people.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use serde_json::Value;

use super::chain::Record;
use super::frame::Payload;
use super::heads::note::{Checkpoint, Note};
use super::journal::{JournalError, recovery, segments};
use crate::ids::CallId;

/// Records of the journal in the order they were written, of one call or of all.
///
/// # Errors
/// The folder or a segment cannot be read. Blocks on the disk.
pub fn from_journal(folder: &Path, call: Option<CallId>) -> Result<Vec<Record>, JournalError> {
    let mut records = Vec::new();
    each(folder, |record| {
        if call.is_none_or(|call| call == record.call) {
            // Of no use without the key, and no part of what is shown.
            records.push(Record { sealed: None, subject: None, ..record });
        }
    })?;
    Ok(records)
}

/// The records of a call with what is sealed in them.
pub(super) fn sealed_records(folder: &Path, call: CallId) -> Result<Vec<Record>, JournalError> {
    let mut records = Vec::new();
    each(folder, |record| {
        if call == record.call {
            records.push(record);
        }
    })?;
    Ok(records)
}

/// Every record of the journal in the order they were written, a segment in memory at a time.
pub(super) fn each(folder: &Path, mut take: impl FnMut(Record)) -> Result<(), JournalError> {
    let numbers = segments::list(folder)?;
    let extents = recovery::extents(folder, &numbers)?;
    for number in numbers {
        let segment = recovery::read_segment(folder, number, extents.get(&number).copied())?;
        for found in segment.scan.frames {
            if let Payload::Record(record) = found.payload {
                take(*record);
            }
        }
    }
    Ok(())
}

/// The first head of the journal or its office that covers an entry: its number and time.
///
/// # Errors
/// The folder or a segment cannot be read. Blocks on the disk.
pub fn head_over(
    folder: &Path,
    call: CallId,
    seq: u32,
) -> Result<Option<(u64, chrono::DateTime<chrono::Utc>)>, super::export::ExportError> {
    for folder in super::office::journals(folder) {
        let mut found = None;
        super::export::payloads(&folder, |_, payload| {
            if let Payload::Head(head) = payload
                && head.leaves.iter().any(|leaf| leaf.call == call && leaf.count > seq)
            {
                let says = Note::parse(&head.note).and_then(|note| Checkpoint::parse(&note.text));
                found = says.ok().map(|says| (says.n, says.at));
            }
            Ok(if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The entries as a table: place, time since accept, kind, action, order, answer and the rest.
pub fn table(records: &[Record]) -> String {
    let mut rows = vec![["seq", "at", "kind", "action", "order", "answer", "what"].map(str::to_owned)];
    for record in records {
        let entry = &record.entry;
        let order = match (&entry.order_number, entry.order_id) {
            (Some(number), _) => number.clone(),
            (None, Some(id)) => id.to_string(),
            (None, None) => String::new(),
        };
        let answer: Vec<String> = [entry.http_status.map(|status| status.to_string()), entry.problem.clone()]
            .into_iter()
            .flatten()
            .collect();
        rows.push([
            record.seq.to_string(),
            format!("{}.{:03} s", entry.offset_ms / 1000, entry.offset_ms % 1000),
            entry.kind.name().to_owned(),
            entry.action.clone().unwrap_or_default(),
            order,
            answer.join(" "),
            brief(&entry.body),
        ]);
    }
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A body as `name=value` pairs.
fn brief(body: &Value) -> String {
    match body {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null() && **value != Value::Object(serde_json::Map::new()))
            .map(|(name, value)| match value {
                Value::String(text) => format!("{name}={text}"),
                other => format!("{name}={other}"),
            })
            .collect::<Vec<_>>()
            .join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;
    use crate::audit::{Digest, Entry, EntryKind};
    use serde_json::json;
    use uuid::Uuid;

    #[test]
    fn a_table_has_a_row_for_each_entry_and_its_columns_stand_under_each_other() {
        let at = chrono::DateTime::from_timestamp(0, 0).unwrap();
        let mut entry = Entry::new(EntryKind::Outcome, json!({ "outcome": "rejected", "x": null }), 12_345);
        entry.order_number = Some("ORD-1".to_owned());
        entry.problem = Some("out-of-stock".to_owned());
        let record =
            Record::new(CallId(Uuid::nil()), 7, at, Digest::from([0; 32]), entry.with_http_status(409), None);
        let table = table(&[record]);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].find("order"), lines[1].find("ORD-1"));
        assert!(lines[1].contains("12.345 s"), "{table}");
        assert!(lines[1].ends_with("409 out-of-stock  outcome=rejected"), "{table}");
    }
}
