//! A random walk over the table of transitions on a real PostgreSQL: whatever events come to whatever orders, from several
//! sides at once, goods and money add up.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgPool};
use tokio::sync::Mutex;

use super::*;
use crate::postgres::Cluster;
use crate::store::migrate;
use crate::store::state::Method;

/// Events offered to orders, allowed and refused.
const EVENTS: usize = 100_000;
/// Who offers them, each on a connection of its own.
const WALKERS: u64 = 4;
/// Orders that live at once: few enough that walkers meet.
const ORDERS: usize = 128;
/// Events of one order in one transaction, at most.
const BATCH: u64 = 16;
/// Products; an order has one to three of them.
const PRODUCTS: u64 = 6;

/// Chance, from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn of<T: Clone>(&mut self, things: &[T]) -> T {
        let n = self.below(things.len() as u64);
        things[usize::try_from(n).unwrap()].clone()
    }
}

fn product(n: u64) -> Uuid {
    Uuid::from_u128(u128::from(n) + 1)
}

struct Walk {
    pool: PgPool,
    settings: Settings,
    orders: Vec<Mutex<(Uuid, State)>>,
    left: AtomicUsize,
    allowed: AtomicUsize,
    begun: AtomicUsize,
}

/// Each is a statement that finds what must not be, in one snapshot.
const NEVER: &[(&str, &str)] = &[
    (
        "what is held is not what active reservations hold",
        "select s.product_id::text from stock.stock_items s left join \
         (select i.product_id, sum(i.quantity) as held from stock.reservation_items i \
          join stock.reservations r on r.id = i.reservation_id where r.status = 'active' group by 1) h \
         using (product_id) where s.reserved <> coalesce(h.held, 0)",
    ),
    (
        "what is on hand is not what was supplied less what was taken",
        "select s.product_id::text from stock.stock_items s join walk.supplied w using (product_id) left join \
         (select i.product_id, sum(i.quantity) as taken from stock.reservation_items i \
          join stock.reservations r on r.id = i.reservation_id where r.status = 'confirmed' group by 1) t \
         using (product_id) where s.on_hand <> w.given - coalesce(t.taken, 0)",
    ),
    (
        "an order that is over, or has not begun, holds goods",
        "select o.id::text from orders.orders o join stock.reservations r on r.order_id = o.id \
         where r.status = 'active' and o.state in ('draft', 'shipped', 'delivered', 'cancelled')",
    ),
    (
        "a cancelled order keeps money or waits for some",
        "select o.id::text from orders.orders o join pay.payments p on p.order_id = o.id where o.state = 'cancelled' \
         and (p.captured_minor <> p.refunded_minor or p.status in ('on_delivery', 'pending', 'paid'))",
    ),
    (
        "a paid order has paid something else than its total, or was paid back",
        "select o.id::text from orders.orders o join pay.payments p on p.order_id = o.id \
         where o.state <> 'cancelled' and p.captured_minor > 0 \
         and (p.captured_minor - p.refunded_minor <> o.total_minor or p.status <> 'paid')",
    ),
    (
        "a reservation holds something else than its order's lines",
        "select r.id::text from stock.reservations r where \
         (select coalesce(jsonb_object_agg(product_id, quantity), '{}') from stock.reservation_items \
          where reservation_id = r.id) <> \
         (select coalesce(jsonb_object_agg(product_id, sum), '{}') from \
          (select product_id, sum(quantity) from orders.order_items where order_id = r.order_id group by 1) l)",
    ),
];

/// As [`NEVER`], over the whole past; asked once, at the end.
const NEVER_IN_ALL: &[(&str, &str)] = &[
    (
        "an order's version is not the number of its events, or they do not follow one another",
        "select o.id::text from orders.orders o join (select order_id, count(*) as n, max(version) as last, \
          bool_and(linked) as linked, (array_agg(to_state order by version desc))[1] as state from \
          (select order_id, version, to_state, from_state is not distinct from \
           lag(to_state) over (partition by order_id order by version) as linked from orders.events) e group by 1) e \
         on e.order_id = o.id where o.version <> e.n or o.version <> e.last or not e.linked or o.state <> e.state",
    ),
    (
        "the history is not the states that the events went through",
        "select o.id::text from orders.orders o where \
         (select array_agg(state order by id) from orders.order_status_history where order_id = o.id) <> \
         (select array_agg(to_state order by version) from orders.events where order_id = o.id \
          and from_state is distinct from to_state)",
    ),
    (
        "an order's status is not its state's",
        "select o.id::text from orders.orders o join orders.order_statuses s on s.id = o.status_id \
         where s.code <> case o.state when 'draft' then 'NEW' else upper(o.state) end",
    ),
    (
        "a refund is not asked of the provider exactly once",
        "select r.id::text from pay.refunds r where \
         (select count(*) from pay.provider_calls c where c.refund_id = r.id) <> 1",
    ),
];

