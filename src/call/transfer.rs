//! A call that goes to a person: to whom, with what knowledge, and how often the agent takes it back.

use serde::{Deserialize, Serialize};

use crate::conversation::event::Handover;
use crate::ids::PhoneNumber;
use crate::language::Language;

/// `[transfer]`: to a person, and back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Whom the dialplan should ring: an extension of its context of people (`orderline-people` in the configuration that
    /// comes along). A name and nothing else: letters, digits, `_` and `-`, at most 40. No caller and no model has a say.
    pub target: String,
    /// How often the agent takes a call back that no person answered; 0 to 10. After that the dialplan says that nobody is
    /// free. (Chosen: who has twice been told that all operators are busy knows it.)
    pub returns: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { target: "operator".into(), returns: 2 }
    }
}

impl Settings {
    /// What is wrong with these values.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if self.target.is_empty() || self.target.len() > 40 || !self.target.chars().all(plain) {
            problems.push(format!(
                "transfer.target: expected the name of an extension, 1 to 40 of A-Z a-z 0-9 _ -, found {:?}",
                self.target
            ));
        }
        if self.returns > 10 {
            problems.push(format!("transfer.returns: expected 0 to 10, found {}", self.returns));
        }
        problems
    }
}

/// What goes with a call to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Card {
    /// Whom to ring: [`Settings::target`].
    pub target: String,
    /// The caller's number; none if it is withheld or not known.
    pub caller: Option<PhoneNumber>,
    /// The language of the call, where it is known.
    pub language: Option<Language>,
    /// What the agent says of the call; none if it ended without a word of the agent's.
    pub handover: Option<Handover>,
}

impl Card {
    /// The channel variables that a person's side gets, by name. Harmless in a dialplan.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        let [_, caller, order, language, summary] = self.texts();
        [
            ("ORDERLINE_CALLER", caller),
            ("ORDERLINE_ORDER", order),
            ("ORDERLINE_LANG", language),
            ("ORDERLINE_SUMMARY", summary),
        ]
    }

    /// Target, caller, order, language and summary, between bars: what `CUT(…,|,n)` takes apart. Harmless in a dialplan.
    pub fn line(&self) -> String {
        self.texts().join("|")
    }

    fn texts(&self) -> [String; 5] {
        let handover = self.handover.as_ref();
        let order = handover.and_then(|handover| handover.order.as_deref()).unwrap_or_default();
        let summary = handover.map(|handover| handover.summary.as_str()).unwrap_or_default();
        [
            harmless(&self.target, LONGEST_NAME),
            // Revealed to the person who takes the call.
            self.caller.as_ref().map(|number| number.e164().to_owned()).unwrap_or_default(),
            harmless(order, LONGEST_NAME),
            self.language.map(|language| language.code().to_owned()).unwrap_or_default(),
            harmless(summary, LONGEST_SUMMARY),
        ]
    }
}

/// A text that may stand anywhere in a dialplan, in a SIP header and on a display: letters and digits of any script, single
/// spaces, and the few signs of `SIGNS`. Separators of sentences become full stops, all else (quotes, brackets, `$`, `|`,
/// line ends, control characters) a space; what is too long ends with an ellipsis.
///
/// An allow-list, as Asterisk has more than one place where text becomes syntax: `,` and `|` part arguments, `^` and `&`
/// those of some applications, `?` and `:` the branches of `ExecIf`, `"` and `\` the strings of an expression.
pub fn harmless(text: &str, longest: usize) -> String {
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        let c = match c {
            ',' | ';' | ':' => '.',
            c if c.is_alphanumeric() || SIGNS.contains(&c) => c,
            _ => ' ',
        };
        if c == ' ' && (kept.is_empty() || kept.ends_with(' ')) {
            continue;
        }
        if c == '.' {
            kept.truncate(kept.trim_end().len());
        }
        kept.push(c);
    }
    let kept = kept.trim_end();
    if kept.chars().count() <= longest {
        return kept.to_owned();
    }
    let mut cut: String = kept.chars().take(longest.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// Signs that mean nothing to a dialplan outside of an expression's operators, which stand there unquoted only by mistake.
const SIGNS: [char; 9] = [' ', '.', '-', '+', '_', '/', '№', '×', '…'];
/// Characters of a target or an order's number (chosen: a store's numbers have 16).
const LONGEST_NAME: usize = 40;
/// Characters of a summary (chosen: two lines of a telephone's display; Asterisk's own buffers hold 256 bytes and more).
const LONGEST_SUMMARY: usize = 120;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn card(summary: &str) -> Card {
        Card {
            target: "operator".into(),
            caller: Some(PhoneNumber::parse("+375291234567", &[]).unwrap()),
            language: Some(Language::Russian),
            handover: Some(Handover {
                summary: summary.into(),
                order: Some("ORD-20261121-0007".into()),
                language: Language::Russian,
            }),
        }
    }

    #[test]
    fn a_card_is_a_line_of_five_fields() {
        let card = card("Просит оператора. Заказ ORD-20261121-0007 не оформлен");
        assert_eq!(
            card.line(),
            "operator|+375291234567|ORD-20261121-0007|ru|Просит оператора. Заказ ORD-20261121-0007 не оформлен"
        );
        assert_eq!(card.variables()[3].0, "ORDERLINE_SUMMARY");
        let nothing = Card { caller: None, language: None, handover: None, ..card };
        assert_eq!(nothing.line(), "operator||||");
    }

    #[test]
    fn nothing_that_a_dialplan_takes_for_syntax_comes_through() {
        let evil =
            "a${SHELL(reboot)}$[1+1]\"b\\c;d,e|f&g^h?i:j\r\nX-Evil: 1\0\u{1b}[2J<sip:900@x>`%'=!*#@~{}";
        let text = harmless(evil, 500);
        assert!(text.chars().all(|c| c.is_alphanumeric() || SIGNS.contains(&c)), "{text:?}");
        assert_eq!(card(evil).line().matches('|').count(), 4, "fields stay five");
        // Marks that turn text around or join it to its neighbours.
        assert_eq!(harmless("a\u{202e}b\u{200d}c\u{301}d", 500), "a b c d");
    }

    #[test]
    fn words_of_both_languages_and_what_orders_are_made_of_stay() {
        let text = "Заказ №5 оформлен. Нокиан 205/55 R16 × 4. 1500.00 RUB";
        assert_eq!(harmless(text, 120), text);
        assert_eq!(harmless("Шины \"зимние\", 4 шт; до 9:00", 120), "Шины зимние. 4 шт. до 9.00");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = harmless(&"ж".repeat(500), 120);
        assert_eq!((text.chars().count(), text.chars().last()), (120, Some('…')));
        assert_eq!(harmless("one two", 5), "one…");
    }

    #[test]
    fn a_target_is_a_name_and_nothing_else() {
        let with = |target: &str| Settings { target: target.into(), ..Settings::default() }.problems();
        assert!(with("operator").is_empty() && with("queue-2_b").is_empty());
        for target in ["", "a b", "${EXTEN}", "900,1", "PJSIP/900@trunk", &"x".repeat(41)] {
            assert_eq!(with(target).len(), 1, "{target}");
        }
        assert_eq!(Settings { returns: 11, ..Settings::default() }.problems().len(), 1);
    }
}
