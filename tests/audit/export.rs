//! The exported file, checked with nothing but a public key.

use std::fs;
use std::path::{Path, PathBuf};

use orderline::audit::heads::keys::{public_path, read_public};
use orderline::audit::verify::{self, Reason, Report, Sources};
use orderline::audit::{Journal, Settings, export};
use orderline::postgres::Cluster;

use super::heads_database::three_heads;
use super::{settings, take_a_call};

async fn check(file: &Path, settings: &Settings, heads: Option<PathBuf>) -> Report {
    let sources = Sources {
        export: Some(file.to_owned()),
        public_keys: read_public(&public_path(&settings.signing_key_path())).ok(),
        heads,
        ..Sources::default()
    };
    verify::verify(sources).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_an_export_is_found_and_the_database_gives_the_same_entries() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (settings, pool) = three_heads(&cluster, folder.path()).await;
    let keys = read_public(&public_path(&settings.signing_key_path())).unwrap();
    let mut stored = Vec::new();
    assert_eq!(export::from_database(&pool, keys.clone(), &mut stored).await.unwrap(), 15);
    pool.close().await;
    cluster.stop().await;
    let mut journal = Vec::new();
    assert_eq!(export::from_journal(&settings.journal, keys, &mut journal).unwrap(), 15);

    let file = folder.path().join("export");
    let outside = Some(settings.journal.join("heads"));
    for whole in [&journal, &stored] {
        fs::write(&file, whole).unwrap();
        let report = check(&file, &settings, outside.clone()).await;
        assert!(report.is_good(), "{report}");
        assert_eq!((report.export_entries, report.export_heads), (Some(15), Some(3)));
        assert!(!String::from_utf8_lossy(whole).contains("sealed"), "what is sealed stays");
    }
    let text = String::from_utf8(stored).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 20, "a first line, 3 heads, 15 entries, a last line");
    let not_found = |changed: Vec<String>, what: String| {
        fs::write(&file, changed.concat()).unwrap();
        let (file, settings) = (file.clone(), settings.clone());
        async move { assert!(!check(&file, &settings, None).await.is_good(), "not found: {what}") }
    };
    let owned = || lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    for at in 0..lines.len() {
        let mut changed = owned();
        changed.remove(at);
        not_found(changed, format!("line {at} deleted")).await;
        let mut changed = owned();
        changed.insert(at, lines[at].to_owned());
        not_found(changed, format!("line {at} doubled")).await;
        if at > 0 {
            let mut changed = owned();
            changed.swap(at, at - 1);
            not_found(changed, format!("lines {} and {at} swapped", at - 1)).await;
        }
        for byte in (0..lines[at].len()).step_by(23) {
            let mut bytes = lines[at].as_bytes().to_vec();
            bytes[byte] ^= 1;
            let mut changed = owned();
            changed[at] = String::from_utf8_lossy(&bytes).into_owned();
            not_found(changed, format!("byte {byte} of line {at}")).await;
        }
    }
    // What is wrong is told by its own name where it can be.
    let mut changed = owned();
    let place = changed.iter().position(|line| line.contains("\"http_status\":409")).unwrap();
    changed[place] = changed[place].replace("\"http_status\":409", "\"http_status\":200");
    fs::write(&file, changed.concat()).unwrap();
    let report = check(&file, &settings, None).await;
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!((report.findings[0].reason, report.findings[0].seq), (Reason::HashMismatch, Some(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_export_is_found_by_the_heads_outside() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { database_url: None, ..settings(folder.path(), "postgres://unused") };
    let file = folder.path().join("export");
    for n in 1..=2 {
        let (journal, _) = Journal::open(&settings).unwrap();
        take_a_call(&journal, n).await;
        journal.shutdown().await.unwrap();
        if n == 1 {
            let mut out = fs::File::create(&file).unwrap();
            export::from_journal(&settings.journal, Vec::new(), &mut out).unwrap();
        }
    }
    assert!(check(&file, &settings, None).await.is_good());
    let report = check(&file, &settings, Some(settings.journal.join("heads"))).await;
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!(report.findings[0].reason, Reason::OldState);
}
