-- The reference store: catalogue, stock, orders, payments, notifications.
--
-- Money is bigint minor units plus an ISO 4217 code. Telephone numbers are E.164. Times are timestamptz; days are days of
-- the shop's own zone. An order's `state` is written by one function of the store (its transition), which writes the
-- history, the event and the effects in the same transaction.

create schema identity;
create schema catalog;
create schema stock;
create schema orders;
create schema pay;
create schema notify;

create table identity.customers (
    id          uuid primary key,
    phone_e164  text unique check (phone_e164 ~ '^\+[1-9][0-9]{6,14}$'),
    name        text,
    email       text,
    language    text check (language in ('ru', 'en')),
    user_id     uuid,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now()
);

-- A city that is delivered to. `names` holds every spelling under which it is found, folded: lower case, ё as е, no hyphen.
create table catalog.cities (
    id          uuid primary key,
    name        text not null unique,
    names       text[] not null
);
create index cities_names on catalog.cities using gin (names);

create table catalog.delivery_rates (
    city_id     uuid primary key references catalog.cities (id),
    cost_minor  bigint not null check (cost_minor >= 0),
    currency    text not null check (currency ~ '^[A-Z]{3}$'),
    days_min    integer not null check (days_min >= 0),
    days_max    integer not null check (days_max >= days_min)
);

create table catalog.pickup_points (
    id            uuid primary key,
    city_id       uuid not null references catalog.cities (id),
    name          text not null,
    address       text not null,
    working_hours text not null,
    phone         text,
    cost_minor    bigint not null default 0 check (cost_minor >= 0),
    days_min      integer not null check (days_min >= 0),
    days_max      integer not null check (days_max >= days_min),
    is_active     boolean not null default true
);

-- `terms` are the folded words and numbers by which a product is found; the store computes them from its name and
-- attributes whenever it writes a product.
create table catalog.products (
    id          uuid primary key,
    name        text not null,
    description text not null default '',
    price_minor bigint not null check (price_minor >= 0),
    currency    text not null check (currency ~ '^[A-Z]{3}$'),
    attributes  jsonb not null default '{}',
    terms       text[] not null default '{}',
    is_active   boolean not null default true,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now()
);
create index products_terms on catalog.products using gin (terms);
create index products_keyset on catalog.products (created_at, id);

create table stock.stock_items (
    product_id  uuid primary key references catalog.products (id),
    on_hand     integer not null check (on_hand >= 0),
    reserved    integer not null default 0 check (reserved >= 0),
    updated_at  timestamptz not null default now(),
    check (reserved <= on_hand)
);

-- The six statuses of the light bulb store, with the ids that its requirement fixes.
create table orders.order_statuses (
    id          uuid primary key,
    code        text not null unique,
    name        text not null,
    description text not null,
    crm_id      smallint not null unique,
    sort        smallint not null
);
insert into orders.order_statuses (id, code, name, description, crm_id, sort) values
    ('f7661699-0081-4b93-b227-f51c2a188936', 'NEW', 'Новый', 'Заказ создан', 1, 1),
    ('d5ee11b3-2dc2-4eeb-81fd-ebeeb7fa35cd', 'PENDING_PAYMENT', 'Ожидает оплаты', 'Ждём оплату', 6, 2),
    ('e87d2783-d80f-4a42-a7e4-a7302f6b7510', 'PROCESSING', 'В обработке', 'Заказ собирают', 2, 3),
    ('823f3c37-200e-4a7c-9466-84ea031e3af3', 'SHIPPED', 'Отправлен', 'Заказ в пути', 3, 4),
    ('823d75db-b9c6-4f58-a2f0-1bbc294cc910', 'DELIVERED', 'Доставлен', 'Заказ у покупателя', 4, 5),
    ('0a455718-3182-4366-a857-94ada249ed11', 'CANCELLED', 'Отменён', 'Заказ отменён', 5, 6);

-- How many numbers each day of the shop has given out.
create table orders.order_days (
    day         date primary key,
    given       integer not null check (given > 0)
);

create table orders.orders (
    id               uuid primary key,
    seq              bigint generated always as identity unique,
    order_number     text not null unique check (order_number ~ '^ORD-[0-9]{8}-[0-9]{4,}$'),
    -- The last group without leading zeros, and all digits: what a caller reads out.
    number_tail      text generated always as (ltrim(split_part(order_number, '-', 3), '0')) stored,
    number_digits    text generated always as (replace(substr(order_number, 5), '-', '')) stored,
    source           text not null check (source in ('ai_agent', 'website', 'crm', 'market', 'telegram')),
    state            text not null check (state in
        ('draft', 'new', 'pending_payment', 'processing', 'shipped', 'delivered', 'cancelled')),
    state_reason     text,
    status_id        uuid not null references orders.order_statuses (id),
    customer_id      uuid references identity.customers (id),
    customer_name    text,
    customer_phone   text,
    customer_email   text,
    user_id          uuid,
    prepayment_minor bigint not null default 0 check (prepayment_minor >= 0),
    currency         text not null check (currency ~ '^[A-Z]{3}$'),
    subtotal_minor   bigint not null check (subtotal_minor >= 0),
    delivery_minor   bigint not null default 0 check (delivery_minor >= 0),
    total_minor      bigint not null check (total_minor >= 0),
    call_id          text,
    origin_key       text unique,
    version          integer not null default 1,
    expires_at       timestamptz,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    check (total_minor = subtotal_minor + delivery_minor)
);
create index orders_by_phone on orders.orders (customer_phone, created_at desc, id desc);
create index orders_by_tail on orders.orders (number_tail);
create index orders_by_digits on orders.orders (number_digits);
create index orders_expiring on orders.orders (expires_at) where state = 'draft';

