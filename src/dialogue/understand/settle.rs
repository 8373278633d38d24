//! The set phrases as acts, once it is known what else was said.

use super::super::act::{Act, Choice, Method, Target, Topic};
use super::super::question::Question;
use super::Ear;
use super::bare;
use super::phrases::Cue;
use super::word::stem;
use crate::language::text::words;
use crate::orders::PaymentMethod;

/// Everyday questions of the shop, wherever they stand; before goods are looked for, so that their words are none.
pub(super) fn questions(ear: &mut Ear<'_>) {
    let shop = ear.context.shop;
    let mut at = 0;
    while at < ear.words.len() {
        let found = shop.lexicon.answers.longest_at(&ear.words, at).map(|(end, answer)| (end, *answer));
        let Some((end, answer)) = found else {
            at += 1;
            continue;
        };
        // A longer phrase of our own stands there: "когда привезут" is no opening hours.
        let longer = ear.cue_at(at).is_some_and(|(own, cue)| own > end && cue != Cue::Filler);
        let free = (at..end).all(|i| !ear.is_taken(i));
        if !longer
            && free
            && let Some(answer) = shop.profile.answers.get(answer)
        {
            let key = answer.key.clone();
            ear.act(at, end, Act::Ask { topic: Topic::Everyday { key } });
        }
        at = end;
    }
}

/// Everything else.
pub(super) fn cues(ear: &mut Ear<'_>) {
    ordinals(ear);
    let content = ear.acts.iter().any(|(_, act)| !matches!(act, Act::Ask { .. }));
    let mut weak: Vec<usize> = Vec::new();
    let mut changed_mind: Option<usize> = None;
    let mut any: Option<usize> = None;
    let mut change: Option<(usize, Target)> = None;
    let mut at = 0;
    while at < ear.words.len() {
        let Some((end, cue)) = ear.cue_at(at) else {
            at += 1;
            continue;
        };
        let already = ear.is_taken(at);
        ear.take(at, end);
        match cue {
            Cue::Weak => weak.push(at),
            _ if already => {}
            Cue::ChangedMind => changed_mind = Some(at),
            Cue::Any => any = Some(at),
            Cue::Change(target) => change = Some((at, target)),
            Cue::Wrong => change = change.or(Some((at, wrong(ear, at)))),
            Cue::NoDelivery => {
                if !ear.has_cue(|cue| cue == Cue::Pickup) {
                    change = Some((at, Target::Method));
                }
            }
            cue => simple(ear, at, cue),
        }
        if already && matches!(cue, Cue::Assortment) && !ear.any(|act| matches!(act, Act::Goods { .. })) {
            ear.acts.push((at, Act::Ask { topic: Topic::Assortment }));
        } else if already && matches!(cue, Cue::Price) {
            ear.acts.push((at, Act::Ask { topic: Topic::Price }));
        } else if already && matches!(cue, Cue::Stock) {
            ear.acts.push((at, Act::Ask { topic: Topic::Stock }));
        }
        at = end;
    }
    tidy(ear);
    if let Some(at) = any {
        let told = ear.any(|act| matches!(act, Act::Goods { .. }));
        if !told {
            ear.acts.push((at, Act::Any));
        }
    }
    if let Some((at, target)) = change
        && !ear.any(is_value)
    {
        let placed = target == Target::Something
            && !ear.context.ordering
            && says(ear, 0..ear.words.len(), &["заказ", "order"]);
        ear.acts.push((at, if placed { Act::ChangePlaced { number: None } } else { Act::Change { target } }));
    }
    if let Some(at) = changed_mind
        && ear.acts.iter().all(|(_, act)| matches!(act, Act::Deny | Act::Thanks | Act::Greet | Act::Goodbye))
    {
        ear.acts.push((at, Act::Cancel));
    }
    weakly(ear, &weak, content);
    leftovers(ear);
}

/// Weak yeses: a yes only where nothing else was said, or where a yes was asked for.
fn weakly(ear: &mut Ear<'_>, weak: &[usize], content: bool) {
    let Some(&at) = weak.first() else { return };
    let manners = |act: &Act| matches!(act, Act::Thanks | Act::Goodbye | Act::Greet);
    let alone = !content && ear.acts.iter().all(|(_, act)| manners(act));
    // "А как можно?" is no "можно".
    let questions = [
        "как",
        "что",
        "где",
        "когда",
        "сколько",
        "почему",
        "зачем",
        "how",
        "what",
        "where",
        "when",
        "why",
        "which",
    ];
    if ear.words.iter().any(|word| questions.contains(&word.as_str())) {
        return;
    }
    if !alone || ear.words.iter().enumerate().any(|(i, _)| ear.is_unknown(i)) {
        return;
    }
    let thanked = ear.any(|act| matches!(act, Act::Thanks | Act::Goodbye));
    // "Ладно, спасибо" lets an offered person be; said to no question of yes or no it is thanks alone.
    let act = match ear.context.asked {
        Some(Question::Person) if thanked => Act::Deny,
        Some(Question::Open | Question::Goods) | None if thanked => return,
        _ => Act::Affirm,
    };
    ear.acts.push((at, act));
}

