//! How a dialplan reaches the server: each use of AudioSocket, and what comes after it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::reading::{Dialplan, Step};

/// Where a use stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// `extensions.conf:46`, or the channel of a call in progress.
    pub at: String,
    /// `orderline,_[+0-9]!,9`; empty for a call in progress.
    pub priority: String,
}

/// One use of AudioSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Use {
    /// Where it stands.
    pub place: Place,
    /// In which form.
    #[serde(flatten)]
    pub form: Form,
    /// `host:port` as it is written, the globals put in.
    pub server: String,
    /// The UUID as it is written.
    pub uuid: String,
    /// What the dialplan does when the agent has left.
    pub after: After,
}

/// The two forms of the dialplan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum Form {
    /// `AudioSocket(uuid,host:port)`.
    Application {
        /// Within `TryExec()`.
        tried: bool,
        /// Whether the channel is answered before; none where that is not to be seen here.
        answered: Option<bool>,
    },
    /// `Dial(AudioSocket/host:port/uuid/c(codec),…,options)`.
    Dial {
        /// The codec; none where none is named.
        codec: Option<String>,
        /// Option `g`; none where the options are a variable.
        goes_on: Option<bool>,
    },
}

/// What comes after a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// No further priority.
    Nothing,
    /// Steps, none of which reaches a person.
    Nobody,
    /// A queue, a telephone, a voice mailbox.
    Person,
    /// Not to be seen here, as of a call in progress.
    Unknown,
}

/// All uses of AudioSocket in a dialplan, in the order of its files.
pub fn uses(plan: &Dialplan) -> Vec<Use> {
    let found = plan.steps.iter().enumerate().flat_map(|(n, step)| {
        of_text(&plan.filled(&step.text)).into_iter().map(move |mut found| {
            found.place = place(step);
            found.after = after(plan, n);
            if let Form::Application { answered, .. } = &mut found.form {
                *answered = is_answered(plan, n);
            }
            found
        })
    });
    found.collect()
}

/// The use that a call in progress shows: ARI's `app_name` and `app_data` of its channel.
pub fn running(channel: &str, app: &str, data: &str) -> Option<Use> {
    let mut found = of_text(&format!("{app}({data})")).into_iter().next()?;
    found.place.at = channel.to_owned();
    Some(found)
}

pub(super) fn place(step: &Step) -> Place {
    let file = step.file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Place {
        at: format!("{file}:{}", step.line),
        priority: format!("{},{},{}", step.context, step.extension, step.priority),
    }
}

/// The uses in one step's text.
fn of_text(text: &str) -> Vec<Use> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = lower[from..].find("audiosocket") {
        let (begin, end) = (from + at, from + at + "audiosocket".len());
        from = end;
        let before = lower[..begin].chars().next_back();
        if before.is_some_and(|letter| !matches!(letter, '(' | '&' | '?' | ':' | ' ')) {
            continue;
        }
        let rest = &text[end..];
        if rest.starts_with('(') {
            let arguments = split(inside(rest), ',');
            let wrapper = lower[..begin].trim_end();
            found.push(Use {
                place: Place::default(),
                form: Form::Application { tried: wrapper.ends_with("tryexec("), answered: None },
                server: trimmed(arguments.get(1)),
                uuid: trimmed(arguments.first()),
                after: After::Unknown,
            });
        } else if rest.starts_with('/')
            && let Some(dial) = lower[..begin].rfind("dial(")
        {
            let arguments = split(inside(&text[dial + 4..]), ',');
            // Several telephones may ring at once: this one is up to the next.
            let target = split(&rest[1..], '&').first().copied().unwrap_or("");
            let target = split(target, ',').first().copied().unwrap_or("");
            let parts = split(target, '/');
            let codec = parts.get(2).and_then(|options| {
                let at = options.find("c(")?;
                Some(inside(&options[at + 1..]).trim().to_owned())
            });
            found.push(Use {
                place: Place::default(),
                form: Form::Dial {
                    codec: codec.filter(|codec| !codec.is_empty()),
                    goes_on: goes_on(&trimmed(arguments.get(2))),
                },
                server: trimmed(parts.first()),
                uuid: trimmed(parts.get(1)).trim_end_matches(')').to_owned(),
                after: After::Unknown,
            });
        }
    }
    found
}

fn trimmed(part: Option<&&str>) -> String {
    part.map_or("", |part| part.trim()).to_owned()
}

/// Whether Dial's options have `g`; what stands in brackets belongs to another option.
fn goes_on(options: &str) -> Option<bool> {
    let mut depth = 0u32;
    let mut seen = false;
    for letter in options.chars() {
        match letter {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            'g' if depth == 0 => seen = true,
            _ => {}
        }
    }
    if !seen && options.contains("${") { None } else { Some(seen) }
}

/// What stands between a bracket that opens the text and its fellow, or the text's end.
fn inside(text: &str) -> &str {
    let mut depth = 0u32;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return text.get(1..at).unwrap_or("");
                }
            }
            _ => {}
        }
    }
    text.get(1..).unwrap_or("")
}

