//! What an order desk counts, with the forms that agree with numbers.

use super::cardinal::{Agreement, agreement};
use super::{Case, Gender, Language, cardinal_in};

/// Something that is counted aloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    /// рубль, ruble.
    Ruble,
    /// белорусский рубль, Belarusian ruble.
    BelarusianRuble,
    /// копейка, kopeck.
    Kopeck,
    /// доллар, dollar.
    Dollar,
    /// цент, cent.
    Cent,
    /// евро, euro.
    Euro,
    /// процент, percent.
    Percent,
    /// штука, piece.
    Piece,
    /// товар, item.
    Item,
    /// вариант, option.
    Variant,
    /// шина, tire.
    Tire,
    /// колесо, wheel.
    Wheel,
    /// комплект, set.
    Set,
    /// заказ, order.
    Order,
    /// пункт выдачи, pick-up point.
    PickupPoint,
    /// день, day.
    Day,
    /// рабочий день, business day.
    BusinessDay,
    /// неделя, week.
    Week,
    /// час, hour.
    Hour,
    /// минута, minute.
    Minute,
}

/// `четыре шины`, `four tires`: how many of what, as one counts.
pub fn count(n: u64, noun: Noun, language: Language) -> String {
    count_in(n, noun, Case::Nominative, language)
}

/// How many of what, in a case: `от двух дней`, `за тысячу рублей`.
pub fn count_in(n: u64, noun: Noun, case: Case, language: Language) -> String {
    format!("{} {}", cardinal_in(n, noun.gender(), case, language), noun.after(n, case, language))
}

impl Noun {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Ruble,
        Self::BelarusianRuble,
        Self::Kopeck,
        Self::Dollar,
        Self::Cent,
        Self::Euro,
        Self::Percent,
        Self::Piece,
        Self::Item,
        Self::Variant,
        Self::Tire,
        Self::Wheel,
        Self::Set,
        Self::Order,
        Self::PickupPoint,
        Self::Day,
        Self::BusinessDay,
        Self::Week,
        Self::Hour,
        Self::Minute,
    ];

    /// Its gender in Russian.
    pub fn gender(self) -> Gender {
        match self {
            Self::Kopeck | Self::Piece | Self::Tire | Self::Week | Self::Minute => Gender::Feminine,
            Self::Wheel => Gender::Neuter,
            _ => Gender::Masculine,
        }
    }

    /// The noun alone, as it stands after the number.
    pub fn after(self, n: u64, case: Case, language: Language) -> &'static str {
        if language == Language::English {
            let (one, many) = self.english();
            return if n == 1 { one } else { many };
        }
        let forms = self.russian();
        let direct = matches!(case, Case::Nominative | Case::Accusative);
        match agreement(n) {
            Agreement::One => forms.singular[case as usize],
            Agreement::Few if direct => forms.few,
            _ => match case {
                Case::Dative => forms.plural[1],
                Case::Instrumental => forms.plural[2],
                Case::Prepositional => forms.plural[3],
                _ => forms.plural[0],
            },
        }
    }

    /// The noun that this Russian or English word is a form of.
    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|noun| {
            let forms = noun.russian();
            let (one, many) = noun.english();
            let same = |form: &&str| form.replace('ё', "е") == word;
            forms.singular.iter().chain(&forms.plural).chain([&forms.few, &one, &many]).any(same)
        })
    }

    fn english(self) -> (&'static str, &'static str) {
        match self {
            Self::Ruble => ("ruble", "rubles"),
            Self::BelarusianRuble => ("Belarusian ruble", "Belarusian rubles"),
            Self::Kopeck => ("kopeck", "kopecks"),
            Self::Dollar => ("dollar", "dollars"),
            Self::Cent => ("cent", "cents"),
            Self::Euro => ("euro", "euros"),
            Self::Percent => ("percent", "percent"),
            Self::Piece => ("piece", "pieces"),
            Self::Item => ("item", "items"),
            Self::Variant => ("option", "options"),
            Self::Tire => ("tire", "tires"),
            Self::Wheel => ("wheel", "wheels"),
            Self::Set => ("set", "sets"),
            Self::Order => ("order", "orders"),
            Self::PickupPoint => ("pick-up point", "pick-up points"),
            Self::Day => ("day", "days"),
            Self::BusinessDay => ("business day", "business days"),
            Self::Week => ("week", "weeks"),
            Self::Hour => ("hour", "hours"),
            Self::Minute => ("minute", "minutes"),
        }
    }

    fn russian(self) -> &'static Forms {
        &FORMS[self as usize]
    }
}

