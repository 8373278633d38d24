//! What a careful clerk does with one utterance after the read-back, by tables that another hand than the code's wrote.
//! The `_dev` ones were built from; the `_heldout` ones were only run.

use super::*;

const TABLES: [(Language, &str, &str); 4] = [
    (Language::Russian, "ru_dev", include_str!("ru_dev.txt")),
    (Language::English, "en_dev", include_str!("en_dev.txt")),
    (Language::Russian, "ru_heldout", include_str!("ru_heldout.txt")),
    (Language::English, "en_heldout", include_str!("en_heldout.txt")),
];

/// What the read-back of the tables says.
fn table_shop() -> Shop {
    let order = |version| Order {
        lines: vec![OrderLine {
            product_id: None,
            name: "Мишлен зимняя, Michelin winter tires".into(),
            quantity: 4,
            unit: rub(740_000),
            total: rub(2_960_000),
        }],
        delivery: Some(DeliveryTerms {
            delivery: Delivery::Delivery {
                city: "Москва, Moscow".into(),
                address: Pii::new("улица Ленина, дом двенадцать, Lenin Street twelve".into()),
            },
            pickup_address: None,
            cost: rub(40_000),
            days_min: 2,
            days_max: 4,
        }),
        total: rub(3_000_000),
        ..super::order(version)
    };
    Box::new(move |request| match &request.action {
        OrderAction::CreateDraft { .. } => {
            Some(ActionOutcome::Drafted { order: Order { delivery: None, ..order(1) } })
        }
        OrderAction::SetDelivery { .. } => Some(ActionOutcome::DeliverySet { order: order(2) }),
        _ => good_shop()(request),
    })
}

/// What came of it.
fn outcome(language: Language, utterance: &str) -> &'static str {
    let mut thoughts = VecDeque::from(purchase("card_on_delivery"));
    let thinker: super::super::Thinker =
        Box::new(move |_| thoughts.pop_front().unwrap_or_else(|| words("THOUGHT.")));
    let mut stage = Stage::answered(thinker, table_shop(), language, false);
    stage.keeps_digest = false;
    stage.listen();
    stage.say(WISH);
    let (asked_before, said) = (asked(&stage), stage.said.len());
    assert_eq!(stage.confirms(), 0);
    stage.say(utterance);
    let said = stage.said[said..].join(" ");
    let cancelled = stage.acts.iter().any(|act| matches!(act.action, OrderAction::Cancel { .. }));
    match () {
        () if stage.confirms() == 1 => "order",
        () if cancelled => "cancel",
        () if said.contains("соединяю с оператором") || said.contains("Соединяю с оператором") => {
            "operator"
        }
        () if said.contains("through to an operator") => "operator",
        () if matches!(stage.left, Some(Leave::HangUp)) => "hangup",
        () if said.contains("Что изменить") || said.contains("What should I change") => "refuse",
        () if said.contains("THOUGHT") => "thinker",
        () if asked(&stage) > asked_before => "again",
        () if said.is_empty() => "silence",
        () => "other",
    }
}

/// What of the core's own doings is as a careful clerk would do.
fn fits(expected: &str, outcome: &str) -> bool {
    expected.split('/').any(|expected| match expected {
        "order" => outcome == "order",
        // A thinker hears it and asks; what was read back stays unconfirmed.
        "again" => matches!(outcome, "again" | "thinker"),
        "refuse" => matches!(outcome, "refuse" | "thinker"),
        "change" | "question" => outcome == "thinker",
        "cancel" => matches!(outcome, "cancel" | "thinker" | "hangup" | "refuse"),
        "operator" => matches!(outcome, "operator" | "thinker"),
        "wait" => matches!(outcome, "silence" | "thinker"),
        "unheard" => matches!(outcome, "silence" | "again"),
        _ => false,
    })
}

#[test]
fn a_careful_clerk_would_have_done_the_same_in_russian() {
    compare(Language::Russian);
}

#[test]
fn a_careful_clerk_would_have_done_the_same_in_english() {
    compare(Language::English);
}

fn compare(language: Language) {
    for (_, name, table) in TABLES.into_iter().filter(|(of, ..)| *of == language) {
        let rows: Vec<Vec<&str>> = table
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| line.split('\t').collect())
            .collect();
        assert!(rows.len() >= 150, "{name}: {}", rows.len());
        let (mut orders, mut ordered, mut fitting) = (0, 0, 0);
        for row in &rows {
            let [expected, kind, utterance] = row[..] else { panic!("{name}: {row:?}") };
            let outcome = outcome(language, utterance);
            let right = fits(expected, outcome);
            if std::env::var_os("GATE_TABLE").is_some() && !right && !name.ends_with("heldout") {
                eprintln!("{name}: {utterance:?} ({kind}): expected {expected}, came {outcome}");
            }
            assert!(
                outcome != "order" || expected == "order",
                "{name}: ordered by {utterance:?}, where a clerk would: {expected}"
            );
            orders += usize::from(expected == "order");
            ordered += usize::from(outcome == "order");
            fitting += usize::from(right);
        }
        eprintln!(
            "{name}: {fitting} of {} as a clerk would; {ordered} of {orders} plain agreements taken at once",
            rows.len()
        );
    }
}
