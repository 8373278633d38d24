//! What is said: one message file a language in Fluent's format, each sentence replaceable by a shop without a build.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use fluent_syntax::ast;
use serde::{Deserialize, Serialize};

use crate::language::Language;

const RUSSIAN: &str = include_str!("say/ru.ftl");
const ENGLISH: &str = include_str!("say/en.ftl");

/// The gender in which the agent speaks of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Voice {
    /// "Записала".
    #[default]
    Female,
    /// "Записал".
    Male,
}

impl Voice {
    fn name(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
        }
    }
}

/// What is wrong with a message file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// What was expected and what was found.
    pub what: String,
}

/// Every sentence, in each language.
#[derive(Clone)]
pub struct Messages {
    voice: Voice,
    bundles: [Arc<FluentBundle<FluentResource>>; 2],
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("voice", &self.voice).finish_non_exhaustive()
    }
}

impl Default for Messages {
    fn default() -> Self {
        static BUILT_IN: LazyLock<Messages> = LazyLock::new(|| {
            Messages::new(Voice::Female, "", "")
                .expect("the built-in messages are well-formed: a test reads them")
        });
        BUILT_IN.clone()
    }
}

impl Messages {
    /// The built-in sentences with a shop's own in their place: the texts of its files, empty where it has none.
    ///
    /// # Errors
    /// Every mistake of both files, the language before each: what does not parse, a sentence that there is not, a variable
    /// that the sentence does not get, an attribute that the built-in one has not.
    pub fn new(voice: Voice, russian: &str, english: &str) -> Result<Self, Vec<(Language, Problem)>> {
        let mut problems = Vec::new();
        let mut bundle = |language: Language, built_in: &str, own: &str| {
            let mut bundle = FluentBundle::new_concurrent(vec![langid(language)]);
            bundle.set_use_isolating(false);
            match FluentResource::try_new(built_in.to_owned()) {
                Ok(resource) => {
                    if bundle.add_resource(resource).is_err() {
                        problems.push((
                            language,
                            Problem { line: 1, what: "a built-in sentence stands twice".into() },
                        ));
                    }
                }
                Err((_, errors)) => {
                    problems.extend(errors.iter().map(|e| (language, parse_problem(built_in, e))))
                }
            }
            problems.extend(check(built_in, own).into_iter().map(|problem| (language, problem)));
            if let Ok(resource) = FluentResource::try_new(own.to_owned()) {
                bundle.add_resource_overriding(resource);
            }
            Arc::new(bundle)
        };
        let bundles =
            [bundle(Language::Russian, RUSSIAN, russian), bundle(Language::English, ENGLISH, english)];
        if problems.is_empty() { Ok(Self { voice, bundles }) } else { Err(problems) }
    }

    /// A sentence with its variables; the empty text where there is none of that name.
    pub fn say(&self, id: &str, language: Language, variables: &[(&str, &str)]) -> String {
        self.format(id, None, language, variables)
    }

    /// A question as it is asked the second time.
    pub fn again(&self, id: &str, language: Language, variables: &[(&str, &str)]) -> String {
        self.format(id, Some("again"), language, variables)
    }

    fn format(
        &self,
        id: &str,
        attribute: Option<&str>,
        language: Language,
        variables: &[(&str, &str)],
    ) -> String {
        let bundle = &self.bundles[language as usize];
        let Some(message) = bundle.get_message(id) else { return String::new() };
        let pattern = match attribute {
            Some(name) => message.get_attribute(name).map(|attribute| attribute.value()),
            None => message.value(),
        };
        let Some(pattern) = pattern else { return String::new() };
        let mut arguments = FluentArgs::with_capacity(variables.len() + 1);
        arguments.set("voice", FluentValue::from(self.voice.name()));
        for (name, value) in variables {
            arguments.set(*name, FluentValue::from(*value));
        }
        let mut errors = Vec::new();
        bundle.format_pattern(pattern, Some(&arguments), &mut errors).into_owned()
    }
}

fn langid(language: Language) -> unic_langid::LanguageIdentifier {
    language.code().parse().expect("a language's code is a language identifier")
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1
}

fn parse_problem(text: &str, error: &fluent_syntax::parser::ParserError) -> Problem {
    Problem { line: line_of(text, error.pos.start), what: error.kind.to_string() }
}

