//! What a caller replies to "is everything right, shall I place the order?". An order is placed on it, so agreement must
//! be the whole sense of what was said; one word that nobody can explain, and it is none.
//!
//! The words of both languages count in every call: who is spoken to in Russian says "okay" and "yes" all the same.

use super::hear::{in_digits, numerals};
use super::phrase::{ends, has_any, tiles};
use super::text::words;
use super::{Language, answer, artefact, steer};

/// What the reply comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Plain agreement, with manners and harmless additions.
    Agreed {
        /// The caller says goodbye in the same breath.
        takes_leave: bool,
    },
    /// A plain no, and nothing of what is wrong.
    Refused,
    /// Of yes, no and doubt ("да наверное", "yeah right", "и да и нет"): neither agreement nor refusal, and nothing that
    /// needs thinking about.
    Doubtful,
    /// The caller asks for a moment.
    Moment,
    /// Something else: a question, a change, a wish, or what nobody understands.
    Other,
}

/// What a caller's words come to, after `read_back` was said to them. A yes that repeats words of it ("да, картой при
/// получении") is a yes; with other words or another number it is something else.
pub fn reply(text: &str, read_back: &str) -> Reply {
    let text = artefact::without_artefacts(text);
    let said = words(&text);
    if said.is_empty() || text.contains('?') || has_any(&said, QUESTIONS) {
        return Reply::Other;
    }
    if asks_moment(&text, &said) {
        return Reply::Moment;
    }
    let trails_off =
        text.trim_end().ends_with('…') || text.trim_end().ends_with("...") || ends(&said, TRAILING);
    let harmless = with_spans(&said, harmless_negation);
    let yes: Vec<&str> = [answer::RUSSIAN_YES, answer::ENGLISH_YES, YES]
        .concat()
        .into_iter()
        .filter(|w| !TOO_WEAK.contains(w))
        .collect();
    let manners = [answer::RUSSIAN_FILLERS, answer::ENGLISH_FILLERS, MANNERS, FAREWELLS, ASSENTING].concat();
    let no: Vec<&str> = [answer::RUSSIAN_NO, answer::ENGLISH_NO, NO]
        .concat()
        .into_iter()
        .filter(|phrase| !ENOUGH.contains(phrase))
        .collect();
    if !trails_off && !is_ironic(&said) && !TOO_WEAK.contains(&said.join(" ").as_str()) {
        let outright = has_any(&said, OUTRIGHT);
        let beside = [&manners[..], if outright { BESIDE_OUTRIGHT } else { &[] }].concat();
        let repeats = || {
            let same = with_spans(&harmless, |words, at| repeated(words, at, read_back));
            tiles(&same, &yes, &[&beside[..], BESIDE_REPEATED].concat())
        };
        if tiles(&harmless, &yes, &beside) || has_any(&said, SURELY_YES) && repeats() {
            let takes_leave = [Language::Russian, Language::English]
                .into_iter()
                .any(|language| steer::says_goodbye(&text, language))
                || ends(&said, &["пока"]);
            return Reply::Agreed { takes_leave };
        }
    }
    let polite: Vec<&str> = manners.iter().copied().filter(|phrase| !ASSENTING.contains(phrase)).collect();
    if !trails_off && tiles(&said, &no, &polite) {
        return Reply::Refused;
    }
    let all = [&yes[..], &no[..], &manners[..], ENOUGH, DOUBT, TOO_WEAK].concat();
    if tiles(&harmless, &all, &[]) || is_ironic(&said) && said.len() <= IRONY_WORDS {
        return Reply::Doubtful;
    }
    Reply::Other
}

/// Whether these words may be the agent's own, come back from the line: they are the end of what it has just said, or
/// several and not one that it has not said.
pub fn is_echo(text: &str, agent: &str) -> bool {
    let (said, own) = (words(text), words(agent));
    !said.is_empty()
        && (own.ends_with(&said) || said.len() >= ECHO_WORDS && said.iter().all(|word| own.contains(word)))
}

/// Whether the caller asks for time, and for nothing else.
fn asks_moment(text: &str, said: &[String]) -> bool {
    let both = [Language::Russian, Language::English];
    let asks = both.into_iter().any(|language| steer::asks_wait(text, language)) || has_any(said, MOMENT);
    let more = both.into_iter().any(|language| {
        !numerals(said, language).iter().all(|n| n.value == 1)
            || steer::wants_cancel(text, language)
            || steer::wants_operator(text, language)
    });
    asks && !more && !has_any(said, CHANGES) && !has_any(said, &["стоп", "stop"])
}

fn is_ironic(said: &[String]) -> bool {
    IRONY.iter().any(|phrase| said.join(" ") == *phrase)
        || has_any(said, IRONY_ANYWHERE)
        || ends(said, IRONY_AT_THE_END)
}