/// Splits at a sign that stands in no bracket.
fn split(text: &str, at: char) -> Vec<&str> {
    let mut depth = 0i32;
    text.split(|letter| {
        match letter {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth -= 1,
            _ => {}
        }
        letter == at && depth <= 0
    })
    .collect()
}

/// The application of a step, in lower case.
pub(super) fn application(step: &Step) -> String {
    step.text.split(['(', ',']).next().unwrap_or("").trim().to_ascii_lowercase()
}

/// Applications that bring a caller to a person, or to a machine that takes a message for one.
const PEOPLE: [&str; 9] =
    ["queue", "dial", "voicemail", "page", "followme", "confbridge", "directory", "transfer", "retrydial"];

/// What is reached from the step after this one.
fn after(plan: &Dialplan, n: usize) -> After {
    let mut looked_at = BTreeSet::new();
    let mut todo: Vec<usize> = following(plan, n).into_iter().collect();
    if todo.is_empty() {
        return After::Nothing;
    }
    while let Some(n) = todo.pop() {
        if !looked_at.insert(n) {
            continue;
        }
        let step = &plan.steps[n];
        let app = application(step);
        if reaches_a_person(step, &app) {
            return After::Person;
        }
        todo.extend(targets(plan, step));
        match app.as_str() {
            "hangup" | "goto" => {}
            // Whoever called this as a subroutine goes on.
            "return" => todo.extend(callers(plan, &step.context).filter_map(|n| following(plan, n))),
            _ => todo.extend(following(plan, n)),
        }
    }
    After::Nobody
}

fn reaches_a_person(step: &Step, app: &str) -> bool {
    let text = step.text.to_ascii_lowercase();
    let wraps = matches!(app, "exec" | "execif" | "tryexec");
    let runs = |person: &str| app == person || wraps && text.contains(&format!("{person}("));
    !text.contains("audiosocket/") && PEOPLE.iter().any(|person| runs(person))
}

/// The step that runs after this one when it does not jump.
fn following(plan: &Dialplan, n: usize) -> Option<usize> {
    let step = &plan.steps[n];
    let same = |other: &Step| other.context == step.context && other.extension == step.extension;
    plan.steps.iter().position(|other| same(other) && other.priority == step.priority + 1)
}

/// Where a Goto or a Gosub may lead, each `[[context,]extension,]priority`, all branches.
fn targets<'a>(plan: &'a Dialplan, step: &'a Step) -> Vec<usize> {
    let text = &step.text;
    let lower = text.to_ascii_lowercase();
    let Some(verb) = ["gotoif(", "gosubif(", "gototime(", "gotoiftime(", "goto(", "gosub("]
        .into_iter()
        .find(|verb| lower.contains(verb))
    else {
        return Vec::new();
    };
    let at = lower.find(verb).unwrap_or(0) + verb.len() - 1;
    let arguments = inside(&text[at..]);
    let branches = match arguments.rsplit_once('?') {
        Some((_, branches)) if verb.contains("if") => split(branches, ':'),
        _ => vec![arguments],
    };
    let find = |branch: &str| {
        let parts = split(branch, ',');
        // A subroutine's own arguments stand in brackets behind its priority.
        let plain = |part: &str| part.split('(').next().unwrap_or("").trim().to_owned();
        let (context, extension, priority) = match parts.as_slice() {
            [priority] => (step.context.clone(), step.extension.clone(), plain(priority)),
            [extension, priority] => (step.context.clone(), plain_extension(extension), plain(priority)),
            [context, extension, priority, ..] => {
                (plain(context), plain_extension(extension), plain(priority))
            }
            [] => return None,
        };
        plan.steps.iter().position(|other| {
            let there = other.context == context
                // `${EXTEN}` and patterns: any extension of the context may be meant.
                && (other.extension == extension || extension.contains('$') || other.extension.starts_with('_'));
            let label = other.label.as_deref() == Some(priority.as_str());
            there && (label || priority.parse() == Ok(other.priority))
        })
    };
    branches.into_iter().filter_map(find).collect()
}

fn plain_extension(text: &str) -> String {
    text.trim().to_owned()
}

/// The steps that call this context as a subroutine or go there.
fn callers<'a>(plan: &'a Dialplan, context: &'a str) -> impl Iterator<Item = usize> + 'a {
    let jumps = move |step: &Step| targets(plan, step).iter().any(|n| plan.steps[*n].context == context);
    plan.steps.iter().enumerate().filter(move |(_, step)| jumps(step)).map(|(n, _)| n)
}