async fn look(pool: &PgPool, never: &[(&str, &'static str)]) {
    for (what, statement) in never {
        let found: Vec<String> = sqlx::query_scalar(*statement).fetch_all(pool).await.unwrap();
        assert!(found.is_empty(), "{what}: {found:?}");
    }
}

impl Walk {
    fn context(&self, now: DateTime<Utc>) -> Context<'_> {
        Context {
            settings: &self.settings,
            now,
            actor: "walker",
            key: None,
            request_id: "walk",
            expected_version: None,
        }
    }

    /// A new order: a draft, or whole at once.
    async fn begin(&self, conn: &mut PgConnection, chance: &mut Chance) -> (Uuid, State) {
        let id = Uuid::now_v7();
        let (event, state) = chance.of(&[(Event::Drafted, State::Draft), (Event::Placed, State::New)]);
        let context = self.context(Utc::now());
        let (first, lines) = (chance.below(PRODUCTS), 1 + chance.below(3));
        let quantity = 1 + i64::try_from(chance.below(4)).unwrap();
        let number = format!("ORD-20260214-{}", 10_000 + self.begun.fetch_add(1, Ordering::Relaxed));
        let opening = Opening {
            id,
            order_number: &number,
            source: "market",
            customer_phone: Some("+79161234567"),
            currency: "RUB",
            subtotal: Amount(i64::try_from(lines).unwrap() * quantity * 100),
            ..Opening::default()
        };
        let mut transaction = conn.begin().await.unwrap();
        begin(&mut transaction, &context, &event, &opening).await.unwrap();
        for line in 0..lines {
            sqlx::query(
                "insert into orders.order_items (order_id, position, product_id, name, quantity, unit_minor, total_minor) \
                 values ($1, $2, $3, 'thing', $4, 100, 100 * $4)",
            )
            .bind(id)
            .bind(i32::try_from(line).unwrap())
            .bind(product((first + line) % PRODUCTS))
            .bind(i32::try_from(quantity).unwrap())
            .execute(&mut *transaction)
            .await
            .unwrap();
        }
        transaction.commit().await.unwrap();
        (id, state)
    }

    /// An event that suits an order in this state, or any at all.
    async fn event(&self, conn: &mut PgConnection, chance: &mut Chance, id: Uuid, state: State) -> Event {
        let payment = Uuid::now_v7();
        let failed = || Event::PaymentFailed { payment, code: Some("declined".into()), message: None };
        let cancelled = || Event::CancelledByCustomer { reason: "changed my mind".into() };
        let paid = || Event::PaymentSucceeded { payment };
        let (card, phone) = (Event::PaymentStarted(Method::Card), Event::PaymentStarted(Method::Phone));
        let at_the_door = Event::Confirmed(Method::CardOnDelivery);
        let moved = Event::MovedTo(chance.of(&State::ALL));
        let suited = match state {
            State::Draft => vec![
                Event::DeliverySet,
                Event::DeliverySet,
                Event::LinesChanged,
                Event::Confirmed(Method::Online),
                Event::Confirmed(Method::CashOnDelivery),
                at_the_door,
                Event::DraftExpired,
                moved,
            ],
            State::New => vec![
                Event::Reserved,
                Event::Reserved,
                Event::ReservationReleased,
                Event::ReservationExpired,
                Event::ReservationConfirmed,
                card,
                phone,
                Event::Assigned,
                moved,
                cancelled(),
            ],
            State::PendingPayment => vec![
                paid(),
                paid(),
                Event::Accepted,
                Event::Accepted,
                Event::ReservationConfirmed,
                Event::PaymentExpired,
                failed(),
                moved,
                cancelled(),
            ],
            State::Processing => {
                vec![Event::ReservationConfirmed, paid(), failed(), moved.clone(), moved, cancelled()]
            }
            State::Shipped => vec![paid(), failed(), moved],
            State::Delivered | State::Cancelled => vec![paid(), paid(), failed(), moved],
        };
        let event = if chance.one_in(8) {
            chance.of(&[
                Event::Drafted,
                Event::Placed,
                Event::DeliverySet,
                Event::LinesChanged,
                Event::Confirmed(Method::Online),
                Event::Reserved,
                Event::ReservationReleased,
                Event::ReservationConfirmed,
                Event::Accepted,
                Event::Assigned,
                Event::DraftExpired,
                Event::PaymentExpired,
                paid(),
                failed(),
                cancelled(),
                Event::PaymentStarted(Method::Card),
            ])
        } else {
            chance.of(&suited)
        };
        // Mostly the order's own newest payment; now and then one that is not there.
        if !matches!(event, Event::PaymentSucceeded { .. } | Event::PaymentFailed { .. }) || chance.one_in(8)
        {
            return event;
        }
        let newest =
            "select id from pay.payments where order_id = $1 order by created_at desc, id desc limit 1";
        let newest: Option<Uuid> = sqlx::query_scalar(newest).bind(id).fetch_optional(conn).await.unwrap();
        match (event, newest) {
            (Event::PaymentSucceeded { .. }, Some(payment)) => Event::PaymentSucceeded { payment },
            (Event::PaymentFailed { code, message, .. }, Some(payment)) => {
                Event::PaymentFailed { payment, code, message }
            }
            (event, _) => event,
        }
    }

    /// One event, in a savepoint of its own as each request has one; the state it leads to, if it is allowed.
    async fn step(
        &self,
        conn: &mut PgConnection,
        chance: &mut Chance,
        id: Uuid,
        state: State,
    ) -> Option<State> {
        let event = self.event(conn, chance, id, state).await;
        // Time alone ends a draft: let it have passed.
        let late = if event == Event::DraftExpired { TimeDelta::days(1) } else { TimeDelta::zero() };
        let context = self.context(Utc::now() + late);
        let mut step = match Step::plan(conn, &context, id, event.clone()).await {
            Ok(step) => step,
            Err(Fault::No(_)) => return None,
            Err(Fault::Database(error)) => panic!("{event:?}: {error}"),
        };
        step.tell_customer = chance.one_in(16);
        let to = step.effects.to;
        let mut savepoint = conn.begin().await.unwrap();
        let outcome = async {
            if event == Event::LinesChanged {
                change_lines(&mut savepoint, id).await?;
            }
            if event == Event::DeliverySet {
                let cost = i64::try_from(chance.below(500)).unwrap();
                set_delivery(&mut savepoint, id, cost).await?;
            }
            step.carry_out(&mut savepoint, &context).await
        };
        match outcome.await {
            Ok(()) => {
                savepoint.commit().await.unwrap();
                self.allowed.fetch_add(1, Ordering::Relaxed);
                Some(to)
            }
            Err(Fault::No(_)) => {
                savepoint.rollback().await.unwrap();
                None
            }
            Err(Fault::Database(error)) => panic!("{event:?}: {error}"),
        }
    }

    /// One walker's way.
    async fn walk(&self, mut chance: Chance) {
        let mut conn = self.pool.acquire().await.unwrap();
        // What is lost at a crash of the server is of no interest here.
        sqlx::raw_sql("set synchronous_commit = off").execute(&mut *conn).await.unwrap();
        loop {
            let size = usize::try_from(1 + chance.below(BATCH)).unwrap();
            let take = |left: usize| left.checked_sub(size.min(left)).filter(|_| left > 0);
            let Ok(left) = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) else { return };
            let slot = &self.orders[usize::try_from(chance.below(ORDERS as u64)).unwrap()];
            // Another walker may have moved it meanwhile.
            let (id, mut state) = *slot.lock().await;
            let mut transaction = conn.begin().await.unwrap();
            let (mut left, mut late) = (size.min(left), 0);
            // What is over hears little more.
            while left > 0 && late < 2 {
                late += u8::from(over(state));
                state = self.step(&mut transaction, &mut chance, id, state).await.unwrap_or(state);
                left -= 1;
            }
            self.left.fetch_add(left, Ordering::Relaxed);
            transaction.commit().await.unwrap();
            // What is over stays a while: late callbacks come.
            let next = if over(state) && !chance.one_in(4) {
                self.begin(&mut conn, &mut chance).await
            } else {
                (id, state)
            };
            *slot.lock().await = next;
            if chance.one_in(4) {
                restock(&mut conn, product(chance.below(PRODUCTS))).await;
            }
        }
    }
}

