//! One shop for all tests here: the reference store and its PostgreSQL, which the audit shares.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use orderline::audit;
use orderline::postgres::Cluster;
use orderline::store::{self, Settings, Shop as Goods};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The tests share the store, so they share its runtime too: one of a test's own would end with it.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

static SHOP: OnceCell<Shop> = OnceCell::const_new();

pub(crate) struct Shop {
    // Its keeper stops it when this process ends.
    pub(crate) _cluster: Cluster,
    /// Orders and audit.
    pub(crate) url: String,
    pub(crate) pool: PgPool,
    /// Where the store listens.
    pub(crate) address: String,
    /// What everybody buys.
    pub(crate) product: Uuid,
}

/// The shop, opened by whoever needs it first.
pub(crate) async fn shop() -> &'static Shop {
    SHOP.get_or_init(open).await
}

/// A store's settings without the limits that protect it from a crowd.
pub(crate) fn settings(url: &str) -> Settings {
    let mut settings = Settings {
        database_url: url.into(),
        token: TOKEN.into(),
        max_connections: 16,
        max_unpaid_orders: 10_000,
        ..Settings::default()
    };
    settings.limits.requests_per_min = 0;
    settings.limits.misses_per_min = 0;
    settings
}

async fn open() -> Shop {
    let cluster = Cluster::temporary().await.unwrap();
    let url = cluster.create_database("shop").await.unwrap();
    let settings = settings(&url);
    let serving = store::connect(&settings).await.unwrap();
    let goods = Goods::load(Path::new("samples/shop/tyres.toml")).unwrap();
    store::seed(&serving, &goods, settings.utc_offset_min).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(store::serve(settings, listener, serving, CancellationToken::new()));

    // Sixteen cells of the table ask at once, on a machine that may have a single core.
    let pool = PgPoolOptions::new().max_connections(8).acquire_timeout(Duration::from_secs(120));
    let pool = pool.connect(&url).await.unwrap();
    audit::migrate(&pool).await.unwrap();
    sqlx::query("UPDATE stock.stock_items SET on_hand = 1000000").execute(&pool).await.unwrap();
    let product = sqlx::query_scalar("SELECT id FROM catalog.products ORDER BY created_at, id LIMIT 1");
    let product = product.fetch_one(&pool).await.unwrap();
    Shop { _cluster: cluster, url, pool, address, product }
}
