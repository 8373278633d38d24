//! From acts to what is wanted.

use uuid::Uuid;

use crate::orders::Product;

use super::act::{
    Act, AddressPart, Amount, Choice, Description, Extreme, Goods, Method, Mode, Target, Understood,
};
use super::question::Question;
use super::state::{Line, State, View};
use super::understand::{Context, understand};

impl State {
    pub(super) fn caller_said(&mut self, text: &str, view: &View<'_>) {
        let told: Vec<Product> = self.told.iter().filter_map(|id| view.product(*id)).cloned().collect();
        let line = self.line().and_then(|line| line.product).and_then(|id| view.product(id)).cloned();
        let listed = matches!(self.question(), Some(Question::Point));
        if let Ok(key) = text.trim().parse::<u32>()
            && text.trim().len() <= 2
            && self.keyed(key, view)
        {
            self.turn.understood = true;
            self.turn.progressed = true;
            return;
        }
        let context = Context {
            language: view.language,
            shop: view.shop,
            asked: self.question(),
            told: &told,
            points: if listed { view.points } else { &[] },
            line: line.as_ref(),
            ordering: self.is_busy(view),
        };
        let understood = understand(text, &context);
        let mut understood = understood;
        // "Delivery to Boston, twelve Main Street" asks no price.
        if understood.any(|act| matches!(act, Act::Address { .. })) {
            let asks = |act: &Act| matches!(act, Act::Ask { topic: super::act::Topic::DeliveryTerms });
            understood.acts.retain(|act| !asks(act));
        }
        self.take(&understood, view);
    }

    /// A number alone, as the keypad gives it: what it means follows from what was asked. True where it means something
    /// else than it does in words.
    fn keyed(&mut self, key: u32, view: &View<'_>) -> bool {
        let yes = match key {
            1 => true,
            2 => false,
            _ => key == 3 && self.is_asked(&Question::Payment),
        };
        if key == 0 || key > 3 && !self.is_asked(&Question::Choice) {
            return false;
        }
        match self.question().cloned() {
            Some(Question::Choice | Question::Point | Question::WhichOrder) => {
                let asked = self.question().cloned();
                self.choose(&Choice::Nth(key), asked.as_ref(), view);
            }
            Some(Question::Method) if key < 3 => {
                self.method(if yes { Method::Delivery } else { Method::Pickup });
            }
            Some(Question::Payment) => {
                use crate::orders::PaymentMethod;
                self.payment = Some(match key {
                    1 => PaymentMethod::CashOnDelivery,
                    2 => PaymentMethod::CardOnDelivery,
                    _ => PaymentMethod::Online,
                });
            }
            Some(question @ (Question::OrderIt | Question::Person | Question::Retry)) if key < 3 => {
                (self.turn.affirmed, self.turn.denied) = (yes, !yes);
                self.answer(Some(&question), &Understood::default(), view);
                if question != Question::OrderIt {
                    self.turn.understood = true;
                    // Not progress of the order: the offer is answered by its own rule.
                    return self.turn.answered;
                }
            }
            _ => return false,
        }
        true
    }

    /// Applies all acts of an utterance, in their order.
    pub(super) fn take(&mut self, understood: &Understood, view: &View<'_>) {
        let known = understood.acts.iter().any(|act| !says_only_unknown(act));
        self.turn.understood |=
            known && (understood.coverage_permille() >= SURE || understood.acts.len() > 1);
        self.turn.whole = understood.coverage_permille() >= WHOLE;
        self.turn.affirmed |= understood.any(|act| matches!(act, Act::Affirm));
        self.turn.denied |= understood.any(|act| matches!(act, Act::Deny));
        let before = (
            self.lines.clone(),
            self.hand_over.clone(),
            self.payment,
            self.name.clone(),
            self.extras.clone(),
        );
        let asked = self.question().cloned();
        let mut goods = 0;
        for act in &understood.acts {
            if let Act::Goods { goods: said } = act {
                self.goods(said, goods == 0, view);
                goods += 1;
            } else {
                self.take_one(act, asked.as_ref(), view);
            }
        }
        if goods == 0 {
            self.answer(asked.as_ref(), understood, view);
        }
        let after = (&self.lines, &self.hand_over, &self.payment, &self.name, &self.extras);
        if (&before.0, &before.1, &before.2, &before.3, &before.4) != after {
            self.turn.progressed = true;
            self.turn.understood = true;
        }
        if self.turn.progressed {
            self.declined_person = false;
        }
    }

