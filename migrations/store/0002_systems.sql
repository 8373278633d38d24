-- What the light bulb store, the CRM and the marketplace need beside the Store API.

-- === Who may ask =====================================================================================================

-- A programme or a person with a token made by `orderline store token`; only the token's SHA-256 is kept.
create table identity.api_clients (
    id          uuid primary key,
    name        text not null,
    role        text not null check (role in ('agent', 'service', 'manager', 'admin')),
    -- The manager for whom orders are taken; the client itself when absent.
    user_id     uuid,
    token_hash  bytea not null unique check (octet_length(token_hash) = 32),
    created_at  timestamptz not null default now(),
    expires_at  timestamptz,
    revoked_at  timestamptz
);

create table identity.users (
    id             uuid primary key,
    first_name     text not null,
    last_name      text not null,
    -- Kept in lower case: two spellings of one address are one account.
    email          text unique check (email = lower(email)),
    phone_e164     text unique check (phone_e164 ~ '^\+[1-9][0-9]{6,14}$'),
    email_verified boolean not null default false,
    phone_verified boolean not null default false,
    roles          text[] not null default '{customer}' check (roles <@ '{customer,manager,admin}'::text[]),
    language       text check (language in ('ru', 'en')),
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    check (email is not null or phone_e164 is not null)
);

-- A password as an Argon2id PHC string; guesses are counted here, so that a restart forgives none.
create table identity.user_credentials (
    user_id        uuid primary key references identity.users (id) on delete cascade,
    password_phc   text not null check (password_phc like '$argon2id$%'),
    failed         integer not null default 0 check (failed >= 0),
    locked_until   timestamptz,
    changed_at     timestamptz not null default now()
);

-- Refresh tokens. All that descend from one login are a family; one that is shown twice ends its family.
create table identity.user_tokens (
    id          uuid primary key,
    user_id     uuid not null references identity.users (id) on delete cascade,
    family      uuid not null,
    token_hash  bytea not null unique check (octet_length(token_hash) = 32),
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    used_at     timestamptz,
    revoked_at  timestamptz
);
create index user_tokens_family on identity.user_tokens (family);
create index user_tokens_of on identity.user_tokens (user_id) where revoked_at is null;

create table identity.password_reset_tokens (
    token_hash  bytea primary key check (octet_length(token_hash) = 32),
    user_id     uuid not null references identity.users (id) on delete cascade,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    used_at     timestamptz
);

create table identity.verification_codes (
    id          uuid primary key,
    user_id     uuid not null references identity.users (id) on delete cascade,
    channel     text not null check (channel in ('email', 'phone')),
    recipient   text not null,
    code_hash   bytea not null check (octet_length(code_hash) = 32),
    attempts    integer not null default 0 check (attempts between 0 and 5),
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    used_at     timestamptz
);
create index verification_codes_of on identity.verification_codes (user_id, channel, created_at desc);

alter table identity.customers
    add foreign key (user_id) references identity.users (id),
    add constraint one_customer_per_user unique (user_id);

-- === Orders of the other faces =======================================================================================

-- The day for which a manager planned an order (CRM), in the shop's own zone.
alter table orders.orders add column planned_on date;
create index orders_of_customer on orders.orders (customer_id, created_at desc, id desc);
create index orders_in_state on orders.orders (state, source, created_at);

-- Goods go to the door without a rate of the shop's own list too (marketplace): then the days are not known.
alter table orders.order_delivery alter column days_min drop not null, alter column days_max drop not null;

-- === Money ===========================================================================================================

alter table pay.payments
    add column captured_minor bigint not null default 0 check (captured_minor between 0 and amount_minor),
    add column refunded_minor bigint not null default 0,
    add column failure_message text,
    add constraint refunded_within_captured check (refunded_minor between 0 and captured_minor);
update pay.payments set captured_minor = amount_minor where status in ('paid', 'refund_pending', 'refunded');
-- What is captured has been paid, and only that.
alter table pay.payments add constraint captured_when_paid
    check ((captured_minor = amount_minor) = (status in ('paid', 'refund_pending', 'refunded')) or amount_minor = 0);
create unique index one_live_payment on pay.payments (order_id)
    where status in ('on_delivery', 'pending', 'paid');

create table pay.refunds (
    id           uuid primary key,
    payment_id   uuid not null references pay.payments (id),
    order_id     uuid not null references orders.orders (id),
    amount_minor bigint not null check (amount_minor > 0),
    currency     text not null check (currency ~ '^[A-Z]{3}$'),
    status       text not null default 'pending' check (status in ('pending', 'succeeded', 'failed')),
    failure_code text,
    provider_ref text,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now()
);
create index refunds_of on pay.refunds (payment_id);

