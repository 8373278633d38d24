//! A simulated call played through the real conversation.

use std::path::PathBuf;
use std::sync::Arc;

use crate::conversation::Settings;
use crate::dialogue::Question;
use crate::ids::{PhoneNumber, PresentedNumber};
use crate::language::{Language, text};
use crate::rehearsal::shop::Catalogue;
use crate::rehearsal::{self, Heard, Rehearsal, Setup};

use super::book::Book;
use super::caller::{Caller, Move, Situation, Why};
use super::dice::Dice;
use super::ear::Ear;
use super::goal::{Goal, Temper};
use super::goods::Style;
use super::judge::{self, End, Figures, Outcome};
use super::market::Market;
use super::mouth::Mouth;
use super::noise::Noise;
use super::reading::Mistakes;

/// Everything that calls share.
#[derive(Debug)]
pub struct Stage {
    market: Market,
    book: Book,
    ear: Ear,
    noise: Noise,
    catalogue: Arc<Catalogue>,
    settings: Arc<Settings>,
}

/// What a stage is set up from.
#[derive(Clone, Debug, Default)]
pub struct Props {
    pub shop: PathBuf,
    pub phrases: Vec<PathBuf>,
    pub language: Language,
    /// Of a thousand words so many are misheard.
    pub noise_permille: u64,
}

/// A murmur comes so long after the agent begins.
const UHU_AFTER_MS: u64 = 1_500;

impl Stage {
    /// Sets the stage up.
    ///
    /// # Errors
    /// All that is wrong with the files.
    pub fn set(props: &Props) -> Result<Self, Mistakes> {
        let book = Book::load(&props.phrases, props.language);
        let market = Market::load(&props.shop).map_err(|error| vec![error]);
        let catalogue = Catalogue::load(&props.shop).map_err(|error| {
            let mut told = error.to_string();
            if let Some(source) = std::error::Error::source(&error) {
                told = format!("{told}: {source}");
            }
            vec![told]
        });
        let (book, market, catalogue) = match (book, market, catalogue) {
            (Ok(book), Ok(market), Ok(catalogue)) => (book, market, catalogue),
            (book, market, catalogue) => {
                let book = book.err().map(|Mistakes(told)| told).unwrap_or_default();
                let shop = catalogue.err().or(market.err()).unwrap_or_default();
                return Err(Mistakes(book.into_iter().chain(shop).collect()));
            }
        };
        let mut dice = Dice::new(0);
        let fixed = book.goals.iter().filter_map(|goal| Goal::fixed(goal, &market, &mut dice).err());
        let mut wrong: Vec<String> = fixed.collect();
        if Goal::draw(&market, &book, &mut dice).is_none() && wrong.is_empty() {
            wrong
                .push(format!("{}: expected goods in stock and a place to bring them", props.shop.display()));
        }
        if !wrong.is_empty() {
            return Err(Mistakes(wrong));
        }
        let settings = Settings { language: props.language, ..Settings::default() };
        Ok(Self {
            ear: Ear::new(&market, props.language),
            noise: Noise::new(props.noise_permille, &book),
            catalogue: Arc::new(catalogue),
            settings: Arc::new(settings),
            market,
            book,
        })
    }

    /// The goal of a call: the last two bits of a seed leave it as it is.
    pub fn goal(&self, seed: u64) -> Option<Goal> {
        Goal::draw(&self.market, &self.book, &mut Dice::new(seed >> 2))
    }

