//! The shop as a caller knows it: what can be wanted, and where it can be brought. Read from the shop's own file, apart from
//! what the agent reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::language::{self, Language, text};

/// A shop's goods and places.
#[derive(Clone, Debug, Deserialize)]
pub struct Market {
    #[serde(default)]
    pub forms: BTreeMap<String, String>,
    #[serde(rename = "products")]
    pub items: Vec<Item>,
    #[serde(default)]
    pub cities: Vec<City>,
    #[serde(default, rename = "pickup_points")]
    pub points: Vec<Point>,
    #[serde(default)]
    pub orders: Vec<PastOrder>,
    /// What the shop asks besides: the slot, and the question in Russian and English, folded.
    #[serde(skip)]
    pub extras: Vec<(String, [String; 2])>,
}

/// The part of a shop's profile that tells what is asked besides.
#[derive(Debug, Default, Deserialize)]
struct Extras {
    #[serde(default)]
    extras: Vec<Extra>,
}

#[derive(Debug, Deserialize)]
struct Extra {
    slot: String,
    #[serde(default)]
    ask: BTreeMap<String, String>,
}

/// Something to want.
#[derive(Clone, Debug, Deserialize)]
pub struct Item {
    pub sku: String,
    pub name: String,
    #[serde(default)]
    pub stock: u32,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// A city that is delivered to.
#[derive(Clone, Debug, Deserialize)]
pub struct City {
    pub name: String,
    #[serde(default)]
    pub also: Vec<String>,
}

/// A place to fetch an order.
#[derive(Clone, Deserialize)]
pub struct Point {
    pub city: String,
    pub name: String,
    pub address: String,
}

masked!(Point);

/// An order from before.
#[derive(Clone, Deserialize)]
pub struct PastOrder {
    pub phone: String,
    pub number: u32,
}

masked!(PastOrder);

impl Item {
    /// Its name in a language, as it is written.
    pub fn name(&self, language: Language) -> &str {
        let key = format!("name_{}", language.code());
        self.attributes.get(&key).map_or(&self.name, String::as_str)
    }

    /// Its name as it is said.
    pub fn spoken_name(&self, language: Language) -> String {
        text::fold(&language::spoken(self.name(language), language))
    }
}

impl Market {
    /// Reads a shop's file; what is of no use to a caller is passed over.
    ///
    /// # Errors
    /// The file and what is wrong with it.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let wrong = |path: &Path, error: toml::de::Error| format!("{}: {error}", path.display());
        let mut market: Self = toml::from_str(&text).map_err(|error| wrong(path, error))?;
        // A shop's profile lies beside it.
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!("{stem}-profile.toml"));
        if let Ok(text) = std::fs::read_to_string(&beside) {
            let read: Extras = toml::from_str(&text).map_err(|error| wrong(&beside, error))?;
            let asked =
                |extra: &Extra, code: &str| text::fold(extra.ask.get(code).map_or("", String::as_str));
            market.extras = read
                .extras
                .iter()
                .map(|extra| (extra.slot.clone(), [asked(extra, "ru"), asked(extra, "en")]))
                .collect();
        }
        Ok(market)
    }

    /// The slot that a text asks for, of those that the shop asks besides.
    pub fn extra_asked(&self, said: &str) -> Option<&str> {
        let folded = text::fold(said);
        let asks = |asked: &[String; 2]| {
            asked.iter().any(|asked| !asked.is_empty() && folded.contains(asked.as_str()))
        };
        self.extras.iter().find(|(_, asked)| asks(asked)).map(|(slot, _)| slot.as_str())
    }

    /// The cities that are called in this language: by the letters of their names, or all where none is.
    pub fn cities(&self, language: Language) -> Vec<&City> {
        let own = |city: &&City| Language::of(&city.name) == Some(language);
        let found: Vec<&City> = self.cities.iter().filter(own).collect();
        if found.is_empty() { self.cities.iter().collect() } else { found }
    }

    /// The pick-up points that are called in this language.
    pub fn points(&self, language: Language) -> Vec<usize> {
        let own = |at: &usize| Language::of(&self.points[*at].city) == Some(language);
        (0..self.points.len()).filter(own).collect()
    }

    /// The city names that a text tells, in the shop's spelling.
    pub fn cities_in(&self, text: &str) -> BTreeSet<&str> {
        let folded = format!(" {} ", text::fold(text));
        let mut found: Vec<(&str, usize)> = Vec::new();
        for city in &self.cities {
            for name in std::iter::once(&city.name).chain(&city.also) {
                // Two letters are a word as well as a city ("la").
                let name = text::fold(name);
                let stem = name.trim_end_matches(['а', 'ь', 'я', 'ы', 'у', 'е', 'и']);
                let is_there = folded.contains(&format!(" {name} "))
                    || stem.chars().count() >= 3
                        && !name.contains(' ')
                        && CITY_ENDINGS.iter().any(|ending| folded.contains(&format!(" {stem}{ending} ")));
                if name.chars().count() > 2 && is_there {
                    found.push((&city.name, name.len()));
                }
            }
        }
        found.into_iter().map(|(city, _)| city).collect()
    }
}

const CITY_ENDINGS: &[&str] = &["", "а", "у", "е", "ы", "ь", "и", "ом", "ой", "ю"];

/// A city's name in the accusative, prepositional and genitive, guessed.
pub fn inflected(city: &str) -> [String; 3] {
    let name = city.to_lowercase();
    let Some(last) = name.chars().last() else { return Default::default() };
    let stem = &name[..name.len() - last.len_utf8()];
    match last {
        'а' => [format!("{stem}у"), format!("{stem}е"), format!("{stem}ы")],
        'я' => [format!("{stem}ю"), format!("{stem}е"), format!("{stem}и")],
        'ь' | 'й' => [name.clone(), format!("{stem}е"), format!("{stem}я")],
        'б'..='т' | 'ф'..='щ' => [name.clone(), format!("{name}е"), format!("{name}а")],
        _ => [name.clone(), name.clone(), name],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_is_inflected_and_found_in_a_text() {
        assert_eq!(inflected("Самара")[0], "самару");
        assert_eq!(inflected("Воронеж"), ["воронеж", "воронеже", "воронежа"]);
        assert_eq!(inflected("Boston")[0], "boston");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/shop/tyres.toml");
        let market = Market::load(&path).expect("the sample shop");
        let found: Vec<&str> =
            market.cities_in("Доставка: Москва, улица Ленина. В Самару не везём").into_iter().collect();
        assert_eq!(found, ["Москва", "Самара"]);
        assert!(market.cities_in("for 12 Main Street").is_empty());
    }
}
