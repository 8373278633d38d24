//! Orderline: a telephone order desk for Asterisk.
//!
//! # The house
//!
//! One call is one [`conversation::Conversation`]: a state machine without I/O, which is told what happened and says what to
//! do. Everything else brings it the world and carries out its wishes. The rooms, from the wire inwards:
//!
//! | room | one purpose |
//! | --- | --- |
//! | [`server`] | accepts connections: who may, how many, and how it all ends |
//! | [`call`] | the driver of one call, its order desk, its tape; the only `select!` of a call |
//! | [`audio`] | 20 ms frames, resampling, voice activity, WAV |
//! | [`conversation`] | the core: ear, mouth, floor, mind, consent; pure |
//! | [`dialogue`] | what the caller's words do, what is wanted, what comes next, how it is said; a shop is data |
//! | [`engines`] | hearing, thinking, speaking behind three ports; a vendor's format never leaves its file |
//! | [`orders`] | order nouns, the model's tools, the client of the Store API |
//! | [`audit`] | the journal that is fsynced first, its hash chains, its way to PostgreSQL |
//! | [`ari`], [`http`] | who calls: asked from Asterisk, or announced by the dialplan; calls that we set up ([`ari::stasis`]) |
//! | [`doctor`] | which traps of AudioSocket apply to a PBX: its version, its dialplan's form; pure but for reading files |
//! | [`language`] | Russian and English, spoken and heard: numbers, money, dates, yes and no |
//! | [`store`] | the reference store, as foreign to the voice server as a customer's own |
//! | [`cli`], [`config`], [`telemetry`], [`ids`] | the executable around it |
//! | [`load`] | many telephones at once, to measure the voice server with |
//! | [`rehearsal`] | one call in text and in virtual time: the real core and rules, a scripted caller, a shop in memory |
//! | [`simulate`] | callers with goals, tempers and phrases of their own, by the thousand |
//! | [`telephone`], [`postgres`] | a caller's telephone and a private cluster, for the demonstration and the tests |
//!
//! Who may import whom is a table in `tests/architecture.rs`, which also keeps clocks, sockets, chance and floating point out
//! of the core.
//!
//! # Two walks
//!
//! **20 ms of sound.** Bytes become an [`audiosocket`] message, an [`audio::Frame`] at 16 kHz with a verdict of the
//! voice-activity detector, and the input [`Heard`](conversation::Input::Heard). The core finds turns in them and asks for
//! recognition at every pause. Out it goes the other way: [`Play`](conversation::Output::Play), one frame every 20 ms from
//! accept to leave, on absolute deadlines.
//!
//! **An order.** A thinker calls a tool; its arguments are parsed once ([`orders::tools::parse`]); the core makes an
//! [`OrderAction`](orders::OrderAction) from them and from what only it knows (number, ids, prices). The desk writes the intent
//! to the journal and waits for the disk, asks the store under a key that stays the same however often it is asked, writes the
//! outcome, waits for the disk, and only then tells the core, which only then speaks. Nothing confirms an order but the
//! caller's yes after the whole read-back: the consent gate in the core is the one place that can ask for it.
//!
//! # Three kinds of time
//!
//! [`CallTime`](conversation::CallTime) is microseconds since accept and the only time the core knows. Tokio's clock runs the
//! driver and can be held in tests. The wall clock stamps the audit and is never trusted for order.
//!
//! # What may panic
//!
//! Nothing that came from outside: bytes, JSON, SQL rows, audio, configuration. An `expect` states an invariant of ours. If
//! one breaks all the same, it ends one call, in good order, and not the server. Two fuzzers hold the wire and the driver to
//! it (`tests/fuzz`), and [`telephone::hostile`] plays the peers that Asterisk is not.

/// `Debug` for what says something of a person: the type's name, and nothing of the value. A derived one would put a number,
/// a name or an address into the first log line, panic or failed assertion that shows the value.
macro_rules! masked {
    ($name:ident $(<$life:lifetime>)?) => {
        impl $(<$life>)? std::fmt::Debug for $name $(<$life>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

pub mod ari;
pub mod audio;
pub mod audit;
pub mod call;
pub mod cli;
pub mod config;
pub mod conversation;
pub mod dialogue;
pub mod doctor;
pub mod engines;
pub mod http;
pub mod ids;
pub mod language;
pub mod load;
pub mod orders;
pub mod postgres;
pub mod rehearsal;
pub mod server;
pub mod simulate;
pub mod store;
pub mod telemetry;
pub mod telephone;
