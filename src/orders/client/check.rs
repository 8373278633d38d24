//! The contract test: does a shop's store keep the promises that this client relies on?
//!
//! It speaks to a real store in a test account, so it drafts one order, tries the promises on it and cancels it again. It
//! never confirms: nothing is delivered, no SMS goes out.

use std::fmt;

use uuid::Uuid;

use super::{Attempt, AttemptEnd, Idempotency, StoreClient, Transport};
use crate::ids::{CallId, PhoneNumber, RequestId};
use crate::orders::{
    ActionOutcome, ActionRequest, Delivery, DraftLine, Order, OrderAction, OrderStatus, PickupPoint,
    ProblemCode, Product,
};

/// What the contract test found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub findings: Vec<Finding>,
    /// What `[store] idempotency` must be for this store; none if it could not be found out.
    pub idempotency: Option<Idempotency>,
}

/// One promise and whether it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub promise: &'static str,
    pub verdict: Verdict,
}

/// Whether a promise is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    /// What was expected and what came.
    Broken(String),
    /// Why it could not be tried.
    Untried(String),
}

impl Report {
    /// Whether the desk can work with this store: nothing is broken but, at worst, the keys.
    pub fn usable(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| !matches!(finding.verdict, Verdict::Broken(_)) || finding.promise == SAME_KEY)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { promise, verdict } in &self.findings {
            match verdict {
                Verdict::Kept => writeln!(f, "kept     {promise}")?,
                Verdict::Broken(why) => writeln!(f, "BROKEN   {promise}: {why}")?,
                Verdict::Untried(why) => writeln!(f, "untried  {promise}: {why}")?,
            }
        }
        match self.idempotency {
            Some(Idempotency::Keyed) => write!(f, "set [store] idempotency = \"keyed\""),
            Some(Idempotency::None) => write!(f, "set [store] idempotency = \"none\""),
            None => write!(f, "whether keys are obeyed could not be found out"),
        }
    }
}

const SEARCH: &str = "a search by telephone number lists orders";
const PRODUCTS: &str = "the catalogue lists products with price and stock";
const POINTS: &str = "the pick-up points are listed";
const DRAFT: &str = "a draft is made and told whole";
const SAME_KEY: &str = "the same key does not act twice";
const OTHER_BODY: &str = "a key of another request is refused";
const DETAILS: &str = "the draft can be read back";
const LINES: &str = "a draft's lines can be changed, and its delivery stays";
const DELIVERY: &str = "delivery can be set and changes the version";
const OTHERS: &str = "an order number does not open another customer's order";
const CANCEL: &str = "a draft can be cancelled";

/// Tries the promises on behalf of a test customer. `other` is a second number that has no orders.
pub async fn check<T: Transport>(
    client: &StoreClient<T>,
    customer: &PhoneNumber,
    other: &PhoneNumber,
) -> Report {
    let mut check = Check { client, call: CallId(Uuid::new_v4()), findings: Vec::new(), idempotency: None };
    check.run(customer, other).await;
    Report { findings: check.findings, idempotency: check.idempotency }
}

struct Check<'a, T> {
    client: &'a StoreClient<T>,
    call: CallId,
    findings: Vec<Finding>,
    idempotency: Option<Idempotency>,
}

