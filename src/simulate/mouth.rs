//! A caller's words: an act and the values of its slots, made into a phrase of the book.

use crate::language::{self, Language, text};
use crate::orders::PaymentMethod;

use super::book::Book;
use super::dice::Dice;
use super::goal::{Address, Basket, Handover, Line, Temper};
use super::goods::{Style, Which};
use super::market::{self, Market};

/// One caller's way to speak.
#[derive(Debug)]
pub struct Mouth<'a> {
    pub book: &'a Book,
    pub market: &'a Market,
    pub style: Style,
    pub temper: Temper,
    pub dice: Dice,
}

/// What the slots of a phrase stand for.
#[derive(Clone, Debug, Default)]
pub struct Slots(Vec<(&'static str, String)>);

impl Slots {
    /// With this value besides.
    pub fn with(mut self, slot: &'static str, value: impl Into<String>) -> Self {
        self.0.push((slot, value.into()));
        self
    }

    fn get(&self, slot: &str) -> Option<String> {
        let exact = self.0.iter().find(|(name, _)| *name == slot);
        let plain = || self.0.iter().find(|(name, _)| slot.split('.').next() == Some(name));
        exact.or_else(plain).map(|(_, value)| value.clone())
    }
}

impl Mouth<'_> {
    /// A phrase of this act; the act's name where the book has none that can be filled.
    pub fn say(&mut self, act: &str, slots: &Slots) -> String {
        let templates = self.book.acts.get(act).map_or(&[][..], Vec::as_slice);
        for _ in 0..20 {
            let Some(template) = self.dice.pick(templates) else { break };
            if let Some(said) = template.say(&mut self.dice, &mut |slot| slots.get(slot)) {
                return said;
            }
        }
        act.to_owned()
    }

    /// The words as the caller says them and the recogniser writes them.
    pub fn finish(&mut self, said: &str) -> String {
        let mut said = said.to_owned();
        let filler = match self.temper {
            Temper::Talkative => 500,
            Temper::Terse | Temper::AllAtOnce => 30,
            _ => 120,
        };
        if self.dice.chance(filler)
            && let Some(filler) = self.dice.pick(&self.book.fillers)
        {
            said = format!("{filler} {said}");
        }
        if self.temper == Temper::Talkative && self.dice.chance(250) {
            // "Да … отмените" is a yes to whoever answers fast, and to people too.
            let agrees =
                |at: usize| super::noise::YES.contains(&said[..at].rsplit(' ').next().unwrap_or_default());
            let spaces: Vec<usize> =
                said.match_indices(' ').map(|(at, _)| at).filter(|at| !agrees(*at)).collect();
            if let Some(at) = self.dice.pick(&spaces) {
                said.insert_str(*at, " …");
            }
        }
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        if !self.style.written {
            return said;
        }
        let mut chars = said.chars();
        let first = chars.next().map_or(String::new(), |c| c.to_uppercase().collect());
        format!("{first}{}.", chars.as_str())
    }

    /// Goods of a line.
    pub fn goods(&mut self, which: Which, line: Line, with_number: bool) -> String {
        let item = &self.market.items[line.item];
        let n = with_number.then_some(line.n);
        self.book.goods.say(which, item, n, self.style, &mut self.dice)
    }

    /// A reference to a product that does not fit any of the others.
    pub fn short(&mut self, item: usize, others: &[usize]) -> String {
        let shorts = self.book.goods.shorts(&self.market.items[item], self.style, &mut self.dice);
        let of_others: Vec<Vec<String>> = others
            .iter()
            .filter(|other| **other != item)
            .map(|other| text::words(&self.market.items[*other].spoken_name(self.style.language)))
            .collect();
        let tells = |short: &&String| {
            let words = text::words(short);
            let stems: Vec<String> = words.iter().map(|word| super::ear::stem(word)).collect();
            of_others
                .iter()
                .all(|name| !stems.iter().all(|stem| name.iter().any(|word| word.starts_with(stem.as_str()))))
        };
        shorts.iter().find(tells).or(shorts.last()).cloned().unwrap_or_default()
    }

    /// A number of pieces, for `{n}` and `{pieces}`.
    pub fn amount(&mut self, line: Line) -> Slots {
        let kind = self.market.items[line.item].attributes.get("kind").cloned().unwrap_or_default();
        let pieces = self.book.goods.pieces(line.n, &kind, self.style, &mut self.dice);
        Slots::default().with("n", self.count(line.n)).with("pieces", pieces)
    }

    /// A number alone.
    pub fn count(&self, n: u32) -> String {
        self.style.count(n, crate::language::Gender::Feminine)
    }

    /// A city in its cases.
    pub fn city(&mut self, name: &str) -> Slots {
        let own = match self.style.language {
            Language::Russian => market::inflected(name),
            Language::English => [(); 3].map(|()| name.to_lowercase()),
        };
        let forms = self.book.cities.get(name);
        let mut form = |list: Option<&Vec<String>>, own: &str| {
            list.and_then(|list| self.dice.pick(list)).cloned().unwrap_or_else(|| own.to_owned())
        };
        Slots::default()
            .with("city", name.to_lowercase())
            .with("city.acc", form(forms.map(|f| &f.acc), &own[0]))
            .with("city.prep", form(forms.map(|f| &f.prep), &own[1]))
            .with("city.gen", form(forms.map(|f| &f.from), &own[2]))
    }

    /// A city with an address or a pick-up point in it.
    pub fn place(&mut self, basket: &Basket) -> Slots {
        match &basket.handover {
            Handover::Delivery(address) => {
                let slots = self.city(&address.city);
                slots.with("address", self.address(address))
            }
            Handover::Pickup(at) => {
                let point = &self.market.points[*at];
                // By its name or by its street, and of that with the house or without.
                let address = language::spoken(&point.address, self.style.language);
                let address = text::fold(&address);
                let street = text::fold(point.address.split([',']).next().unwrap_or_default());
                let street = street.trim_matches(|c: char| c.is_ascii_digit() || c == ' ').to_owned();
                let said = match self.dice.below(4) {
                    0 | 1 => text::fold(&point.name),
                    2 => street,
                    _ => address,
                };
                let city = point.city.clone();
                self.city(&city).with("point", said)
            }
        }
    }

    /// Street, house and flat.
    pub fn address(&mut self, address: &Address) -> String {
        let house = self.house(address);
        match self.style.language {
            Language::Russian => format!("{} {house}", address.street),
            Language::English => {
                let (number, flat) = house.split_once('|').unwrap_or((house.as_str(), ""));
                format!("{number} {} {flat}", address.street)
            }
        }
    }

    /// The house and flat alone.
    pub fn house_alone(&mut self, address: &Address) -> String {
        self.house(address).replace('|', " ")
    }

    /// `дом двенадцать квартира пять`; English has `12|apartment 5`, as the street stands between.
    fn house(&mut self, address: &Address) -> String {
        let number = self.style.number(&address.house.to_string(), &mut self.dice);
        let word = |mouth: &mut Self, name: &str| {
            let words = mouth.book.words.get(name).cloned().unwrap_or_default();
            mouth.dice.pick(&words).cloned().unwrap_or_default()
        };
        let flat = address.flat.map(|flat| {
            let flat = self.style.number(&flat.to_string(), &mut self.dice);
            format!("{} {flat}", word(self, "flat"))
        });
        let flat = flat.unwrap_or_default();
        match self.style.language {
            Language::Russian => {
                // People leave the word out.
                let house = if self.dice.chance(850) { word(self, "house") } else { String::new() };
                format!("{house} {number} {flat}")
            }
            Language::English => format!("{number}|{flat}"),
        }
    }

    /// A way to pay.
    pub fn payment(&mut self, method: PaymentMethod) -> Slots {
        let name = match method {
            PaymentMethod::CashOnDelivery => "cash",
            PaymentMethod::CardOnDelivery => "card",
            PaymentMethod::Online => "online",
        };
        let words = self.book.words.get(name).map_or(&[][..], Vec::as_slice);
        Slots::default().with("payment", self.dice.pick(words).cloned().unwrap_or_default())
    }

    /// The first, second or third.
    pub fn nth(&mut self, n: usize) -> Slots {
        let words = self.book.words.get(&format!("nth{n}")).map_or(&[][..], Vec::as_slice);
        Slots::default().with("nth", self.dice.pick(words).cloned().unwrap_or_default())
    }

    /// A person's name, and in the accusative.
    pub fn name(&self, name: &str) -> Slots {
        let said = if self.style.written { name.to_owned() } else { name.to_lowercase() };
        let accusative = match self.style.language {
            Language::English => said.clone(),
            Language::Russian => said.split(' ').map(person_accusative).collect::<Vec<_>>().join(" "),
        };
        Slots::default().with("name", said).with("name.acc", accusative)
    }

    /// Digits one by one, or in pairs.
    pub fn digits(&mut self, digits: &str) -> String {
        if self.style.digits {
            return digits.to_owned();
        }
        let one_by_one = crate::language::digits(digits, self.style.language);
        if digits.len() != 4 || digits.contains('0') || self.dice.chance(500) {
            return one_by_one;
        }
        let pair = |at: usize| {
            let n = digits[at..at + 2].parse().unwrap_or(0);
            crate::language::cardinal(n, self.style.language)
        };
        format!("{} {}", pair(0), pair(2))
    }
}

/// `Анна` to `Анну`, `Иван` to `Ивана`: people are animate.
fn person_accusative(name: &str) -> String {
    let Some(last) = name.chars().last() else { return String::new() };
    let stem = &name[..name.len() - last.len_utf8()];
    match last {
        'а' => format!("{stem}у"),
        'я' => format!("{stem}ю"),
        'й' | 'ь' => format!("{stem}я"),
        'б'..='т' | 'ф'..='щ' => format!("{name}а"),
        _ => name.to_owned(),
    }
}
