-- What a keyed `POST /api/v1/orders` with one line does in the database, statement by statement (src/store: mutation.rs,
-- idempotency.rs, api/draft.rs, transition.rs, order.rs), for pgbench: store_bench gives `product`, `run` and `i`.
\set i :i + 1
\set n :run * 10000000 + :client_id * 300000 + :i
BEGIN;
select pg_try_advisory_xact_lock(hashtextextended('idempotency pgbench ' || :n::text, 0));
select fingerprint, status, headers, body, order_id, expires_at from orders.idempotency_keys
 where principal = 'pgbench' and key = :n::text;
SAVEPOINT one;
select id from orders.orders where origin_key = 'pgbench ' || :n::text;
select pg_advisory_xact_lock(hashtextextended('phone +7918' || (1000000 + :n::bigint % 9000000)::text, 0));
select count(*) from orders.orders o where customer_phone = '+7918' || (1000000 + :n::bigint % 9000000)::text
 and state in ('new', 'pending_payment')
 and not exists (select from pay.payments p where p.order_id = o.id and p.status = 'paid');
select p.id, p.name, p.price_minor, p.currency, coalesce(s.on_hand - s.reserved, 0) as available
 from catalog.products p left join stock.stock_items s on s.product_id = p.id
 where p.id = any (array[:product::uuid]) and p.is_active;
insert into identity.customers (id, phone_e164, name)
 values (('11' || lpad(to_hex(:n::bigint), 30, '0'))::uuid, '+7918' || (1000000 + :n::bigint % 9000000)::text, null)
 on conflict (phone_e164) do update set name = coalesce(customers.name, excluded.name) returning id, name, email;
select nextval('orders.numbers') - before from orders.order_days limit 1;
select exists (select from orders.orders where order_number = 'ORD-20300101-' || (100000000 + :n::bigint)::text);
with placed as (insert into orders.orders (id, order_number, source, state, status_id, customer_id,
  customer_name, customer_phone, customer_email, currency, subtotal_minor, total_minor, call_id, origin_key,
  user_id, prepayment_minor, planned_on, expires_at, created_at, updated_at)
  values (('01' || lpad(to_hex(:n::bigint), 30, '0'))::uuid, 'ORD-20300101-' || (100000000 + :n::bigint)::text, 'ai_agent',
  'draft', 'f7661699-0081-4b93-b227-f51c2a188936', null, null, '+7918' || (1000000 + :n::bigint % 9000000)::text, null,
  'RUB', 319000, 319000, 'call-1', 'pgbench ' || :n::text, null, 0, null, now() + interval '2 hours', now(), now())
  returning id, state, status_id, version, created_at),
 told as (insert into orders.order_status_history (order_id, status_id, state, changed_at, actor_subject)
  select id, status_id, state, created_at, 'pgbench' from placed)
 insert into orders.events (order_id, version, event, to_state, actor, idem_key, request_id, at)
 select id, version, 'drafted', state, 'pgbench', :n::text, '01a21462-eaa0-74ef-aad4-a881baf6871a', created_at from placed;
insert into orders.order_items (order_id, position, product_id, name, quantity, unit_minor, total_minor)
 select ('01' || lpad(to_hex(:n::bigint), 30, '0'))::uuid, n - 1, product, name, quantity, price, price * quantity
 from unnest(array[:product::uuid], array['Кама летняя 175/70 R13'], array[1], array[319000::bigint])
 with ordinality as l (product, name, quantity, price, n);
select o.*, exists (select from orders.order_delivery d where d.order_id = o.id) as has_delivery,
 exists (select from pay.payments p where p.order_id = o.id) as has_payment,
 exists (select from pay.payments p where p.order_id = o.id and p.status = 'paid') as paid,
 exists (select from stock.reservations r where r.order_id = o.id and r.status = 'active') as reserved,
 exists (select from stock.reservations r where r.order_id = o.id and r.status = 'confirmed') as taken
 from orders.orders o where o.id = ('01' || lpad(to_hex(:n::bigint), 30, '0'))::uuid;
select product_id, name, quantity, unit_minor, total_minor from orders.order_items
 where order_id = ('01' || lpad(to_hex(:n::bigint), 30, '0'))::uuid order by position;
select state, changed_at, notes from orders.order_status_history
 where order_id = ('01' || lpad(to_hex(:n::bigint), 30, '0'))::uuid order by id;
RELEASE SAVEPOINT one;
insert into orders.idempotency_keys (principal, key, fingerprint, status, headers, body, order_id, created_at, expires_at)
 values ('pgbench', :n::text, sha256(:n::text::bytea), 201,
 '[["content-type","application/json"],["etag","\"1\""],["location","/api/v1/orders/01a21462-eaa0-74ef-aad4-a881baf6871a"]]',
 repeat('x', 900)::bytea, ('01' || lpad(to_hex(:n::bigint), 30, '0'))::uuid, now(), now() + interval '31 days');
COMMIT;