impl<T: Transport> Check<'_, T> {
    async fn run(&mut self, customer: &PhoneNumber, other: &PhoneNumber) {
        let search = |phone: &PhoneNumber, order_number| OrderAction::SearchOrders {
            phone: Some(phone.clone()),
            order_number,
        };
        let found = self.act(search(customer, None), None).await;
        self.tell(SEARCH, matches!(found, ActionOutcome::Orders { .. }), &found);

        let products = self.products().await;
        let points = self.points().await;
        let Some(product) = products.iter().find(|product| product.stock >= 2) else {
            let why = "expected a product with a stock of at least 2, found none";
            for promise in [DRAFT, SAME_KEY, OTHER_BODY, DETAILS, DELIVERY, LINES, OTHERS, CANCEL] {
                self.note(promise, Verdict::Untried(why.to_owned()));
            }
            return;
        };
        let mut drafts = Vec::new();
        if let Some(order) = self.draft(customer, product, &mut drafts).await {
            let told = self.act(OrderAction::OrderDetails { order_id: order.id }, None).await;
            self.tell(
                DETAILS,
                matches!(&told, ActionOutcome::Details { order: o } if o.id == order.id),
                &told,
            );
            self.delivery(&order, points.first()).await;
            self.lines(&order, product).await;
            let found = self.act(search(other, Some(order.order_number.clone())), None).await;
            let hidden = match &found {
                ActionOutcome::Orders { orders } => orders.is_empty(),
                ActionOutcome::Rejected { .. } => true,
                _ => false,
            };
            self.tell(OTHERS, hidden, &found);
        }
        self.cancel(&drafts).await;
    }

    async fn products(&mut self) -> Vec<Product> {
        let found = self.client.products(None, self.client.deadline()).await;
        let verdict = match &found {
            Ok(_) => Verdict::Kept,
            Err(error) => Verdict::Broken(error.to_string()),
        };
        self.note(PRODUCTS, verdict);
        found.unwrap_or_default()
    }

    async fn points(&mut self) -> Vec<PickupPoint> {
        let found = self.act(OrderAction::PickupPoints { city: None }, None).await;
        self.tell(POINTS, matches!(found, ActionOutcome::PickupPoints { .. }), &found);
        match found {
            ActionOutcome::PickupPoints { points } => points,
            _ => Vec::new(),
        }
    }

    /// Drafts one order twice under one key, then another under the same; every draft that came of it is noted.
    async fn draft(
        &mut self,
        customer: &PhoneNumber,
        product: &Product,
        drafts: &mut Vec<Uuid>,
    ) -> Option<Order> {
        let key = Uuid::new_v4();
        let create = |quantity| OrderAction::CreateDraft {
            lines: vec![DraftLine { product_id: product.id, quantity }],
            phone: customer.clone(),
            name: None,
        };
        let first = self.act(create(1), Some(key)).await;
        self.tell(
            DRAFT,
            matches!(&first, ActionOutcome::Drafted { order } if order.lines.len() == 1),
            &first,
        );
        let ActionOutcome::Drafted { order } = first else {
            for promise in [SAME_KEY, OTHER_BODY, DETAILS, DELIVERY, LINES, OTHERS] {
                self.note(promise, Verdict::Untried("there is no draft".to_owned()));
            }
            return None;
        };
        drafts.push(order.id);
        let again = self.act(create(1), Some(key)).await;
        if let ActionOutcome::Drafted { order: second } = &again {
            let same = second.id == order.id;
            self.idempotency = Some(if same { Idempotency::Keyed } else { Idempotency::None });
            if !same {
                drafts.push(second.id);
            }
        }
        self.tell(SAME_KEY, self.idempotency == Some(Idempotency::Keyed), &again);
        let reused = self.act(create(2), Some(key)).await;
        if let ActionOutcome::Drafted { order: third } = &reused
            && !drafts.contains(&third.id)
        {
            drafts.push(third.id);
        }
        let verdict = match (&reused, self.idempotency) {
            (ActionOutcome::Rejected { .. }, _) => Verdict::Kept,
            (_, Some(Idempotency::Keyed)) => broken(&reused),
            _ => Verdict::Untried("keys are not obeyed".to_owned()),
        };
        self.note(OTHER_BODY, verdict);
        Some(order)
    }

    async fn delivery(&mut self, order: &Order, point: Option<&PickupPoint>) {
        let Some(point) = point else {
            return self.note(DELIVERY, Verdict::Untried("there is no pick-up point".to_owned()));
        };
        let delivery = Delivery::Pickup { pickup_point_id: point.id, city: point.city.clone() };
        let set =
            self.act(OrderAction::SetDelivery { order_id: order.id, delivery }, Some(Uuid::new_v4())).await;
        let changed =
            matches!(&set, ActionOutcome::DeliverySet { order: after } if after.version != order.version);
        self.tell(DELIVERY, changed, &set);
    }

    /// A shop may be without it; then a change of the goods costs the caller their delivery, which is asked for again.
    async fn lines(&mut self, order: &Order, product: &Product) {
        let before = self.act(OrderAction::OrderDetails { order_id: order.id }, None).await;
        let ActionOutcome::Details { order: before } = before else {
            return self.note(LINES, Verdict::Untried("the draft could not be read".to_owned()));
        };
        let lines = vec![DraftLine { product_id: product.id, quantity: 2 }];
        let change = OrderAction::ChangeLines { order_id: order.id, version: before.version, lines };
        let changed = self.act(change, Some(Uuid::new_v4())).await;
        let place = |order: &Order| order.delivery.as_ref().map(|terms| terms.delivery.clone());
        let verdict = match &changed {
            ActionOutcome::Rejected { rejection } if rejection.code == ProblemCode::Unsupported => {
                Verdict::Untried("the shop has no such request: a new draft is made instead".to_owned())
            }
            ActionOutcome::LinesChanged { order }
                if order.lines.iter().map(|line| line.quantity).sum::<u32>() == 2
                    && place(order) == place(&before) =>
            {
                Verdict::Kept
            }
            other => broken(other),
        };
        self.note(LINES, verdict);
    }

    async fn cancel(&mut self, drafts: &[Uuid]) {
        for order_id in drafts {
            let reason = "contract test".to_owned();
            let gone =
                self.act(OrderAction::Cancel { order_id: *order_id, reason }, Some(Uuid::new_v4())).await;
            let told = self.act(OrderAction::OrderDetails { order_id: *order_id }, None).await;
            // A store may forget a cancelled draft altogether.
            let away = match &told {
                ActionOutcome::Details { order } => order.status == OrderStatus::Cancelled,
                ActionOutcome::Rejected { .. } => true,
                _ => false,
            };
            self.tell(CANCEL, away && matches!(gone, ActionOutcome::Cancelled { .. }), &gone);
        }
    }

    async fn act(&self, action: OrderAction, key: Option<Uuid>) -> ActionOutcome {
        let request = ActionRequest { id: RequestId(0), action, key, evidence: None };
        let told = |attempt: Attempt| {
            if let AttemptEnd::NotSent { detail } | AttemptEnd::Lost { detail } = &attempt.end {
                tracing::warn!(attempt = attempt.number, detail, "no answer");
            }
        };
        self.client.perform(&request, self.call, self.client.deadline(), told).await
    }

    fn tell(&mut self, promise: &'static str, kept: bool, came: &ActionOutcome) {
        self.note(promise, if kept { Verdict::Kept } else { broken(came) });
    }

    fn note(&mut self, promise: &'static str, verdict: Verdict) {
        self.findings.push(Finding { promise, verdict });
    }
}

fn broken(came: &ActionOutcome) -> Verdict {
    // Enough to see what it was; names and addresses in it are masked.
    let text: String = format!("{came:?}").chars().take(300).collect();
    Verdict::Broken(format!("found {text}"))
}