struct Forms {
    /// Nominative to prepositional.
    singular: [&'static str; 6],
    /// After two, three and four in the direct cases.
    few: &'static str,
    /// Genitive, dative, instrumental, prepositional. The plural nominative never follows a number.
    plural: [&'static str; 4],
}

const fn forms(singular: [&'static str; 6], plural: [&'static str; 4]) -> Forms {
    Forms { few: singular[1], singular, plural }
}

const FORMS: [Forms; 20] = [
    forms(["рубль", "рубля", "рублю", "рубль", "рублём", "рубле"], ["рублей", "рублям", "рублями", "рублях"]),
    Forms {
        singular: [
            "белорусский рубль",
            "белорусского рубля",
            "белорусскому рублю",
            "белорусский рубль",
            "белорусским рублём",
            "белорусском рубле",
        ],
        few: "белорусских рубля",
        plural: ["белорусских рублей", "белорусским рублям", "белорусскими рублями", "белорусских рублях"],
    },
    forms(
        ["копейка", "копейки", "копейке", "копейку", "копейкой", "копейке"],
        ["копеек", "копейкам", "копейками", "копейках"],
    ),
    forms(
        ["доллар", "доллара", "доллару", "доллар", "долларом", "долларе"],
        ["долларов", "долларам", "долларами", "долларах"],
    ),
    forms(["цент", "цента", "центу", "цент", "центом", "центе"], ["центов", "центам", "центами", "центах"]),
    forms(["евро"; 6], ["евро"; 4]),
    forms(
        ["процент", "процента", "проценту", "процент", "процентом", "проценте"],
        ["процентов", "процентам", "процентами", "процентах"],
    ),
    forms(["штука", "штуки", "штуке", "штуку", "штукой", "штуке"], ["штук", "штукам", "штуками", "штуках"]),
    forms(
        ["товар", "товара", "товару", "товар", "товаром", "товаре"],
        ["товаров", "товарам", "товарами", "товарах"],
    ),
    forms(
        ["вариант", "варианта", "варианту", "вариант", "вариантом", "варианте"],
        ["вариантов", "вариантам", "вариантами", "вариантах"],
    ),
    forms(["шина", "шины", "шине", "шину", "шиной", "шине"], ["шин", "шинам", "шинами", "шинах"]),
    forms(
        ["колесо", "колеса", "колесу", "колесо", "колесом", "колесе"],
        ["колёс", "колёсам", "колёсами", "колёсах"],
    ),
    forms(
        ["комплект", "комплекта", "комплекту", "комплект", "комплектом", "комплекте"],
        ["комплектов", "комплектам", "комплектами", "комплектах"],
    ),
    forms(
        ["заказ", "заказа", "заказу", "заказ", "заказом", "заказе"],
        ["заказов", "заказам", "заказами", "заказах"],
    ),
    forms(
        ["пункт выдачи", "пункта выдачи", "пункту выдачи", "пункт выдачи", "пунктом выдачи", "пункте выдачи"],
        ["пунктов выдачи", "пунктам выдачи", "пунктами выдачи", "пунктах выдачи"],
    ),
    forms(["день", "дня", "дню", "день", "днём", "дне"], ["дней", "дням", "днями", "днях"]),
    Forms {
        singular: [
            "рабочий день",
            "рабочего дня",
            "рабочему дню",
            "рабочий день",
            "рабочим днём",
            "рабочем дне",
        ],
        few: "рабочих дня",
        plural: ["рабочих дней", "рабочим дням", "рабочими днями", "рабочих днях"],
    },
    forms(
        ["неделя", "недели", "неделе", "неделю", "неделей", "неделе"],
        ["недель", "неделям", "неделями", "неделях"],
    ),
    forms(["час", "часа", "часу", "час", "часом", "часе"], ["часов", "часам", "часами", "часах"]),
    forms(
        ["минута", "минуты", "минуте", "минуту", "минутой", "минуте"],
        ["минут", "минутам", "минутами", "минутах"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use Case::{Accusative, Dative, Genitive, Instrumental, Nominative, Prepositional};

    #[test]
    fn nouns_agree_with_their_numbers() {
        for (n, noun, case, said) in [
            (1, Noun::Ruble, Nominative, "один рубль"),
            (2, Noun::Ruble, Nominative, "два рубля"),
            (5, Noun::Ruble, Nominative, "пять рублей"),
            (11, Noun::Ruble, Nominative, "одиннадцать рублей"),
            (21, Noun::Ruble, Nominative, "двадцать один рубль"),
            (1000, Noun::Ruble, Nominative, "тысяча рублей"),
            (1000, Noun::Ruble, Accusative, "тысячу рублей"),
            (2, Noun::BelarusianRuble, Nominative, "два белорусских рубля"),
            (1, Noun::Kopeck, Nominative, "одна копейка"),
            (2, Noun::Kopeck, Nominative, "две копейки"),
            (50, Noun::Kopeck, Nominative, "пятьдесят копеек"),
            (3, Noun::Dollar, Nominative, "три доллара"),
            (2, Noun::Euro, Nominative, "два евро"),
            (1, Noun::Piece, Accusative, "одну штуку"),
            (4, Noun::Piece, Nominative, "четыре штуки"),
            (12, Noun::Piece, Nominative, "двенадцать штук"),
            (1, Noun::Tire, Nominative, "одна шина"),
            (1, Noun::Tire, Accusative, "одну шину"),
            (2, Noun::Tire, Nominative, "две шины"),
            (22, Noun::Tire, Nominative, "двадцать две шины"),
            (6, Noun::Tire, Genitive, "шести шин"),
            (1, Noun::Wheel, Nominative, "одно колесо"),
            (2, Noun::Wheel, Nominative, "два колеса"),
            (5, Noun::Wheel, Nominative, "пять колёс"),
            (3, Noun::Order, Nominative, "три заказа"),
            (0, Noun::Order, Nominative, "ноль заказов"),
            (1, Noun::Day, Genitive, "одного дня"),
            (2, Noun::Day, Genitive, "двух дней"),
            (4, Noun::Day, Dative, "четырём дням"),
            (4, Noun::Day, Prepositional, "четырёх днях"),
            (2, Noun::Tire, Instrumental, "двумя шинами"),
            (3, Noun::BusinessDay, Nominative, "три рабочих дня"),
            (5, Noun::BusinessDay, Nominative, "пять рабочих дней"),
            (2, Noun::PickupPoint, Nominative, "два пункта выдачи"),
        ] {
            assert_eq!(count_in(n, noun, case, Language::Russian), said, "{n} {noun:?} {case:?}");
        }
        assert_eq!(count(1, Noun::Tire, Language::English), "one tire");
        assert_eq!(count(4, Noun::Tire, Language::English), "four tires");
        assert_eq!(count(21, Noun::Day, Language::English), "twenty one days");
    }

    #[test]
    fn a_word_is_known_as_its_noun_in_any_form() {
        assert_eq!(Noun::of("штук"), Some(Noun::Piece));
        assert_eq!(Noun::of("колес"), Some(Noun::Wheel));
        assert_eq!(Noun::of("days"), Some(Noun::Day));
        assert_eq!(Noun::of("слон"), None);
    }

    #[test]
    fn the_list_stands_in_the_order_of_the_forms() {
        for (i, noun) in Noun::ALL.into_iter().enumerate() {
            assert_eq!(noun as usize, i);
        }
    }
}
