//! A soak: many callers at once for a long time on the real voice server, the reference store and two private
//! PostgreSQLs, with things going wrong around them. At the end every invariant of the order actions is checked.
//!
//! `cargo build --release && cargo run --release --example soak -- [--minutes 30] [--calls 50] [--seed N]`
//!
//! Callers ask where their order is, buy, change their mind, or hang up in the middle. Meanwhile, over and over: the
//! audit's PostgreSQL is stopped for ten seconds, the store is killed and started again, the store hangs for three
//! seconds. Printed every minute: calls, memory, answers; at the end the verdict. Exit status 1 when something broke.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use orderline::postgres::Cluster;
use orderline::store::{self, Shop};
use orderline::telephone::{self, CallReport, Ended, Script, Step, When};
use sqlx::PgPool;
use uuid::Uuid;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const TOKEN: &str = "soak-0123456789abcdef0123456789abcdef";

struct Plan {
    minutes: u64,
    calls: usize,
    seed: u64,
    orderline: PathBuf,
}

/// What the callers lived through.
#[derive(Default)]
struct Tally {
    placed: u64,
    ended: BTreeMap<String, u64>,
    answers_ms: Vec<i64>,
    /// Of calls that nothing befell: frames that should have come and did not.
    frames_lost: u64,
    frames_heard: u64,
    longest_gap_us: u32,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    /// Numbers of callers, each new.
    numbers: AtomicU64,
    tally: Mutex<Tally>,
}