-- A payment's `refunded_minor` is the sum of its refunds that have not failed; the check on it refuses what is too much.
-- The payment is locked by a statement of its own, so that of two refunds at once the second adds up what the first wrote.
create function pay.sum_refunds() returns trigger language plpgsql as $$
begin
    perform from pay.payments p where p.id = new.payment_id for update;
    update pay.payments p
       set refunded_minor = (select coalesce(sum(r.amount_minor), 0) from pay.refunds r
                              where r.payment_id = new.payment_id and r.status <> 'failed'),
           updated_at = now()
     where p.id = new.payment_id;
    return null;
end $$;
create trigger refunds_summed after insert or update of amount_minor, status on pay.refunds
    for each row execute function pay.sum_refunds();

-- What the payment provider is to be asked; written in the transaction that wants it, sent afterwards, at least once,
-- with the payment's or the refund's id as the provider's own idempotency key.
create table pay.provider_calls (
    id              uuid primary key,
    kind            text not null check (kind in ('charge', 'refund')),
    payment_id      uuid not null references pay.payments (id),
    refund_id       uuid references pay.refunds (id),
    -- The card's token or the telephone number; emptied once the provider has it.
    source          text,
    status          text not null default 'queued' check (status in ('queued', 'sent', 'failed')),
    attempts        integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    error_message   text,
    created_at      timestamptz not null default now(),
    check ((kind = 'refund') = (refund_id is not null))
);
create index provider_calls_due on pay.provider_calls (next_attempt_at) where status = 'queued';
create unique index one_charge_per_payment on pay.provider_calls (payment_id) where kind = 'charge';

-- === The CRM =========================================================================================================

create schema crm;

-- Amounts of materials are whole thousandths of their unit.
create table crm.materials (
    id            uuid primary key,
    name          text not null unique,
    unit          text not null,
    on_hand_milli bigint not null check (on_hand_milli >= 0),
    updated_at    timestamptz not null default now()
);

-- What one piece of a product takes.
create table crm.product_materials (
    product_id     uuid not null references catalog.products (id),
    material_id    uuid not null references crm.materials (id),
    quantity_milli bigint not null check (quantity_milli > 0),
    primary key (product_id, material_id)
);

create table crm.material_movements (
    id          bigint generated always as identity primary key,
    material_id uuid not null references crm.materials (id),
    order_id    uuid references orders.orders (id),
    delta_milli bigint not null check (delta_milli <> 0),
    reason      text not null,
    at          timestamptz not null default now()
);
create index material_movements_of on crm.material_movements (order_id);

-- Orders that came to the Telegram bot as a photograph; they become orders once somebody has read them.
create table crm.photo_orders (
    id             uuid primary key,
    seq            bigint generated always as identity unique,
    status         text not null default 'pending'
                   check (status in ('pending', 'ready_for_approval', 'in_work', 'completed', 'cancelled')),
    telegram_user  text not null,
    customer_name  text,
    customer_phone text,
    photo_url      text not null,
    caption        text,
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now()
);
create index photo_orders_waiting on crm.photo_orders (status, created_at);

-- A manager's page of one day, and which orders stand on it. Of two who take one order the unique row decides.
create table crm.user_order_pages (
    id         uuid primary key,
    user_id    uuid not null,
    user_name  text not null,
    date       date not null,
    created_at timestamptz not null default now(),
    unique (user_id, date)
);
create table crm.user_order_page_orders (
    page_id     uuid not null references crm.user_order_pages (id),
    order_type  text not null check (order_type in ('website', 'telegram', 'phone', 'crm')),
    order_id    uuid not null,
    assigned_at timestamptz not null default now(),
    primary key (page_id, order_type, order_id),
    unique (order_type, order_id)
);

-- The managers' page hears of every change of the pool as soon as it is committed.
create function crm.tell_pool() returns trigger language plpgsql as $$
begin
    perform pg_notify('orderline_pool', '');
    return null;
end $$;
create trigger orders_tell_pool after insert or update on orders.orders
    for each statement execute function crm.tell_pool();
create trigger photo_orders_tell_pool after insert or update on crm.photo_orders
    for each statement execute function crm.tell_pool();
create trigger pages_tell_pool after insert or delete on crm.user_order_page_orders
    for each statement execute function crm.tell_pool();
