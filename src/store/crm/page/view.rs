//! The page's HTML. Whatever came from outside is text in it: `maud` escapes.

use axum::http::StatusCode;
use chrono::{DateTime, FixedOffset, Utc};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use secrecy::ExposeSecret;

use super::session::Session;
use super::words::Words;
use super::{PLACE, name};
use crate::store::crm::pool::{Entry, Pool, SOURCES};
use crate::store::settings::Settings;
use crate::store::text::{Tongue, amount, date};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// Without scripts the page looks again by itself after so many seconds.
const LOOK_AGAIN_S: u32 = 20;

/// What the page of the pool shows.
pub(super) struct Page<'a> {
    pub(super) words: &'static Words,
    pub(super) tongue: Tongue,
    pub(super) session: &'a Session,
    pub(super) lists: &'a Pool,
    pub(super) source: Option<&'a str>,
    /// The order that was last to be taken.
    pub(super) about: Option<&'a Entry>,
    pub(super) settings: &'a Settings,
    pub(super) now: DateTime<Utc>,
}

impl Page<'_> {
    pub(super) fn whole(&self, nonce: &str) -> Markup {
        let words = self.words;
        let refresh = html! {
            noscript { meta http-equiv="refresh" content=(format!("{LOOK_AGAIN_S};url={}", self.address())); }
        };
        let body = html! {
            header {
                h1 { (words.title) }
                p id="live" class="live" data-live=(words.live) data-lost=(words.lost) hidden {}
                nav class="languages" { (language(words, PLACE)) }
                form class="who" method="post" action="/crm/pool/sign-out" {
                    (self.proof())
                    span class="name" { (self.session.name) }
                    button class="quiet" { (words.sign_out) }
                }
            }
            (self.notice())
            (self.filter())
            main id="pool" {
                (self.list("waiting", words.waiting, words.nothing_waits, &self.lists.unassigned))
                (self.list("working", words.working, words.nobody_works, &self.lists.assigned))
                (self.list("finished", words.finished, words.nothing_finished, &self.lists.completed))
            }
            script nonce=(nonce) { (PreEscaped(SCRIPT)) }
        };
        document(words, nonce, &refresh, &body)
    }

    fn address(&self) -> String {
        self.source.map_or_else(|| PLACE.to_owned(), |source| format!("{PLACE}?source={source}"))
    }

    /// Shows that a form is this page's own.
    fn proof(&self) -> Markup {
        html! { input type="hidden" name="form" value=(self.session.form.expose_secret()); }
    }

    /// What became of the order that was to be taken.
    fn notice(&self) -> Markup {
        let words = self.words;
        let Some(entry) = self.about else { return html! {} };
        let order = self.title(entry);
        match &entry.assignee {
            Some(assignee) if assignee.user_id == self.session.user => html! {
                p class="notice good" role="status" { strong { (order) } " " (words.now_yours) }
            },
            Some(assignee) => html! {
                p class="notice bad" role="alert" {
                    strong { (order) } ". " (words.has_it) " "
                    strong class="holder" { (assignee.user_name) }
                    " (" (words.page_of) " " (date(assignee.date, self.tongue)) ")."
                }
            },
            None if entry.status == 1 => html! {},
            None => html! {
                p class="notice bad" role="alert" {
                    strong { (order) } " " (words.waits_no_more) " " (words.status(entry.status)) "."
                }
            },
        }
    }

    fn filter(&self) -> Markup {
        let words = self.words;
        let here = |active: bool| active.then_some("page");
        html! {
            nav class="filter" aria-label=(words.from) {
                a href=(PLACE) aria-current=[here(self.source.is_none())] { (words.all) }
                @for source in SOURCES {
                    @if source == "telegram" || self.settings.crm.pool_sources.iter().any(|known| known == source) {
                        a href=(format!("{PLACE}?source={source}")) aria-current=[here(self.source == Some(source))] {
                            (words.source(source))
                        }
                    }
                }
            }
        }
    }

    fn list(&self, class: &str, title: &str, nothing: &str, entries: &[Entry]) -> Markup {
        html! {
            section class=(class) {
                h2 { (title) " " span class="count" { (entries.len()) } }
                @if entries.is_empty() { p class="nothing" { (nothing) } }
                @for entry in entries { (self.card(entry)) }
            }
        }
    }

    /// An order by its number; a photograph has none but the CRM's own.
    fn title(&self, entry: &Entry) -> String {
        match &entry.order_number {
            Some(number) => format!("{} {number}", self.words.order),
            None => format!("{} {}", self.words.photo, entry.order_id),
        }
    }

    fn card(&self, entry: &Entry) -> Markup {
        let words = self.words;
        let waits = entry.assignee.is_none() && entry.status == 1;
        let mine = entry.assignee.as_ref().is_some_and(|assignee| assignee.user_id == self.session.user);
        let number = entry.order_number.clone().unwrap_or_else(|| self.title(entry));
        html! {
            article class=(if mine { "card mine" } else { "card" }) data-key=(name(entry)) {
                div class="top" {
                    span class="number" { (number) }
                    span class=(format!("badge {}", entry.source)) { (words.source(&entry.source)) }
                    (self.time(entry.created_at))
                }
                p class="customer" {
                    (entry.customer_name.as_deref().unwrap_or(words.nameless))
                    @if let Some(phone) = &entry.customer_phone {
                        " " a class="phone" href=(format!("tel:{phone}")) { (phone) }
                    }
                }
                p class="lines" {
                    @if entry.items_summary.is_empty() && entry.photo_url.is_none() {
                        em { (words.no_lines) }
                    } @else {
                        (entry.items_summary)
                    }
                    @if let Some(photo) = &entry.photo_url {
                        " " a href=(photo) target="_blank" rel="noopener noreferrer" { (words.see_photo) }
                    }
                }
                @if let Some(day) = entry.date {
                    p class="planned" { (words.planned_on) " " (date(day, self.tongue)) }
                }
                div class="bottom" {
                    // Without lines there is no sum yet, and 0 would look like a gift.
                    @if let (Some(total), Some(currency), false) = (entry.total, &entry.currency, entry.items_summary.is_empty()) {
                        span class="total" { (amount(total, currency, self.tongue)) }
                    }
                    @if waits {
                        form method="post" action="/crm/pool/take" {
                            (self.proof())
                            button class="take" name="order" value=(name(entry))
                                aria-label=(format!("{} {number}", words.take_order)) { (words.take) }
                        }
                    } @else {
                        span class=(format!("status s{}", entry.status)) { (words.status(entry.status)) }
                    }
                }
                @if let Some(assignee) = &entry.assignee {
                    p class="assignee" {
                        (words.with) ": " strong { @if mine { (words.you) } @else { (assignee.user_name) } }
                        ", " (words.page_of) " " (date(assignee.date, self.tongue))
                    }
                }
            }
        }
    }

    /// The time of today, the day and the time of other days, in the shop's own zone.
    fn time(&self, at: DateTime<Utc>) -> Markup {
        let zone = FixedOffset::east_opt(self.settings.utc_offset_min.saturating_mul(60));
        let local =
            |at: DateTime<Utc>| zone.map_or(at.naive_utc(), |zone| at.with_timezone(&zone).naive_local());
        let (then, now) = (local(at), local(self.now));
        let clock = then.format("%H:%M").to_string();
        let shown = if then.date() == now.date() {
            clock
        } else {
            format!("{}, {clock}", date(then.date(), self.tongue))
        };
        html! { time datetime=(at.to_rfc3339()) { (shown) } }
    }
}