/// Which one, by an ordinal, a number or a word.
fn ordinals(ear: &mut Ear<'_>) {
    let listing = ear.asked(|q| matches!(q, Question::Choice | Question::Point | Question::WhichOrder))
        || !ear.context.told.is_empty() && ear.asked(|q| matches!(q, Question::OrderIt));
    let chosen = |ear: &Ear<'_>| ear.any(|act| matches!(act, Act::Choose { .. }));
    for number in ear.numbers.clone() {
        let free = number.at.clone().all(|at| !ear.is_taken(at));
        let named = number.at.start.checked_sub(1).is_some_and(|at| ear.cue(at) == Some(Cue::Nth));
        // One that is more than were told is for the policy to make sense of ("Какой вариант?" "Четыре").
        let bare = listing;
        let dated = super::address::is_street_word(ear.word(number.at.end));
        let Ok(nth) = u32::try_from(number.value) else { continue };
        if free && !dated && (1..=20).contains(&nth) && (number.ordinal || named || bare) && !chosen(ear) {
            let from = number.at.start - usize::from(named);
            ear.act(from, number.at.end, Act::Choose { choice: Choice::Nth(nth) });
        }
    }
    if ear.asked(|q| *q == Question::Point) && !chosen(ear) {
        point_by_name(ear);
    }
    for at in 0..ear.words.len() {
        let Some((end, cue)) = ear.cue_at(at).filter(|_| !ear.is_taken(at) && !chosen(ear)) else { continue };
        let choice = match cue {
            Cue::Last => Choice::Last,
            Cue::None if listing || !ear.context.told.is_empty() => Choice::None,
            Cue::Other if !ear.any(is_value) => Choice::Other,
            _ => continue,
        };
        ear.act(at, end, Act::Choose { choice });
    }
}

/// The point whose name or street was said, if it is one only: "тот что на ленина".
fn point_by_name(ear: &mut Ear<'_>) {
    let names = |text: &str| -> Vec<String> {
        words(text)
            .iter()
            .map(|word| bare(word))
            .filter(|w| !super::address::is_street_word(w) && w.chars().nth(2).is_some())
            .map(|w| stem(&w))
            .collect()
    };
    let mut found: Option<(usize, usize)> = None;
    for (nth, point) in ear.context.points.iter().enumerate() {
        let own = names(&format!("{} {}", point.name, point.address));
        let said = (0..ear.words.len()).find(|at| ear.is_unknown(*at) && own.contains(&stem(ear.word(*at))));
        match (said, found) {
            (Some(_), Some(_)) => return,
            (Some(at), None) => found = Some((nth, at)),
            _ => {}
        }
    }
    let Some((nth, at)) = found else { return };
    let nth = u32::try_from(nth + 1).unwrap_or(1);
    ear.act(at, at + 1, Act::Choose { choice: Choice::Nth(nth) });
}