/// What is wrong with a shop's own sentences, beside the built-in ones.
fn check(built_in: &str, own: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let parsed = match fluent_syntax::parser::parse(own) {
        Ok(parsed) => parsed,
        Err((parsed, errors)) => {
            problems.extend(errors.iter().map(|error| parse_problem(own, error)));
            parsed
        }
    };
    let Ok(known) = fluent_syntax::parser::parse(built_in) else { return problems };
    let messages = |resource: &ast::Resource<&'_ str>| -> Vec<(String, BTreeSet<String>, BTreeSet<String>)> {
        resource
            .body
            .iter()
            .filter_map(|entry| match entry {
                ast::Entry::Message(message) => {
                    let mut variables = BTreeSet::new();
                    let patterns = message.value.iter().chain(message.attributes.iter().map(|a| &a.value));
                    patterns.for_each(|pattern| variables_of(pattern, &mut variables));
                    let attributes = message.attributes.iter().map(|a| a.id.name.to_owned()).collect();
                    Some((message.id.name.to_owned(), variables, attributes))
                }
                _ => None,
            })
            .collect()
    };
    let known = messages(&known);
    let mut seen = BTreeSet::new();
    for (id, variables, attributes) in messages(&parsed) {
        let line = own
            .lines()
            .position(|l| l.split('=').next().is_some_and(|n| n.trim() == id))
            .map_or(1, |n| n + 1);
        let mut tell = |what: String| problems.push(Problem { line, what });
        if !seen.insert(id.clone()) {
            tell(format!("expected each sentence once, found {id} again"));
        }
        let Some((_, may, has)) = known.iter().find(|(name, ..)| *name == id) else {
            tell(format!("expected a sentence that the agent says, found {id}"));
            continue;
        };
        for name in variables.iter().filter(|name| *name != "voice" && !may.contains(*name)) {
            let may = may.iter().map(|name| format!("${name}")).collect::<Vec<_>>().join(", ");
            tell(format!("{id}: expected of its variables ({may}), found ${name}"));
        }
        for name in attributes.difference(has) {
            tell(format!("{id}: expected no .{name}, which the built-in sentence has not"));
        }
    }
    problems
}

fn variables_of(pattern: &ast::Pattern<&str>, found: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        if let ast::PatternElement::Placeable { expression } = element {
            in_expression(expression, found);
        }
    }
}

fn in_expression(expression: &ast::Expression<&str>, found: &mut BTreeSet<String>) {
    match expression {
        ast::Expression::Inline(inline) => in_inline(inline, found),
        ast::Expression::Select { selector, variants } => {
            in_inline(selector, found);
            variants.iter().for_each(|variant| variables_of(&variant.value, found));
        }
    }
}

fn in_inline(inline: &ast::InlineExpression<&str>, found: &mut BTreeSet<String>) {
    match inline {
        ast::InlineExpression::VariableReference { id } => {
            found.insert(id.name.to_owned());
        }
        ast::InlineExpression::Placeable { expression } => in_expression(expression, found),
        ast::InlineExpression::FunctionReference { arguments, .. } => {
            arguments.positional.iter().for_each(|argument| in_inline(argument, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn both_languages_have_the_same_sentences_with_the_same_variables() {
        assert_eq!(check(RUSSIAN, ENGLISH), [], "English against Russian");
        assert_eq!(check(ENGLISH, RUSSIAN), [], "Russian against English");
        Messages::new(Voice::Male, "", "").unwrap();
    }

    #[test]
    fn the_voice_has_a_gender_and_a_shop_its_own_words() {
        let messages = Messages::new(Voice::Male, "q-city = Куда везём?\n", "").unwrap();
        assert_eq!(messages.say("not-understood", Language::Russian, &[]), "Простите, не понял.");
        assert_eq!(messages.say("q-city", Language::Russian, &[]), "Куда везём?");
        assert_eq!(messages.say("q-city", Language::English, &[]), "Which city?");
        assert_eq!(messages.say("total", Language::Russian, &[("total", "сто рублей")]), "Всего сто рублей.");
        let usual = Messages::default();
        assert_eq!(usual.say("not-understood", Language::Russian, &[]), "Простите, не поняла.");
    }

    #[test]
    fn every_mistake_of_a_shops_file_is_told_with_its_line() {
        let own = "q-citty = Где?\ntotal = Итого { $sum }.\nq-goods = Что?\n    .third = А?\nbroken\n";
        let problems = Messages::new(Voice::Female, own, "").unwrap_err();
        let lines: Vec<_> = problems.iter().map(|(language, p)| (*language, p.line)).collect();
        assert!(problems.iter().any(|(_, p)| p.what.contains("q-citty")), "{problems:?}");
        assert!(problems.iter().any(|(_, p)| p.what.contains("$sum") && p.line == 2), "{problems:?}");
        assert!(problems.iter().any(|(_, p)| p.what.contains(".third") && p.line == 3), "{problems:?}");
        assert!(lines.contains(&(Language::Russian, 5)), "{problems:?}");
    }
}
