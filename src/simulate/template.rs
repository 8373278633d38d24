//! A phrase with places to fill: `доставка в {city.acc} [пожалуйста]`, `(хочу|надо) {goods}`.

use super::dice::Dice;

/// A phrase of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `{city.acc}`.
    Slot(String),
    /// `(a|b)`.
    OneOf(Vec<Template>),
    /// `[a]`: said or not; left out when a slot in it has no value, always said when it holds the number.
    Maybe(Template),
}

/// Chances in a thousand that a part in brackets is said.
const MAYBE: u64 = 700;

impl Template {
    /// Reads a phrase.
    ///
    /// # Errors
    /// What was expected and found.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text;
        let parsed = Self::sequence(&mut rest, &[])?;
        if parsed.0.is_empty() {
            return Err("expected a phrase, found an empty one".to_owned());
        }
        Ok(parsed)
    }

    /// Reads up to one of these closing signs, which is left for the caller, or to the end.
    fn sequence(rest: &mut &str, until: &[char]) -> Result<Self, String> {
        let mut parts = Vec::new();
        while let Some(c) = rest.chars().next() {
            if until.contains(&c) {
                return Ok(Self(parts));
            }
            match c {
                '{' => {
                    let end = rest.find('}').ok_or("expected } after {, found the end")?;
                    let name = &rest[1..end];
                    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
                    if name.is_empty() || !name.chars().all(is_name) {
                        return Err(format!("expected the name of a slot in braces, found {name:?}"));
                    }
                    parts.push(Part::Slot(name.to_owned()));
                    *rest = &rest[end + 1..];
                }
                '(' => {
                    let mut choices = Vec::new();
                    loop {
                        *rest = &rest[1..];
                        choices.push(Self::sequence(rest, &['|', ')'])?);
                        match rest.chars().next() {
                            Some('|') => {}
                            Some(_) => break,
                            None => return Err("expected ) after (, found the end".to_owned()),
                        }
                    }
                    *rest = &rest[1..];
                    parts.push(Part::OneOf(choices));
                }
                '[' => {
                    *rest = &rest[1..];
                    let inner = Self::sequence(rest, &[']'])?;
                    if rest.is_empty() {
                        return Err("expected ] after [, found the end".to_owned());
                    }
                    *rest = &rest[1..];
                    parts.push(Part::Maybe(inner));
                }
                '}' | ')' | ']' | '|' => return Err(format!("expected words, found a lone {c}")),
                _ => {
                    let end = rest.find(['{', '}', '(', ')', '[', ']', '|']).unwrap_or(rest.len());
                    parts.push(Part::Text(rest[..end].to_owned()));
                    *rest = &rest[end..];
                }
            }
        }
        Ok(Self(parts))
    }

    /// The slots it names.
    pub fn slots(&self) -> Vec<&str> {
        let mut slots = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(_) => {}
                Part::Slot(name) => slots.push(name.as_str()),
                Part::OneOf(choices) => slots.extend(choices.iter().flat_map(Self::slots)),
                Part::Maybe(inner) => slots.extend(inner.slots()),
            }
        }
        slots
    }

    /// The words that are its own, for a vocabulary.
    pub fn words(&self) -> Vec<String> {
        self.0
            .iter()
            .flat_map(|part| match part {
                Part::Text(text) => crate::language::text::words(text),
                Part::Slot(_) => Vec::new(),
                Part::OneOf(choices) => choices.iter().flat_map(Self::words).collect(),
                Part::Maybe(inner) => inner.words(),
            })
            .collect()
    }

    /// The phrase with its slots filled; none when one has no value.
    pub fn say(&self, dice: &mut Dice, value: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
        let mut out = String::new();
        self.write(dice, value, &mut out)?;
        Some(out.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn write(
        &self,
        dice: &mut Dice,
        value: &mut dyn FnMut(&str) -> Option<String>,
        out: &mut String,
    ) -> Option<()> {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Slot(name) => out.push_str(&value(name)?),
                Part::OneOf(choices) => dice.pick(choices)?.write(dice, value, out)?,
                Part::Maybe(inner) => {
                    let is_needed = inner.slots().iter().any(|slot| matches!(*slot, "n" | "pieces"));
                    let mut said = String::new();
                    let value = &mut |slot: &str| value(slot).filter(|value| !value.is_empty());
                    if (is_needed || dice.chance(MAYBE)) && inner.write(dice, value, &mut said).is_some() {
                        out.push_str(&said);
                    }
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_filled_and_a_part_without_its_value_is_left_out() {
        let template = Template::parse("(хочу|надо) {n} [{studs}] шины").expect("a phrase");
        assert_eq!(template.slots(), ["n", "studs"]);
        for seed in 0..20 {
            let mut value = |slot: &str| (slot == "n").then(|| "четыре".to_owned());
            let said = template.say(&mut Dice::new(seed), &mut value).expect("words");
            assert!(said == "хочу четыре шины" || said == "надо четыре шины", "{said}");
        }
        assert_eq!(template.say(&mut Dice::new(1), &mut |_| None), None);
    }

    #[test]
    fn what_is_no_phrase_is_told() {
        for (text, told) in [
            ("", "an empty one"),
            ("в {город", "expected }"),
            ("в {Город}", "the name of a slot"),
            ("(а|б", "expected )"),
            ("[а", "expected ]"),
            ("а)", "a lone )"),
        ] {
            let error = Template::parse(text).expect_err(text);
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
