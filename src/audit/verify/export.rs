//! An exported file, checked with nothing but itself and a public key.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::acts::{self, Acts};
use super::chains::{Chains, Reason};
use super::heads::{Anchors, HeadChain, Trust, note_hash};
use super::heads_file::Known;
use super::{Finding, Place, Report, Sources};
use crate::audit::chain::{Digest, Record};
use crate::audit::export::{Header, JournalOf, Line};
use crate::audit::heads::Standing;

/// Checks a whole export.
pub(super) fn check(path: &Path, sources: &Sources, report: &mut Report) -> io::Result<Vec<Known>> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut checking = Checking {
        chains: Chains::new(Place::Export),
        acts: Acts::new(Place::Export),
        anchors: Anchors::default(),
        heads: BTreeMap::new(),
        hasher: Sha256::new(),
        lines: 0,
        damage: None,
        ended: false,
        main: None,
        trust: None,
    };
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        checking.read(&line, sources, report);
        line.clear();
    }
    Ok(checking.finish(report))
}

struct Checking {
    chains: Chains,
    acts: Acts,
    anchors: Anchors,
    heads: BTreeMap<Uuid, HeadChain>,
    /// Over everything before the last line, which says it.
    hasher: Sha256,
    lines: u64,
    damage: Option<String>,
    ended: bool,
    main: Option<Uuid>,
    /// Known when the heads were read.
    trust: Option<Trust>,
}

impl Checking {
    fn read(&mut self, line: &[u8], sources: &Sources, report: &mut Report) {
        self.lines += 1;
        if self.ended {
            return self.damaged("expected nothing behind its last line".to_owned());
        }
        let parsed = std::str::from_utf8(line).ok().and_then(|text| {
            let text = text.strip_suffix('\n')?;
            serde_json::from_str::<Line>(text).ok()
        });
        let Some(parsed) = parsed else {
            self.hasher.update(line);
            return self.damaged(format!("line {} is not as it was written", self.lines));
        };
        if (self.lines == 1) != matches!(parsed, Line::Export(_)) {
            self.damaged(format!("line {} is not in its place", self.lines));
        }
        match parsed {
            Line::Export(header) => self.begin(header, report),
            Line::Head(head) => {
                let journal = head.journal;
                let since = sources.since.as_ref().and_then(|since| since.of(journal, self.main));
                let chain =
                    self.heads.entry(journal).or_insert_with(|| HeadChain::new(Place::Export, journal));
                let head = head.head;
                if since.is_some_and(|since| head.n <= since) {
                    let mut notes = std::mem::take(&mut chain.notes);
                    notes.insert(head.n, note_hash(&head.note));
                    let standing = Standing::after(&head).unwrap_or_default();
                    *chain = HeadChain::after(Place::Export, journal, standing);
                    chain.notes = notes;
                } else {
                    let before = report.total();
                    chain.follow(&head, report);
                    if report.total() == before {
                        self.anchors.add(journal, &head);
                    }
                }
            }
            Line::Entry(record) => {
                self.act(&record, sources, report);
                self.chains.follow(&record, report);
                self.anchors.meet(record.call, record.seq, &mut self.chains, report);
            }
            Line::End(end) => {
                self.ended = true;
                let hash = Digest::from(<[u8; 32]>::from(std::mem::take(&mut self.hasher).finalize()));
                if (end.lines, end.sha256) != (self.lines, hash) {
                    self.damaged(
                        "expected the lines and the hash that its last line says, found others".to_owned(),
                    );
                }
                return;
            }
        }
        self.hasher.update(line);
    }

    fn begin(&mut self, header: Header, report: &mut Report) {
        self.main = header.journals.first().map(|journal| journal.journal);
        for JournalOf { journal, begins, .. } in header.journals {
            let Some(begins) = begins else { continue };
            report.notes.push(format!(
                "the export holds journal {journal} from behind head {}: what is older is not checked",
                begins.n
            ));
            self.chains.late.insert(journal);
            self.heads.insert(journal, HeadChain::after(Place::Export, journal, begins));
        }
    }

    /// A retention that a trusted head covers excuses what is missing. It comes before what it excuses, and behind all
    /// heads.
    fn act(&mut self, record: &Record, sources: &Sources, report: &mut Report) {
        self.acts.meet(record);
        if !self.acts.holds(record.call) {
            return;
        }
        for (journal, leaf) in self.anchors.of(record.call).filter(|(_, leaf)| leaf.last == record.hash) {
            self.acts.sign(journal, leaf);
        }
        let signed = self.acts.take_signed();
        if signed.is_empty() {
            return;
        }
        let trust = self.trust.get_or_insert_with(|| {
            self.heads.values().for_each(|chain| chain.finish(report));
            Trust::of(sources.public_keys.as_deref(), report)
        });
        for act in signed {
            self.chains.anchors.believe(&act, trust, report);
            report.values.acts.push(act);
        }
    }

    fn finish(mut self, report: &mut Report) -> Vec<Known> {
        for chain in self.heads.values() {
            if self.trust.is_none() {
                chain.finish(report);
            }
            *report.export_heads.get_or_insert(0) += chain.last();
        }
        let headed = |journal| self.heads.get(&journal).is_some_and(|chain| !chain.notes.is_empty());
        self.chains.unsigned(headed, report);
        std::mem::replace(&mut self.acts, Acts::new(Place::Export))
            .finish()
            .for_each(|act| acts::disbelieve(&act, report));
        std::mem::take(&mut self.anchors).finish(&mut self.chains, report);
        if !self.ended {
            self.damaged("expected a last line that says so, found none: it is cut off".to_owned());
        }
        let (calls, entries, open) = self.chains.finish(report);
        (report.export_calls, report.export_entries) = (Some(calls), Some(entries));
        report.open_calls = report.open_calls.max(open);
        // What is wrong with an entry shows in the whole, too: told once.
        if let Some(detail) =
            self.damage.filter(|_| !report.findings.iter().any(|found| found.place == Place::Export))
        {
            report.found(Finding {
                place: Place::Export,
                call: None,
                seq: None,
                reason: Reason::ExportDamaged,
                detail,
            });
        }
        let known = |(journal, chain): (Uuid, HeadChain)| Known {
            place: Place::Export,
            journal,
            from: chain.first(),
            notes: chain.notes,
            upto: None,
        };
        self.heads.into_iter().map(known).collect()
    }

    fn damaged(&mut self, detail: String) {
        self.damage.get_or_insert(detail);
    }
}