    fn take_one(&mut self, act: &Act, asked: Option<&Question>, view: &View<'_>) {
        if let Act::Address { part } = act
            && asked == Some(&Question::Point)
            && self.point_by(part, view)
        {
            return;
        }
        let turn = &mut self.turn;
        match act {
            Act::Goods { .. } | Act::Affirm | Act::Deny => {}
            Act::Choose { choice } => self.choose(choice, asked, view),
            Act::Amount { amount } => self.amount(*amount, asked, view),
            Act::Remove { what } => self.remove(what, view),
            Act::Method { method } => self.method(*method),
            Act::Any => self.any(asked, view),
            Act::City { city } => {
                // "Сколько стоит доставка в Казань?" chooses no city yet.
                self.turn.city = Some(city.clone());
                let served = &view.shop.profile.cities;
                let fold = crate::language::text::fold;
                if !served.is_empty() && !served.iter().any(|own| fold(&own.name) == fold(city)) {
                    self.turn.say.push(view.messages.say("no-city", view.language, &[]));
                    self.turn.understood = true;
                    self.turn.city = None;
                    return;
                }
                if self.topic == Some(super::act::Topic::DeliveryTerms)
                    && !self.turn.topics.contains(&super::act::Topic::DeliveryTerms)
                    && view.draft.is_none()
                {
                    // "А в Казань?"
                    self.turn.topics.push(super::act::Topic::DeliveryTerms);
                }
                self.city(city);
            }
            Act::Address { part } => self.address(part),
            Act::Payment { method } => self.payment = Some(*method),
            Act::OtherPayment => turn.other_payment = true,
            Act::Name { name } => {
                self.name = Some(name.clone());
                self.name_done = true;
            }
            Act::Withhold => self.withhold(asked),
            Act::Phone { .. } | Act::Code { .. } => {}
            Act::Extra { slot, value } => {
                self.extras.insert(slot.clone(), value.clone());
            }
            Act::WantsToOrder => {
                turn.progressed |= !self.ordering;
                self.ordering = true;
                self.lines.iter_mut().for_each(|line| line.wanted = true);
            }
            Act::Ask { topic } => {
                // "А где можно забрать?" in an order.
                if *topic == super::act::Topic::Points
                    && self.hand_over.method.is_none()
                    && view.draft.is_some()
                {
                    self.hand_over.method = Some(Method::Pickup);
                    turn.progressed = true;
                }
                turn.topics.push(topic.clone());
                self.topic = Some(topic.clone());
            }
            Act::Status { number } => turn.status = Some(number.clone()),
            Act::Cancel => turn.cancel = true,
            Act::ChangePlaced { .. } => turn.change_placed = true,
            Act::Change { target } => self.change(*target),
            Act::StartOver => turn.start_over = true,
            Act::SameAsLast => turn.same_as_last = true,
            Act::Repeat => turn.repeat = true,
            Act::Slower => turn.slower = true,
            Act::Wait => turn.wait = true,
            Act::Person => turn.person = true,
            Act::Greet => turn.greeted = true,
            Act::Thanks => turn.thanked = true,
            Act::Goodbye => turn.goodbye = true,
            Act::Enough => turn.enough = true,
            Act::Complain => turn.complained = true,
            Act::CardNumber => turn.card = true,
        }
    }

