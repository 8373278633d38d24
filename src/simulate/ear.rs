//! What a caller hears of goods in the agent's words: which products, how many of each.
//!
//! No grammar of the agent is assumed. Words that products share or differ in are features; a run of features that some
//! product has all of is a mention of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::language::{self, Language, text};

use super::market::{Item, Market};

/// Words of goods, to know them by.
#[derive(Clone, Debug)]
pub struct Ear {
    language: Language,
    /// Features by the words that show them.
    features: BTreeMap<String, String>,
    /// All features of a product.
    has: Vec<BTreeSet<String>>,
    /// Those of its name.
    named: Vec<BTreeSet<String>>,
}

/// Goods in the agent's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The products that it may be.
    pub items: Vec<usize>,
    /// All words of one product's name were said.
    pub is_whole: bool,
    /// A word of a name was said, and not only of what such goods are ("back" of what a gel is for).
    pub is_named: bool,
    /// The number next before it, and next after.
    pub before: Option<u32>,
    pub after: Option<u32>,
}

/// The text as tokens: words, numbers as digits, and `,` or `.` between clauses and sentences.
pub fn tokens(text: &str, language: Language) -> Vec<String> {
    let mut out = Vec::new();
    for piece in text.split_inclusive(['.', ',', ';', ':', '!', '?', '…', '—']) {
        let folded = language::in_digits(piece, language);
        out.extend(folded.split_whitespace().map(str::to_owned));
        if let Some(sign) = piece.chars().last().filter(|c| !c.is_alphanumeric() && !c.is_whitespace()) {
            out.push(if matches!(sign, '.' | '!' | '?') { "." } else { "," }.to_owned());
        }
    }
    out
}

fn is_sign(token: &str) -> bool {
    token == "." || token == ","
}

