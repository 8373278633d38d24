-- What the table of transitions promises, held by the database too: an order that is over stays over and holds no goods,
-- and what happened to it cannot be wiped out.

create function orders.refuse_revival() returns trigger language plpgsql as $$
begin
    raise exception 'order % is %, which is for good', old.order_number, old.state
        using errcode = 'check_violation', constraint = 'over_is_over';
end $$;
create trigger orders_stay_over before update of state on orders.orders for each row
    when (old.state in ('delivered', 'cancelled') and new.state <> old.state)
    execute function orders.refuse_revival();

-- Looked at when the transaction ends: the state is written before the goods go back.
create function orders.refuse_goods_of_the_dead() returns trigger language plpgsql as $$
begin
    if exists (select from orders.orders o join stock.reservations r on r.order_id = o.id
                where o.id = case tg_table_name when 'orders' then new.id else (to_jsonb(new) ->> 'order_id')::uuid end
                  and o.state in ('delivered', 'cancelled') and r.status = 'active') then
        raise exception 'an order that is over holds goods'
            using errcode = 'check_violation', constraint = 'over_holds_nothing';
    end if;
    return null;
end $$;
create constraint trigger over_holds_nothing after update of state on orders.orders deferrable initially deferred
    for each row when (new.state in ('delivered', 'cancelled') and old.state <> new.state)
    execute function orders.refuse_goods_of_the_dead();
create constraint trigger over_gets_nothing after insert or update on stock.reservations
    deferrable initially deferred for each row when (new.status = 'active')
    execute function orders.refuse_goods_of_the_dead();

-- What was taken is not held a second time: a release would give back only one of the two.
drop index stock.one_active_reservation;
create unique index one_live_reservation on stock.reservations (order_id) where status in ('active', 'confirmed');

-- Numbers of orders come from a sequence, so that whoever makes an order does not wait until another is written to disk;
-- `before` is what the sequence stood at when the day began.
create sequence orders.numbers;
alter table orders.order_days add column before bigint;
update orders.order_days set before = -given;
alter table orders.order_days alter column before set not null, drop column given;

create trigger events_never_emptied before truncate on orders.events
    for each statement execute function orders.refuse_change();
