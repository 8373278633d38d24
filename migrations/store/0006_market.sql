-- What the marketplace's orders need: how a buyer said they would pay.

-- The card's token or the telephone number waits here until the buyer pays; then it goes to the provider's outbox. It is
-- forgotten as soon as the order is past paying, whoever brought it there.
create table pay.chosen (
    order_id   uuid primary key references orders.orders (id),
    method     text not null check (method in ('card', 'phone')),
    source     text not null,
    created_at timestamptz not null default now()
);
create function pay.forget_chosen() returns trigger language plpgsql as $$
begin
    delete from pay.chosen where order_id = new.id;
    return null;
end $$;
create trigger orders_forget_chosen after update of state on orders.orders
    for each row when (old.state = 'new' and new.state <> 'new') execute function pay.forget_chosen();

-- Refunds that a provider was asked for and has not reported.
create index provider_calls_unreported on pay.provider_calls (next_attempt_at) where status = 'sent' and kind = 'refund';