#[tokio::main]
async fn main() -> Outcome {
    let plan = arguments()?;
    let folder = tempfile::Builder::new().prefix("orderline-soak-").tempdir()?;
    // PostgreSQL runs as another user: it must be able to enter.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711))?;
    let store_data = Cluster::temporary().await?;
    let store_url = store_data.create_database("store").await?;
    let audit_folder = folder.path().join("pg");
    let audit_data = Cluster::start(&audit_folder).await?;
    let audit_url = audit_data.create_database("audit").await?;

    let settings =
        store::Settings { database_url: store_url.clone().into(), token: TOKEN.into(), ..Default::default() };
    let pool = store::connect(&settings).await?;
    store::seed(&pool, &Shop::load(Path::new("samples/shop/tyres.toml"))?, settings.utc_offset_min).await?;
    // Goods for every caller.
    sqlx::query("update stock.stock_items set on_hand = 1000000").execute(&pool).await?;

    let store_port = free_port()?;
    let config = folder.path().join("orderline.toml");
    let journal = folder.path().join("journal");
    let (socket, http) = (free_port()?, free_port()?);
    std::fs::write(
        &config,
        format!(
            "[server]\nlisten = \"127.0.0.1:{socket}\"\nmax_calls = 1000\nmax_half_open_per_peer = 200\n\
             max_half_open = 200\n[http]\nlisten = \"127.0.0.1:{http}\"\n\
             [call]\ndialled = {{ 200 = \"en\" }}\n\
             [store]\nbase_url = \"http://127.0.0.1:{store_port}\"\ntoken = \"{TOKEN}\"\n\
             [shop]\nlisten = \"127.0.0.1:{store_port}\"\ndatabase_url = {store_url:?}\ntoken = \"{TOKEN}\"\n\
             [audit]\njournal = {journal:?}\ndatabase_url = {audit_url:?}\n\
             [hearing.whisper]\nmodel = {model:?}\n[log]\nfilter = \"warn\"\n",
            model = std::fs::canonicalize("samples/stt-demo/ggml-tires-q5_0.bin")?,
        ),
    )?;
    let mut shop = start(&plan, &config, "store", folder.path())?;
    let mut serve = start(&plan, &config, "serve", folder.path())?;
    let pid = serve.id();
    until_listening(http).await?;
    until_listening(socket).await?;

    let shared = Arc::new(Shared::default());
    let scripts: Arc<Vec<Script>> = Arc::new(
        ["ru-purchase", "ru-where-is-my-order", "en-cancelled"]
            .iter()
            .map(|name| Script::load(&Path::new("samples/calls").join(name).join("script.toml")))
            .collect::<Result<_, _>>()?,
    );
    println!("{} callers for {} minutes, seed {}", plan.calls, plan.minutes, plan.seed);
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..plan.calls {
        let caller = Caller {
            socket: format!("127.0.0.1:{socket}"),
            announce: format!("http://127.0.0.1:{http}/calls"),
            scripts: scripts.clone(),
            shared: shared.clone(),
            chance: Chance(plan.seed ^ (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        };
        callers.spawn(caller.run(Duration::from_millis(1200 * n as u64)));
    }

    let began = Instant::now();
    let length = Duration::from_secs(plan.minutes * 60);
    let mut memory: Vec<(Duration, u64)> = Vec::new();
    let mut audit_data = Some(audit_data);
    let mut tick = 0u64;
    while began.elapsed() < length {
        tokio::time::sleep(Duration::from_secs(5)).await;
        tick += 1;
        memory.push((began.elapsed(), resident_kib(pid)));
        if serve.try_wait()?.is_some() {
            return Err("the voice server has ended by itself".into());
        }
        // Every four minutes each of three faults; none in the last one, so that what is open can settle.
        let quiet = began.elapsed() + Duration::from_secs(60) > length;
        match tick % 48 {
            12 if !quiet => {
                if let Some(cluster) = audit_data.take() {
                    println!("  {:>5.0} s  the audit's PostgreSQL stops", began.elapsed().as_secs_f64());
                    cluster.stop().await;
                    tokio::time::sleep(Duration::from_secs(10)).await;
                    audit_data = Some(Cluster::start(&audit_folder).await?);
                    println!("  {:>5.0} s  and is back", began.elapsed().as_secs_f64());
                }
            }
            28 if !quiet => {
                println!("  {:>5.0} s  the store is killed", began.elapsed().as_secs_f64());
                shop.kill()?;
                shop.wait()?;
                tokio::time::sleep(Duration::from_secs(3)).await;
                shop = start(&plan, &config, "store", folder.path())?;
            }
            40 if !quiet => {
                println!("  {:>5.0} s  the store hangs for three seconds", began.elapsed().as_secs_f64());
                let store = Pid::from_raw(i32::try_from(shop.id())?);
                kill(store, Signal::SIGSTOP)?;
                tokio::time::sleep(Duration::from_secs(3)).await;
                kill(store, Signal::SIGCONT)?;
            }
            _ => {}
        }
        if tick.is_multiple_of(12) {
            let tally = shared.tally.lock().unwrap_or_else(PoisonError::into_inner);
            println!(
                "  {:>5.0} s  {} calls, {} MiB, answers median {} ms",
                began.elapsed().as_secs_f64(),
                tally.placed,
                memory.last().map_or(0, |known| known.1) / 1024,
                at(&mut tally.answers_ms.clone(), 0.5),
            );
        }
    }
    shared.over.store(true, Ordering::Relaxed);
    callers.join_all().await;
    println!("the last call is over; what is open settles");
    let audit = PgPool::connect(&audit_url).await?;
    let settled = settle(&audit).await?;
    kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM)?;
    let stopped = tokio::task::spawn_blocking(move || serve.wait()).await??;
    let good = verdict(&plan, &config, &shared, &memory, &pool, &audit, settled).await?;
    shop.kill()?;
    shop.wait()?;
    pool.close().await;
    audit.close().await;
    store_data.stop().await;
    if let Some(cluster) = audit_data {
        cluster.stop().await;
    }
    if good && stopped.success() { Ok(()) } else { Err("the soak found something".into()) }
}

/// Somebody who telephones over and over.
struct Caller {
    socket: String,
    announce: String,
    scripts: Arc<Vec<Script>>,
    shared: Arc<Shared>,
    chance: Chance,
}

impl Caller {
    async fn run(mut self, after: Duration) {
        tokio::time::sleep(after).await;
        let http = reqwest::Client::new();
        while !self.shared.over.load(Ordering::Relaxed) {
            let mut script = self.scripts[self.chance.below(self.scripts.len())].clone();
            let asks = script.expect.ordered.as_deref() == Some("none");
            if !asks {
                let n = self.shared.numbers.fetch_add(1, Ordering::Relaxed);
                script.from = Some(format!("+7916{:07}", 2_000_000 + n));
            }
            // One in six thinks better of it in the middle of the agent's words.
            let hangs_up = self.chance.below(6) == 0;
            if hangs_up {
                let steps = 1 + self.chance.below(script.steps.len());
                script.steps.truncate(steps);
                let ms = 200 + self.chance.below(1500) as u32;
                script.steps.push(Step::HangUp { when: When::AgentSpokeFor { ms } });
            }
            let call = Uuid::new_v4();
            let mut query = vec![("uuid", call.to_string())];
            query.extend(script.from.clone().map(|from| ("from", from)));
            query.extend(script.exten.clone().map(|exten| ("exten", exten)));
            let _ = http.post(&self.announce).query(&query).send().await;
            let result = telephone::place(&self.socket, call, script.rate, &script, |_| ()).await;
            self.shared.count(result);
            tokio::time::sleep(Duration::from_millis(200 + self.chance.below(2000) as u64)).await;
        }
    }
}

impl Shared {
    fn count(&self, result: Result<CallReport, telephone::TelephoneError>) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.placed += 1;
        let report = match result {
            Ok(report) => report,
            Err(error) => {
                *tally.ended.entry(format!("{error}")).or_default() += 1;
                return;
            }
        };
        let how = match &report.ended {
            Ended::NoAnswer { .. } => "no answer".to_owned(),
            other => format!("{other:?}"),
        };
        *tally.ended.entry(how).or_default() += 1;
        tally.answers_ms.extend(report.turns.iter().filter_map(|turn| turn.answer_after_ms));
        let frame = usize::try_from(report.rate.0 / 50).unwrap_or(160);
        let (sent, heard) = (report.caller_sound.len() / frame, report.agent_sound.len() / frame);
        tally.frames_heard += heard as u64;
        // A few are on the way when either side hangs up.
        tally.frames_lost += sent.saturating_sub(heard + 5) as u64;
        tally.longest_gap_us = tally.longest_gap_us.max(report.gaps.longest_us);
    }
}

