-- The names and descriptions of the six statuses, in the words of the light bulb store's own documentation.

update orders.order_statuses s set name = w.name, description = w.description
from (values
    ('NEW', 'Новый', 'Заказ создан'),
    ('PENDING_PAYMENT', 'Ожидает оплаты', 'Заказ ожидает подтверждения оплаты'),
    ('PROCESSING', 'В обработке', 'Заказ принят к обработке'),
    ('SHIPPED', 'Отправлен', 'Заказ отправлен'),
    ('DELIVERED', 'Доставлен', 'Заказ доставлен'),
    ('CANCELLED', 'Отменен', 'Заказ отменен')
) w (code, name, description)
where s.code = w.code;