    /// A yes or a no to what was asked.
    fn answer(&mut self, asked: Option<&Question>, understood: &Understood, view: &View<'_>) {
        let others = understood.any(|act| {
            matches!(
                act,
                Act::Amount { .. } | Act::Choose { .. } | Act::Any | Act::Remove { .. } | Act::Change { .. }
            )
        });
        if others {
            return;
        }
        match (asked, self.turn.affirmed, self.turn.denied) {
            (Some(Question::OrderIt), true, _) => {
                self.ordering = true;
                if let Some(line) = self.line_mut() {
                    line.wanted = true;
                    line.near = true;
                }
            }
            (Some(Question::OrderIt), _, true) => self.drop_line(self.focus),
            (Some(Question::Choice), true, _) => {
                if let [only] = self.told.clone().as_slice() {
                    self.pick(*only);
                }
            }
            (Some(Question::Choice), false, true) => self.turn.chose = Some(Choice::None),
            // "В наличии только две. Записать?" "Да."
            (Some(Question::Quantity), true, _) => {
                let stock =
                    self.line().and_then(|l| l.product).and_then(|id| view.product(id)).map(|p| p.stock);
                if let (Some(stock), Some(line)) = (stock, self.line_mut())
                    && stock > 0
                    && line.quantity.is_some_and(|quantity| quantity > stock)
                {
                    line.quantity = Some(stock);
                }
            }
            (Some(Question::Name), _, true) => self.name_done = true,
            (Some(Question::Extra { slot }), _, true) => {
                self.extras.entry(slot.clone()).or_default();
            }
            _ => {}
        }
    }

    fn withhold(&mut self, asked: Option<&Question>) {
        match asked {
            Some(Question::Extra { slot }) => {
                self.extras.entry(slot.clone()).or_default();
            }
            _ => self.name_done = true,
        }
    }

    // === Goods ===

    fn goods(&mut self, goods: &Goods, first: bool, view: &View<'_>) {
        let mut what = goods.what.clone();
        self.same_as_before(&mut what, view);
        // "А ещё дешевле?" is of what is being spoken of, not besides it.
        let only_price = what.with.is_empty() && what.without.is_empty() && what.unknown.is_empty();
        let goods = &if goods.mode == Mode::Add && only_price && what.extreme.is_some() {
            Goods { mode: Mode::Mention, ..goods.clone() }
        } else {
            goods.clone()
        };
        let inquires = goods.mode == Mode::Inquire;
        self.ordering |= matches!(goods.mode, Mode::Want | Mode::Add | Mode::Replace);
        if first && goods.mode != Mode::Add && self.choose_told(&what, goods, view) {
            return;
        }
        let at = self.line_for(goods, &what, first, view);
        self.focus = at;
        let Some(line) = self.lines.get_mut(at) else { return };
        if !what.is_empty()
            && !line.product.and_then(|id| view.product(id)).is_some_and(|p| says_nothing_new(p, &what, view))
        {
            let before = line.what.clone();
            merge(&mut line.what, &what, view);
            if line.what != before || line.product.is_some() {
                line.reopen();
            }
        }
        line.wanted |= !inquires;
        if let Some(amount) = goods.amount {
            set_amount(line, amount);
            line.wanted |= !inquires;
        }
    }

    /// "Того же размера", "таких же": the attributes of the line before.
    fn same_as_before(&self, what: &mut Description, view: &View<'_>) {
        if what.same.is_empty() {
            return;
        }
        let keys = std::mem::take(&mut what.same);
        let line = self.line().or(self.lines.last());
        let Some(product) = line.and_then(|line| line.product).and_then(|id| view.product(id)) else {
            // Not found yet: what was said of it.
            if let Some(line) = line {
                let all = keys.iter().any(|key| key == "*");
                let terms =
                    line.what.with.iter().filter(|t| all || keys.iter().any(|k| is_part(view, k, &t.key)));
                what.with.extend(terms.cloned().collect::<Vec<_>>());
            }
            return;
        };
        for (key, value) in &product.attributes {
            let all = keys.iter().any(|k| k == "*") && !is_free_text(key);
            let meant = all || keys.iter().any(|k| is_part(view, k, key));
            if meant && !what.with.iter().any(|term| term.key == *key) && !value.is_empty() {
                let term = super::act::Term { key: key.clone(), value: value.clone(), said: value.clone() };
                what.with.push(term);
            }
        }
    }