create table orders.order_items (
    id          bigint generated always as identity primary key,
    order_id    uuid not null references orders.orders (id),
    position    integer not null,
    product_id  uuid references catalog.products (id),
    name        text not null,
    quantity    integer not null check (quantity between 1 and 999),
    unit_minor  bigint not null check (unit_minor >= 0),
    total_minor bigint not null check (total_minor = unit_minor * quantity),
    params      jsonb not null default '{}',
    unique (order_id, position)
);

create table orders.order_delivery (
    order_id        uuid primary key references orders.orders (id),
    type            text not null check (type in ('delivery', 'pickup')),
    city            text not null,
    address         text,
    country         text,
    region          text,
    street          text,
    pickup_point_id uuid references catalog.pickup_points (id),
    cost_minor      bigint not null check (cost_minor >= 0),
    days_min        integer not null,
    days_max        integer not null,
    estimated_on    date,
    check (type <> 'delivery' or address is not null),
    check (type <> 'pickup' or pickup_point_id is not null)
);

create table orders.order_status_history (
    id            bigint generated always as identity primary key,
    order_id      uuid not null references orders.orders (id),
    status_id     uuid not null references orders.order_statuses (id),
    state         text not null,
    changed_at    timestamptz not null default now(),
    actor_details varchar(255),
    actor_subject text,
    notes         text
);
create index order_status_history_of on orders.order_status_history (order_id, id);

-- One row per change of an order, for comparison with the caller's own audit. Never changed, never deleted.
create table orders.events (
    id          bigint generated always as identity primary key,
    order_id    uuid not null references orders.orders (id),
    version     integer not null,
    event       text not null,
    from_state  text,
    to_state    text not null,
    actor       text not null,
    idem_key    text,
    request_id  text not null,
    at          timestamptz not null default now(),
    unique (order_id, version)
);
create index events_by_key on orders.events (idem_key) where idem_key is not null;
create function orders.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'orders.events is insert-only';
end $$;
create trigger events_insert_only before update or delete on orders.events
    for each row execute function orders.refuse_change();

create table orders.idempotency_keys (
    principal   text not null,
    key         text not null,
    fingerprint bytea not null,
    status      smallint not null,
    headers     jsonb not null,
    body        bytea not null,
    order_id    uuid,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    primary key (principal, key)
);
create index idempotency_keys_expiring on orders.idempotency_keys (expires_at);

create table stock.reservations (
    id          uuid primary key,
    order_id    uuid not null references orders.orders (id),
    status      text not null check (status in ('active', 'confirmed', 'released', 'expired')),
    expires_at  timestamptz,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now()
);
create unique index one_active_reservation on stock.reservations (order_id) where status = 'active';
create index reservations_expiring on stock.reservations (expires_at) where status = 'active';

create table stock.reservation_items (
    reservation_id uuid not null references stock.reservations (id),
    product_id     uuid not null references catalog.products (id),
    quantity       integer not null check (quantity > 0),
    primary key (reservation_id, product_id)
);

create table pay.payments (
    id           uuid primary key,
    order_id     uuid not null references orders.orders (id),
    method       text not null check (method in ('cash_on_delivery', 'card_on_delivery', 'online', 'card', 'phone')),
    amount_minor bigint not null check (amount_minor >= 0),
    currency     text not null,
    status       text not null check (status in
        ('on_delivery', 'pending', 'paid', 'failed', 'cancelled', 'refund_pending', 'refunded')),
    failure_code text,
    provider_ref text,
    pay_url      text,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now()
);
create index payments_of on pay.payments (order_id, created_at);

-- The outbox: rows are written in the transaction of what they tell of, and delivered afterwards.
create table notify.notifications (
    id              uuid primary key,
    order_id        uuid references orders.orders (id),
    channel         text not null check (channel in ('sms', 'email')),
    recipient       text not null,
    language        text not null check (language in ('ru', 'en')),
    template        text not null,
    variables       jsonb not null default '{}',
    subject         text,
    body            text not null,
    status          text not null default 'queued' check (status in ('queued', 'sent', 'failed')),
    attempts        integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    error_message   text,
    created_at      timestamptz not null default now(),
    sent_at         timestamptz
);
create index notifications_due on notify.notifications (next_attempt_at) where status = 'queued';
