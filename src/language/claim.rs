//! Whether words claim that an order has been placed.

use crate::language::{Language, text};

/// Whether this says, as a fact, that an order is placed ("ваш заказ оформлен", "your order has been placed"). Such words are
/// true only after a committed outcome, whoever says them. A question, a condition, a negation or a future is no claim.
pub fn claims_placed(said: &str, language: Language) -> bool {
    if said.contains('?') {
        return false;
    }
    let words = text::words(said);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let pair = |first: &[&str], second: &[&str]| {
        words.windows(2).any(|w| first.contains(&w[0].as_str()) && second.contains(&w[1].as_str()))
    };
    match language {
        Language::Russian => {
            let done = ["оформлен", "размещен", "принят", "подтвержден", "создан", "оформлена", "принята"];
            let did =
                ["оформила", "оформил", "разместила", "разместил", "подтвердила", "подтвердил", "приняла"];
            let open = [
                "не",
                "пока",
                "если",
                "когда",
                "будет",
                "после",
                "чтобы",
                "еще",
                "как",
                "почти",
                "номер",
                "ваши",
            ];
            !has(&open) && (has(&done) && has(&["заказ", "покупка"]) || has(&did) && has(&["заказ", "ваш"]))
        }
        Language::English => {
            let done = ["placed", "confirmed", "accepted", "ordered", "submitted", "booked"];
            let open = [
                "not", "isn't", "hasn't", "if", "when", "once", "will", "before", "until", "yet", "after",
                "number",
            ];
            let is = ["is", "been", "was", "now", "have", "i've", "we've", "successfully"];
            !has(&open) && pair(&is, &done)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_the_order_is_placed_is_a_claim() {
        for said in
            ["Ваш заказ оформлен!", "Заказ принят, спасибо.", "Я оформила ваш заказ.", "Заказ подтверждён."]
        {
            assert!(claims_placed(said, Language::Russian), "{said}");
        }
        for said in [
            "Your order has been placed.",
            "The order is confirmed.",
            "I've ordered four tires.",
            "Done, it is now confirmed.",
        ] {
            assert!(claims_placed(said, Language::English), "{said}");
        }
    }

    #[test]
    fn a_question_a_condition_and_a_status_are_none() {
        for said in [
            "Заказ ещё не оформлен.",
            "Когда заказ будет оформлен, придёт СМС.",
            "Оформить заказ?",
            "Записала: четыре шины.",
            "Заказ номер четыре пять два один: подтверждён.",
        ] {
            assert!(!claims_placed(said, Language::Russian), "{said}");
        }
        for said in [
            "Your order is not placed yet.",
            "Once it is confirmed, you get a text message.",
            "Shall I confirm it?",
            "Order number four five two one is confirmed.",
            "I've put down four tires.",
        ] {
            assert!(!claims_placed(said, Language::English), "{said}");
        }
    }
}