    /// Among what was offered, by what it is: "без шипов", "нокиан". True where that was the meaning.
    fn choose_told(&mut self, what: &Description, goods: &Goods, view: &View<'_>) -> bool {
        let choosing = matches!(
            self.question(),
            Some(Question::Choice | Question::OrderIt | Question::Attribute { .. })
        );
        if !choosing || self.told.is_empty() || what.is_empty() || !what.unknown.is_empty() {
            return false;
        }
        let told: Vec<&Product> = self.told.iter().filter_map(|id| view.product(*id)).collect();
        let fitting: Vec<Uuid> = told.iter().filter(|p| view.shop.fits(p, what)).map(|p| p.id).collect();
        let one = match (fitting.as_slice(), what.extreme) {
            ([only], None) => Some(*only),
            (_, Some(extreme)) => by_price(&told, extreme, None).map(|p| p.id),
            _ => None,
        };
        let Some(id) = one else { return false };
        if goods.mode == Mode::Inquire {
            // Asked about, not taken.
            self.told = vec![id];
        }
        self.pick(id);
        if let Some(line) = self.line_mut() {
            if goods.mode == Mode::Inquire {
                line.wanted = false;
                line.offered = false;
            }
            if let Some(amount) = goods.amount {
                set_amount(line, amount);
            }
        }
        true
    }

    /// Which line goods are about: one that is there, or a new one.
    fn line_for(&mut self, goods: &Goods, what: &Description, first: bool, view: &View<'_>) -> usize {
        let fits = |line: &Line| {
            line.product.and_then(|id| view.product(id)).is_some_and(|product| {
                !what.with.is_empty() && what.unknown.is_empty() && view.shop.fits(product, what)
            })
        };
        if let Some(old) = &goods.instead_of
            && let Some(at) = self.lines.iter().position(|line| describes(line, old, view))
        {
            return at;
        }
        let open = self.line().is_some_and(|line| !line.is_whole());
        match goods.mode {
            Mode::Add => {
                // "Ещё две таких же": more of what there is.
                if let (Some(at), Some(Amount::More(_) | Amount::Exactly(_))) =
                    (self.lines.iter().position(fits).filter(|_| !goods.what.same.is_empty()), goods.amount)
                {
                    return at;
                }
            }
            Mode::Replace if self.line().is_some() => return self.focus,
            _ if first && open => return self.focus,
            _ => {
                if let Some(at) = self.lines.iter().position(fits) {
                    return at;
                }
                let changes = self.turn.denied
                    || matches!(self.question(), Some(Question::Change))
                    || goods.amount.is_none() && goods.mode == Mode::Mention;
                if first && changes && self.line().is_some() {
                    return self.focus;
                }
            }
        }
        self.lines.push(Line::new(Description::default()));
        self.lines.len() - 1
    }

    pub(super) fn pick(&mut self, id: Uuid) {
        if self.lines.is_empty() {
            self.lines.push(Line::default());
            self.focus = 0;
        }
        if let Some(line) = self.line_mut() {
            line.product = Some(id);
            line.wanted = true;
            line.near = true;
            line.offered = false;
            self.turn.progressed = true;
            self.turn.understood = true;
            self.ordering = true;
        }
    }

    fn choose(&mut self, choice: &Choice, asked: Option<&Question>, view: &View<'_>) {
        let place = |length: usize| match choice {
            Choice::Nth(n) => {
                usize::try_from(*n).ok().and_then(|n| n.checked_sub(1)).filter(|at| *at < length)
            }
            Choice::Last => length.checked_sub(1),
            _ => None,
        };
        match asked {
            Some(Question::Point) => {
                let points = self.points_here(view);
                if let Some(point) = place(points.len()).and_then(|at| points.get(at)) {
                    self.hand_over.point = Some(point.id);
                    self.hand_over.method = Some(Method::Pickup);
                }
            }
            Some(Question::WhichOrder) => self.turn.chose = Some(choice.clone()),
            _ => {
                let told: Vec<&Product> = self.told.iter().filter_map(|id| view.product(*id)).collect();
                let picked = match choice {
                    Choice::Price(minor) => {
                        told.iter().min_by_key(|p| (p.price.minor - minor).abs()).map(|p| p.id)
                    }
                    Choice::Other => {
                        let chosen = self.line().and_then(|line| line.product);
                        match (told.as_slice(), chosen) {
                            ([a, b], Some(id)) => Some(if a.id == id { b.id } else { a.id }),
                            ([_, b], None) => Some(b.id),
                            _ => None,
                        }
                    }
                    _ => place(told.len()).and_then(|at| told.get(at)).map(|p| p.id),
                };
                match (picked, choice) {
                    (Some(id), _) => self.pick(id),
                    // "Какой вариант?" "Четыре." There are not as many: so many pieces are meant.
                    (None, Choice::Nth(n))
                        if usize::try_from(*n).is_ok_and(|n| n > told.len()) && !told.is_empty() =>
                    {
                        self.amount(Amount::Exactly(*n), None, view);
                    }
                    (None, _) => self.turn.chose = Some(choice.clone()),
                }
            }
        }
    }

