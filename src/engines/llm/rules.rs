//! The built-in thinker: it takes orders and tells where they are by rules alone, in Russian and English, with no network
//! and no model. It answers at once, and takes over in the middle of a call when a model fails.
//!
//! Everything is [`crate::dialogue`]'s: this file brings it the call's facts and history, and carries its decision away. The
//! state is the core's; each thought takes it from the request and gives back the next one.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::CancellationToken;

use crate::conversation::Input;
use crate::conversation::event::{Completion, Message, Thought};
use crate::dialogue::{self, Entry, Messages, Shop, View};
use crate::engines::{Full, Inbox, Thinking};

mod settings;

pub use settings::Settings;

/// The rules as an engine.
#[derive(Debug, Default)]
pub struct Rules {
    /// What is known of the shop's goods; replaced whole when its catalogue is read again.
    shop: RwLock<Arc<Shop>>,
    messages: Messages,
}

impl Rules {
    /// Rules that know this shop. An empty one works: words are then known from what was found.
    pub fn new(shop: Arc<Shop>, messages: Messages) -> Self {
        Self { shop: RwLock::new(shop), messages }
    }

    /// The catalogue as it is now.
    pub fn learn(&self, shop: Shop) {
        *self.shop.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(shop);
    }

    /// What is known of the shop.
    pub fn shop(&self) -> Arc<Shop> {
        Arc::clone(&self.shop.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What to say or do next. The same request always gives the same answer.
    pub fn think(&self, request: &Completion) -> Vec<Thought> {
        think(request, &self.shop(), &self.messages)
    }
}

/// What to say or do next, for this shop.
pub fn think(request: &Completion, shop: &Shop, messages: &Messages) -> Vec<Thought> {
    let briefing = &request.briefing;
    let found: Vec<u32> = briefing.found_products().into_iter().map(|(reference, _)| reference).collect();
    let history: Vec<Entry<'_>> = request.history.iter().map(entry).collect();
    let view = View {
        language: request.language,
        shop,
        messages,
        products: &briefing.products,
        found: &found,
        first_refs: briefing.first_refs(),
        points: &briefing.pickup_points,
        orders: &briefing.orders,
        draft: briefing.draft.as_ref(),
        placed: briefing.placed.as_ref(),
        identified: briefing.identified,
        customer_name: briefing.customer_name.as_deref(),
        today: briefing.today.unwrap_or_default(),
        tools: &request.tools,
        read_back: briefing.read_back,
        history: &history,
    };
    let (state, decision) = dialogue::decide(&briefing.dialogue, &view);
    let mut pieces = Vec::with_capacity(4);
    if !decision.say.is_empty() {
        pieces.push(Thought::Delta { text: decision.say });
    }
    pieces.push(Thought::State { state: Box::new(state) });
    pieces.extend(decision.call.map(|(tool, arguments)| Thought::ToolCall {
        call_ref: format!("rules-{}", request.id),
        tool: tool.as_str().to_owned(),
        arguments: arguments.to_string(),
    }));
    pieces.push(Thought::Done);
    pieces
}

fn entry(message: &Message) -> Entry<'_> {
    match message {
        Message::Caller { text } => Entry::Caller(text),
        Message::Agent { text } => Entry::Agent(text),
        Message::ToolCall { tool, arguments, .. } => Entry::Called { tool, arguments },
        Message::ToolResult { tool, content, .. } => Entry::Gave { tool, content },
        Message::Note { text } => Entry::Note(text),
    }
}

impl Thinking for Rules {
    fn complete(&self, request: Completion, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        let id = request.id;
        let mut pieces = self.think(&request).into_iter().map(move |piece| Input::Completed { id, piece });
        // The inbox has room as a rule; where it has none, the rest waits for it in a task of its own.
        while let Some(input) = pieces.next() {
            match inbox.try_send(input) {
                Ok(()) => {}
                Err(TrySendError::Closed(_)) => return Ok(()),
                Err(TrySendError::Full(input)) => {
                    let runtime = Handle::try_current().map_err(|_| Full)?;
                    runtime.spawn(async move {
                        let rest = std::iter::once(input).chain(pieces);
                        let deliver = async {
                            for input in rest {
                                if inbox.send(input).await.is_err() {
                                    return;
                                }
                            }
                        };
                        tokio::select! {
                            () = cancel.cancelled() => {}
                            () = deliver => {}
                        }
                    });
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
