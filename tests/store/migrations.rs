//! The tables come up from nothing and from what stood before, and what must never be is refused by the database itself.

use std::path::Path;

use orderline::postgres::Cluster;
use orderline::store::{self, Settings, Shop};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

use crate::desk::{BUYER, CLUSTER, Desk, TOKEN, basket};

async fn empty_database() -> String {
    let cluster = CLUSTER.get_or_init(|| async { Cluster::temporary().await.unwrap() }).await;
    cluster.create_database(&format!("empty_{}", Uuid::new_v4().simple())).await.unwrap()
}

/// The store's own migrations, to be run up to one of them.
fn migrator() -> Migrator {
    let mut migrator: Migrator = sqlx::migrate!("migrations/store");
    migrator.dangerous_set_table_name("public._store_migrations");
    migrator
}

/// Every column, index, constraint and trigger of the store, as text.
async fn shape(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "with ours as (select oid, nspname from pg_namespace where nspname in \
          ('identity', 'catalog', 'stock', 'orders', 'pay', 'notify', 'crm')) \
         select concat_ws(' ', 'column', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), \
          a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) as line from pg_attribute a join pg_class c on c.oid = a.attrelid \
          join ours n on n.oid = c.relnamespace left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum \
          where a.attnum > 0 and not a.attisdropped and c.relkind = 'r' \
         union all select concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(k.oid)) \
          from pg_constraint k join ours n on n.oid = k.connamespace \
         union all select indexdef from pg_indexes where schemaname in (select nspname from ours) \
         union all select pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid \
          join ours n on n.oid = c.relnamespace where not tgisinternal order by line",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn the_tables_come_up_from_nothing_and_coming_up_again_changes_nothing() {
    let url = empty_database().await;
    let settings = Settings { database_url: url.into(), token: TOKEN.into(), ..Settings::default() };
    // Several processes may start at once.
    let (one, two) = tokio::join!(store::connect(&settings), store::connect(&settings));
    let (one, _two) = (one.unwrap(), two.unwrap());
    let first = shape(&one).await;
    assert!(first.len() > 200, "{}", first.len());
    store::migrate(&one).await.unwrap();
    assert_eq!(shape(&one).await, first);
    let done: i64 = sqlx::query_scalar("select count(*) from public._store_migrations where success")
        .fetch_one(&one)
        .await
        .unwrap();
    assert_eq!(usize::try_from(done).unwrap(), migrator().iter().count());
}

/// What a shop had before the other systems came: customers and orders in every state, paid and unpaid.
const BEFORE: &str = "
    insert into identity.customers (id, phone_e164, name, language) values
        ('00000000-0000-4000-8000-0000000000c1', '+79161234567', 'Анна', 'ru');
    insert into catalog.products (id, name, price_minor, currency) values
        ('00000000-0000-4000-8000-0000000000a1', 'Шина', 100000, 'RUB');
    insert into stock.stock_items (product_id, on_hand, reserved) values
        ('00000000-0000-4000-8000-0000000000a1', 20, 4);
    insert into orders.orders (id, order_number, source, state, status_id, customer_id, customer_phone, currency,
        subtotal_minor, total_minor, version) select
        ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'ORD-20260214-100' || n, 'ai_agent', s.state, st.id,
        '00000000-0000-4000-8000-0000000000c1', '+79161234567', 'RUB', 200000, 200000, 1
        from (values (1, 'draft', 'NEW'), (2, 'new', 'NEW'), (3, 'pending_payment', 'PENDING_PAYMENT'),
              (4, 'processing', 'PROCESSING'), (5, 'shipped', 'SHIPPED'), (6, 'delivered', 'DELIVERED'),
              (7, 'cancelled', 'CANCELLED')) as s (n, state, code)
        join orders.order_statuses st on st.code = s.code;
    update orders.orders set expires_at = now() + interval '1 hour' where state = 'draft';
    insert into orders.order_items (order_id, position, product_id, name, quantity, unit_minor, total_minor)
        select id, 0, '00000000-0000-4000-8000-0000000000a1', 'Шина', 2, 100000, 200000 from orders.orders;
    insert into orders.order_status_history (order_id, status_id, state)
        select id, status_id, state from orders.orders;
    insert into orders.events (order_id, version, event, to_state, actor, request_id)
        select id, 1, 'drafted', state, 'agent', 'before' from orders.orders;
    insert into stock.reservations (id, order_id, status)
        select gen_random_uuid(), id, 'active' from orders.orders where state in ('new', 'pending_payment');
    insert into stock.reservation_items (reservation_id, product_id, quantity)
        select id, '00000000-0000-4000-8000-0000000000a1', 2 from stock.reservations;
    insert into pay.payments (id, order_id, method, amount_minor, currency, status)
        select gen_random_uuid(), id, 'online', total_minor, 'RUB', case state when 'new' then 'on_delivery'
        when 'pending_payment' then 'pending' when 'cancelled' then 'cancelled' else 'paid' end
        from orders.orders where state <> 'draft';
    insert into orders.idempotency_keys (principal, key, fingerprint, status, headers, body, expires_at) values
        ('agent', 'old', '\\x00', 201, '[]', '{}', now() + interval '1 day');
";

#[tokio::test]
async fn a_shop_of_the_previous_schema_keeps_everything_and_goes_on() {
    let url = empty_database().await;
    let settings = Settings { database_url: url.clone().into(), token: TOKEN.into(), ..Settings::default() };
    let pool = PgPool::connect(&url).await.unwrap();
    migrator().run_to(1, &pool).await.unwrap();
    sqlx::raw_sql(BEFORE).execute(&pool).await.unwrap();
    store::migrate(&pool).await.unwrap();

    // The same tables as those that came up from nothing.
    let fresh = empty_database().await;
    let fresh = PgPool::connect(&fresh).await.unwrap();
    store::migrate(&fresh).await.unwrap();
    assert_eq!(shape(&pool).await, shape(&fresh).await);

    let captured: Vec<(String, i64, i64)> = sqlx::query_as(
        "select o.state, p.captured_minor, p.refunded_minor from pay.payments p join orders.orders o on o.id = p.order_id \
         order by o.order_number",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let paid = |state: &str| i64::from(["processing", "shipped", "delivered"].contains(&state)) * 200_000;
    assert_eq!(captured.len(), 6);
    for (state, captured, refunded) in captured {
        assert_eq!((captured, refunded), (paid(&state), 0), "{state}");
    }

    // The shop opens on it: the goods of today are loaded beside the old ones, the old orders are there and can be moved.
    let shop = Shop::load(Path::new("samples/shop/tyres.toml")).unwrap();
    store::seed(&pool, &shop, settings.utc_offset_min).await.unwrap();
    pool.close().await;
    let desk = Desk::over(&url).await;
    let found = desk.get("/api/v1/orders/search?phone=%2B79161234567&limit=100").await.expect(200);
    let old =
        |order: &&serde_json::Value| order["order_number"].as_str().unwrap().starts_with("ORD-20260214-100");
    assert_eq!(
        found["items"].as_array().unwrap().iter().filter(old).count(),
        6,
        "the draft is not shown: {found}"
    );
    let order = |n: u8| format!("/api/v1/orders/00000000-0000-4000-8000-00000000000{n}");
    for n in [2, 3, 4] {
        let cancelled =
            desk.post(&format!("{}/cancel", order(n)), &format!("c{n}"), serde_json::json!({})).await;
        assert_eq!(cancelled.expect(200)["status"], "cancelled");
    }
    for n in [5, 6] {
        let refused =
            desk.post(&format!("{}/cancel", order(n)), &format!("c{n}"), serde_json::json!({})).await;
        refused.refused(409, "invalid-transition");
    }
    let left: (i32, i32) = sqlx::query_as(
        "select on_hand, reserved from stock.stock_items where product_id = '00000000-0000-4000-8000-0000000000a1'",
    )
    .fetch_one(&desk.pool)
    .await
    .unwrap();
    assert_eq!(left, (20, 0));
    assert_eq!(desk.count("select count(*) from pay.refunds where amount_minor = 200000").await, 1);
    // What was kept under a key is kept.
    let product = desk.product("кама 175 70 13").await;
    let reused = desk.post("/api/v1/orders", "old", basket(BUYER, &product, 1)).await;
    reused.refused(422, "idempotency-key-reused");
    desk.close().await;
}

/// An order in work, with its goods held, its money there and a little of it back; a draft; one that is over.
const SETUP: &str = "
    insert into catalog.products (id, name, price_minor, currency) values
        ('00000000-0000-4000-8000-0000000000a1', 'thing', 100, 'RUB');
    insert into stock.stock_items (product_id, on_hand, reserved) values ('00000000-0000-4000-8000-0000000000a1', 5, 2);
    insert into orders.orders (id, order_number, source, state, status_id, currency, subtotal_minor, total_minor,
        origin_key, created_at) select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'ORD-20260214-100' || n,
        'market', s.state, st.id, 'RUB', 200, 200, 'k' || n, now()
        from (values (1, 'draft', 'NEW'), (2, 'processing', 'PROCESSING'), (3, 'cancelled', 'CANCELLED'),
              (4, 'delivered', 'DELIVERED')) as s (n, state, code) join orders.order_statuses st on st.code = s.code;
    insert into orders.order_items (order_id, position, product_id, name, quantity, unit_minor, total_minor)
        select id, 0, '00000000-0000-4000-8000-0000000000a1', 'thing', 2, 100, 200 from orders.orders;
    insert into orders.events (order_id, version, event, to_state, actor, request_id)
        select id, 1, 'placed', state, 'agent', 'r' from orders.orders;
    insert into stock.reservations (id, order_id, status) values
        ('00000000-0000-4000-8000-0000000000b2', '00000000-0000-4000-8000-000000000002', 'active');
    insert into stock.reservation_items values
        ('00000000-0000-4000-8000-0000000000b2', '00000000-0000-4000-8000-0000000000a1', 2);
    insert into pay.payments (id, order_id, method, amount_minor, currency, status, captured_minor) values
        ('00000000-0000-4000-8000-0000000000d2', '00000000-0000-4000-8000-000000000002', 'card', 200, 'RUB', 'paid', 200);
    insert into pay.refunds (id, payment_id, order_id, amount_minor, currency) values
        ('00000000-0000-4000-8000-0000000000e2', '00000000-0000-4000-8000-0000000000d2',
         '00000000-0000-4000-8000-000000000002', 50, 'RUB');
    insert into identity.users (id, first_name, last_name, email) values
        ('00000000-0000-4000-8000-0000000000f1', 'A', 'B', 'a@example.org');
    insert into crm.materials (id, name, unit, on_hand_milli) values
        ('00000000-0000-4000-8000-0000000000f2', 'wood', 'm', 1000);
    insert into crm.user_order_pages (id, user_id, user_name, date) select
        ('00000000-0000-4000-8000-0000000000f' || n)::uuid, gen_random_uuid(), 'M', '2026-02-14' from generate_series(3, 4) n;
    insert into crm.user_order_page_orders (page_id, order_type, order_id) values
        ('00000000-0000-4000-8000-0000000000f3', 'website', '00000000-0000-4000-8000-000000000002');
";

// The SQLSTATEs (PostgreSQL 15, appendix A).
const CHECK: &str = "23514";
const UNIQUE: &str = "23505";
const FOREIGN_KEY: &str = "23503";
const NOT_NULL: &str = "23502";
const TOO_LONG: &str = "22001";
const RAISED: &str = "P0001";

/// What must never be, the statement that would bring it about, and how the database says no. `#n` is the id that ends so.
const NEVER: &[(&str, &str, &str)] = &[
    // Goods.
    ("more is held than is there", "update stock.stock_items set reserved = 6 where product_id = #a1", CHECK),
    ("less than nothing is held", "update stock.stock_items set reserved = -1 where product_id = #a1", CHECK),
    (
        "less than nothing is there",
        "update stock.stock_items set on_hand = -1, reserved = 0 where product_id = #a1",
        CHECK,
    ),
    ("what is held is taken away", "update stock.stock_items set on_hand = 1 where product_id = #a1", CHECK),
    ("goods of no product", "insert into stock.stock_items values (#99, 1, 0)", FOREIGN_KEY),
    (
        "two reservations of one order",
        "insert into stock.reservations (id, order_id, status) values (#b9, #02, 'active')",
        UNIQUE,
    ),
    (
        "a reservation of no order",
        "insert into stock.reservations (id, order_id, status) values (#b9, #99, 'active')",
        FOREIGN_KEY,
    ),
    ("an unknown kind of reservation", "update stock.reservations set status = 'kept' where id = #b2", CHECK),
    (
        "nothing is reserved",
        "update stock.reservation_items set quantity = 0 where reservation_id = #b2",
        CHECK,
    ),
    (
        "a cancelled order holds goods",
        "insert into stock.reservations (id, order_id, status) values (#b9, #03, 'active')",
        CHECK,
    ),
    (
        "an order is cancelled with its goods",
        "update orders.orders set state = 'cancelled' where id = #02",
        CHECK,
    ),
    // Money.
    (
        "more goes back than came",
        "insert into pay.refunds (id, payment_id, order_id, amount_minor, currency) values (#e9, #d2, #02, 151, 'RUB')",
        CHECK,
    ),
    ("a refund grows beyond what came", "update pay.refunds set amount_minor = 201 where id = #e2", CHECK),
    (
        "a refund of nothing",
        "insert into pay.refunds (id, payment_id, order_id, amount_minor, currency) values (#e9, #d2, #02, 0, 'RUB')",
        CHECK,
    ),
    (
        "a refund of less than nothing",
        "insert into pay.refunds (id, payment_id, order_id, amount_minor, currency) values (#e9, #d2, #02, -1, 'RUB')",
        CHECK,
    ),
    ("a refund in an unknown state", "update pay.refunds set status = 'maybe' where id = #e2", CHECK),
    ("more is paid than is owed", "update pay.payments set captured_minor = 201 where id = #d2", CHECK),
    (
        "money of a payment that has not come",
        "insert into pay.payments (id, order_id, method, amount_minor, currency, status, captured_minor) values (#d9, #01, 'card', 200, 'RUB', 'pending', 200)",
        CHECK,
    ),
    (
        "a payment that has come without its money",
        "update pay.payments set captured_minor = 50 where id = #d2",
        CHECK,
    ),
    (
        "two payments of one order",
        "insert into pay.payments (id, order_id, method, amount_minor, currency, status) values (#d9, #02, 'card', 200, 'RUB', 'pending')",
        UNIQUE,
    ),
    (
        "an unknown way to pay",
        "insert into pay.payments (id, order_id, method, amount_minor, currency, status) values (#d9, #01, 'barter', 200, 'RUB', 'pending')",
        CHECK,
    ),
    ("a payment in an unknown state", "update pay.payments set status = 'perhaps' where id = #d2", CHECK),
    (
        "a payment below nothing",
        "insert into pay.payments (id, order_id, method, amount_minor, currency, status) values (#d9, #01, 'card', -1, 'RUB', 'pending')",
        CHECK,
    ),
    (
        "a provider is asked to give back no refund",
        "insert into pay.provider_calls (id, kind, payment_id) values (#d9, 'refund', #d2)",
        CHECK,
    ),
    // Orders.
    ("an unknown state", "update orders.orders set state = 'lost' where id = #02", CHECK),
    (
        "a status that is none of the six",
        "update orders.orders set status_id = #99 where id = #02",
        FOREIGN_KEY,
    ),
    ("an unknown source", "update orders.orders set source = 'dream' where id = #02", CHECK),
    ("a cancelled order comes back", "update orders.orders set state = 'new' where id = #03", CHECK),
    ("a delivered order is cancelled", "update orders.orders set state = 'cancelled' where id = #04", CHECK),
    ("a total that is not the sum", "update orders.orders set total_minor = 201 where id = #02", CHECK),
    (
        "a total below nothing",
        "update orders.orders set subtotal_minor = -1, total_minor = -1 where id = #02",
        CHECK,
    ),
    (
        "a delivery below nothing",
        "update orders.orders set delivery_minor = -1, total_minor = 199 where id = #02",
        CHECK,
    ),
    ("a prepayment below nothing", "update orders.orders set prepayment_minor = -1 where id = #02", CHECK),
    ("a currency that is none", "update orders.orders set currency = 'rub' where id = #02", CHECK),
    ("a number that is none", "update orders.orders set order_number = '1' where id = #02", CHECK),
    (
        "a number given twice",
        "update orders.orders set order_number = 'ORD-20260214-1001' where id = #02",
        UNIQUE,
    ),
    ("two orders of one key", "update orders.orders set origin_key = 'k1' where id = #02", UNIQUE),
    ("an order that is wiped out", "delete from orders.orders where id = #02", FOREIGN_KEY),
    (
        "a line of nothing",
        "update orders.order_items set quantity = 0, total_minor = 0 where order_id = #02",
        CHECK,
    ),
    (
        "a line of less than nothing",
        "update orders.order_items set quantity = -2, total_minor = -200 where order_id = #02",
        CHECK,
    ),
    (
        "a line of too much",
        "update orders.order_items set quantity = 1000, total_minor = 100000 where order_id = #02",
        CHECK,
    ),
    (
        "a line that adds up wrongly",
        "update orders.order_items set total_minor = 201 where order_id = #02",
        CHECK,
    ),
    (
        "a line without a price",
        "update orders.order_items set unit_minor = null where order_id = #02",
        NOT_NULL,
    ),
    (
        "two lines in one place",
        "insert into orders.order_items (order_id, position, name, quantity, unit_minor, total_minor) values (#02, 0, 'x', 1, 1, 1)",
        UNIQUE,
    ),
    (
        "a delivery to nowhere",
        "insert into orders.order_delivery (order_id, type, city, cost_minor) values (#02, 'delivery', 'x', 0)",
        CHECK,
    ),
    (
        "a pick-up from nowhere",
        "insert into orders.order_delivery (order_id, type, city, cost_minor) values (#02, 'pickup', 'x', 0)",
        CHECK,
    ),
    (
        "words of an actor that are too long",
        "insert into orders.order_status_history (order_id, status_id, state, actor_details) select id, status_id, state, repeat('я', 256) from orders.orders",
        TOO_LONG,
    ),
    ("a product below nothing", "update catalog.products set price_minor = -1 where id = #a1", CHECK),
    // What happened.
    ("the past is changed", "update orders.events set actor = 'nobody'", RAISED),
    ("the past is forgotten", "delete from orders.events", RAISED),
    ("the past is wiped out", "truncate orders.events", RAISED),
    (
        "one version twice",
        "insert into orders.events (order_id, version, event, to_state, actor, request_id) values (#02, 1, 'moved', 'new', 'x', 'r')",
        UNIQUE,
    ),
    // People.
    (
        "a number that is no number",
        "insert into identity.customers (id, phone_e164) values (#99, '8 916 123')",
        CHECK,
    ),
    (
        "a user whom nobody can reach",
        "insert into identity.users (id, first_name, last_name) values (#99, 'A', 'B')",
        CHECK,
    ),
    (
        "one address in two spellings",
        "insert into identity.users (id, first_name, last_name, email) values (#99, 'A', 'B', 'A@example.org')",
        CHECK,
    ),
    (
        "one address twice",
        "insert into identity.users (id, first_name, last_name, email) values (#99, 'A', 'B', 'a@example.org')",
        UNIQUE,
    ),
    ("an unknown role", "update identity.users set roles = '{owner}' where id = #f1", CHECK),
    (
        "a password as it was typed",
        "insert into identity.user_credentials (user_id, password_phc) values (#f1, 'secret')",
        CHECK,
    ),
    (
        "a token as it was shown",
        "insert into identity.user_tokens (id, user_id, family, token_hash, expires_at) values (#99, #f1, #99, 'olt_x', now())",
        CHECK,
    ),
    (
        "a sixth guess",
        "insert into identity.verification_codes (id, user_id, channel, recipient, code_hash, attempts, expires_at) values (#99, #f1, 'email', 'x', sha256('x'), 6, now())",
        CHECK,
    ),
    (
        "a customer's token of the shop",
        "insert into identity.api_clients (id, name, role, token_hash) values (#99, 'x', 'customer', sha256('x'))",
        CHECK,
    ),
    // The pool.
    ("more material than there is", "update crm.materials set on_hand_milli = -1 where id = #f2", CHECK),
    (
        "a movement of nothing",
        "insert into crm.material_movements (material_id, delta_milli, reason) values (#f2, 0, 'x')",
        CHECK,
    ),
    (
        "an order of two managers",
        "insert into crm.user_order_page_orders (page_id, order_type, order_id) values (#f4, 'website', #02)",
        UNIQUE,
    ),
    (
        "a photograph in an unknown state",
        "insert into crm.photo_orders (id, status, telegram_user, photo_url) values (#99, 'lost', 'x', 'x')",
        CHECK,
    ),
    (
        "a message by pigeon",
        "insert into notify.notifications (id, channel, recipient, language, template, body) values (#99, 'pigeon', 'x', 'ru', 'x', 'x')",
        CHECK,
    ),
];

#[tokio::test]
async fn what_must_never_be_is_refused_by_the_database_itself() {
    let pool = PgPool::connect(&empty_database().await).await.unwrap();
    store::migrate(&pool).await.unwrap();
    sqlx::raw_sql(SETUP).execute(&pool).await.unwrap();
    let mut conn: PgConnection = pool.acquire().await.unwrap().detach();
    let mut wrong = Vec::new();
    for (what, statement, expected) in NEVER {
        let mut text = String::new();
        for (n, part) in statement.split('#').enumerate() {
            match n {
                0 => text.push_str(part),
                _ => text.push_str(&format!(
                    "'00000000-0000-4000-8000-0000000000{}'::uuid{}",
                    &part[..2],
                    &part[2..]
                )),
            }
        }
        let mut transaction = conn.begin().await.unwrap();
        // Some are looked at only when the transaction ends.
        let text = format!("{text}; set constraints all immediate");
        let outcome = sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut *transaction).await;
        transaction.rollback().await.unwrap();
        match outcome {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(expected) => {}
            other => wrong.push(format!("{what}: expected {expected}, found {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    conn.close().await.unwrap();
}
