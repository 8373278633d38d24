//! Set phrases of both languages and what each is a sign of. A phrase is a pattern (see [`super::pattern`]); the longest
//! that stands at a word counts, so that a longer one takes a shorter one's sense away ("да нет", "не отменяйте").

use std::sync::LazyLock;

use super::super::act::{Extreme, Target};
use super::pattern::{Pattern, Patterns, bare};
use crate::orders::PaymentMethod;

mod goods;
mod place;
mod talk;

/// What a phrase is a sign of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// Explained and of no weight: politeness, hesitation, words that hold a sentence together.
    Filler,
    // Yes and no.
    Yes,
    /// Between yes and no, or none in earnest: neither.
    Doubt,
    /// A yes only where nothing else is said: "хорошо", "давайте", "ok".
    Weak,
    No,
    Enough,
    Thanks,
    Greet,
    Goodbye,
    // The call.
    Repeat,
    Slower,
    Wait,
    Person,
    Robot,
    Complain,
    Card,
    StartOver,
    SameAsLast,
    // Cancelling.
    Cancel,
    /// A change of mind: a cancellation where nothing else is said.
    ChangedMind,
    CanCancel,
    /// What is not to be cancelled.
    Keep,
    /// Delivery is not wanted.
    NoDelivery,
    /// An order placed before is to be cancelled or changed.
    Placed,
    /// An order placed before is asked about.
    Status,
    /// Whether it comes: of an order placed before, or of the one being made.
    When,
    /// The words before an order's number.
    OrderNumber,
    // Handing over and paying.
    Delivery,
    Pickup,
    /// Delivery by one's own hand over: a payment's time, no method.
    Pay(PaymentMethod),
    OtherPayment,
    // Questions.
    Price,
    Total,
    DeliveryTerms,
    Payments,
    Difference,
    Others,
    Assortment,
    Stock,
    Points,
    Summary,
    Discount,
    // Changes.
    Change(Target),
    // The customer.
    Name,
    /// "на", "for": a name may follow where one is asked for.
    NameIs,
    Withhold,
    Phone,
    // Goods.
    Want,
    WantsToOrder,
    Add,
    Replace,
    Instead,
    Inquire,
    Remove,
    /// Behind goods: they are not wanted.
    NotWanted,
    Not,
    Same,
    SameAll,
    Extreme(Extreme),
    Any,
    PriceMax,
    PriceMin,
    PriceIs,
    Currency,
    And,
    Or,
    /// "тот", "the one".
    That,
    Other,
    None,
    Last,
    Nth,
    More,
    Fewer,
    /// An address that was heard wrong, and the like: what is right follows.
    Wrong,
}

/// Every phrase.
pub fn phrases() -> &'static Patterns<Cue> {
    &PHRASES
}

/// The words that alone are of no weight.
pub fn fillers() -> impl Iterator<Item = String> {
    FILLERS.split_whitespace().map(bare)
}

/// Whether a word alone is of no weight.
pub fn is_filler(word: &str) -> bool {
    matches!(PHRASES.longest_at(&[word.to_owned()], 0), Some((1, Cue::Filler | Cue::And | Cue::Or)))
}

static PHRASES: LazyLock<Patterns<Cue>> = LazyLock::new(|| {
    let mut all = Patterns::default();
    for (cue, text) in [talk::PHRASES, place::PHRASES, goods::PHRASES].into_iter().flatten() {
        for pattern in text.split(';').map(str::trim).filter(|pattern| !pattern.is_empty()) {
            // A table that does not parse fails its test; a call goes on without the one phrase.
            // What is asked in several words is not asked by "what" alone.
            let least = if is_question(*cue) && pattern.contains(' ') { 2 } else { 1 };
            if let Ok(pattern) = Pattern::parse(pattern) {
                all.add_of(pattern, *cue, least);
            }
        }
    }
    for word in FILLERS.split_whitespace() {
        if let Ok(pattern) = Pattern::parse(&bare(word)) {
            all.add(pattern, Cue::Filler);
        }
    }
    all
});

/// Cues whose phrases are mostly words of no weight, so that one of them is none.
fn is_question(cue: Cue) -> bool {
    matches!(
        cue,
        Cue::Difference
            | Cue::Assortment
            | Cue::Stock
            | Cue::Points
            | Cue::Summary
            | Cue::Total
            | Cue::DeliveryTerms
            | Cue::CanCancel
            | Cue::WantsToOrder
            | Cue::Withhold
            | Cue::Name
            | Cue::Change(_)
            | Cue::Status
    )
}

/// Words that alone carry nothing.
const FILLERS: &str = "а ах э эм эээ ээ мм м ммм ну вот же ли то бы б ведь уж уже еще тут там здесь это этот эта эти этого этой \
    этих этому я мне меня мной мы нам нас вы вас вам вами он она они оно его ее их им ему ей мой моя мое мои моего моей мою \
    моих ваш ваша ваши вашу ваш у в во на с со из от до по за о об про при под над к ко для через как так тогда сейчас \
    теперь просто только именно вообще значит короче типа допустим наверное наверно кажется видимо пожалуй пожалуйста \
    простите извините девушка молодой человек алло что чтобы если когда какой какая какие какую какое каком который \
    которая которые которую где куда чем чего есть быть был была было были будет будут буду нибудь либо тоже также \
    скажите подскажите посмотрите слушайте послушайте смотрите понимаете знаете можно можете могу сможете хотелось хотел \
    хотела бы скажем собственно кстати опять себе себя свой свою один раз очень самое само сам сама всего все всё весь \
    вся всех всем всю да-да ой ага-ага господи боже блин тот та те ту того той тех этом том тем нее него них ними ней нем \
    будьте добры любезны добрый вечер день утро хоть хотя бы либо мол вроде где-то примерно около ровно целом общем \
    вами ваше нашу наш наша наши между прочим сегодня завтра послезавтра вчера оформить оформите оформляйте запишите \
    записывайте пишите поставьте сделайте сделать давай давайте пускай пусть эх ух ок окей лучше надо нужно понял поняла \
    понятно ясно точнее вернее подойдут подойдет подходят хватит \
    a an the is are was were be been am it its this that these those i id ill im ive me my mine we us our you your yours \
    he she they them to of in on at by with for from and or so then just only well um uh erm hm hmm oh ah like please \
    sorry excuse hey actually really maybe perhaps probably basically there here what which who whose when where how \
    much many do does did have has had can could would will shall should may might let lets get got see know think \
    mean say tell kind sort some something one ones too also very as if about up out all right now today tomorrow \
    hello hi okay ok alright yeah sir madam maam guys thing things give make made go going want need take taking \
    dont doesnt im thats theres whats youre were weve theyre any still again more another each every total both";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_of_the_tables_parses() {
        let mut wrong = Vec::new();
        for (cue, text) in [talk::PHRASES, place::PHRASES, goods::PHRASES].into_iter().flatten() {
            let patterns = text.split(';').map(str::trim).filter(|pattern| !pattern.is_empty());
            wrong.extend(
                patterns.filter_map(|p| Pattern::parse(p).err()).map(|why| format!("{cue:?}: {why}")),
            );
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