fn over(state: State) -> bool {
    matches!(state, State::Delivered | State::Cancelled)
}

/// What the handler does: other quantities, and the sum anew.
async fn change_lines(conn: &mut PgConnection, order: Uuid) -> Result<(), Fault> {
    let statement = "with changed as (update orders.order_items set quantity = quantity % 4 + 1, \
          total_minor = unit_minor * (quantity % 4 + 1) where order_id = $1 returning total_minor) \
         update orders.orders set subtotal_minor = s.sum, total_minor = s.sum + delivery_minor \
         from (select sum(total_minor)::bigint as sum from changed) s where id = $1";
    sqlx::query(statement).bind(order).execute(conn).await?;
    Ok(())
}

async fn set_delivery(conn: &mut PgConnection, order: Uuid, cost: i64) -> Result<(), Fault> {
    sqlx::query(
        "insert into orders.order_delivery (order_id, type, city, address, cost_minor) \
         values ($1, 'delivery', 'Minsk', 'here', $2) on conflict (order_id) do update set cost_minor = $2",
    )
    .bind(order)
    .bind(cost)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "update orders.orders set delivery_minor = $2, total_minor = subtotal_minor + $2 where id = $1",
    )
    .bind(order)
    .bind(cost)
    .execute(conn)
    .await?;
    Ok(())
}

