//! Goods that are spoken of, taken into the lines that are wanted: chosen among what was told, added, changed, removed.

use uuid::Uuid;

use crate::orders::Product;

use super::act::{Amount, Choice, Description, Extreme, Goods, Method, Mode};
use super::question::Question;
use super::state::{Line, State, View};

impl State {
    pub(super) fn goods(&mut self, goods: &Goods, first: bool, view: &View<'_>) {
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
        // "Летние кама … четыре покрышки": the amount of what was just described, said behind it.
        if !first
            && goods.mode != Mode::Add
            && let (Some(amount), Some(line)) = (goods.amount, self.lines.get_mut(self.focus))
            && line.quantity.is_none()
            && what.without.is_empty()
            && what.with.iter().all(|term| term.key == "kind" || line.what.with.contains(term))
        {
            set_amount(line, amount);
            line.wanted |= !inquires;
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
    pub(super) fn same_as_before(&self, what: &mut Description, view: &View<'_>) {
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
        for term in view.shop.terms_of(product, &keys) {
            if !term.value.is_empty() && !what.with.iter().any(|own| own.key == term.key) {
                what.with.push(term);
            }
        }
    }

    /// Among what was offered, by what it is: "без шипов", "нокиан". True where that was the meaning.
    pub(super) fn choose_told(&mut self, what: &Description, goods: &Goods, view: &View<'_>) -> bool {
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
    pub(super) fn line_for(
        &mut self,
        goods: &Goods,
        what: &Description,
        first: bool,
        view: &View<'_>,
    ) -> usize {
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
        self.lines.push(Line { added: goods.mode == Mode::Add, ..Line::new(Description::default()) });
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

    pub(super) fn choose(&mut self, choice: &Choice, asked: Option<&Question>, view: &View<'_>) {
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
                        self.amount(Amount::Exactly(*n), None);
                    }
                    (None, _) => self.turn.chose = Some(choice.clone()),
                }
            }
        }
    }

    pub(super) fn any(&mut self, asked: Option<&Question>, view: &View<'_>) {
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

    pub(super) fn amount(&mut self, amount: Amount, asked: Option<&Question>) {
        // "Вариант два" after a list is told by number; a bare amount is of the line being spoken of.
        if self.lines.is_empty()
            && asked == Some(&Question::Choice)
            && let (Amount::Exactly(n), [only]) = (amount, self.told.clone().as_slice())
        {
            self.pick(*only);
            return self.amount(Amount::Exactly(n), None);
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

    pub(super) fn remove(&mut self, what: &Description, view: &View<'_>) {
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
