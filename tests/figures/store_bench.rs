//! Measures the store beside pgbench running the same SQL on the same private PostgreSQL, in turn: keyed
//! `POST /api/v1/orders` and `GET /api/v1/orders/search` at 1, 8 and 32 clients.
//!
//! `cargo run --release --example store_bench [SECONDS]`, or `tests/figures/store.sh`. The scripts of pgbench stand beside
//! this file; they are the statements that the handlers run, in their order.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use orderline::postgres::Cluster;
use orderline::store::{self, LimitSettings, Settings, Shop};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const CLIENTS: [u32; 3] = [1, 8, 32];
/// Telephone numbers that have orders to be found; each has the same number of them.
const CUSTOMERS: u64 = 1000;

/// One run: how many a second, and how long each took.
struct Figure {
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

impl Figure {
    fn of(mut times: Vec<Duration>, took: Duration) -> Self {
        times.sort_unstable();
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
        Self { per_second: times.len() as f64 / took.as_secs_f64(), p50: at(0.5), p99: at(0.99) }
    }
}

fn main() -> Result<(), Failure> {
    let seconds = std::env::args().nth(1).map_or(Ok(8), |text| text.parse())?;
    let span = Duration::from_secs(seconds);
    // The server has a runtime of its own, as it has in its own process.
    let server = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (cluster, url, address, stop, serving) = server.block_on(async {
        let cluster = Cluster::temporary().await?;
        let url = cluster.create_database("bench").await?;
        let settings = Settings {
            database_url: url.clone().into(),
            token: TOKEN.into(),
            max_connections: 32,
            max_unpaid_orders: 10_000,
            limits: LimitSettings { requests_per_min: 0, misses_per_min: 0, guesses_per_min: 0 },
            ..Settings::default()
        };
        let pool = store::connect(&settings).await?;
        let shop = Shop::load(Path::new("samples/shop/tyres.toml"))?;
        store::seed(&pool, &shop, settings.utc_offset_min).await?;
        fill(&pool).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(store::serve(settings, listener, pool, stop.clone()));
        Ok::<_, Failure>((cluster, url, address, stop, serving))
    })?;
    let bench = Bench { cluster: &cluster, url, address, span, product: product(&server, &cluster)? };
    println!("| what | clients | store a second | p50, p99 ms | pgbench a second | p50, p99 ms | ratio |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for what in [What::Create, What::Search] {
        for clients in CLIENTS {
            // In turn, twice, so that neither has the warmer cache or the longer table.
            let (a, b) = (bench.http(what, clients)?, bench.pgbench(what, clients)?);
            let (c, d) = (bench.http(what, clients)?, bench.pgbench(what, clients)?);
            let (store, pgbench) = (better(a, c), better(b, d));
            println!(
                "| {} | {clients} | {:.0} | {}, {} | {:.0} | {}, {} | {:.2} |",
                what.name(),
                store.per_second,
                ms(store.p50),
                ms(store.p99),
                pgbench.per_second,
                ms(pgbench.p50),
                ms(pgbench.p99),
                store.per_second / pgbench.per_second,
            );
        }
    }
    server.block_on(async {
        stop.cancel();
        serving.await??;
        cluster.stop().await;
        Ok(())
    })
}

fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1000.0)
}

fn better(one: Figure, two: Figure) -> Figure {
    if one.per_second >= two.per_second { one } else { two }
}

/// Orders to be found: twenty thousand, five of each... customer's kind, with one line each.
async fn fill(pool: &sqlx::PgPool) -> Result<(), Failure> {
    sqlx::raw_sql(
        "insert into orders.orders (id, order_number, source, state, status_id, customer_phone, currency, subtotal_minor, \
          total_minor, created_at) \
         select gen_random_uuid(), 'ORD-20200101-' || 10000 + n, 'ai_agent', 'delivered', \
          '823d75db-b9c6-4f58-a2f0-1bbc294cc910', '+7916' || 2000000 + n % 1000, 'RUB', 899000, 899000, \
          now() - interval '1 minute' * n from generate_series(1, 20000) n; \
         insert into orders.order_items (order_id, position, product_id, name, quantity, unit_minor, total_minor) \
         select o.id, 0, p.id, p.name, 1, 899000, 899000 from orders.orders o, \
          (select id, name from catalog.products limit 1) p where o.order_number like 'ORD-20200101-%'; \
         update stock.stock_items set on_hand = 1000000; analyze",
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// A product to order.
fn product(runtime: &tokio::runtime::Runtime, cluster: &Cluster) -> Result<String, Failure> {
    runtime.block_on(async {
        let pool = sqlx::PgPool::connect(&cluster.url("bench")).await?;
        let id = sqlx::query_scalar("select id::text from catalog.products order by id limit 1");
        Ok(id.fetch_one(&pool).await?)
    })
}

#[derive(Clone, Copy)]
enum What {
    Create,
    Search,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "keyed `POST /api/v1/orders`",
            Self::Search => "`GET /api/v1/orders/search`",
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Create => "tests/figures/store_create.sql",
            Self::Search => "tests/figures/store_search.sql",
        }
    }
}