/// Goods come when few are left, and not enough for all.
async fn restock(conn: &mut PgConnection, product: Uuid) {
    sqlx::query(
        "with more as (update stock.stock_items set on_hand = on_hand + 12 where product_id = $1 \
         and on_hand - reserved < 3 and reserved < 60 returning product_id) \
         update walk.supplied w set given = given + 12 from more where w.product_id = more.product_id",
    )
    .bind(product)
    .execute(conn)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_of_a_hundred_thousand_events_keeps_goods_and_money_together() {
    let seed = std::env::var("WALK_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::try_from(Utc::now().timestamp_micros()).unwrap());
    println!("WALK_SEED={seed}");
    let cluster = Cluster::temporary().await.unwrap();
    let url = cluster.create_database("walk").await.unwrap();
    let pool = PgPoolOptions::new().max_connections(6).connect(&url).await.unwrap();
    migrate(&pool).await.unwrap();
    sqlx::raw_sql(
        "create schema walk; create table walk.supplied (product_id uuid primary key, given bigint not null)",
    )
    .execute(&pool)
    .await
    .unwrap();
    for n in 0..PRODUCTS {
        sqlx::query(
            "with p as (insert into catalog.products (id, name, price_minor, currency) values ($1, 'thing', 100, 'RUB')), \
             w as (insert into walk.supplied values ($1, 30)) \
             insert into stock.stock_items (product_id, on_hand) values ($1, 30)",
        )
        .bind(product(n))
        .execute(&pool)
        .await
        .unwrap();
    }
    let settings =
        Settings { pay_url: Some("https://pay.example/{payment_id}".into()), ..Settings::default() };
    let mut walk = Walk {
        pool: pool.clone(),
        settings,
        orders: Vec::new(),
        left: EVENTS.into(),
        allowed: 0.into(),
        begun: 0.into(),
    };
    let mut chance = Chance(seed);
    for _ in 0..ORDERS {
        let order = walk.begin(&mut pool.acquire().await.unwrap(), &mut chance).await;
        walk.orders.push(Mutex::new(order));
    }
    let walk = std::sync::Arc::new(walk);
    let mut walkers = tokio::task::JoinSet::new();
    for _ in 0..WALKERS {
        let (walk, chance) = (walk.clone(), Chance(chance.next()));
        walkers.spawn(async move { walk.walk(chance).await });
    }
    // While they walk.
    let mut next = EVENTS;
    while let Some(joined) = {
        let pause = tokio::time::sleep(std::time::Duration::from_millis(100));
        tokio::select! {
            joined = walkers.join_next() => joined.map(Some),
            () = pause => Some(None),
        }
    } {
        joined.transpose().unwrap();
        if walk.left.load(Ordering::Relaxed) < next {
            next = next.saturating_sub(EVENTS / 10);
            look(&pool, NEVER).await;
        }
    }
    look(&pool, NEVER).await;
    look(&pool, NEVER_IN_ALL).await;
    let (allowed, begun) = (walk.allowed.load(Ordering::Relaxed), walk.begun.load(Ordering::Relaxed));
    println!("{EVENTS} events: {allowed} allowed, of {begun} orders");
    let written: i64 =
        sqlx::query_scalar("select count(*) from orders.events").fetch_one(&pool).await.unwrap();
    assert_eq!(usize::try_from(written).unwrap(), allowed + begun, "what was refused is not written");
    // The walk went everywhere that the table leads to.
    let transitions: i64 = sqlx::query_scalar(
        "select count(*) from (select distinct from_state, event, to_state from orders.events)t",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(transitions >= 40, "{transitions} of the table's transitions were taken");
    assert!(allowed > EVENTS / 5, "{allowed}");
    cluster.stop().await;
}