    fn any(&mut self, asked: Option<&Question>, view: &View<'_>) {
        match asked {
            Some(Question::Point) => {
                self.hand_over.point = self.points_here(view).first().map(|point| point.id);
            }
            Some(Question::Payment) => self.payment = Some(crate::orders::PaymentMethod::CashOnDelivery),
            Some(Question::Name) => self.name_done = true,
            Some(Question::Extra { slot }) => {
                self.extras.entry(slot.clone()).or_default();
            }
            Some(Question::Choice) => {
                let told = self.told.iter().filter_map(|id| view.product(*id));
                if let Some(id) = told.into_iter().find(|p| p.stock > 0).map(|p| p.id) {
                    self.pick(id);
                }
            }
            Some(Question::Attribute { .. } | Question::OrderIt | Question::Goods) => {
                if let Some(line) = self.line_mut() {
                    line.what.extreme = Some(Extreme::Any);
                    self.turn.progressed = true;
                }
            }
            _ => {}
        }
    }

    fn amount(&mut self, amount: Amount, asked: Option<&Question>, view: &View<'_>) {
        // "Вариант два" after a list is told by number; a bare amount is of the line being spoken of.
        if self.lines.is_empty() && !self.told.is_empty() && asked == Some(&Question::Choice) {
            if let (Amount::Exactly(n), [only]) = (amount, self.told.clone().as_slice()) {
                self.pick(*only);
                return self.amount(Amount::Exactly(n), None, view);
            }
        }
        if self.lines.is_empty() {
            self.lines.push(Line::default());
            self.focus = 0;
        }
        let affirmed = self.turn.affirmed;
        if let Some(line) = self.line_mut() {
            set_amount(line, amount);
            if asked == Some(&Question::OrderIt) && (affirmed || line.product.is_some()) {
                line.wanted = true;
                line.near = true;
            }
            line.wanted |= line.product.is_some();
        }
        self.ordering = true;
    }

    fn remove(&mut self, what: &Description, view: &View<'_>) {
        let at = if what.is_empty() {
            (!self.lines.is_empty()).then_some(self.focus)
        } else {
            self.lines.iter().position(|line| describes(line, what, view))
        };
        let Some(at) = at.filter(|at| *at < self.lines.len()) else { return };
        let name =
            self.lines[at].product.and_then(|id| view.product(id)).map(|p| view.shop.name(p, view.language));
        if let Some(name) = name {
            let said = view.messages.say("removed", view.language, &[("name", name)]);
            self.turn.say.push(said);
        }
        self.drop_line(at);
        self.turn.understood = true;
    }

    pub(super) fn drop_line(&mut self, at: usize) {
        if at < self.lines.len() {
            self.lines.remove(at);
            self.turn.progressed = true;
        }
        self.focus = self.focus.min(self.lines.len().saturating_sub(1));
    }

    // === Handing over ===

    fn method(&mut self, method: Method) {
        if self.hand_over.method != Some(method) {
            self.hand_over.method = Some(method);
            if method == Method::Delivery {
                self.hand_over.point = None;
            }
        }
    }