/// The form that a manager signs in with.
pub(super) fn sign_in(words: &'static Words, wrong: Option<&str>, nonce: &str) -> Markup {
    let body = html! {
        main class="door" {
            h1 { (words.title) }
            form method="post" action="/crm/pool/sign-in" {
                @if let Some(wrong) = wrong { p class="notice bad" role="alert" { (wrong) } }
                label for="token" { (words.token) }
                input id="token" name="token" type="password" required autofocus autocomplete="current-password";
                button class="take" { (words.sign_in) }
                p class="hint" { (words.token_hint) " " code { (words.token_command) } }
            }
            nav class="languages" { (language(words, "/crm/pool/sign-in")) }
        }
    };
    document(words, nonce, &html! {}, &body)
}

/// What is shown when something does not go as it should.
pub(super) fn sorry(words: &'static Words, status: StatusCode, nonce: &str) -> Markup {
    let known = words.sorry.iter().find(|(code, _)| *code == status.as_u16());
    let body = html! {
        main class="door" {
            h1 { (words.title) }
            p class="notice bad" role="alert" { (known.map_or(words.sorry_else, |(_, said)| said)) }
            p { a href=(PLACE) { (words.back) } }
        }
    };
    document(words, nonce, &html! {}, &body)
}

fn language(words: &Words, place: &str) -> Markup {
    let (code, label) = words.other_language;
    html! { a href=(format!("{place}?lang={code}")) lang=(code) hreflang=(code) { (label) } }
}

fn document(words: &Words, nonce: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(words.lang) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (words.title) }
                link rel="icon" href="data:,";
                style nonce=(nonce) { (PreEscaped(STYLE)) }
                (head)
            }
            body { (body) }
        }
    }
}
