-- What the CRM's pool reads quickly: the assignment of an order, and the orders that were finished last.

create index page_orders_by_order on crm.user_order_page_orders (order_id);
create index orders_finished on orders.orders (updated_at desc) where state in ('delivered', 'cancelled');
create index material_movements_by_material on crm.material_movements (material_id, id);

-- One line of the pool: an order, or a photograph from Telegram, with whoever has taken it. What was never more than a
-- draft is none. A photograph's own status is brought to the orders' ones.
create view crm.pool_entries as
select o.seq as order_id, o.id as uuid,
       case o.source when 'ai_agent' then 'phone' when 'crm' then 'crm' else 'website' end as order_type,
       o.order_number, o.source, o.state, s.crm_id as status, s.name as status_name,
       o.customer_name, o.customer_phone, o.total_minor, o.currency, o.planned_on,
       o.created_at, o.updated_at, null::text as photo_url, null::text as caption,
       p.user_id, p.user_name, p.date, a.assigned_at
  from orders.orders o
  join orders.order_statuses s on s.id = o.status_id
  left join crm.user_order_page_orders a on a.order_id = o.id and a.order_type <> 'telegram'
  left join crm.user_order_pages p on p.id = a.page_id
 where o.state <> 'draft' and o.expires_at is null
union all
select f.seq, f.id, 'telegram', null, 'telegram',
       case f.status when 'in_work' then 'processing' when 'completed' then 'delivered'
                     when 'cancelled' then 'cancelled' else 'new' end,
       s.crm_id, s.name, f.customer_name, f.customer_phone, null, null, null,
       f.created_at, f.updated_at, f.photo_url, f.caption,
       p.user_id, p.user_name, p.date, a.assigned_at
  from crm.photo_orders f
  join orders.order_statuses s on s.crm_id =
       case f.status when 'in_work' then 2 when 'completed' then 4 when 'cancelled' then 5 else 1 end
  left join crm.user_order_page_orders a on a.order_id = f.id and a.order_type = 'telegram'
  left join crm.user_order_pages p on p.id = a.page_id;