    fn city(&mut self, city: &str) {
        let hand_over = &mut self.hand_over;
        if hand_over.city.as_deref() != Some(city) {
            // In another city it is another street and another point.
            if hand_over.city.is_some() {
                hand_over.address = AddressPart::default();
            }
            hand_over.point = None;
            hand_over.city = Some(city.to_owned());
        }
    }

    fn address(&mut self, part: &AddressPart) {
        let address = &mut self.hand_over.address;
        if part.street.is_some() && part.street != address.street {
            // Another street: its house is not the old one's.
            *address = part.clone();
        } else {
            for (own, new) in [
                (&mut address.street, &part.street),
                (&mut address.house, &part.house),
                (&mut address.block, &part.block),
                (&mut address.entrance, &part.entrance),
                (&mut address.floor, &part.floor),
                (&mut address.flat, &part.flat),
            ] {
                if new.is_some() {
                    own.clone_from(new);
                }
            }
        }
        self.hand_over.method = Some(Method::Delivery);
        self.hand_over.point = None;
    }

    /// "На Ленина": the pick-up point on that street.
    fn point_by(&mut self, part: &AddressPart, view: &View<'_>) -> bool {
        let Some(street) = &part.street else { return false };
        let said: Vec<String> =
            crate::language::text::words(street).into_iter().skip_while(|w| w == "улица").collect();
        let here = self.points_here(view);
        let mut fitting = here.iter().filter(|point| {
            let own = crate::language::text::words(&format!("{} {}", point.name, point.address));
            said.iter().all(|word| own.contains(word))
        });
        let Some(point) = fitting.next().filter(|_| fitting.next().is_none()) else { return false };
        self.hand_over.point = Some(point.id);
        self.hand_over.method = Some(Method::Pickup);
        true
    }

    /// Something is to be different, and it was not said how: it is asked for again.
    fn change(&mut self, target: Target) {
        let said = self.turn.progressed;
        self.turn.change = Some(target);
        if said {
            return;
        }
        match target {
            Target::Address => self.hand_over.address = AddressPart::default(),
            Target::City => {
                self.hand_over.city = None;
                self.hand_over.point = None;
                self.hand_over.address = AddressPart::default();
            }
            Target::Method => self.hand_over = super::state::HandOver::default(),
            Target::Point => self.hand_over.point = None,
            Target::Payment => self.payment = None,
            Target::Name => {
                self.name = None;
                self.name_done = false;
            }
            Target::Quantity => {
                if let Some(line) = self.line_mut() {
                    line.quantity = None;
                }
            }
            Target::Goods | Target::Something => {}
        }
    }

    /// The pick-up points of the city that is meant, in the order in which they are told.
    pub(super) fn points_here<'a>(&self, view: &View<'a>) -> Vec<&'a crate::orders::PickupPoint> {
        let city = self.hand_over.city.as_deref().map(crate::language::text::fold);
        let here = |point: &&crate::orders::PickupPoint| {
            city.as_ref().is_none_or(|city| crate::language::text::fold(&point.city) == *city)
        };
        view.points.iter().filter(here).collect()
    }
}

/// Of an utterance with a single act, so much has to be explained for it to count.
const SURE: u16 = 350;
/// From here on nothing that matters is left over.
const WHOLE: u16 = 750;

fn says_only_unknown(act: &Act) -> bool {
    matches!(act, Act::Goods { goods }
        if goods.amount.is_none() && goods.what.with.is_empty() && goods.what.without.is_empty()
            && goods.what.extreme.is_none() && goods.what.price_max.is_none() && goods.what.price_min.is_none())
}

fn is_free_text(key: &str) -> bool {
    key == "keywords" || key == "name" || key.starts_with("name_") || key == "description"
}

/// Whether an attribute is this one of the profile, or a part of it.
fn is_part(view: &View<'_>, key: &str, attribute: &str) -> bool {
    key == attribute
        || view
            .shop
            .profile
            .attributes
            .iter()
            .any(|a| a.key == key && a.parts.iter().any(|part| part == attribute))
}

/// A product that is chosen already is only named again.
fn says_nothing_new(product: &Product, what: &Description, view: &View<'_>) -> bool {
    what.extreme.is_none() && what.unknown.is_empty() && view.shop.fits(product, what)
}