    /// Plays the call of this seed.
    pub fn play(&self, seed: u64) -> Option<Outcome> {
        let goal = self.goal(seed)?;
        let language = self.book.language;
        let mut dice = Dice::new(seed.rotate_left(17) ^ 0x5EED);
        let style = Style { language, digits: dice.chance(250), written: dice.chance(250) };
        let number = self.number(&goal, &mut dice);
        let mut ears = Dice::new(dice.roll());
        let mouth = Mouth { book: &self.book, market: &self.market, style, temper: goal.temper, dice };
        let mut caller = Caller::new(&goal, mouth, &self.ear);
        let mut setup = Setup::new(Arc::clone(&self.catalogue));
        setup.language = language;
        setup.number = number;
        setup.settings = Arc::clone(&self.settings);
        setup.seed = seed;
        let mut play = Play { call: Rehearsal::begin(setup), transcript: Vec::new(), before: String::new() };
        let mut figures = Figures::default();
        let (mut without_yes, mut left) = (false, false);
        let (mut no_to_yes, mut yes_to_no) = (false, false);
        let mut heard = play.call.heard();
        let mut said = play.agent(&heard, &mut figures);
        while play.call.over().is_none() {
            let asked = asked(&play.call);
            let placed = play.call.shop().placed().count();
            let now = Situation {
                said: &said,
                read_back: heard.read_backs > 0,
                asked: asked.as_ref(),
                placed: placed > 0,
            };
            figures.turns += 1;
            let mut consents = false;
            let asides = caller.asides_asked;
            match caller.next(now) {
                Move::Say(words) => {
                    let misheard = self.noise.hear(&words.words, &mut ears);
                    no_to_yes |= misheard.no_to_yes;
                    yes_to_no |= misheard.yes_to_no;
                    consents = words.consents;
                    play.caller(&words.words, &misheard.words, &words.acts);
                    let murmurs = goal.temper == Temper::Uhu && caller.dice().chance(400);
                    heard = play.say(&misheard.words, murmurs.then(|| caller.uhu()));
                }
                Move::Press { keys, consents: agrees } => {
                    consents = agrees;
                    play.transcript.push(format!("> [{keys}]"));
                    heard = play.call.press(&keys);
                }
                Move::Wait { ms } => {
                    play.transcript.push(format!("> … {ms} ms"));
                    heard = play.call.wait(ms);
                }
                Move::HangUp(why) => {
                    left = why == Why::Meant;
                    play.transcript.push(format!("> hangs up: {why:?}"));
                    heard = play.call.hang_up();
                }
            }
            without_yes |= play.call.shop().placed().count() > placed && !consents;
            let before = std::mem::take(&mut said);
            said = play.agent(&heard, &mut figures);
            if caller.asides_asked > asides && (said == before || is_repair(&said)) {
                figures.asides_lost += 1;
            }
        }
        figures.speech_ms = play.call.speech_ms();
        figures.call_ms = play.call.now_ms();
        figures.longest_ms = play.call.longest_ms();
        figures.read_backs = play.call.read_backs() as u64;
        figures.persons_offered = u64::from(caller.offered_person);
        figures.thrice = caller.thrice;
        figures.asides = u64::from(caller.asides_asked);
        let placed: Vec<_> = play.call.shop().placed().collect();
        let name = caller.basket().name.as_deref().map(text::fold);
        figures.name_lost = name.is_some_and(|name| {
            let first = super::ear::stem(name.split(' ').next().unwrap_or_default());
            placed
                .iter()
                .any(|order| !order.name.as_deref().map(text::fold).unwrap_or_default().contains(&first))
        });
        let end = End {
            kind: goal.kind,
            temper: goal.temper,
            basket: caller.basket(),
            changed: caller.has_changed(),
            status_told: caller.status_told,
            cancelled: caller.cancelled,
            wanted_person: caller.wanted_person,
            person: matches!(play.call.over(), Some(rehearsal::End::Person(_))),
            left,
            without_yes,
            placed,
        };
        let (failure, wrong) = judge::judge(&end, &self.market, &self.catalogue, language);
        let transcript = play.transcript;
        let (kind, temper) = (goal.kind, goal.temper);
        Some(Outcome { seed, kind, temper, failure, wrong, no_to_yes, yes_to_no, figures, transcript })
    }

