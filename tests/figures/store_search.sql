-- What `GET /api/v1/orders/search?phone=…` does in the database (src/store/api/reads.rs), for pgbench.
\set n random(0, 999)
select o.id, o.order_number, o.state, o.total_minor, o.currency, d.estimated_on, o.created_at,
 count(*) over () as total,
 array(select name from orders.order_items where order_id = o.id order by position) as names,
 array(select quantity from orders.order_items where order_id = o.id order by position) as quantities
 from orders.orders o left join orders.order_delivery d on d.order_id = o.id
 where true and o.customer_phone = '+7916' || (2000000 + :n::bigint)::text and o.expires_at is null
 order by o.created_at desc, o.id desc limit 5;
