//! A disk that is full or nearly so, and a folder that two processes want.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use orderline::audit::ReadOnly;
use orderline::ids::{CallId, PhoneNumber};
use orderline::orders::{ActionOutcome, Unavailable};
use uuid::Uuid;

use crate::child::{Call, FLOOR_BYTES, Role, Script, Server, say, whole_call, word};
use crate::invariants;
use crate::kills::{calls_among, everything};
use crate::process::Running;
use crate::proxy::Proxy;
use crate::shop::{RUNTIME, Shop, shop};

const SOON: Duration = Duration::from_secs(60);
/// What every file may grow to, while the disk is full: some tens of entries.
const FULL_BYTES: u64 = 48 << 10;

fn script(shop: &Shop, proxy: &Proxy, folder: &tempfile::TempDir, role: Role) -> Script {
    Script {
        role,
        journal: folder.path().join("journal"),
        database_url: Some(shop.url.clone()),
        store: proxy.base.clone(),
        product: shop.product,
    }
}

fn call(server: &Server, product: Uuid) -> Call<'_> {
    let phone = PhoneNumber::try_from("+79161234567".to_owned()).unwrap();
    Call::begin(server, CallId(Uuid::new_v4()), phone, product)
}

/// The child's part: calls until the disk takes no more, and what callers hear then.
pub(crate) async fn fill(server: Server, product: Uuid) {
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, FULL_BYTES, hard).unwrap();
    let mut turn = 0;
    while server.journal.read_only().is_none() && turn < 200 {
        whole_call(&server, product, turn, Duration::ZERO).await;
        turn += 1;
    }
    say(&format!("full {:?}", server.journal.read_only()));
    let mut refused = call(&server, product);
    refused.create().await;
    refused.search().await;
    // Space returns, and that helps nobody: what was not written in this disk's bad hour is not known.
    setrlimit(Resource::RLIMIT_FSIZE, hard, hard).unwrap();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    refused.create().await;
    say(&format!("still {:?}", server.journal.read_only()));
    word().await;
}

#[test]
fn on_a_full_disk_orders_are_refused_nothing_is_lost_and_a_restart_takes_them_again() {
    RUNTIME.block_on(async {
        let shop = shop().await;
        let proxy = Proxy::start(&shop.address).await;
        let folder = tempfile::tempdir().unwrap();
        let mut script = script(shop, &proxy, &folder, Role::Full);
        // A file over the limit is a signal at first, which would kill; ignored, it is the error that a full disk gives.
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        let mut child = Running::start_with(&mut command, &script, "");
        let still = child.says("still", SOON).await;
        let words = child.kill().await;
        assert_eq!(still.as_deref(), Some("still Some(DiskFailed)"), "{words:?}");
        assert!(words.iter().any(|words| words == "full Some(DiskFailed)"), "{words:?}");
        let full = words.iter().position(|words| words.starts_with("full")).unwrap();
        let afterwards: Vec<_> = words[full..].iter().filter(|words| words.starts_with("said")).collect();
        assert_eq!(afterwards.len(), 3, "{afterwards:?}");
        assert!(afterwards.iter().all(|words| words.ends_with("unavailable")), "{afterwards:?}");

        script.role = Role::Settle;
        let (well, settled) = Running::start(&script, "").end(SOON).await;
        assert_eq!(well, Some(true), "{settled:?}");
        script.role = Role::Load { calls: 1, pause_ms: 10 };
        let mut child = Running::start(&script, "");
        assert!(
            child.says("said", SOON).await.is_some_and(|words| words.ends_with("drafted")),
            "orders again"
        );
        child.go().await;
        let (well, again) = child.end(SOON).await;
        assert_eq!(well, Some(true), "{again:?}");
        let words = [words, again].concat();
        let calls = calls_among(&words).collect();
        let mut broken = everything(&shop.pool, &calls, &words).await;
        broken.extend(invariants::unverified(&script.journal, Some(&shop.pool)).await);
        println!("disk full after {} outcomes; {} calls in all", full, calls.len());
        assert!(broken.is_empty(), "{broken:#?}");
    });
}

#[test]
fn under_the_space_floor_reads_are_told_and_orders_refused_until_space_returns() {
    RUNTIME.block_on(async {
        let shop = shop().await;
        let proxy = Proxy::start(&shop.address).await;
        let folder = tempfile::tempdir().unwrap();
        let script = script(shop, &proxy, &folder, Role::Open);
        let server = Server::open(&script, true).unwrap();
        let mut open = call(&server, shop.product);
        let order = open.create().await.expect("there is room");
        server.free_bytes.store(FLOOR_BYTES - 1, Ordering::SeqCst);
        until(|| server.journal.read_only() == Some(ReadOnly::SpaceLow)).await;
        assert_eq!(open.cancel(&order).await, ActionOutcome::Unavailable { reason: Unavailable::Journal });
        assert!(matches!(open.search().await, ActionOutcome::Orders { .. }), "reads are told");
        server.free_bytes.store(FLOOR_BYTES, Ordering::SeqCst);
        until(|| server.journal.read_only().is_none()).await;
        assert_eq!(open.cancel(&order).await, ActionOutcome::Cancelled { order_id: order.id });
        let id = open.id.0;
        open.end().await;
        server.settle().await;
        let mut broken = invariants::broken(&shop.pool, &[id], &[]).await;
        broken.extend(invariants::unverified(&script.journal, None).await);
        assert!(broken.is_empty(), "{broken:#?}");
    });
}

#[test]
fn a_second_process_on_the_folder_is_told_so_and_the_first_is_unharmed() {
    RUNTIME.block_on(async {
        let shop = shop().await;
        let proxy = Proxy::start(&shop.address).await;
        let folder = tempfile::tempdir().unwrap();
        let mut script = script(shop, &proxy, &folder, Role::Load { calls: 2, pause_ms: 50 });
        let mut first = Running::start(&script, "");
        first.says("said", SOON).await.expect("it works");
        script.role = Role::Open;
        let (_, second) = Running::start(&script, "").end(SOON).await;
        let why = "one process writes one journal";
        assert!(second.iter().any(|words| words.starts_with("refused") && words.contains(why)), "{second:?}");
        let before = first.heard();
        until(|| first.heard() > before + 10).await;
        first.go().await;
        let (well, words) = first.end(SOON).await;
        assert_eq!(well, Some(true), "{words:?}");
        let calls = calls_among(&words).collect();
        let mut broken = everything(&shop.pool, &calls, &words).await;
        broken.extend(invariants::unverified(&script.journal, Some(&shop.pool)).await);
        assert!(broken.is_empty(), "{broken:#?}");
    });
}

async fn until(holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < SOON, "it happens within a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