    /// Who calls: the customer whose order is asked about, or somebody new.
    fn number(&self, goal: &Goal, dice: &mut Dice) -> PresentedNumber {
        let own = goal.status.as_ref().map(|(phone, _)| phone.clone());
        let new = match self.book.language {
            Language::Russian => format!("+7926{:07}", 1_000_000 + dice.below(8_999_999)),
            Language::English => format!("+1202555{:04}", 150 + dice.below(9_800)),
        };
        let number: Result<PhoneNumber, _> = own.unwrap_or(new).try_into();
        number.map_or(PresentedNumber::Withheld, PresentedNumber::Number)
    }

    /// What a caller of this seed wants, for a person to read.
    pub fn wish(&self, seed: u64) -> String {
        let Some(goal) = self.goal(seed) else { return String::new() };
        let lines =
            goal.basket.lines.iter().map(|line| format!("{} × {}", line.n, self.market.items[line.item].sku));
        let lines: Vec<String> = lines.collect();
        let handover = match &goal.basket.handover {
            super::goal::Handover::Delivery(a) => {
                let flat = a.flat.map_or(String::new(), |flat| format!(" / {flat}"));
                format!("{}, {} {}{flat}", a.city, a.street, a.house)
            }
            super::goal::Handover::Pickup(at) => format!("fetched at {}", self.market.points[*at].name),
        };
        let mut wish = format!("{handover}, {:?}", goal.basket.payment);
        if let Some(name) = &goal.basket.name {
            wish = format!("{wish}, {name}");
        }
        if let Some(change) = &goal.change {
            wish = format!("{wish}; then {change:?}");
        }
        if let Some((_, number)) = &goal.status {
            wish = format!("{wish}; status of {number}");
        }
        format!("{} · {}: {}; {wish}", goal.kind.name(), goal.temper.name(), lines.join(", "))
    }
}

/// What the agent asks, where the conversation tells it; the caller goes by the words otherwise.
fn asked(_call: &Rehearsal) -> Option<Question> {
    None
}

fn is_repair(said: &str) -> bool {
    let folded = text::fold(said);
    [
        "не понял",
        "не расслыш",
        "не разобрал",
        "didn't understand",
        "did not understand",
        "didn't catch",
        "did not catch",
        "say that again",
    ]
    .iter()
    .any(|stem| folded.contains(stem))
}

struct Play {
    call: Rehearsal,
    transcript: Vec<String>,
    before: String,
}

impl Play {
    fn caller(&mut self, said: &str, heard: &str, acts: &[&str]) {
        let acts = acts.join(" + ");
        let misheard = if said == heard { String::new() } else { format!("   [heard: {heard}]") };
        self.transcript.push(format!("> {said}{misheard}   ({acts})"));
    }

    /// Says it; with a murmur over the agent's answer.
    fn say(&mut self, words: &str, murmur: Option<String>) -> Heard {
        let Some(murmur) = murmur else { return self.call.say(words) };
        self.call.cut_in(UHU_AFTER_MS);
        let mut heard = self.call.say(words);
        let speaks = heard.utterances.last().is_some_and(|last| last.ms == 0 && !last.is_cut);
        if !speaks || self.call.over().is_some() {
            return heard;
        }
        self.transcript.push(format!(">   {murmur} (over the agent)"));
        let rest = self.call.say(&murmur);
        // What went on is told again whole by the rest.
        let went_on = heard.utterances.last().map(|last| last.text.clone());
        if rest.utterances.first().map(|first| &first.text) == went_on.as_ref() {
            heard.utterances.pop();
        }
        heard.utterances.extend(rest.utterances);
        heard.read_backs += rest.read_backs;
        heard
    }

    /// Writes down what the agent said, and counts.
    fn agent(&mut self, heard: &Heard, figures: &mut Figures) -> String {
        let said = heard.text();
        if !said.is_empty() {
            self.transcript.push(format!("  {said}"));
        }
        figures.repairs += u64::from(is_repair(&said));
        figures.echoes += u64::from(!said.is_empty() && said == self.before);
        self.before.clone_from(&said);
        said
    }
}