fn describes(line: &Line, what: &Description, view: &View<'_>) -> bool {
    match line.product.and_then(|id| view.product(id)) {
        Some(product) => view.shop.fits(product, what),
        None => what
            .with
            .iter()
            .any(|t| line.what.with.iter().any(|own| own.key == t.key && own.value == t.value)),
    }
}

/// The lines of an order as the store sums it up ("Нокиан зимняя 205/55 R16 × 4, Мишлен × 2"), as far as the catalogue has
/// its goods.
pub(super) fn lines_of(summary: &str, view: &View<'_>) -> Vec<Line> {
    let known: Vec<&Product> = view.products.iter().chain(&view.shop.products).collect();
    let mut lines: Vec<(usize, Line)> = Vec::new();
    for product in known {
        let Some(at) = summary
            .find(&format!("{}, ", product.name))
            .or_else(|| summary.find(&format!("{} × ", product.name)))
        else {
            continue;
        };
        let rest = &summary[at + product.name.len()..];
        let digits: String =
            rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        let words =
            crate::language::numbers(rest.split([';', '.']).next().unwrap_or_default(), view.language);
        let quantity = digits.parse().ok().or_else(|| words.first().and_then(|n| u32::try_from(*n).ok()));
        if !lines.iter().any(|(_, line)| line.product == Some(product.id)) {
            lines.push((at, Line { product: Some(product.id), quantity, wanted: true, ..Line::default() }));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Takes over what a later sentence says: of one attribute the last value counts.
fn merge(own: &mut Description, new: &Description, view: &View<'_>) {
    let whole = |key: &str| {
        view.shop.profile.attributes.iter().find(|a| {
            a.parts.iter().any(|part| part == key)
                && a.parts.iter().all(|part| new.with.iter().any(|term| term.key == *part))
        })
    };
    own.with.retain(|term| {
        !new.with.iter().any(|t| t.key == term.key)
            && whole(&term.key).is_none()
            && !new.without.iter().any(|t| t.key == term.key && t.value == term.value)
    });
    own.without.retain(|term| !new.with.iter().any(|t| t.key == term.key));
    for term in &new.with {
        own.with.push(term.clone());
    }
    for term in &new.without {
        if !own.without.contains(term) {
            own.without.push(term.clone());
        }
    }
    if !new.unknown.is_empty() {
        own.unknown.clone_from(&new.unknown);
    }
    own.price_max = new.price_max.or(own.price_max);
    own.price_min = new.price_min.or(own.price_min);
    own.extreme = new.extreme.or(own.extreme);
}

fn set_amount(line: &mut Line, amount: Amount) {
    line.quantity = match amount {
        Amount::Exactly(n) => Some(n).filter(|n| *n > 0).or(line.quantity),
        Amount::More(n) => Some(line.quantity.unwrap_or(0).saturating_add(n)),
        Amount::Fewer(n) => line.quantity.map(|have| have.saturating_sub(n)).filter(|n| *n > 0),
    };
}

/// The one of these with that price, of what can be had if anything can.
pub(super) fn by_price<'p>(
    products: &[&'p Product],
    extreme: Extreme,
    than: Option<&Product>,
) -> Option<&'p Product> {
    let had: Vec<&'p Product> = products.iter().copied().filter(|p| p.stock > 0).collect();
    let among = if had.is_empty() { products.to_vec() } else { had };
    let price = |p: &&Product| p.price.minor;
    match (extreme, than) {
        (Extreme::Cheaper, Some(than)) => {
            among.into_iter().filter(|p| p.price.minor < than.price.minor).max_by_key(price)
        }
        (Extreme::Dearer, Some(than)) => {
            among.into_iter().filter(|p| p.price.minor > than.price.minor).min_by_key(price)
        }
        (Extreme::Cheapest | Extreme::Cheaper, _) => among.into_iter().min_by_key(price),
        (Extreme::Dearest | Extreme::Dearer, _) => among.into_iter().max_by_key(price),
        (Extreme::Any, _) => among.into_iter().next(),
    }
}