/// Waits until PostgreSQL has every call closed and no intent is open; how long that took.
async fn settle(audit: &PgPool) -> Outcome<Option<Duration>> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if open_intents(audit).await? == 0 && unclosed(audit).await? == 0 {
            return Ok(Some(began.elapsed()));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(None)
}

async fn open_intents(audit: &PgPool) -> Outcome<i64> {
    Ok(sqlx::query_scalar(
        "select count(*) from audit.entries i where i.kind = 'intent' and not exists (
           select 1 from audit.entries o where o.call_id = i.call_id and o.request = i.request and o.seq > i.seq
              and (o.kind in ('reconciled', 'needs_operator')
                   or o.kind = 'outcome' and o.body ->> 'outcome' <> 'unknown'))",
    )
    .fetch_one(audit)
    .await?)
}

async fn unclosed(audit: &PgPool) -> Outcome<i64> {
    Ok(sqlx::query_scalar(
        "select (select count(*) from audit.calls) - (select count(*) from audit.entries where kind = 'call_closed')",
    )
    .fetch_one(audit)
    .await?)
}

async fn verdict(
    plan: &Plan,
    config: &Path,
    shared: &Shared,
    memory: &[(Duration, u64)],
    store: &PgPool,
    audit: &PgPool,
    settled: Option<Duration>,
) -> Outcome<bool> {
    let mut good = true;
    let mut check = |name: &str, ok: bool, found: String| {
        println!("{}  {name}: {found}", if ok { "ok " } else { "BAD" });
        good &= ok;
    };
    {
        let tally = shared.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answers = tally.answers_ms.clone();
        println!(
            "{} calls, {} answers: median {} ms, p95 {} ms; ends {:?}",
            tally.placed,
            answers.len(),
            at(&mut answers, 0.5),
            at(&mut answers, 0.95),
            tally.ended
        );
        check(
            "no frame lost",
            tally.frames_lost == 0,
            format!(
                "{} of {} missing, longest gap {:.1} ms",
                tally.frames_lost,
                tally.frames_heard,
                f64::from(tally.longest_gap_us) / 1000.0
            ),
        );
    }
    // When what is kept within bounds has filled (16 MiB of phrases that were said before): the third quarter against
    // the end.
    let of = |from: f64, to: f64| {
        let length = memory.last().map_or(0.0, |known| known.0.as_secs_f64());
        let mut kib: Vec<i64> = memory
            .iter()
            .filter(|known| (from * length..to * length).contains(&known.0.as_secs_f64()))
            .map(|known| i64::try_from(known.1).unwrap_or_default())
            .collect();
        at(&mut kib, 0.5)
    };
    let (early, late) = (of(0.5, 0.75), of(0.85, 1.0));
    check(
        "memory flat",
        late <= early + early / 10,
        format!("median {} MiB in the third quarter, {} MiB at the end", early / 1024, late / 1024),
    );
    check("every intent settled", settled.is_some(), format!("{settled:.1?} after the last call"));
    let counts: (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from audit.entries), (select count(*) from audit.entries where kind = 'intent'),
                (select count(*) from audit.entries where kind in ('reconciled', 'needs_operator'))",
    )
    .fetch_one(audit)
    .await?;
    println!(
        "audit: {} entries, {} intents, {} of them settled by the reconciler or an operator",
        counts.0, counts.1, counts.2
    );
    let doubled: i64 = sqlx::query_scalar(
        "select count(*) from (select origin_key from orders.orders where origin_key is not null
                                group by 1 having count(*) > 1) as twice",
    )
    .fetch_one(store)
    .await?;
    check("no order twice", doubled == 0, doubled.to_string());
    let held: i64 = sqlx::query_scalar(
        "select count(*) from stock.reservations r join orders.orders o on o.id = r.order_id
          where r.status = 'active' and o.state in ('delivered', 'cancelled')",
    )
    .fetch_one(store)
    .await?;
    check("no stock held by what is over", held == 0, held.to_string());
    for arguments in [&["audit", "verify"][..], &["audit", "reconcile"]] {
        let output = Command::new(&plan.orderline).arg("--config").arg(config).args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        check(
            &arguments.join(" "),
            output.status.success(),
            said.lines().last().unwrap_or_default().to_owned(),
        );
        if !output.status.success() {
            println!("{said}{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    Ok(good)
}

fn at(values: &mut [i64], share: f64) -> i64 {
    values.sort_unstable();
    values.get((values.len() as f64 * share) as usize).copied().unwrap_or_default()
}

fn start(plan: &Plan, config: &Path, command: &str, folder: &Path) -> Outcome<Child> {
    let log =
        std::fs::File::options().create(true).append(true).open(folder.join(format!("{command}.log")))?;
    Ok(Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(&plan.orderline)
        .arg("--config")
        .arg(config)
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?)
}

fn free_port() -> Outcome<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

async fn until_listening(port: u16) -> Outcome {
    for _ in 0..600 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("nobody listens on {port}").into())
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// SplitMix64: the same seed, the same callers.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

fn arguments() -> Outcome<Plan> {
    let beside = std::env::current_exe()?;
    let orderline =
        beside.parent().and_then(Path::parent).ok_or("expected a target folder")?.join("orderline");
    let mut plan = Plan { minutes: 30, calls: 50, seed: 1, orderline };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("expected a value after {name}"))?;
        match name.as_str() {
            "--minutes" => plan.minutes = value.parse()?,
            "--calls" => plan.calls = value.parse()?,
            "--seed" => plan.seed = value.parse()?,
            "--orderline" => plan.orderline = value.into(),
            other => {
                return Err(
                    format!("expected --minutes, --calls, --seed or --orderline, found {other}").into()
                );
            }
        }
    }
    if !plan.orderline.is_file() {
        return Err(format!(
            "expected the executable {}: cargo build --release first",
            plan.orderline.display()
        )
        .into());
    }
    Ok(plan)
}