/// Puts one harmless word in place of every span that `span` finds (the length of one that begins at this word).
fn with_spans(
    said: &[String],
    span: impl Fn(&[String], usize) -> Option<(&'static str, usize)>,
) -> Vec<String> {
    let mut out = Vec::with_capacity(said.len());
    let mut at = 0;
    while at < said.len() {
        match span(said, at) {
            Some((stand_in, length)) => {
                out.push(stand_in.to_owned());
                at += length;
            }
            None => {
                out.push(said[at].clone());
                at += 1;
            }
        }
    }
    out
}

/// A wish that nothing be done: `не надо ничего отменять`, `оператора не нужно`, `don't cancel anything`, `no changes`.
/// One negation, one thing that is not to be, and only words that belong to such a wish.
fn harmless_negation(said: &[String], at: usize) -> Option<(&'static str, usize)> {
    let is = |word: &String, list: &[&str]| list.contains(&word.as_str());
    let acts = |word: &String| {
        !is(word, NOUNS) && ACT_STEMS.iter().any(|stem| word.starts_with(stem)) || is(word, ACTS)
    };
    let belongs = |word: &&String| {
        [NEGATIONS, BARE_NEGATIONS, NONE, BESIDE_NEGATIONS, NOUNS].iter().any(|list| is(word, list))
            || acts(word)
    };
    let longest = said[at..].iter().take(SPAN_WORDS).take_while(belongs).count();
    let length = (2..=longest).rev().find(|length| {
        let span = &said[at..at + length];
        let count = |list: &[&str]| span.iter().filter(|word| is(word, list)).count();
        let (verbs, nouns) = (span.iter().filter(|word| acts(word)).count(), count(NOUNS));
        // "Нет" and "no" deny a noun; before a verb they are an answer ("no, change it").
        let denies = match (count(NEGATIONS), count(BARE_NEGATIONS)) {
            (1, 0) => verbs + nouns == 1,
            (0, 1) => verbs == 0 && nouns == 1,
            (0, 0) => count(NONE) == 1 && verbs + nouns == 1,
            _ => false,
        };
        // An order to do it is denied by a "не" just before it, not by one further off: "ничего не надо, отменяйте".
        let told = (1..*length).any(|at| {
            let orders = acts(&span[at]) && (span[at].ends_with("те") || span[at].ends_with('й'));
            orders && !is(&span[at - 1], NEGATIONS)
        }) || acts(&span[0]) && span[0].ends_with("те");
        // Neither end is a word that belongs to what stands beside it.
        denies && !told && [&span[0], &span[length - 1]].into_iter().all(|word| !is(word, AT_NO_END))
    })?;
    // That nothing shall be changed says that all is right; that nothing shall be cancelled does not.
    let steers = |word: &String| STEERING.iter().any(|stem| word.starts_with(stem));
    let stand_in = if said[at..at + length].iter().any(steers) { HARMLESS } else { ALL_RIGHT };
    Some((stand_in, length))
}

/// A word of the read-back, or a number that it says of the same thing: "две" may be of the pieces and of two thousand, so
/// a small number must stand beside a word that it stands beside there.
fn repeated(said: &[String], at: usize, read_back: &str) -> Option<(&'static str, usize)> {
    [Language::Russian, Language::English].into_iter().find_map(|language| {
        let bare = |text: &str| -> Vec<String> {
            let digits = in_digits(text, language);
            let words = digits.split(' ').filter(|word| !OF_AN_ADDRESS.contains(word));
            words.map(str::to_owned).collect()
        };
        let read = bare(read_back);
        let numeral = numerals(said, language).into_iter().find(|numeral| numeral.at.start == at);
        let Some(numeral) = numeral else {
            let word = &said[at];
            let other = [Language::Russian, Language::English]
                .into_iter()
                .any(|language| !numerals(std::slice::from_ref(word), language).is_empty());
            let known = words(read_back).contains(word);
            return (known && !other && word.chars().count() > 2 && !NEGATIONS.contains(&word.as_str()))
                .then_some((HARMLESS, 1));
        };
        let beside = |range: &[String]| bare(&range.join(" "));
        let (before, after) = (beside(&said[..at]), beside(&said[numeral.at.end..]));
        let number = &numeral.digits;
        let stands = read.iter().enumerate().any(|(place, word)| {
            word == number
                && (numeral.value >= LARGE
                    || place
                        .checked_sub(1)
                        .and_then(|place| read.get(place))
                        .is_some_and(|w| before.last() == Some(w))
                    || read.get(place + 1).is_some_and(|w| after.first() == Some(w)))
        });
        stands.then_some((HARMLESS, numeral.at.len()))
    })
}

/// A number so large is an amount, and stands for one thing alone.
const LARGE: u64 = 1000;
/// A caller who agrees in so many words has one of their own among them ("да, картой при получении").
const ECHO_WORDS: usize = 4;
/// Stands for a span that changes nothing.
const HARMLESS: &str = "\u{1}";
/// Stands for a span that wants nothing changed.
const ALL_RIGHT: &str = "\u{2}";
/// What would be cancelled, or a person called.
const STEERING: &[&str] = &[
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

/// Words of a wish that nothing be done. Chosen: "и не надо мне пока никакого оператора звать".
const SPAN_WORDS: usize = 8;
/// Longer than this it is a speech, and a thinker hears it.
const IRONY_WORDS: usize = 8;

const NEGATIONS: &[&str] =
    &["не", "без", "don't", "dont", "not", "without", "never", "wouldn't", "won't", "needn't", "nothing"];
/// They deny a noun beside them, and are an answer before a verb.
const BARE_NEGATIONS: &[&str] = &["нет", "no"];
/// They deny alone ("никаких изменений") and beside a negation.
const NONE: &[&str] = &["никакого", "никаких", "никакой", "никаким"];
const BESIDE_NEGATIONS: &[&str] = &[
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
const NOUNS: &[&str] = &[
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
const ACTS: &[&str] =
    &["менять", "меняйте", "меняем", "меняю", "поменять", "put", "переводить", "переводите", "переводи"];
const ACT_STEMS: &[&str] = &[
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
const AT_NO_END: &[&str] = &["и", "and", "a", "an", "the", "to", "с", "на", "is", "there"];
/// Said of an address or left out, as it comes.
const OF_AN_ADDRESS: &[&str] = &[
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

/// Cores of agreement beyond [`answer()`]'s: what answers "shall I place it?". Patterns: `(a)` may be left out, `a|b` is
/// either, `stem*` any word that begins so.
const YES: &[&str] = &[
    // Understood rightly.
    "(вы) (меня|нас) (все) (абсолютно|совершенно|очень|и) верно|правильно|точно|хорошо|четко|грамотно (вы) (меня) (все) записали|поняли|сказали|говорите|прочитали|зачитали|назвали|перечислили|услышали|указали|оформили|посчитали|повторили (заказ)",
    "правильно|верно|точно (вы) все поняли|записали|сказали",
    "все вы верно|правильно|точно сказали|записали|поняли|перечислили",
    "(вы) записали|поняли|прочитали|перечислили|назвали|зачитали|услышали|повторили (меня) (все) верно|правильно|точно|хорошо",
    "(заказ) (все) записано|указано|названо|перечислено|сказано|посчитано|прочитано|записан (все) верно|правильно|точно",
    "все до последнего слова верно|точно|так",
    "вы (ни в чем) не ошиблись",
    "заказ|заказа|данные (все) [верный|верен|правильный|верные|верны|правильные|точные|в порядке]",
    "(и) адрес|сумма|цена|количество|оплата|доставка|имя|город (тоже) верный|верная|верное|верно|правильный|правильная|правильное|правильно (и) адрес|сумма|цена|количество|оплата|доставка|имя|город (тоже) верный|верная|верное|верно|правильный|правильная|правильное|правильно",
    "ошибок (тут|здесь|никаких) [нет|никаких|не вижу]",
    "не вижу ошибок",
    "никаких ошибок",
    "слово в слово",
    // So it is.
    "все (это) верно|правильно|точно|так|четко|отлично|прекрасно|замечательно|супер|нормально|норм|ок|окей|хорошо|правда|сходится|совпадает|устраивает|подходит|нравится|логично",
    "все (это) как надо|нужно|есть|положено|сказали|сказал|сказала|договаривались|договорились|следует|обычно",
    "все (в) точности (так)",
    "все в точности так",
    "все в порядке|ажуре|норме",
    "все пучком|путем|ништяк|шикарно|класс|круто|идеально|безупречно|сошлось",
    "(все|так|точно|именно) (так) как (я|мы) (и) сказал*|говорил*|просил*|хотел*|заказывал*|называл*|диктовал* (так и есть)",
    "как договорились|договаривались (так) (и) (оформляйте|есть)",
    "(это|именно) то что (мне|нам|я|мы) (и) надо|нужно|хотел*|просил*|заказывал* (заказать)",
    "именно это|такие|такой|так|то|этот|эти (мне|я|нам|мы) (и) нужны|нужен|нужно|надо|хотел*|просил*",
    "это (все) мне и надо|нужно",
    "все это (мне) (и) надо|нужно",
    "то самое",
    "самое то",
    "в самый раз",
    "в точку",
    "так (я) (и) хотел*|просил*|запишите|пишите|оставьте|оставляем|оставим|надо|нужно|оформляйте",
    "(вот) так и есть|надо|нужно",
    "пусть|хай так (и) будет",
    "пусть|хай будет так",
    "пусть|хай так",
    "(вот|ну|да) теперь (все) верно|правильно|так|хорошо",
    "истинно так",
    "точно так (точно)",
    "точно да",
    "да точно",
    // Go ahead.
    "(прошу) (вас) оформля*|оформи|оформите|оформить (мне|нам|его|их|все|это|заказ|на меня|эти|этот)",
    "заказывай*|закажи|закажите (мне|нам|его|их|все|это|эти|мои)",
    "записывай*|запишите|запиши|фиксируй*|зафиксируйте|пиши|пишите (мне|нам|его|их|все|это|так|заказ)",
    "подтверждай*|подтвердите|подтверди|утверждай* (его|заказ|все)",
    "отправляй*|отправь|отправьте|высылай*|вышлите|присылай*|пришлите|шлите (мне|нам|его|их|все|это|заказ)",
    "привозите|привози|вези|везите|доставляй*|доставьте (мне|нам|его|их|все|это|заказ)",
    "делай*|сделайте|действуй*|дерзай*|валяй*|начинай*|приступай*|продолжай*|проводи*|запускай*|принимай*|размещай*|собирай*|готовь*|вбивай*|забивай*|выписывай*|пробивай*|заверни* (заказ|в работу|в систему|доставку|его|это|все)",
    "берите|возьмите в работу",
    "жмите|нажимай* (кнопку)",
    "(вы) (можете|можно|давай*|будем|надо|нужно|пора|готов|готова) (смело|уже) оформлять|заказывать|отправлять|везти|подтверждать|доставлять|записывать|оформить|заказать|отправить|подтвердить (заказ|его|их|все)",
    "(хочу|желаю|буду|будем) оформить|заказать|оформлять|заказывать|брать|покупать (заказ|его|их|все|это)",
    "давай*|да|ну оформим|закажем|возьмем",
    "(я|мы) беру|берем|возьму|возьмем|забираю|забираем|покупаю|покупаем|заказываю|заказываем|оформляем|оформляю|подтверждаю|подтверждаем|одобряю|одобряем|утверждаю|принимаю (заказ|этот заказ|их|его|все|это|эти)",
    "(я|мы) (их|его|все) беру|берем|забираю|заказываю",
    "(я|мы) (буду|будем) жду|ждем|ждать|ожидаю|подожду (заказ*|звонка|смс|доставк*|курьера|вас|с нетерпением|свои|их)",
    "вперед",
    "поехали",
    "погнали",
    "с богом",
    "благословляю",
    // It suits.
    "(меня|нас|мне|нам) (это|все|цена|условия|так) (вполне|полностью) устраивает|устраивают|подходит|подходят|нравится",
    "(я|мы) (полностью|абсолютно|целиком|на все) согласен|согласна|согласны (на все|со всем)",
    "я (только|обеими руками) за",
    "(я|мы) (только) не против",
    "по рукам",
    "договорились",
    "заметано",
    "решено",
    "принято",
    "принимается",
    "добро",
    "лады",
    "идет",
    "сойдет",
    "супер",
    "класс",
    "круто",
    "идеально",
    "великолепно",
    "норм",
    "железно",
    "стопудово",
    "однозначно",
    "непременно",
    "абсолютно",
    "несомненно",
    "(на) сто процентов",
    "на все сто",
    "сто раз да",
    "само собой (разумеется)",
    "а как же",
    "а то",
    "еще бы",
    "с удовольствием",
    "с радостью",
    "есть такое (дело)",
    "так да",
    "да так",
    "почему бы и нет",
    "чего|что (тут|там) думать|тянуть|ждать",
    "тут не поспоришь",
    "не сомневайтесь",
    "да пусть",
    "йес",
    "ес",
    "йеп",
    "слушаюсь",
    "будьте любезны|добры",
    "(вы) (очень) внимательны",
    "без проблем|вопросов|возражений|изменений",
    "(у меня) вопросов|возражений|замечаний|претензий|поправок|изменений (больше) [нет|не имею|никаких]",
    "[нет|не имею|никаких] вопросов|возражений|замечаний|претензий|поправок|изменений|исправлений",
    "(ничего|больше) (больше|ничего) менять|исправлять|добавлять|повторять|переделывать (ничего) не надо|нужно|буду|будем|требуется|стоит",
    "не надо|нужно|стоит ничего (больше) менять|исправлять|добавлять|переделывать",
    "ничего (больше) не надо|нужно менять|исправлять|добавлять|переделывать",
    "ничего не меняйте|меняем|меняю",
    "не меняйте (уже) ничего",
    "добавить|менять|исправлять|исправить|изменить нечего",
    ALL_RIGHT,
    // English.
    "da",
    "konechno",
    "aye",
    "yea",
    "ya",
    "yah",
    "yessir",
    "yes sir|ma'am|please|indeed",
    "yes you may|can|should",
    "precisely",
    "totally",
    "naturally",
    "surely",
    "sure thing",
    "sure",
    "sure sure",
    "you bet",
    "you betcha",
    "by all means",
    "with pleasure",
    "of course",
    "spot|bang on",
    "right|righto you are",
    "righto",
    "right on (the money)",
    "got it in one",
    "nailed it",
    "(you) hit the nail on the head",
    "roger (that)",
    "ten four",
    "(one|a) hundred percent (correct|right|yes)",
    "[that|it|everything|all|all of that|all of it|everything you said] (is|all) (all) (quite|perfectly|absolutely|exactly|just|totally) [right|correct|good|fine|perfect|okay|ok|great|accurate|in order|lovely|grand|brilliant|it|everything]",
    "[that's|it's|everything's|all of that's] (all) (quite|perfectly|absolutely|exactly|just|totally) [right|correct|good|fine|perfect|okay|ok|great|accurate|in order|lovely|grand|brilliant|everything|it]",
    "[that's|that is|it's] (just|exactly|all) (the) what|how|as|like i want|wanted|said|asked|ordered|need|needed|like|had (it|for|in mind)",
    "that's the one|lot|order|ticket|spirit|business",
    "[that'll|that will] (all) do|be (fine|good|great|perfect|nicely|all|right|lovely)",
    "[that|it|this|all that|that all|it all] (all) sounds|looks|seems|checks (for|to) (me) (just|about) right|good|fine|great|perfect|correct|out|lovely (to|for|with) (me)",
    "that (all) suits|works (for) me (fine|just fine|perfectly|down to the ground)",
    "that works|does (it) (for me)",
    "works|suits (for) me (fine|perfectly)",
    "sounds|looks|seems (all) (about|just) [right|good|fine|great|perfect|correct|like a plan|lovely|wonderful] (to me)",
    "everything (sounds|looks|checks|seems) out|right|good|fine|correct|great",
    "all (is|sounds|looks) [as it should be|right|correct|good|fine|well|in order|perfect]",
    "it is",
    "it is indeed",
    "(just|exactly|it's just|all) as|like|what|how i wanted|said|asked|ordered|want (it|for)",
    "quite so|right|correct",
    "perfectly right|correct|fine",
    "[you've|you|you have] (got|have|had|took|read|wrote|written|heard|understood|noted) (it|that|everything|me|all) (all|down|back) (down|back) right|correct|correctly|perfectly",
    "you|you've understood|heard|got (me) right|correctly|perfectly",
    "you're (quite|absolutely|so|totally) [right|correct|spot on|good to go]",
    "correct on all counts",
    "you may|can (now) place|go|order|put|send|proceed|process|book [ahead|it|that|them|the order|with it|through|it through]",
    "you can put|send that|it|them through|over",
    "[go|you go] (right|on) ahead (with|and) (it|that|the order|place it|order it|order)",
    "go for it",
    "go on then",
    "go ahead",
    "crack on",
    "fire away",
    "make it so",
    "proceed (with the order)",
    "(do|just|then|and|so) place|order|book|process|submit|send|ship|confirm|complete|finalize|finalise|buy|get|deliver|bring [it|that|them|the order|this|my order|that order|this order|those] (in|through|over|along|up|away|for me|as it is|now|please)",
    "order away",
    "put [it|that|them|the order|this order] through|in|down (for me)",
    "put me down for it|that|them|those",
    "write it up|down",
    "get it done",
    "get them|it ordered",
    "have it|them sent|delivered|ordered",
    "let's (just) do|order|go|place|have|book|get (it|that|this|ahead|with that|for it|them|them ordered)",
    "do [it|that|so|go ahead]",
    "[i'd|i would] like|love [that|it|to order it|to place it|you to place it|to order|them|to go ahead]",
    "i would",
    "i (do|really) want [it|that|them|you to place it|you to place the order|to order it]",
    "[i'm|i am|we're] (quite|very) happy|fine|good|okay|ok|pleased|satisfied (with|by) (it|that|all of that|everything)",
    "i'm|we're (all) for it|in|sure|up for it",
    "i|we agree|accept|approve|confirm|consent (it|that|to that|the order|everything)",
    "[i'll|i will|we'll] take|have|buy|go (with) it|them|that|those",
    "i'm|we're taking|buying it|them",
    "[i'll|i will|we'll] (be) wait|waiting (for) (it|them|the courier|the delivery|the text)",
    "i'd appreciate it",
    "fine by|with me",
    "okay|ok with me",
    "happy with that|it|everything",
    "good to go",
    "we're good",
    "it's a deal",
    "you've (got) a deal",
    "deal",
    "done",
    "affirmative",
    "indeed",
    "very well|good",
    "wonderful",
    "excellent",
    "fantastic",
    "awesome",
    "lovely",
    "splendid",
    "super",
    "cool",
    "brill",
    "[no|i have no|i've no|there are no] changes|objections|objection|corrections|mistakes|problems|complaints|issues|questions (needed|from me|with that|thank you)",
    "no problem (at all)",
    "no worries",
    "no doubt (about it)",
    "exactly|absolutely|perfectly right|correct|so",
    "(you've|you have) got it (exactly|right|spot on)",
    "why not",
    "i think that's everything",
    "no need to change|repeat|correct|alter (anything|it|a thing)",
    "(i've) nothing (else|more) to change|add|correct|fix",
    "nothing wrong (with that|there)",
    "(i) don't|wouldn't change (a thing|anything|it)",
    "i don't|wouldn't mind",
    "(i) can't|couldn't fault|argue (it|with that)",
    "couldn't be better",
    "(just) leave it as it is",
    "is fine",
];

/// A yes that needs no other: beside it, words of the read-back, or a greeting, change nothing.
const SURELY_YES: &[&str] = &[
    "да",
    "верно",
    "правильно",
    "подтверждаю",
    "согласен",
    "согласна",
    "оформляйте",
    "оформляй",
    "оформляем",
    "все так",
    "yes",
    "yeah",
    "yep",
    "yup",
    "that's right",
    "correct",
    "confirm",
    "go ahead",
    "place it",
    "put it through",
];

/// Without one of these, "hello, yes" and "yes, I'm listening" agree to nothing.
const OUTRIGHT: &[&str] = &[
    "верно",
    "правильно",
    "подтверждаю",
    "согласен",
    "согласна",
    "оформляйте",
    "оформляй",
    "оформляем",
    "все так",
    "right",
    "correct",
    "confirm",
    "go ahead",
    "place it",
    "place the order",
    "put it through",
];
/// Said beside an outright yes.
const BESIDE_OUTRIGHT: &[&str] = &[
    "алло",
    "слушаю",
    "слушаю вас",
    "да слушаю",
    "hello",
    "you know what",
    "нет нет",
    "нет больше ничего",
    "нет ничего не меняем",
    "no no",
    "no nothing else",
    "nothing else",
    "no nothing to change",
    "больше ничего",
    "больше ничего не надо",
    "больше ничего не нужно",
    "why not",
    "нет замечаний",
];

/// What answers many questions, and hangs in the air after this one.
const TOO_WEAK: &[&str] =
    &["можно", "да так", "так да", "right", "есть", "so", "correct it", "confirm", "сделайте"];

const MANNERS: &[&str] = &[
    // Thanks, excuses, wishes.
    "(большое|огромное) спасибо (большое|огромное|вам|тебе|за помощь)",
    "благодарю (вас|тебя)",
    "вам",
    "большое",
    "огромное",
    "пожалуйста",
    "прошу (вас)",
    "буду|будем признател*|благодар*",
    "если не трудно|сложно",
    "если можно",
    "(ой) извините|простите|извини|прости (пожалуйста) (отвлекся|отвлеклась|закашлялся|закашлялась|плохо говорю|что так долго|за беспокойство|за ожидание) (но)",
    "дай бог (вам|тебе) здоровья",
    "здоровья (вам)",
    "спаси бог",
    "слава богу",
    "храни вас господь",
    "удачи (вам)",
    "за помощь",
    "вы (мне) очень (мне) помогли",
    "вы (такие|просто|очень) молодцы|умница|внимательны|любезны",
    "молодцы",
    "молодец",
    "умница",
    "(очень|было) приятно (с вами) (говорить|разговаривать)",
    // Forms of address.
    "девушка|доченька|дочка|дочь|сынок|сынуля|внучка|милая|милый|милок|дорогая|дорогой|родная|родной|голубушка|голубчик|барышня|красавица|солнышко|золотце|зайка|уважаемая|уважаемый|командир|братан|брат|друг|дружище|шеф|начальник|хозяйка|мадам|сударыня|тетенька (мой|моя)",
    "молодой человек",
    "дорогой человек",
    // Fillers.
    "так|и|то|все|тогда|теперь|значит|дак|та|ах|ох|ой|ого|м|мм|ммм|э|ээ|эээ|эм|а|о|ну|вот|же|уж|ж|д",
    "что ж",
    "ну в общем",
    "в общем",
    "(этот|мой|такой) заказ",
    "давай|давайте",
    "смело|сейчас же|прямо сейчас|скорее|скорей|быстрее|поскорее|уже",
    "не стесняйтесь|сомневайтесь|тяните",
    "на меня",
    "как есть|сказали|сказал|сказала",
    "в таком|этом виде",
    "в работу",
    "без оператора (обойдемся|обойдусь)",
    "спокойно",
    // English.
    "ah|oh|um|uh|er|erm|hm|hmm|mm|well|so|then|now|just|like|ye",
    "you know",
    "(my) hon|honey|love|dear|darling|mate|buddy|bud|man|friend|pal|miss|ma'am|madam|sir|sweetheart|sweetie|pet|duck|dude|boss",
    "young man|lady",
    "cheers|ta",
    "(much) appreciated",
    "(i|i'd) appreciate it",
    "(many) thanks (a lot|a million|so much|very much|ever so much|for your help|for that)",
    "thank you (so much|very much|ever so much|kindly|for your help)",
    "you've been (so|very|really) helpful|kind|great|patient",
    "(you're|that's) (very|so|most) kind",
    "god bless (you)",
    "bless you",
    "(so|oh|i'm) sorry (for the trouble|for the wait|about that|i was coughing|i missed that)",
    "pardon|excuse me",
    "(oh) i beg your pardon",
    "if you would (be so kind|please)",
    "if you don't mind",
    "if you please",
    "would you",
    "i'd be grateful",
    "all|it|and|please|here",
    "nice one",
    "spasibo",
    "(the|my|this|that) order",
    "for me",
    "on the order",
    HARMLESS,
];
/// Between words of the read-back that a caller repeats.
const BESIDE_REPEATED: &[&str] = &[
    "в",
    "на",
    "по",
    "за",
    "с",
    "при",
    "это",
    "заплачу",
    "я",
    "готов",
    "готова",
    "оплатить",
    "i'll",
    "my",
    "ready",
    "have",
    "оплачу",
    "комплект",
    "for",
    "the",
    "to",
    "by",
    "in",
    "at",
    "of",
    "on",
    "them",
    "a",
    "paying",
    "pay",
    "ones",
    "all",
];

const FAREWELLS: &[&str] = &[
    "до свидания|свиданья|встречи|связи",
    "всего (вам|тебе) доброго|хорошего|наилучшего",
    "хорошего|доброго (вам|тебе) дня|вечера",
    "хороших (вам) выходных",
    "доброй|спокойной ночи",
    "счастливо",
    "будьте здоровы",
    "спасибо|все|ну|пока|давайте пока",
    "(good) bye (bye|now)",
    "goodbye (now)",
    "have a (very) nice|good|great|lovely (day|evening|one|weekend)",
    "good night",
    "see you",
    "talk to you later",
    "take care",
];

/// More was to come.
const TRAILING: &[&str] = &[
    "okay so",
    "ok so",
    "right so",
    "yes so",
    "yeah so",
    "and so",
    "um",
    "uh",
    "er",
    "erm",
    "and",
    "like",
    "и",
    "а",
    "но",
    "э",
    "эм",
    "то есть",
    "i mean",
];

/// Words of somebody who has not made up their mind, or takes back what they said.
const DOUBT: &[&str] = &[
    "наверное|наверно|вроде|кажется|возможно|думаю|полагаю|пожалуй|допустим|предположим|типа|похоже|скорее|посмотрим|щас|сейчас|но|а|или|только|хотя|однако|если|алло|слушаю|говорите|что|уж|ли",
    "вроде бы",
    "может (быть)",
    "можно сказать",
    "(я) думаю",
    "как бы",
    "по идее",
    "в принципе|общем|целом",
    "скорее всего",
    "не знаю",
    "не уверен|уверена",
    "только вот",
    "если что",
    "то есть",
    "и да и нет",
    "ни да ни нет",
    "(я) слушаю (вас)",
    "да это я не вам",
    "как скажете",
    "ну ну",
    "я ничего не отменял*",
    "hello|listening|maybe|perhaps|probably|possibly|dunno|but|except|actually|though|only|if|whatever",
    "i'm|i am listening|here",
    "i guess|think|suppose|believe (so)",
    "should|might|could|must be",
    "kind|sort of",
    "more or less",
    "i|we don't know",
    "don't know",
    "i'm not sure",
    "not sure",
    "i mean",
    "whatever you say",
    "if you say so",
    "no way",
    "as if",
    "you wish",
    "in your dreams",
    "fat chance",
    "we'll|let's see",
    "i never said cancel",
    "i didn't say cancel",
    "i didn't cancel anything",
];

/// The whole of an irony.
const IRONY: &[&str] = &[
    "да ну",
    "да ну да",
    "ну да ну да",
    "ну да конечно",
    "ага конечно",
    "ага да",
    "угу конечно",
    "да уж",
    "ну уж да",
    "да ладно",
    "конечно ага",
    "ага ага конечно",
    "yeah right",
    "yeah yeah sure",
    "oh sure",
    "oh yeah",
    "oh great",
    "oh right",
    "oh yeah right",
    "yeah yeah right",
    "right sure",
    "oh brilliant",
    "oh lovely",
    "oh wonderful",
    "oh perfect",
    "oh fantastic",
    "oh super",
    "oh excellent",
    "well great",
    "just great",
    "just brilliant",
    "just perfect",
    "just lovely",
    "класс",
    "ну класс",
    "ну супер",
    "ну отлично",
    "ну здорово",
    "ну прекрасно",
    "ну замечательно",
    "ну круто",
    "ой как хорошо",
    "so very good",
];

/// Words that turn any yes into irony, wherever they stand.
const IRONY_ANYWHERE: &[&str] = &[
    "щас",
    "щаз",
    "прям",
    "разбежались",
    "разбежался",
    "разбежалась",
    "держи карман",
    "счас",
    "да ну вас",
    "да ну его",
    "yeah right",
    "oh sure",
    "as if",
    "in your dreams",
    "fat chance",
    "made of money",
    "like that's",
    "whatever you say",
];

/// Manners that beside a no are more than manners.
const ASSENTING: &[&str] = &[
    "хорошо|отлично|прекрасно|ок|окей|ok|okay|да|yes|точно|конечно|естественно|именно|right|good",
    "okay then",
];

const NO: &[&str] = &[
    "не так все",
    "да не так",
    "да не так все",
    "да не то",
    "все не то",
    "все неверно",
    "все неправильно",
    "неверно все",
    "неправильно все",
    "неправильно записали",
    "неверно записали",
    "неправильно поняли",
    "вы меня не поняли",
    "вы меня неправильно поняли",
    "вы не так поняли",
    "вы не поняли",
    "вы ошиблись",
    "вы перепутали",
    "тут ошибка",
    "есть ошибка",
    "ошибка",
    "не все верно",
    "не все правильно",
    "не все так",
    "почти",
    "почти верно",
    "не оформляйте пока",
    "пока не оформляйте",
    "не оформляем",
    "не надо оформлять",
    "не нужно оформлять",
    "не заказывайте",
    "не подтверждайте",
    "ноу",
    "nyet",
    "net",
    "uh uh",
    "nuh uh",
    "negative",
    "almost",
    "that's not it",
    "that is not it",
    "that's not what i said",
    "that's not what i want",
    "that's not what i wanted",
    "that's not what i ordered",
    "that's not what i asked for",
    "you got it wrong",
    "you've got it wrong",
    "you got that wrong",
    "you misunderstood",
    "you misheard",
    "there's a mistake",
    "there is a mistake",
    "that's a mistake",
    "it's not right",
    "it's not correct",
    "it isn't right",
    "all wrong",
    "it's all wrong",
    "that's all wrong",
    "not at all",
    "not exactly",
    "don't place it",
    "don't place the order",
    "don't order it",
    "do not place it",
    "no sir",
    "no ma'am",
];

/// Noes of [`answer()`] that after a read-back may as well mean "that's all, go ahead".
const ENOUGH: &[&str] = &[
    "все",
    "это все",
    "вот и все",
    "на этом все",
    "больше ничего",
    "больше нет",
    "больше не надо",
    "больше не нужно",
    "ничего",
    "ничего больше",
    "ничего не надо",
    "ничего не нужно",
    "nothing else",
    "nothing more",
    "nothing",
    "that's all",
    "that is all",
    "that's it",
    "that'll be all",
    "that will be all",
    "i'm good",
    // These are cancellations, or changes.
    "нет другой размер",
    "нет другой адрес",
    "the other one",
    "no way",
];

const IRONY_AT_THE_END: &[&str] = &["да ну", "да уж", "да ладно", "ну ну"];

/// Beginnings of a question that a recogniser wrote without its mark.
const QUESTIONS: &[&str] = &[
    "когда",
    "сколько",
    "почему",
    "зачем",
    "откуда",
    "куда",
    "какой",
    "какая",
    "какие",
    "каким",
    "кто",
    "где",
    "чей",
    "ли",
    "а точно",
    "а это",
    "можно ли",
    "а можно",
    "а если",
    "а что",
    "а как",
    "а когда",
    "а где",
    "а во",
    "а доставка",
    "во сколько",
    "это за",
    "when",
    "how much",
    "how many",
    "how long",
    "how do",
    "why is",
    "why are",
    "why do",
    "where",
    "who",
    "which",
    "what time",
    "what if",
    "can i",
    "could i",
    "can you",
    "could you",
    "may i",
    "is it",
    "is that",
    "is there",
    "is delivery",
    "are you",
    "do you",
    "does it",
    "will it",
    "would it",
];

const MOMENT: &[&str] = &[
    "сейчас сейчас",
    "сек",
    "секундочку",
    "не кладите трубку",
    "повисите",
    "дайте подумаю",
    "дайте сообразить",
    "дайте минуту",
    "дай подумать",
    "дай минуту",
    "подумаю",
    "bear with me",
    "give me a sec",
    "give me a second",
    "give me a minute",
    "give me one",
    "just a moment",
    "just a minute",
    "just a sec",
    "one sec",
    "let me just",
    "hang on",
    "hold the line",
];

/// With these a moment is asked for something to be done.
const CHANGES: &[&str] =
    &["нет", "другой", "другая", "поменяйте", "измените", "no", "change", "make it", "instead"];

#[cfg(test)]
mod tests;
