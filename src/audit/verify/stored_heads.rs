//! The heads in PostgreSQL.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use sqlx::PgConnection;
use uuid::Uuid;

use super::chains::Reason;
use super::heads::{Anchors, HeadChain, Trust};
use super::journal::Copied;
use super::{Finding, Place, Report};
use crate::audit::chain::Digest;
use crate::audit::database;
use crate::audit::heads::Standing;
use crate::audit::journal::Position;

/// What the database's heads say.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) chains: BTreeMap<Uuid, HeadChain>,
    pub(super) anchors: Anchors,
}

/// Follows all heads; of the journal and up to the head in `since` their work is trusted.
pub(super) async fn check(
    connection: &mut PgConnection,
    since: Option<(Uuid, u64)>,
    trust: Trust<'_>,
    report: &mut Report,
) -> Result<Stored, sqlx::Error> {
    let mut stored = Stored::default();
    let known: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('audit.heads')::text").fetch_one(&mut *connection).await?;
    if known.is_none() {
        report.notes.push("the database has no table of heads yet".to_owned());
        return Ok(stored);
    }
    let mut rows = sqlx::query(database::HEADS).bind(None::<Uuid>).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let (journal, head, same) = match database::head(&row) {
            Ok(read) => read,
            Err(error) => {
                report.found(finding(Reason::RowUnreadable, error.to_string()));
                continue;
            }
        };
        let chain = stored.chains.entry(journal).or_insert_with(|| HeadChain::new(Place::Database, journal));
        if since.is_some_and(|(of, since)| of == journal && head.n <= since) {
            let standing = Standing::after(&head).unwrap_or_default();
            let mut notes = std::mem::take(&mut chain.notes);
            notes.insert(head.n, super::heads::note_hash(&head.note));
            *chain = HeadChain::after(Place::Database, journal, standing);
            chain.notes = notes;
            continue;
        }
        let before = report.total();
        chain.follow(&head, report);
        if !same && report.total() == before {
            let detail = format!("head {}: at and key_id are not those of its note", head.n);
            report.found(finding(Reason::HeadMismatch, detail));
        }
        // What a wrong head says of the calls is not held against them.
        if report.total() == before {
            stored.anchors.add(journal, &head);
        }
    }
    drop(rows);
    for chain in stored.chains.values() {
        chain.finish(trust, report);
        *report.database_heads.get_or_insert(0) += chain.last();
    }
    Ok(stored)
}

/// Compares the notes here with the journal's, as far as they were copied.
pub(super) fn against_journal(
    stored: &Stored,
    copied: &Copied,
    watermark: Position,
    report: &mut Report,
) -> Option<u64> {
    let journal = copied.journal?;
    let none = BTreeMap::<u64, Digest>::new();
    let here = stored.chains.get(&journal).map_or(&none, |chain| &chain.notes);
    // Without a frame it was copied long ago.
    let due = |behind: &Option<Position>| behind.is_none_or(|behind| behind <= watermark);
    let wrong = copied
        .notes
        .iter()
        .filter(|(_, (_, behind))| due(behind))
        .find(|(n, (note, _))| here.get(n).is_none_or(|stored| stored != note));
    if let Some((n, _)) = wrong {
        let (reason, detail) = if here.contains_key(n) {
            (Reason::HeadDiffers, format!("head {n} is another one in the journal"))
        } else {
            (
                Reason::HeadMissing,
                format!("PostgreSQL confirmed head {n} of the journal and does not have it"),
            )
        };
        // A gap was told of already.
        if !report
            .findings
            .iter()
            .any(|known| known.reason == Reason::HeadMissing && known.place == Place::Database)
        {
            report.found(finding(reason, detail));
        }
    } else if let Some((n, _)) = here.iter().find(|(n, _)| !copied.notes.contains_key(n)) {
        let detail = format!("the database has head {n} and the journal that it came from does not");
        report.found(finding(Reason::MissingInJournal, detail));
    }
    copied.notes.iter().filter(|(_, (_, behind))| due(behind)).map(|(n, _)| *n).next_back()
}

fn finding(reason: Reason, detail: String) -> Finding {
    Finding { place: Place::Database, call: None, seq: None, reason, detail }
}