fn is_number(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_money(token: &str) -> bool {
    ["руб", "коп", "долл", "евро", "цент", "rub", "dollar", "cent", "euro", "kopeck", "тысяч", "процент"]
        .iter()
        .any(|stem| token.starts_with(stem))
}

impl Ear {
    /// The ear of a caller who knows this shop.
    pub fn new(market: &Market, language: Language) -> Self {
        let mut of_form: BTreeMap<String, String> = BTreeMap::new();
        for (value, forms) in &market.forms {
            for form in forms.split_whitespace().flat_map(|form| text::words(&form.replace('_', " "))) {
                of_form.entry(form).or_insert_with(|| text::fold(value));
            }
        }
        let feature = |word: &str| of_form.get(word).cloned().unwrap_or_else(|| stem(word));
        let mut features = BTreeMap::new();
        let mut has = Vec::new();
        let mut named = Vec::new();
        for item in &market.items {
            let name = name_features(item, language, &feature, &mut features);
            let mut all = name.clone();
            for value in own_attributes(item) {
                for word in text::words(value) {
                    all.insert(feature(&word));
                    features.entry(word.clone()).or_insert_with(|| feature(&word));
                }
            }
            has.push(all);
            named.push(name);
        }
        for (form, value) in of_form {
            features.entry(form).or_insert(value);
        }
        // What all products are tells none from another.
        let count = has.len();
        let common: BTreeSet<String> = has
            .iter()
            .flatten()
            .filter(|feature| count > 1 && has.iter().filter(|has| has.contains(*feature)).count() == count)
            .cloned()
            .collect();
        features.retain(|_, feature| !common.contains(feature));
        for set in has.iter_mut().chain(&mut named) {
            set.retain(|feature| !common.contains(feature));
        }
        Self { language, features, has, named }
    }

    /// The goods that a text speaks of, in their order.
    pub fn mentions(&self, text: &str) -> Vec<Mention> {
        let tokens = tokens(text, self.language);
        let clusters = self.clusters(&tokens);
        let mut mentions = Vec::new();
        let mut from = 0;
        for (n, cluster) in clusters.iter().enumerate() {
            let until = clusters.get(n + 1).map_or(tokens.len(), |next| next.first);
            let before = tokens[from..cluster.first].iter().rposition(|t| is_number(t)).map(|at| from + at);
            // "четыре шины нокиан", and not the price of the one before.
            let near = |at: &usize| {
                cluster.first - at <= 4
                    && !tokens[*at + 1..cluster.first].iter().any(|t| is_money(t) || t == ".")
            };
            let before = before.filter(near).and_then(|at| count(&tokens, at));
            let after = tokens[cluster.last + 1..until]
                .iter()
                .take(4)
                .take_while(|token| *token != ".")
                .position(|token| is_number(token))
                .and_then(|at| count(&tokens, cluster.last + 1 + at));
            let (items, is_whole) = self.meant(cluster);
            let is_named = items.iter().any(|item| !self.named[*item].is_disjoint(&cluster.features));
            mentions.push(Mention { items, is_whole, is_named, before, after });
            from = cluster.last + 1;
        }
        mentions
    }

    fn clusters(&self, tokens: &[String]) -> Vec<Cluster> {
        let mut found: Vec<Cluster> = Vec::new();
        let mut open: Option<Cluster> = None;
        for (at, token) in tokens.iter().enumerate() {
            let number = is_number(token);
            let feature = self.features.get(token).or_else(|| self.features.get(&stem(token)));
            let Some(feature) = feature else { continue };
            if let Some(cluster) = &mut open {
                let gap = at - cluster.last;
                let between = &tokens[cluster.last..at];
                // "R16, шестнадцать штук": behind a comma a number counts pieces, whatever the size is.
                // "500 мг, 20 таблеток" goes on with the name, by the word behind it.
                let next = tokens.get(at + 1).and_then(|next| self.features.get(next));
                let goes_on = next
                    .is_some_and(|next| cluster.items.iter().any(|item| self.named[*item].contains(next)));
                let counts = number && !goes_on && between.iter().any(|t| is_sign(t));
                let is_far = gap > 5 || between.iter().any(|t| t == ".") || counts;
                let known = cluster.features.contains(feature);
                let again = known && !number && self.meant(cluster).1;
                if !is_far && known && !again {
                    // A size is told once: the same number again counts.
                    cluster.last = if number { cluster.last } else { at };
                    continue;
                }
                let left: Vec<usize> =
                    cluster.items.iter().copied().filter(|item| self.has[*item].contains(feature)).collect();
                if !is_far && !again && !left.is_empty() {
                    cluster.items = left;
                    cluster.features.insert(feature.clone());
                    cluster.last = at;
                    continue;
                }
                if number {
                    continue;
                }
            } else if number {
                continue;
            }
            found.extend(open.take());
            let items: Vec<usize> =
                (0..self.has.len()).filter(|item| self.has[*item].contains(feature)).collect();
            if !items.is_empty() {
                let features = BTreeSet::from([feature.clone()]);
                open = Some(Cluster { items, features, first: at, last: at });
            }
        }
        found.extend(open);
        found
    }

    /// The products meant: those whose whole name was said, the longest name first; else all that fit.
    fn meant(&self, cluster: &Cluster) -> (Vec<usize>, bool) {
        let whole = |item: &&usize| self.named[**item].is_subset(&cluster.features);
        let most = cluster.items.iter().filter(whole).map(|item| self.named[*item].len()).max();
        match most {
            Some(most) => {
                let longest = |item: &&usize| self.named[**item].len() == most;
                (cluster.items.iter().filter(whole).filter(longest).copied().collect(), true)
            }
            None => (cluster.items.clone(), false),
        }
    }
}

#[derive(Clone, Debug)]
struct Cluster {
    items: Vec<usize>,
    features: BTreeSet<String>,
    first: usize,
    last: usize,
}

/// The number at this place, if it counts pieces.
fn count(tokens: &[String], at: usize) -> Option<u32> {
    let is_price = tokens.get(at + 1).is_some_and(|next| is_money(next));
    tokens[at].parse().ok().filter(|n| !is_price && (1..=999).contains(n))
}

fn own_attributes(item: &Item) -> impl Iterator<Item = &String> {
    item.attributes
        .iter()
        .filter(|(key, _)| !key.starts_with("name_") && *key != "keywords")
        .map(|(_, value)| value)
}

fn name_features(
    item: &Item,
    language: Language,
    feature: &impl Fn(&str) -> String,
    features: &mut BTreeMap<String, String>,
) -> BTreeSet<String> {
    let mut name = BTreeSet::new();
    for word in language::in_digits(&item.spoken_name(language), language).split_whitespace() {
        // "эр" of a size and prepositions tell nothing.
        if word.chars().count() > 2 || is_number(word) {
            let feature = feature(word);
            features.insert(word.to_owned(), feature.clone());
            features.entry(stem(word)).or_insert_with(|| feature.clone());
            name.insert(feature);
        }
    }
    name
}

/// A word without what inflection changes.
pub fn stem(word: &str) -> String {
    let chars: Vec<char> = word.chars().collect();
    if is_number(word) || chars.len() <= 4 {
        return word.to_owned();
    }
    chars[..chars.len().saturating_sub(2).max(4)].iter().collect()
}

/// Whether a text speaks of a word in any of its forms.
pub fn speaks_of(tokens: &[String], word: &str) -> Option<usize> {
    let stem = stem(&text::fold(word));
    tokens.iter().position(|token| !is_sign(token) && token.starts_with(&stem))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn market() -> Market {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/shop/tyres.toml");
        Market::load(&path).expect("the sample shop")
    }

    #[test]
    fn goods_are_known_in_the_agents_words_with_their_numbers() {
        let market = market();
        let ear = Ear::new(&market, Language::Russian);
        let heard = |text: &str| {
            let sku = |item: &usize| market.items[*item].sku.as_str();
            let mentions = ear.mentions(text);
            mentions
                .iter()
                .map(|m| (m.items.iter().map(sku).collect::<Vec<_>>(), m.is_whole, m.before, m.after))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            heard(
                "Проверьте заказ. Нокиан зимняя двести пять пятьдесят пять эр шестнадцать, четыре штуки, по восемь тысяч \
                 девятьсот девяносто рублей; Нокиан зимняя шипованная двести пять пятьдесят пять эр шестнадцать, две штуки, \
                 по девять тысяч рублей. Доставка: Москва, улица Ленина, дом 16. Итого сто рублей."
            ),
            [
                (vec!["nokian-winter-205-55-16"], true, None, Some(4)),
                (vec!["nokian-winter-studded-205-55-16"], true, None, Some(2)),
            ]
        );
        let short = heard("Четыре Нокиан, летние. Доставка или самовывоз?");
        assert_eq!(short, [(vec!["nokian-summer-205-55-16"], false, Some(4), None)]);
        assert_eq!(heard("Сколько вам нужно?"), []);
        let sixteen = heard("Нокиан летняя 205/55 R16, шестнадцать штук. Самовывоз: дом 16.");
        assert_eq!(sixteen, [(vec!["nokian-summer-205-55-16"], true, None, Some(16))]);
    }
}
