//! The words of a wish that nothing be done.

pub(super) const NEGATIONS: &[&str] =
    &["не", "без", "don't", "dont", "not", "without", "never", "wouldn't", "won't", "needn't", "nothing"];

/// They deny a noun beside them, and are an answer before a verb.
pub(super) const BARE_NEGATIONS: &[&str] = &["нет", "no"];

/// They deny alone ("никаких изменений") and beside a negation.
pub(super) const NONE: &[&str] = &["никакого", "никаких", "никакой", "никаким"];

pub(super) const BESIDE_NEGATIONS: &[&str] = &[
    "и",
    "ничего",
    "надо",
    "нужно",
    "нужен",
    "нужна",
    "буду",
    "будем",
    "хочу",
    "стану",
    "вздумайте",
    "заказ",
    "его",
    "этот",
    "мне",
    "с",
    "на",
    "пока",
    "больше",
    "уже",
    "звать",
    "зовите",
    "никого",
    "требуется",
    "i",
    "i'm",
    "you",
    "me",
    "do",
    "would",
    "have",
    "has",
    "to",
    "need",
    "needs",
    "want",
    "a",
    "an",
    "any",
    "anything",
    "thing",
    "it",
    "the",
    "order",
    "this",
    "please",
    "and",
    "for",
    "there's",
    "there",
    "is",
    "are",
    "through",
    "anyone",
    "anybody",
    "anymore",
    "more",
    "with",
    "speak",
    "talk",
    "like",
    "last",
    "time",
    "going",
];

pub(super) const NOUNS: &[&str] = &[
    "замечаний",
    "возражений",
    "вопросов",
    "претензий",
    "изменений",
    "исправлений",
    "changes",
    "complaints",
    "questions",
    "objections",
    "issues",
    "corrections",
    "cancellation",
    "operator",
    "operators",
    "human",
    "person",
    "agent",
    "representative",
    "transfer",
];

pub(super) const ACTS: &[&str] =
    &["менять", "меняйте", "меняем", "меняю", "поменять", "put", "переводить", "переводите", "переводи"];

pub(super) const ACT_STEMS: &[&str] = &[
    "отмен",
    "аннулир",
    "оператор",
    "соедин",
    "переключ",
    "изменя",
    "измени",
    "исправл",
    "cancel",
    "chang",
    "transferr",
    "connect",
    "добавл",
];

/// A span neither begins nor ends with these.
pub(super) const AT_NO_END: &[&str] = &["и", "and", "a", "an", "the", "to", "с", "на", "is", "there"];

/// What would be cancelled, or a person called.
pub(super) const STEERING: &[&str] = &[
    "отмен",
    "аннулир",
    "оператор",
    "соедин",
    "переключ",
    "перевод",
    "cancel",
    "operator",
    "transfer",
    "connect",
    "human",
    "person",
    "agent",
    "representative",
    "put",
];

/// Said of an address or left out, as it comes.
pub(super) const OF_AN_ADDRESS: &[&str] = &[
    "улица",
    "улицу",
    "улице",
    "ул",
    "дом",
    "доме",
    "д",
    "квартира",
    "квартиру",
    "кв",
    "город",
    "г",
    "house",
    "apartment",
    "flat",
    "number",
];
