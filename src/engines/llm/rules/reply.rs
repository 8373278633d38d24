//! What to answer: to a tool's result, to a question, to a yes or a no; and where nothing was understood, what then.

use serde_json::{Value, json};

use crate::language::{self, Answer, Language, Pick};
use crate::orders::ToolName;

use super::Decision;
use super::heard::Heard;
use super::intent::Intent;
use super::phrases::{self, Ask, Line, ask, line};
use super::plan::joined;
use super::state::{LISTED, State};

/// The answer to where the call stands.
pub(super) fn decide(mut state: State<'_>) -> Decision {
    if let Some((tool, result)) = state.result.take() {
        return state.told_by(tool, &result);
    }
    let heard = state.heard.take().unwrap_or_default();
    state.answer(&heard)
}

impl State<'_> {
    fn line(&self, which: Line) -> &'static str {
        line(which, self.request.language)
    }

    fn ask(&self, what: Ask) -> &'static str {
        ask(what, self.request.language)
    }

    /// An order is being put together.
    fn is_busy(&self) -> bool {
        self.request.briefing.draft.is_some() || self.ordering || self.inquiring || !self.wish.is_empty()
    }

    // === After a tool ===

    fn told_by(&self, tool: ToolName, result: &Value) -> Decision {
        if let Some(code) = result["error"].as_str() {
            return self.failed(tool, code, result["say"].as_str().unwrap_or_default());
        }
        match tool {
            ToolName::GetOrderStatus => self.status(result),
            ToolName::FindProducts if self.found.is_empty() => Decision::say(self.line(Line::NothingFound)),
            ToolName::CreateOrderDraft => self.plan(&self.drafted(result)),
            ToolName::UpdateOrderDelivery if result["pickup_points"].is_array() => {
                if self.request.briefing.listed_points().is_empty() {
                    return Decision::say(joined(self.line(Line::NoPoints), self.ask(Ask::City)));
                }
                self.points("")
            }
            ToolName::UpdateOrderDelivery => self.plan(&self.delivered(result)),
            _ => self.plan(""),
        }
    }

    fn drafted(&self, result: &Value) -> String {
        let language = self.request.language;
        let lines = result["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
        let lines: Vec<String> = lines
            .iter()
            .map(|line| {
                let name = line["name"].as_str().unwrap_or_default();
                // The catalogue's name in the caller's language, where it has one.
                let product = self.request.briefing.products.iter().find(|p| p.name == name);
                let name = product.map_or(name, |p| phrases::name(p, language));
                let quantity = line["quantity"].as_u64().unwrap_or(1);
                format!("{name}, {}", language::count(quantity, language::Noun::Piece, language))
            })
            .collect();
        let total = result["subtotal_spoken"].as_str().unwrap_or_default();
        let taken = format!("{} {}, {total}.", self.line(Line::Taken), lines.join("; "));
        // A draft that was changed in place has its delivery still.
        if result["cost_spoken"].is_string() { joined(&taken, &self.delivered(result)) } else { taken }
    }

    fn delivered(&self, result: &Value) -> String {
        let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
        let (cost, days, total) = (text("cost_spoken"), text("days_spoken"), text("total_spoken"));
        match self.request.language {
            Language::Russian => format!("Доставка {cost}, срок {days}. Всего {total}."),
            Language::English => format!("Delivery is {cost} and takes {days}. The total is {total}."),
        }
    }

    fn failed(&self, tool: ToolName, code: &str, say: &str) -> Decision {
        match code {
            "not_identified" => self.offer_operator(self.line(Line::NotIdentified)),
            "not_found" if tool == ToolName::GetOrderStatus => {
                Decision::say(joined(self.line(Line::NoSuchOrder), self.ask(Ask::More)))
            }
            // The store's own refusals come with a sentence for the caller, in their language, that ends in what to do.
            "out_of_stock" => Decision::say(joined(say, "")),
            "city_not_served" => Decision::say(joined(self.line(Line::NoCity), self.ask(Ask::City))),
            "no_pickup_point" => Decision::say(joined(self.line(Line::NoPoints), self.ask(Ask::City))),
            "city_missing" => Decision::say(self.ask(Ask::City)),
            "address_missing" | "delivery_missing" | "unknown_pickup_point_ref" => self.plan(""),
            "price_changed" | "already_confirmed" => Decision::say(joined(say, self.ask(Ask::Right))),
            "unknown_product" | "unknown_product_ref" | "no_draft" | "expired" => {
                Decision::say(self.ask(Ask::Product)).after(if code == "unknown_product" { say } else { "" })
            }
            "unknown" => Decision::say(say),
            "store_unavailable" => Decision::say(say),
            "too_many_orders" | "other" | "invalid_transition" | "not_allowed" => {
                let say = if code == "too_many_orders" { say } else { "" };
                self.offer_operator(say)
            }
            "closing" => self.offer_operator(self.line(Line::NotNow)),
            _ => self.offer_operator(self.line(Line::OperatorHelps)),
        }
    }

    // === Orders that were made before ===

    fn status(&self, result: &Value) -> Decision {
        let orders = result["orders"].as_array().map(Vec::as_slice).unwrap_or_default();
        match orders {
            [] if self.order_digits.is_some() => {
                Decision::say(joined(self.line(Line::NoSuchOrder), self.ask(Ask::More)))
            }
            [] => Decision::say(joined(self.line(Line::NoOrders), self.ask(Ask::More))),
            [order] => Decision::say(joined(&self.tell(order), self.ask(Ask::More))),
            orders => {
                if let Some(order) = self.by_digits(orders) {
                    return Decision::say(joined(&self.tell(order), self.ask(Ask::More)));
                }
                let language = self.request.language;
                let listed: Vec<String> = orders
                    .iter()
                    .zip(1..)
                    .take(LISTED)
                    .map(|(order, n)| {
                        let text = |key: &str| order[key].as_str().unwrap_or_default();
                        format!(
                            "{} — {}, {}",
                            phrases::place(n, language),
                            text("items_summary"),
                            text("status_label")
                        )
                    })
                    .collect();
                let count = language::count(orders.len() as u64, language::Noun::Order, language);
                let head = match language {
                    Language::Russian => format!("У вас {count}"),
                    Language::English => format!("You have {count}"),
                };
                Decision::say(format!("{head}: {}. {}", listed.join("; "), self.ask(Ask::WhichOrder)))
            }
        }
    }

    /// The order whose number ends in the digits that the caller said.
    fn by_digits<'v>(&self, orders: &'v [Value]) -> Option<&'v Value> {
        let digits = self.order_digits.as_ref()?;
        let bare = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let wanted = digits.trim_start_matches('0');
        let mut fitting = orders.iter().filter(|order| {
            let number = order["order_number"].as_str().unwrap_or_default();
            let tail = number.rsplit('-').next().unwrap_or_default();
            bare(number) == *digits || bare(tail).trim_start_matches('0') == wanted
        });
        fitting.next().filter(|_| fitting.next().is_none())
    }

    fn tell(&self, order: &Value) -> String {
        let text = |key: &str| order[key].as_str().unwrap_or_default();
        let (number, status, items) =
            (text("order_number_spoken"), text("status_label"), text("items_summary"));
        let (total, eta) = (text("total_spoken"), text("eta_spoken"));
        let mut said = match self.request.language {
            Language::Russian => format!("Заказ номер {number}: {items}, {status}, сумма {total}."),
            Language::English => format!("Order number {number}: {items}, {status}, total {total}."),
        };
        let done = order["open"].as_bool() == Some(false);
        if !eta.is_empty() && !done {
            said.push_str(&match self.request.language {
                Language::Russian => format!(" Ожидается {eta}."),
                Language::English => format!(" It is expected {eta}."),
            });
        }
        said
    }

    fn ask_status(&self) -> Decision {
        if !self.request.briefing.identified || !self.can(ToolName::GetOrderStatus) {
            return self.offer_operator(self.line(Line::NotIdentified));
        }
        let arguments = match &self.order_digits {
            Some(digits) => json!({ "order_number": digits }),
            None => json!({}),
        };
        Decision::call(ToolName::GetOrderStatus, arguments)
    }

    /// Which of several orders, told apart by place, number or words.
    fn pick_order(&self, heard: &Heard) -> Option<Decision> {
        let orders = self.orders.as_ref()?["orders"].as_array()?;
        let place = match (heard.pick, heard.lone, &heard.order_digits) {
            (Some(Pick::Nth(n)), ..) => Some(n),
            // Newest first, so the last one made is the first told.
            (Some(Pick::Last), ..) => Some(1),
            (None, Some(n), _) if n <= orders.len() as u64 => usize::try_from(n).ok(),
            _ => None,
        };
        let order = match place {
            Some(n) => orders.get(n.checked_sub(1)?),
            None => self.by_digits(orders),
        };
        if let Some(order) = order {
            return Some(Decision::say(joined(&self.tell(order), self.ask(Ask::More))));
        }
        heard.order_digits.as_ref().map(|_| self.ask_status())
    }

    // === The caller's words ===

    fn answer(&self, heard: &Heard) -> Decision {
        let briefing = &self.request.briefing;
        if let Some(decision) = heard.intent.and_then(|intent| self.intended(intent, heard)) {
            return decision;
        }
        if self.asked == Some(Ask::WhichOrder)
            && let Some(decision) = self.pick_order(heard)
        {
            return decision;
        }
        if let (Some(_), false) = (&heard.order_digits, self.ordering || briefing.draft.is_some()) {
            return self.ask_status();
        }
        let day = if heard.day && (heard.method.is_some() || briefing.draft.is_some()) {
            self.line(Line::NoDayChoice)
        } else {
            ""
        };
        if self.progressed || heard.has_slots() {
            return self.plan(day);
        }
        match (heard.answer, self.asked) {
            (Some(Answer::Yes), Some(Ask::Operator)) => self.transfer(),
            (Some(Answer::No), Some(Ask::Operator)) if self.is_busy() => self.plan(self.line(Line::AllRight)),
            (Some(Answer::Yes), Some(Ask::More)) if !self.is_busy() => {
                Decision::say(self.line(Line::Listening))
            }
            (Some(Answer::Yes), _) if self.is_busy() => self.plan(""),
            (Some(Answer::No), Some(Ask::Name)) => self.plan(""),
            (
                Some(Answer::No),
                Some(Ask::Choice | Ask::OrderIt | Ask::Product | Ask::Size | Ask::Quantity),
            ) if briefing.draft.is_none() => {
                // What was offered is not wanted.
                let what = if self.asked == Some(Ask::OrderIt) { Ask::More } else { Ask::Product };
                Decision::say(joined(self.line(Line::AllRight), self.ask(what)))
            }
            (Some(Answer::No), _) if briefing.draft.is_some() => Decision::say(self.ask(Ask::Change)),
            (Some(Answer::No), _) => self.farewell(),
            // The name was asked for, and something else was said: it isn't needed.
            (None, Some(Ask::Name)) => self.plan(""),
            (None, _) if !day.is_empty() => self.plan(day),
            _ => self.missed(),
        }
    }

    fn intended(&self, intent: Intent, heard: &Heard) -> Option<Decision> {
        let briefing = &self.request.briefing;
        let again = |which: Line| Decision::say(joined(self.line(which), &self.next_question()));
        Some(match intent {
            Intent::Operator => self.transfer(),
            Intent::Cancel if briefing.draft.is_some() && self.can(ToolName::CancelOrderDraft) => {
                Decision::call(ToolName::CancelOrderDraft, json!({}))
            }
            Intent::CancelOther => self.offer_operator(self.line(Line::OperatorCancels)),
            Intent::Cancel if heard.order_digits.is_some() || !self.is_busy() => {
                self.offer_operator(self.line(Line::OperatorCancels))
            }
            Intent::Cancel => Decision::say(joined(self.line(Line::NothingToCancel), self.ask(Ask::More))),
            Intent::Repeat => self.repeat(),
            Intent::Wait if !self.progressed => Decision::say(self.line(Line::Wait)),
            Intent::Goodbye => Decision::say(self.line(Line::Farewell)),
            Intent::Thanks if !self.progressed => again(Line::Welcome),
            Intent::Greet if !self.progressed => {
                let hello = self.line(Line::Hello);
                if self.is_busy() { again(Line::Listening) } else { Decision::say(hello) }
            }
            Intent::Status => self.ask_status(),
            Intent::ChangeOrder if briefing.draft.is_some() => Decision::say(self.ask(Ask::Change)),
            Intent::ChangeOrder => self.offer_operator(self.line(Line::OperatorCancels)),
            Intent::Change(_) if briefing.draft.is_none() && !self.is_busy() => {
                self.offer_operator(self.line(Line::OperatorCancels))
            }
            Intent::Change(_) => {
                let day = if heard.day { self.line(Line::NoDayChoice) } else { "" };
                self.plan(day)
            }
            Intent::StartOver if briefing.draft.is_some() && self.can(ToolName::CancelOrderDraft) => {
                Decision::call(ToolName::CancelOrderDraft, json!({}))
            }
            Intent::StartOver => Decision::say(joined(self.line(Line::AllRight), self.ask(Ask::Product))),
            Intent::Return | Intent::Service | Intent::Paid | Intent::About => {
                self.offer_operator(self.line(Line::OperatorHelps))
            }
            Intent::HowToPay | Intent::OtherPayment => again(Line::PaymentWays),
            Intent::CardNumber => again(Line::NoCards),
            Intent::Total => match &briefing.draft {
                Some(order) => {
                    let total = phrases::money(order.total, self.request.language);
                    let said = match self.request.language {
                        Language::Russian => format!("Всего {total}."),
                        Language::English => format!("The total is {total}."),
                    };
                    Decision::say(joined(&said, &self.next_question()))
                }
                None => Decision::say(self.next_question()),
            },
            Intent::DeliveryTerms => self.delivery_terms(),
            Intent::Discount => again(Line::NoDiscounts),
            Intent::Robot => again(Line::Robot),
            Intent::Enough if self.is_busy() && self.progressed => return None,
            Intent::Enough if briefing.draft.is_some() || self.ordering && self.chosen.is_some() => {
                self.plan("")
            }
            Intent::Enough => self.farewell(),
            Intent::Wait | Intent::Thanks | Intent::Greet => return None,
        })
    }

    fn delivery_terms(&self) -> Decision {
        let language = self.request.language;
        let terms = self.request.briefing.draft.as_ref().and_then(|d| d.delivery.as_ref());
        let Some(terms) = terms else {
            // What was said of city and way is kept; the cost needs the order.
            if self.progressed && self.request.briefing.draft.is_some() {
                return self.plan("");
            }
            return Decision::say(joined(self.line(Line::DeliveryTold), &self.next_question()));
        };
        if self.delivery_changed {
            return self.plan("");
        }
        let cost = phrases::money(terms.cost, language);
        let days = language::days(terms.days_min, terms.days_max, language);
        let said = match language {
            Language::Russian => format!("Доставка {cost}, срок {days}."),
            Language::English => format!("Delivery is {cost} and takes {days}."),
        };
        Decision::say(joined(&said, &self.next_question()))
    }

    /// The question that stands, or what the desk is for.
    fn next_question(&self) -> String {
        if self.is_busy() { self.question() } else { self.ask(Ask::More).to_owned() }
    }

    fn transfer(&self) -> Decision {
        if self.can(ToolName::TransferToOperator) {
            return Decision::call(ToolName::TransferToOperator, json!({}));
        }
        Decision::say(self.line(Line::NoOperator))
    }

    fn farewell(&self) -> Decision {
        Decision::say(self.line(Line::Farewell))
    }

    /// The last words again; where they were cut off or none were said, the question that stands.
    fn repeat(&self) -> Decision {
        match self.last_agent {
            Some(text) if !text.trim_end().ends_with('…') && !text.trim().is_empty() => {
                Decision::say(text.trim())
            }
            _ => Decision::say(self.next_question()),
        }
    }

    /// Nothing was understood: the question in other words, and the second time a person.
    fn missed(&self) -> Decision {
        let language = self.request.language;
        if self.misses > 0 || self.asked == Some(Ask::Operator) {
            return self.offer_operator(phrases::not_understood(language));
        }
        let scope = if self.is_busy() { "" } else { self.line(Line::Scope) };
        let said = joined(phrases::not_understood(language), scope);
        Decision::say(joined(&said, &self.next_question()))
    }
}
