//! What is denied: a word that goods are not to have, or goods that are not wanted any more.

use super::super::phrases::Cue;
use super::{Reader, Token, What};

impl Reader<'_, '_> {
    pub(super) fn negation(&mut self, tokens: &[Token], at: usize) {
        let token = &tokens[at];
        let next = tokens[at + 1..].iter().find(|t| !matches!(t.what, What::Filler));
        let directly = next.is_some_and(|t| {
            matches!(t.what, What::Term(_))
                || matches!(t.what, What::Cue(Cue::Same))
                || matches!(t.what, What::Number(_)) && self.ear.word(token.from) == "не"
        });
        let word = self.ear.word(token.from).to_owned();
        let wanted = tokens[at + 1..].iter().find(|t| !matches!(t.what, What::Filler | What::Term(_)));
        let long = token.to - token.from > 1;
        // "мишлен не надо": what stands before; "не надо мишлен": what follows.
        if !directly
            && (long || matches!(word.as_str(), "уберите" | "убрать" | "отмените" | "вычеркните" | "удалите"))
            && !self.group.what.with.is_empty()
        {
            self.take(token);
            self.removing = Some(token.from);
            self.group.removed = true;
            self.close();
            return;
        }
        let bare = matches!(word.as_str(), "нет" | "no") && !long;
        let led = matches!(
            self.ear.before(token.from),
            "где" | "которых" | "которого" | "чтобы" | "with" | "having" | "that"
        );
        // "Four tires, no studs": not the answer that an utterance begins with, and bound to the very next word.
        let bound = word == "no"
            && token.from > 0
            && next.is_some_and(|t| t.from == token.to)
            && self.ear.word(token.from - 1) != "no";
        let led = led || bound;
        if directly && (!bare || led) {
            let refuses = long
                && matches!(word.as_str(), "не" | "i")
                && !wanted.is_some_and(|t| matches!(t.what, What::Cue(Cue::Want)));
            if refuses && self.group.is_empty() && self.ear.context.line.is_some() {
                self.take(token);
                self.removing = Some(token.from);
                return;
            }
            self.denied = Some(token.from);
        }
    }
}
