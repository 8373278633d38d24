# What the agent says. The format is Fluent (projectfluent.org). A shop can replace any sentence by a file of its own:
# [thinking.rules] messages_en_file = "phrases.ftl", with only the sentences that it replaces.
#
# { $voice } is female or male: the gender in which the agent speaks of itself, where a language has one.
# A question, whose name begins with "q-", is asked so the first time, and as its ".again" the second: with an example or keys.

## Questions

q-open = Is there anything else I can help with?
    .again = I can take an order, or tell you where yours is. Which would you like?
q-goods = What would you like to order?
    .again = Please tell me what goods you need, and which kind.
q-attribute = { $ask }
    .again = { $ask } If you don't know, I can get you an operator.
q-choice = Which one would you like?
    .again = { $places } You can also press the number.
q-order-it = Would you like to order it?
    .again = Shall I order this one? Please say yes or no, or press one or two.
q-quantity = How many would you like?
    .again = How many do you need? Say a number, or type it.
q-stock = Shall I put down { $count }?
    .again = Shall I put down { $count }? Say yes, or tell me another number.
q-method = Delivery or pickup?
    .again = Shall we deliver it, or will you pick it up? Press one for delivery, two for pickup.
q-city = Which city?
    .again = Which city should it go to? For example, Boston.
q-street = What is the street and house number?
    .again = Please tell me the street and the house number, for example twelve Main Street.
q-house = What is the house number?
    .again = What is the number of the house? You can type it.
q-point = Which pickup point suits you?
    .again = { $places } You can also press the number.
q-payment = Will you pay in cash, by card on delivery, or online by a link in a text message?
    .again = For cash press one, for a card on delivery two, for a link in a text message three.
q-name = What name should I put on the order?
    .again = Please tell me a name. We can also do without one.
q-extra = { $ask }
    .again = { $ask } If you don't need it, say "no".
q-which-order = Which one are you asking about?
    .again = { $places } You can also press the number.
q-change = What should I change in the order?
    .again = What should I change: the goods, the quantity, the delivery, the payment or the name?
q-person = Shall I put you through to an operator?
    .again = Shall I put you through to an operator? Say yes or no, or press one or two.
q-retry = Shall I try again?
    .again = Shall I try again? Please say yes or no.

## Goods

listed = There are { $count }: { $list }.
listed-some = There are { $count }, for example: { $list }.
listed-item = { $place } — { $name }, { $price }
offer = { $name }, { $price } each.
offer-set = { $name }, { $price } each, { $count } cost { $total }.
not-exactly = I don't have exactly that, but something close.
nothing-found = I could not find that. Please try another size or brand.
none-left = { $name }: I'm sorry, this is out of stock right now.
only-left = There are only { $count } in stock.
left = There are { $count } in stock.
no-cheaper = There is nothing cheaper, I'm afraid.
no-dearer = There is nothing dearer.
no-such-price = There is nothing at that price; the cheapest is { $name }, { $price }.
no-others = There are no others.
difference = { $list }.
difference-item = { $place } — { $what }, { $price }
assortment = We have { $list }.
taken = I've put down { $list }, { $total }.
taken-short = I've put down { $count }, { $total }.
taken-item = { $name }, { $count }
removed = I took off { $name }.
too-many = More than { $count } have to be ordered with an operator.
which-place = { $list }?

## Delivery and payment

delivery = Delivery is { $cost } and takes { $days }.
delivery-terms = Delivery to { $city } is { $cost } and takes { $days }.
delivery-later = I'll tell you the delivery cost and time once I know the city.
pickup = Pickup at { $address }, { $cost }, ready in { $days }.
points = { $list }.
point-item = { $place } — { $address }
points-told = The pickup points: { $list }.
no-points = There is no pickup point in that city.
no-city = We don't deliver to that city yet.
no-day = I can't choose the day, but I'll tell you how long it takes.
payment-ways = You can pay in cash or by card on delivery, or online with a link in a text message.
no-such-payment = I'm afraid that way of paying is not possible.
no-cards = Please don't tell me any card details. A payment link comes in a text message.
total = The total is { $total }.
goods-total = The goods are { $total }, delivery not included.
when = Delivery takes { $days }.

## Orders placed before

no-orders = There are no orders for your number.
no-such-order = I could not find an order of yours with that number.
orders = You have { $count }: { $list }.
order-item = { $place } — { $items }, { $status }
order = Order number { $number }: { $items }, { $status }, total { $total }.
order-eta = It is expected { $eta }.

## The rest

hello = Hello! I can take an order or tell you about yours.
listening = I'm listening.
welcome = You're welcome!
wait = Sure, take your time.
farewell = Thank you for calling. Goodbye!
all-right = All right.
not-understood = Sorry, I didn't understand.
scope = I take orders and tell you where they are.
not-identified = I can't see your number, and without it I can't look up or place an order.
person-changes = An operator can change or cancel an order that is already placed.
person-helps = An operator can help you better with that.
sorry = I'm sorry about that.
no-person = No operator is available right now; please call again later.
nothing-to-cancel = All right, nothing is being ordered.
can-cancel = You can cancel at any moment before you confirm; after that an operator can cancel it.
no-discounts = I don't know of any discounts, but I can find the cheapest option.
robot = I'm the shop's automatic assistant.
not-now = A new order can't be placed right now.
no-last-order = There is no earlier order for your number.