/// Whether the channel is answered when this step runs; none where another context leads here.
fn is_answered(plan: &Dialplan, n: usize) -> Option<bool> {
    let step = &plan.steps[n];
    let earlier = plan.steps.iter().filter(|other| {
        other.context == step.context && other.extension == step.extension && other.priority < step.priority
    });
    let answers = ["answer", "playback", "background", "read", "record", "wait", "waitexten"];
    if earlier.map(application).any(|app| answers.contains(&app.as_str())) {
        Some(true)
    } else if callers(plan, &step.context).next().is_some() {
        None
    } else {
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Use {
        let plan = Dialplan::of(&format!("[x]\nexten => 1,1,{text}\n"));
        let mut found = uses(&plan);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        found.remove(0)
    }

    #[test]
    fn the_application_is_read_with_and_without_its_wrapper() {
        let plain = one("AudioSocket(${CALL_UUID},127.0.0.1:9092)");
        assert_eq!(plain.form, Form::Application { tried: false, answered: Some(false) });
        assert_eq!((plain.uuid.as_str(), plain.server.as_str()), ("${CALL_UUID}", "127.0.0.1:9092"));
        for text in
            ["TryExec(AudioSocket(${UUID()},[::1]:9092))", "tryexec(audiosocket(${UUID()},[::1]:9092))"]
        {
            assert!(matches!(one(text).form, Form::Application { tried: true, .. }), "{text}");
            assert_eq!(one(text).server, "[::1]:9092");
        }
        let cond = one("ExecIf($[${X} = 1]?AudioSocket(${U},a:1))");
        assert!(matches!(cond.form, Form::Application { tried: false, .. }));
    }

    #[test]
    fn a_dials_codec_and_its_option_g_are_read_wherever_they_stand() {
        let read = |text: &str| match one(text).form {
            Form::Dial { codec, goes_on } => (codec.unwrap_or_default(), goes_on),
            form => panic!("{text}: {form:?}"),
        };
        let slin = "slin".to_owned();
        assert_eq!(read("Dial(AudioSocket/a:1/${CALL_UUID}/c(slin),,g)"), (slin.clone(), Some(true)));
        assert_eq!(read("Dial(AudioSocket/a:1/${UUID()}/c(slin),30,Tg)"), (slin.clone(), Some(true)));
        assert_eq!(read("Dial(AudioSocket/a:1/${U}/c(slin),,b(going^s^1))"), (slin.clone(), Some(false)));
        assert_eq!(read("Dial(AudioSocket/a:1/${U}/c(slin),,${OPTIONS})"), (slin.clone(), None));
        assert_eq!(read("Dial(PJSIP/1&AudioSocket/a:1/${U}/c(slin)&PJSIP/2,,g)"), (slin, Some(true)));
        assert_eq!(read("Dial(AudioSocket/a:1/${U})"), (String::new(), Some(false)));
        assert_eq!(read("Dial(AudioSocket/a:1/${U}/)"), (String::new(), Some(false)));
    }

    #[test]
    fn what_is_no_use_is_none() {
        for text in [
            "NoOp(AudioSocket)",
            "Set(AUDIOSOCKET_UUID=1)",
            "Dial(PJSIP/audiosocket/1)",
            "Set(X=myaudiosocket(1,2))",
        ] {
            let plan = Dialplan::of(&format!("[x]\nexten => 1,1,{text}\n"));
            assert_eq!(uses(&plan), [], "{text}");
        }
    }

    #[test]
    fn what_comes_after_is_followed_through_jumps_and_subroutines() {
        let agent = "Dial(AudioSocket/a:1/${UUID()}/c(slin),,g)";
        let after = |text: &str| uses(&Dialplan::of(text))[0].after;
        assert_eq!(after(&format!("[x]\nexten => 1,1,{agent}\n")), After::Nothing);
        assert_eq!(after(&format!("[x]\nexten => 1,1,{agent}\n same => n,Hangup()\n")), After::Nobody);
        assert_eq!(after(&format!("[x]\nexten => 1,1,{agent}\n same => n,Queue(q)\n")), After::Person);
        assert_eq!(after(&format!("[x]\nexten => 1,1,{agent}\n same => n,{agent}\n")), After::Nobody);
        let jump = "[y]\nexten => s,1,GotoIf($[1 = 1]?z,s,done:go)\n same => n(go),Dial(PJSIP/1)\n[z]\nexten => s,1(done),Hangup()\n";
        assert_eq!(
            after(&format!("[x]\nexten => 1,1,{agent}\n same => n,Goto(y,s,1)\n{jump}")),
            After::Person
        );
        let sub = "[in]\nexten => 1,1,Gosub(x,s,1(a))\n same => n,VoiceMail(1)\n";
        assert_eq!(after(&format!("[x]\nexten => s,1,{agent}\n same => n,Return()\n{sub}")), After::Person);
        assert_eq!(after(&format!("[x]\nexten => 1,1,{agent}\n same => n(l),Goto(l)\n")), After::Nobody);
    }

    #[test]
    fn a_running_call_shows_its_form() {
        let found =
            running("PJSIP/trunk-1", "Dial", "AudioSocket/127.0.0.1:9092/5f5e/c(slin),,g").expect("a use");
        assert_eq!(found.form, Form::Dial { codec: Some("slin".into()), goes_on: Some(true) });
        assert_eq!(running("PJSIP/trunk-1", "Queue", "operators"), None);
        assert_eq!(running("x", "AppDial", "(Outgoing Line)"), None);
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        for text in [
            "AudioSocket(",
            "AudioSocket",
            "Dial(AudioSocket/",
            "dial(ж/AudioSocket/ж)",
            ")))AudioSocket()",
            "ЖAudioSocket(ж",
        ] {
            drop(of_text(text));
        }
    }
}
