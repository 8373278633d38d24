//! The agents as the calls that Orderline sets up through ARI see them: announced before their leg comes, asked when it
//! has ended.

use std::sync::Arc;

use crate::ari::stasis::{Agents, Card, Next};
use crate::call::Registry;
use crate::call::registry;
use crate::conversation::Input;
use crate::conversation::event::Identity;
use crate::ids::CallId;

/// The registry, seen from ARI.
#[derive(Clone, Debug)]
pub struct Switchboard(pub Arc<Registry>);

impl Agents for Switchboard {
    fn announce(&self, call: CallId, caller: Identity, back: Option<CallId>) -> Result<(), String> {
        match back {
            None => self.0.announce(call, caller).map_err(|error| error.to_string()),
            Some(earlier) => self.0.announce_return(call, earlier, caller).map_err(|error| error.to_string()),
        }
    }

    fn next(&self, call: CallId) -> Next {
        match self.0.next(call) {
            registry::Next::HangUp => Next::HangUp,
            registry::Next::Unknown => Next::Unknown,
            registry::Next::Operator { card } => {
                let variables = card.variables().map(|(name, value)| (name.to_owned(), value));
                let summary = variables.iter().find(|(name, _)| name == "ORDERLINE_SUMMARY");
                Next::Transfer(Card {
                    // Revealed to the person who takes the call.
                    caller: card.caller.as_ref().map(|number| number.e164().to_owned()),
                    summary: summary.map(|(_, value)| value.clone()).unwrap_or_default(),
                    variables: variables.to_vec(),
                })
            }
        }
    }

    fn held(&self, call: CallId, on: bool) {
        self.0.tell(call, Input::Held { on });
    }
}
