#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
use super::*;
use crate::ids::PhoneNumber;
use crate::orders::{
    Assent, Confirmation, Currency, Delivery, DeliveryTerms, DraftLine, Money, Order, OrderAction,
    OrderStatus, PaymentMethod, ProblemCode, Rejection,
};

const PERSONAL: [&str; 6] = ["291234567", "29 123", "Ольга", "Ленина", "pay.example", "конечно"];

fn phone() -> PhoneNumber {
    PhoneNumber::try_from("+375291234567".to_owned()).unwrap()
}

fn request(action: OrderAction) -> ActionRequest {
    let evidence = Evidence {
        order_digest: "aa".to_owned(),
        order_version: 3,
        read_back_digest: "bb".to_owned(),
        assent: Assent::Spoken { transcript: "да, конечно, Ольга".to_owned() },
        read_back_ended_ms: 1,
        assent_began_ms: 2,
    };
    ActionRequest { id: RequestId(5), action, key: Some(Uuid::from_u128(9)), evidence: Some(evidence) }
}

fn actions() -> Vec<OrderAction> {
    let id = Uuid::from_u128(1);
    let name = Some(Pii::new("Ольга".to_owned()));
    let address = Pii::new("Ленина 5".to_owned());
    vec![
        OrderAction::SearchOrders { phone: Some(phone()), order_number: None },
        OrderAction::OrderDetails { order_id: id },
        OrderAction::FindProducts { query: "мой номер +375 (29) 123-45-67, 205 55 16".to_owned() },
        OrderAction::CreateDraft {
            lines: vec![DraftLine { product_id: id, quantity: 4 }],
            phone: phone(),
            name: name.clone(),
        },
        OrderAction::ChangeLines {
            order_id: id,
            version: 2,
            lines: vec![DraftLine { product_id: id, quantity: 6 }],
        },
        OrderAction::PickupPoints { city: Some("Минск".to_owned()) },
        OrderAction::SetDelivery {
            order_id: id,
            delivery: Delivery::Delivery { city: "Минск".to_owned(), address },
        },
        OrderAction::Confirm { order_id: id, payment: PaymentMethod::Online, name },
        OrderAction::Cancel { order_id: id, reason: "Ольга передумала".to_owned() },
    ]
}

fn order() -> Order {
    let money = Money { minor: 15000, currency: Currency::Byn };
    let delivery =
        Delivery::Delivery { city: "Минск".to_owned(), address: Pii::new("Ленина 5".to_owned()) };
    Order {
        id: Uuid::from_u128(1),
        order_number: "ORD-20260214-017".to_owned(),
        status: OrderStatus::Draft,
        version: 2,
        lines: Vec::new(),
        subtotal: money,
        total: money,
        delivery: Some(DeliveryTerms {
            delivery,
            pickup_address: None,
            cost: money,
            days_min: 1,
            days_max: 2,
        }),
        estimated_delivery: None,
    }
}

fn outcomes() -> Vec<ActionOutcome> {
    let total = Money { minor: 15000, currency: Currency::Byn };
    let rejection = Rejection {
        code: ProblemCode::AlreadyConfirmed,
        detail: "customer 80291234567 has it".to_owned(),
        order_number: Some("ORD-20260214-017".to_owned()),
    };
    let confirmation = Confirmation {
        order_id: Uuid::from_u128(1),
        order_number: "ORD-20260214-017".to_owned(),
        status: OrderStatus::PendingPayment,
        total,
        estimated_delivery: None,
        sms_sent: true,
        pay_url: Some("https://pay.example/x".to_owned()),
    };
    vec![
        ActionOutcome::Details { order: order() },
        ActionOutcome::Drafted { order: order() },
        ActionOutcome::LinesChanged { order: order() },
        ActionOutcome::DeliverySet { order: order() },
        ActionOutcome::Confirmed { confirmation },
        ActionOutcome::Rejected { rejection },
        ActionOutcome::Unknown,
    ]
}

#[test]
fn no_public_part_names_a_person() {
    for action in actions() {
        let request = request(action);
        let mut entries =
            vec![Entry::intent(&request, 1), Entry::attempt(&request, 1, "call +375291234567", 1)];
        for outcome in outcomes() {
            entries.push(Entry::outcome(&request, &outcome, 2));
            entries.push(Entry::read(&request, &outcome, 2));
        }
        for entry in entries {
            let public = serde_json::to_string(&entry).unwrap();
            let shown = format!("{entry:?}");
            for personal in PERSONAL {
                assert!(!public.contains(personal), "{personal} in {public}");
                assert!(!shown.contains(personal), "{personal} in {shown}");
            }
        }
    }
}

#[test]
fn the_sealed_part_of_an_intent_is_the_request_whole() {
    for action in actions() {
        let request = request(action);
        let private = Entry::intent(&request, 1).private.unwrap();
        let back: ActionRequest = serde_json::from_value(private.reveal().clone()).unwrap();
        assert_eq!(back, request);
    }
}

#[test]
fn a_tyre_size_stays_readable_where_a_telephone_number_does_not() {
    assert_eq!(scrubbed("205 55 16, два, 8029 123 45 67!"), "205 55 16, два, <11 digits>!");
    assert_eq!(scrubbed("+375 (29) 123-45-67 "), "+<12 digits> ");
    assert_eq!(scrubbed("٠١٢٣٤٥٦٧٨"), "<9 digits>");
}

#[test]
fn an_outcome_puts_order_and_problem_into_their_columns() {
    let request = request(actions().pop().unwrap());
    let entry = Entry::outcome(&request, &outcomes()[5], 7).with_http_status(409);
    assert_eq!(entry.problem.as_deref(), Some("already-confirmed"));
    assert_eq!(entry.order_number.as_deref(), Some("ORD-20260214-017"));
    assert_eq!((entry.http_status, entry.offset_ms), (Some(409), 7));
    assert!(entry.settles());
    assert!(
        !Entry::outcome(&request, &ActionOutcome::Unknown, 7).settles(),
        "unknown leaves the intent open"
    );
}

#[test]
fn a_nul_character_never_reaches_the_journal() {
    let entry = Entry::new(EntryKind::Read, json!({ "a\0": ["x\0y"] }), 0);
    assert_eq!(entry.body, json!({ "a\u{fffd}": ["x\u{fffd}y"] }));
}

#[test]
fn every_kind_has_its_name_in_json() {
    for kind in EntryKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.name()));
        assert_eq!(EntryKind::named(kind.name()), Some(kind));
    }
}