fn simple(ear: &mut Ear<'_>, at: usize, cue: Cue) {
    let ask = |topic| Act::Ask { topic };
    let status = Act::Status { number: None };
    let ordered = |ear: &Ear<'_>| ear.any(|act| matches!(act, Act::Status { .. } | Act::ChangePlaced { .. }));
    let act = match cue {
        Cue::Yes => Act::Affirm,
        Cue::No => Act::Deny,
        Cue::Enough => Act::Enough,
        Cue::Thanks => Act::Thanks,
        Cue::Greet => Act::Greet,
        Cue::Goodbye => Act::Goodbye,
        Cue::Repeat => Act::Repeat,
        Cue::Slower => Act::Slower,
        Cue::Wait => Act::Wait,
        Cue::Person => Act::Person,
        Cue::Robot => ask(Topic::Robot),
        Cue::Complain => Act::Complain,
        Cue::Card => Act::CardNumber,
        Cue::StartOver => Act::StartOver,
        Cue::SameAsLast => Act::SameAsLast,
        Cue::Cancel if !ordered(ear) => Act::Cancel,
        Cue::CanCancel => ask(Topic::CanCancel),
        Cue::Placed if !ordered(ear) => Act::ChangePlaced { number: None },
        Cue::Status if !ordered(ear) => status,
        Cue::When if ear.context.ordering => ask(Topic::When),
        Cue::When if !ordered(ear) => status,
        Cue::Delivery => Act::Method { method: Method::Delivery },
        Cue::Pickup => Act::Method { method: Method::Pickup },
        Cue::Pay(method) => Act::Payment { method },
        Cue::OtherPayment => Act::OtherPayment,
        Cue::Price => ask(Topic::Price),
        Cue::Total => ask(Topic::Total),
        Cue::DeliveryTerms => ask(Topic::DeliveryTerms),
        // "Can I pay by card?" while an order is made is an answer too.
        Cue::Payments if ear.context.ordering && one_way(ear, at).is_some() => {
            Act::Payment { method: one_way(ear, at).unwrap_or(PaymentMethod::CardOnDelivery) }
        }
        Cue::Payments => ask(Topic::Payments),
        // "Какая разница" to the question for a name asks for no difference.
        Cue::Difference if ear.asked(|q| matches!(q, Question::Name | Question::Phone)) => Act::Withhold,
        Cue::Difference => ask(Topic::Difference),
        Cue::Others => ask(Topic::Others),
        Cue::Assortment => ask(Topic::Assortment),
        Cue::Stock => ask(Topic::Stock),
        Cue::Points => ask(Topic::Points),
        Cue::Summary => ask(Topic::Summary),
        Cue::Discount => ask(Topic::Discount),
        Cue::WantsToOrder => Act::WantsToOrder,
        Cue::Withhold if !ear.context.told.is_empty() && says(ear, 0..ear.words.len(), &["разниц"]) => {
            ask(Topic::Difference)
        }
        Cue::Withhold => Act::Withhold,
        _ => return,
    };
    ear.acts.push((at, act));
}

/// The one way to pay that a question names.
fn one_way(ear: &Ear<'_>, at: usize) -> Option<PaymentMethod> {
    let (end, _) = ear.cue_at(at)?;
    match (says(ear, at..end, &["карт", "card"]), says(ear, at..end, &["налич", "cash"])) {
        (true, false) => Some(PaymentMethod::CardOnDelivery),
        (false, true) => Some(PaymentMethod::CashOnDelivery),
        _ => None,
    }
}

/// What was heard wrong, by the words beside.
fn wrong(ear: &Ear<'_>, at: usize) -> Target {
    named_target(ear, at.saturating_sub(3)..(at + 5).min(ear.words.len())).unwrap_or(Target::Something)
}

fn says(ear: &Ear<'_>, near: std::ops::Range<usize>, stems: &[&str]) -> bool {
    ear.words[near].iter().any(|word| stems.iter().any(|stem| word.starts_with(stem)))
}

/// What of an order is named in these words.
fn named_target(ear: &Ear<'_>, near: std::ops::Range<usize>) -> Option<Target> {
    let named: &[(&[&str], Target)] = &[
        (&["адрес", "дом", "улиц", "квартир", "address", "street", "house"], Target::Address),
        (&["город", "city"], Target::City),
        (&["имя", "фамили", "name"], Target::Name),
        (&["количеств", "сколько", "quantity", "amount"], Target::Quantity),
        (&["оплат", "pay"], Target::Payment),
        (&["товар", "размер", "марк", "size", "product", "goods", "item"], Target::Goods),
        (&["пункт", "point"], Target::Point),
        (&["доставк", "самовывоз", "delivery", "pickup"], Target::Method),
    ];
    named.iter().find(|(stems, _)| says(ear, near.clone(), stems)).map(|(_, target)| *target)
}

/// Whether an act brings a value with it.
fn is_value(act: &Act) -> bool {
    matches!(
        act,
        Act::Goods { .. }
            | Act::Amount { .. }
            | Act::Address { .. }
            | Act::City { .. }
            | Act::Name { .. }
            | Act::Method { .. }
            | Act::Payment { .. }
            | Act::Choose { .. }
            | Act::Remove { .. }
            | Act::Phone { .. }
    )
}