struct Bench<'a> {
    cluster: &'a Cluster,
    url: String,
    address: std::net::SocketAddr,
    span: Duration,
    product: String,
}

impl Bench<'_> {
    /// Clients that keep their connection and ask again as soon as they are answered.
    fn http(&self, what: What, clients: u32) -> Result<Figure, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let began = Instant::now();
        // Telephone numbers and keys of another run are other ones.
        let run = u64::from(std::process::id()) + began.elapsed().as_nanos() as u64;
        let times = runtime.block_on(async {
            let mut asking = tokio::task::JoinSet::new();
            for client in 0..clients {
                let (address, span, product) = (self.address, self.span, self.product.clone());
                asking.spawn(async move { ask(what, address, span, &product, client, run).await });
            }
            let mut times = Vec::new();
            while let Some(asked) = asking.join_next().await {
                times.extend(asked??);
            }
            Ok::<_, Failure>(times)
        })?;
        Ok(Figure::of(times, began.elapsed()))
    }

    /// The same SQL by PostgreSQL's own bench.
    fn pgbench(&self, what: What, clients: u32) -> Result<Figure, Failure> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("log");
        let seconds = self.span.as_secs().to_string();
        let clients = clients.to_string();
        let threads = if clients == "1" { "1" } else { "2" };
        let began = Instant::now();
        let ran = Command::new(pgbench()?)
            .args(["--no-vacuum", "--protocol=prepared", "--client", &clients, "--jobs", threads])
            .args(["--time", &seconds, "--log", "--log-prefix"])
            .arg(&log)
            .args(["--define", &format!("product={}", self.product), "--define", "i=0"])
            .args(["--define", &format!("run={}", began.elapsed().subsec_nanos() % 1_000_000)])
            .args(["--file", what.script(), "--host"])
            .arg(self.cluster.folder())
            .args(["--username", "orderline", "bench"])
            .output()?;
        if !ran.status.success() {
            return Err(format!("pgbench: {}\n{}", self.url, String::from_utf8_lossy(&ran.stderr)).into());
        }
        let mut times = Vec::new();
        for file in std::fs::read_dir(folder.path())? {
            for line in std::fs::read_to_string(file?.path())?.lines() {
                // Client, number, microseconds, script, when.
                if let Some(Ok(us)) = line.split(' ').nth(2).map(str::parse) {
                    times.push(Duration::from_micros(us));
                }
            }
        }
        Ok(Figure::of(times, self.span))
    }
}

/// PostgreSQL's programs are often outside PATH.
fn pgbench() -> Result<PathBuf, Failure> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin/pgbench")))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    Ok(found.pop().unwrap_or_else(|| PathBuf::from("pgbench")))
}

async fn ask(
    what: What,
    address: std::net::SocketAddr,
    span: Duration,
    product: &str,
    client: u32,
    run: u64,
) -> Result<Vec<Duration>, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut times = Vec::new();
    let began = Instant::now();
    let mut answer = Vec::new();
    for n in 0_u64.. {
        if began.elapsed() >= span {
            break;
        }
        let (head, body, expected) = match what {
            What::Create => {
                let phone = format!("+7917{:07}", (u64::from(client) * 300_000 + n) % 10_000_000);
                let body = format!(
                    r#"{{"items":[{{"product_id":"{product}","quantity":1}}],"customer_phone":"{phone}","source":"ai_agent","call_id":"call-1"}}"#
                );
                let head = format!(
                    "POST /api/v1/orders HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nIdempotency-Key: {run}-{client}-{n}\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                (head, body, "HTTP/1.1 201")
            }
            What::Search => {
                let phone = 2_000_000 + (u64::from(client) * 31 + n * 7) % CUSTOMERS;
                let head = format!(
                    "GET /api/v1/orders/search?phone=%2B7916{phone} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
                );
                (head, String::new(), "HTTP/1.1 200")
            }
        };
        let asked = Instant::now();
        stream.write_all((head + &body).as_bytes()).await?;
        read(&mut stream, &mut answer).await?;
        times.push(asked.elapsed());
        if !answer.starts_with(expected.as_bytes()) {
            return Err(format!("expected {expected}, found {}", String::from_utf8_lossy(&answer)).into());
        }
    }
    Ok(times)
}

/// One answer whole.
async fn read(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<(), Failure> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            return Err("the store closed the connection".into());
        }
        let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&answer[..end])?.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let length: usize = length.ok_or("an answer without a length")?.parse()?;
        if answer.len() >= end + 4 + length {
            return Ok(());
        }
    }
}