/// One act's sense takes another's away.
fn tidy(ear: &mut Ear<'_>) {
    let has = |ear: &Ear<'_>, is: &dyn Fn(&Act) -> bool| ear.acts.iter().any(|(_, act)| is(act));
    let asks = |act: &Act, topics: &[Topic]| matches!(act, Act::Ask { topic } if topics.contains(topic));
    // The price of delivery is asked, and nothing chosen.
    if has(ear, &|act| asks(act, &[Topic::DeliveryTerms])) {
        ear.acts.retain(|(_, act)| {
            !matches!(act, Act::Method { .. }) && !asks(act, &[Topic::Price, Topic::When])
        });
    }
    if has(ear, &|act| asks(act, &[Topic::Points, Topic::When])) {
        ear.acts.retain(|(_, act)| !matches!(act, Act::Method { .. }));
    }
    if has(ear, &|act| asks(act, &[Topic::Payments])) {
        ear.acts.retain(|(_, act)| !matches!(act, Act::Payment { .. }));
    }
    if has(ear, &|act| matches!(act, Act::Cancel)) {
        ear.acts.retain(|(_, act)| !matches!(act, Act::Deny | Act::Enough));
    }
    if has(ear, &|act| asks(act, &[Topic::Total])) {
        ear.acts.retain(|(_, act)| !asks(act, &[Topic::Price]));
    }
    // Of two methods the later: "не доставка, самовывоз"; of two ways to pay too.
    later(ear, |act| matches!(act, Act::Method { .. }));
    later(ear, |act| matches!(act, Act::Payment { .. }));
    later(ear, |act| matches!(act, Act::City { .. }));
    // "Да нет", "нет, не то": said once is enough.
    for same in [Act::Affirm, Act::Deny, Act::Thanks, Act::Greet, Act::Goodbye, Act::Enough, Act::Wait] {
        let mut seen = false;
        ear.acts.sort_by_key(|(at, _)| *at);
        ear.acts.retain(|(_, act)| *act != same || !std::mem::replace(&mut seen, true));
    }
    // A moment is asked for, or goods are: "стоп, четыре" is four.
    if has(ear, &is_value) {
        ear.acts.retain(|(_, act)| !matches!(act, Act::Wait | Act::WantsToOrder));
    }
    // "Здравствуйте" at the beginning only; "алло" in the middle asks whether one is heard.
    if ear.has_cue(|cue| cue == Cue::Card) {
        ear.acts.retain(|(_, act)| !matches!(act, Act::Payment { .. } | Act::Phone { .. }));
    }
}

fn later(ear: &mut Ear<'_>, is: fn(&Act) -> bool) {
    let last = ear.acts.iter().filter(|(_, act)| is(act)).map(|(at, _)| *at).max();
    ear.acts.retain(|(at, act)| !is(act) || Some(*at) == last);
}

/// Words that follow from what was understood: a wish to order and nothing said of what.
fn leftovers(ear: &mut Ear<'_>) {
    let wants = ear.has_cue(|cue| cue == Cue::Want);
    let said = ear.acts.iter().any(|(_, act)| !matches!(act, Act::Greet | Act::Affirm | Act::Thanks));
    let shown = ear.asked(|q| matches!(q, Question::OrderIt | Question::Choice));
    if wants && !said && !ear.context.ordering && !shown {
        let at = (0..ear.words.len()).find(|at| ear.cue(*at) == Some(Cue::Want)).unwrap_or(0);
        ear.acts.push((at, Act::WantsToOrder));
    }
    let offered = ear.asked(|q| {
        matches!(
            q,
            Question::OrderIt | Question::Choice | Question::Twin | Question::Retry | Question::Person
        )
    });
    let plain = ear.words.len() <= 4 && !says(ear, 0..ear.words.len(), &["скольк", "how", "как", "what"]);
    if wants && !said && offered && plain && !ear.any(|act| matches!(act, Act::Affirm | Act::WantsToOrder)) {
        ear.acts.push((0, Act::Affirm));
    }
    // "Без" to "with or without?", "без открытки" to the question for its text.
    let extra = ear.asked(|q| matches!(q, Question::Extra { .. }));
    let refused = ear.words.len() == 1 || extra && ear.words.len() <= 3;
    if ear.acts.is_empty() && refused && matches!(ear.cue(0), Some(Cue::Not)) {
        ear.acts.push((0, Act::Deny));
    }
    if ear.asked(|q| *q == Question::Change)
        && !ear.any(|act| is_value(act) || matches!(act, Act::Change { .. }))
    {
        let all = 0..ear.words.len();
        if let Some(target) = named_target(ear, all.clone()) {
            for at in all {
                if says(
                    ear,
                    at..at + 1,
                    &[
                        "адрес",
                        "количеств",
                        "имя",
                        "фамил",
                        "товар",
                        "пункт",
                        "address",
                        "name",
                        "quantity",
                        "point",
                    ],
                ) {
                    ear.take(at, at + 1);
                }
            }
            ear.acts.push((0, Act::Change { target }));
        }
    }
    let kept = ear.has_cue(|cue| cue == Cue::Keep);
    if kept && ear.any(|act| matches!(act, Act::Affirm)) {
        ear.acts.retain(|(_, act)| !matches!(act, Act::Deny));
    }
}
