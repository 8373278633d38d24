//! The traps of the dialplan's form, of the modules, and of what our own settings say against them.

use super::form::{application, place};
use super::{After, Change, Form, Place, Severity, Situation, Trap, Use};

/// The codecs whose sound AudioSocket labels as what it is, with their rates.
const LINEAR: [(&str, u32); 9] = [
    ("slin", 8000),
    ("slin12", 12_000),
    ("slin16", 16_000),
    ("slin24", 24_000),
    ("slin32", 32_000),
    ("slin44", 44_100),
    ("slin48", 48_000),
    ("slin96", 96_000),
    ("slin192", 192_000),
];

/// The variable by which a call is found in ARI.
const CALL_UUID: &str = "CALL_UUID";

fn trap(
    id: &'static str,
    severity: Severity,
    place: Option<&Place>,
    found: &str,
    caller: &str,
    fix: &str,
    source: &str,
) -> Trap {
    let [found, caller, fix, source] = [found, caller, fix, source].map(str::to_owned);
    Trap { id, severity, place: place.cloned(), found, caller, fix, source }
}

pub(super) fn traps(situation: &Situation, uses: &[Use]) -> Vec<Trap> {
    let mut found = Vec::new();
    for one in uses {
        of_use(situation, one, &mut found);
    }
    of_files(situation, uses, &mut found);
    of_modules(situation, uses, &mut found);
    if situation.channelvars.as_ref().is_some_and(|shown| shown.iter().all(|name| name != CALL_UUID)) {
        found.push(trap(
            "channelvars",
            Severity::Warning,
            None,
            "ARI does not show CALL_UUID of a channel",
            "is served, but not known by number unless the dialplan announces the call",
            "channelvars = CALL_UUID,CALL_DIALLED,CALL_LANG in [general] of ari.conf",
            "asterisk-config/ari.conf; res/ari/config.c",
        ));
    }
    found
}

fn of_use(situation: &Situation, one: &Use, found: &mut Vec<Trap>) {
    let at = Some(&one.place);
    match &one.form {
        Form::Application { tried, answered } => {
            if !tried {
                found.push(trap(
                    "bare_application",
                    Severity::Fatal,
                    at,
                    "AudioSocket() outside TryExec()",
                    "is cut off when the server is down, crashes, or when both sides are silent for 2 s",
                    "TryExec(AudioSocket(…)), or Dial(AudioSocket/…/c(slin),,g)",
                    "apps/app_audiosocket.c; seen on 22.10.1: what_ends_the_agents_leg",
                ));
            }
            if *answered == Some(false) {
                found.push(trap(
                    "not_answered",
                    Severity::Fatal,
                    at,
                    "AudioSocket() on a channel that nothing answers before",
                    "never reaches the agent: the application refuses a channel that is not up",
                    "Answer() before it",
                    "apps/app_audiosocket.c, audiosocket_run",
                ));
            }
        }
        Form::Dial { codec, goes_on } => {
            of_codec(situation, codec.as_deref(), at, found);
            if *goes_on == Some(false) {
                found.push(trap(
                    "no_option_g",
                    Severity::Fatal,
                    at,
                    "Dial(AudioSocket/…) without option g",
                    "is hung up when the agent leaves, also when the agent hands over to a person or crashes",
                    "Dial(AudioSocket/…/c(slin),,g)",
                    "apps/app_dial.c, option g",
                ));
            }
        }
    }
    if !one.uuid.contains("${") && one.place.priority.contains(',') {
        found.push(trap(
            "fixed_uuid",
            Severity::Fatal,
            at,
            &format!("the UUID is the same in every call: {:?}", one.uuid),
            "reaches the agent once; each further caller is refused and goes to whatever comes after",
            "Set(CALL_UUID=${UUID()}) before it, and ${CALL_UUID} here",
            "src/call/registry.rs: a UUID counts for one call",
        ));
    }
    match one.after {
        After::Nothing => found.push(trap(
            "nothing_after",
            Severity::Fatal,
            at,
            "no priority after it",
            "is cut off when the agent leaves, whatever was promised",
            "a Goto to what reaches a person (asterisk-config/extensions.conf: orderline-after)",
            "main/pbx.c: an extension without a next priority ends the call",
        )),
        After::Nobody => found.push(trap(
            "nobody_after",
            Severity::Warning,
            at,
            "nothing after it reaches a person",
            "is cut off when the server is down, and when a person was asked for",
            "Queue(…), Dial(…) or VoiceMail(…) after it (asterisk-config/extensions.conf: orderline-operator)",
            "asterisk-config/extensions.conf",
        )),
        After::Person | After::Unknown => {}
    }
    let port = one.server.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if let (Some(theirs), Some(ours)) = (port, situation.socket_port)
        && theirs != ours
    {
        found.push(trap(
            "other_port",
            Severity::Warning,
            at,
            &format!("the dialplan calls port {theirs}; [server] listen says {ours}"),
            "goes straight to what comes after, as nobody listens there",
            "make the two agree (ORDERLINE_SOCKET in extensions.conf, listen in orderline.toml)",
            "[server] listen",
        ));
    }
}

fn of_codec(situation: &Situation, codec: Option<&str>, at: Option<&Place>, found: &mut Vec<Trap>) {
    let Some(codec) = codec else {
        found.push(trap(
            "no_codec",
            Severity::Fatal,
            at,
            "Dial(AudioSocket/…) names no codec",
            "hears noise and is not understood: the telephone's own codec travels under the label of linear sound",
            "/c(slin) behind the UUID: Dial(AudioSocket/host:port/uuid/c(slin),,g)",
            "channels/chan_audiosocket.c; CyCoreSystems/audiosocket issue 11; seen on 22.10.1: \
             a_leg_without_codec_carries_none_of_the_sound_it_claims",
        ));
        return;
    };
    if codec.contains("${") {
        return;
    }
    let Some((_, rate)) = LINEAR.iter().find(|(name, _)| *name == codec) else {
        found.push(trap(
            "no_linear_codec",
            Severity::Fatal,
            at,
            &format!("the codec {codec:?} is not linear"),
            "hears noise and is not understood: AudioSocket labels every codec as linear sound",
            "c(slin), or c(slin16) for wideband trunks",
            "channels/chan_audiosocket.c",
        ));
        return;
    };
    if let Some(Ok(version)) = &situation.version
        && *rate != 8000
        && !version.has(Change::Rates)
    {
        found.push(trap(
            "mislabelled_rate",
            Severity::Fatal,
            at,
            &format!("c({codec}) on Asterisk {version}, which labels it as 8 kHz"),
            "hears the agent at half the speed or less, and is not understood",
            &format!("c(slin), or Asterisk {} or later", Change::Rates.releases()),
            "include/asterisk/res_audiosocket.h: kinds 0x11 to 0x18",
        ));
    }
    if let Some(ours) = situation.rate_hz.filter(|ours| ours != rate) {
        found.push(trap(
            "other_rate",
            Severity::Note,
            at,
            &format!("c({codec}) is {rate} Hz; [call] rate says {ours}"),
            "nothing: the silence before the caller's first frame is at the other rate, then Orderline follows Asterisk",
            &format!("[call] rate = {rate} where all calls come so"),
            "samples/orderline.toml; seen on 22.10.1: a_frame_may_have_any_length",
        ));
    }
}

fn of_files(situation: &Situation, uses: &[Use], found: &mut Vec<Trap>) {
    let Some(plan) = &situation.dialplan else { return };
    for missing in &plan.missing {
        found.push(trap(
            "missing_include",
            Severity::Warning,
            None,
            &format!("an included file can't be read: {missing}"),
            "unknown: what stands there is not checked",
            "run the doctor as a user who may read it",
            "main/config.c",
        ));
    }
    // In an ARI application the server sets the AudioSocket leg up by itself.
    let by_ari = plan.steps.iter().any(|step| application(step) == "stasis");
    if !by_ari && uses.iter().all(|one| one.place.priority.is_empty()) {
        found.push(trap(
            "no_use",
            Severity::Warning,
            None,
            "the dialplan uses no AudioSocket",
            "never reaches the agent",
            "Gosub(orderline,…) as in asterisk-config/extensions.conf",
            "asterisk-config/extensions.conf",
        ));
    }
    for (n, step) in plan.steps.iter().enumerate() {
        if !step.text.contains("${CURL(") {
            continue;
        }
        let before = &plan.steps[..n];
        let same = |other: &&super::reading::Step| {
            other.context == step.context && other.extension == step.extension
        };
        let bounded = |option: &str| {
            before.iter().filter(same).any(|other| {
                application(other) == "set" && other.text.contains(&format!("CURLOPT({option})"))
            })
        };
        if !bounded("conntimeout") || !bounded("httptimeout") {
            found.push(trap(
                "unbounded_curl",
                Severity::Warning,
                Some(&place(step)),
                "CURL() without CURLOPT(conntimeout) and CURLOPT(httptimeout) before it",
                "hears silence for as long as a server hangs that is asked here",
                "Set(CURLOPT(conntimeout)=1) and Set(CURLOPT(httptimeout)=1) before it",
                "funcs/func_curl.c: no limit by default",
            ));
        }
    }
    let has_uuid = matches!(&situation.version, Some(Ok(version)) if !version.has(Change::UuidFunction));
    if has_uuid && let Some(step) = plan.steps.iter().find(|step| step.text.contains("${UUID()}")) {
        found.push(trap(
            "no_uuid_function",
            Severity::Fatal,
            Some(&place(step)),
            "${UUID()} on a version without that function",
            "never reaches the agent: the call has no UUID, and goes straight to what comes after",
            &format!(
                "Asterisk {} or later, or ${{SHELL(cat /proc/sys/kernel/random/uuid)}} with its line end cut off",
                Change::UuidFunction.releases()
            ),
            "funcs/func_uuid.c",
        ));
    }
}

fn of_modules(situation: &Situation, uses: &[Use], found: &mut Vec<Trap>) {
    let Some(modules) = &situation.modules else { return };
    let lacks = |name: &str| modules.get(name) == Some(&false);
    let text = |part: &str| {
        situation.dialplan.as_ref().is_some_and(|plan| plan.steps.iter().any(|step| step.text.contains(part)))
    };
    let application = uses.iter().any(|one| matches!(one.form, Form::Application { .. }));
    let tried = uses.iter().any(|one| matches!(one.form, Form::Application { tried: true, .. }));
    let dial = uses.iter().any(|one| matches!(one.form, Form::Dial { .. }));
    let needed: [(&str, bool, &str); 9] = [
        ("res_audiosocket.so", true, "never reaches the agent"),
        ("chan_audiosocket.so", dial, "never reaches the agent: Dial knows no technology AudioSocket"),
        ("app_audiosocket.so", application, "is cut off: there is no application AudioSocket"),
        ("app_exec.so", tried, "is cut off: there is no application TryExec"),
        ("app_dial.so", dial, "is cut off: there is no application Dial"),
        ("func_uuid.so", text("${UUID("), "never reaches the agent: the call has no UUID"),
        ("func_curl.so", text("${CURL("), "is not announced, and after the agent always goes to a person"),
        ("app_queue.so", text("Queue("), "reaches no person: there is no application Queue"),
        ("res_ari_channels.so", true, "is not known by number through ARI"),
    ];
    for (name, is_needed, caller) in needed {
        if is_needed && lacks(name) {
            let only_less = matches!(name, "func_curl.so" | "res_ari_channels.so");
            found.push(trap(
                "missing_module",
                if only_less { Severity::Warning } else { Severity::Fatal },
                None,
                &format!("the module {name} does not run"),
                caller,
                &format!("load = {name} in modules.conf (Debian: package asterisk-modules)"),
                "asterisk-config/modules.conf",
            ));
        }
    }
    if uses.is_empty() && lacks("chan_audiosocket.so") && lacks("app_audiosocket.so") {
        found.push(trap(
            "missing_module",
            Severity::Fatal,
            None,
            "neither chan_audiosocket.so nor app_audiosocket.so runs",
            "never reaches the agent from the dialplan",
            "load = chan_audiosocket.so in modules.conf",
            "asterisk-config/modules.conf",
        ));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;
    use std::path::Path;

    use super::super::{Dialplan, traps as all};
    use super::*;

    fn found(text: &str, change: impl FnOnce(&mut Situation)) -> Vec<(&'static str, Severity)> {
        let mut situation = Situation {
            version: Some("22.10.1".parse()),
            dialplan: Some(Dialplan::of(text)),
            ..Situation::default()
        };
        change(&mut situation);
        let all = all(&situation).into_iter().filter(|trap| trap.severity != Severity::Note);
        all.map(|trap| (trap.id, trap.severity)).collect()
    }

    /// The traps of one step between Answer() and a person.
    fn of_step(step: &str) -> Vec<(&'static str, Severity)> {
        found(&format!("[x]\nexten => 1,1,Answer()\n same => n,{step}\n same => n,Queue(q)\n"), |_| ())
    }

    use Severity::{Fatal, Warning};

    #[test]
    fn both_good_forms_have_no_trap() {
        for step in [
            "Dial(AudioSocket/127.0.0.1:9092/${CALL_UUID}/c(slin),,g)",
            "Dial(AudioSocket/127.0.0.1:9092/${CALL_UUID}/c(slin16),20,gT)",
            "Dial(AudioSocket/127.0.0.1:9092/${CALL_UUID}/c(${CODEC}),,${OPTIONS})",
            "TryExec(AudioSocket(${CALL_UUID},127.0.0.1:9092))",
        ] {
            assert_eq!(of_step(step), [], "{step}");
        }
    }

    #[test]
    fn each_bad_form_has_its_trap() {
        for (step, id) in [
            ("AudioSocket(${CALL_UUID},127.0.0.1:9092)", "bare_application"),
            ("Dial(AudioSocket/127.0.0.1:9092/${CALL_UUID},,g)", "no_codec"),
            ("Dial(AudioSocket/127.0.0.1:9092/${CALL_UUID}/c(),,g)", "no_codec"),
            ("Dial(AudioSocket/127.0.0.1:9092/${CALL_UUID}/c(alaw),,g)", "no_linear_codec"),
            ("Dial(AudioSocket/127.0.0.1:9092/${CALL_UUID}/c(slin))", "no_option_g"),
            (
                "Dial(AudioSocket/127.0.0.1:9092/40325ec2-5efd-4bd3-805f-53576e581d13/c(slin),,g)",
                "fixed_uuid",
            ),
            ("TryExec(AudioSocket(40325ec2-5efd-4bd3-805f-53576e581d13,127.0.0.1:9092))", "fixed_uuid"),
        ] {
            assert_eq!(of_step(step), [(id, Fatal)], "{step}");
        }
    }

    #[test]
    fn what_surrounds_the_agent_counts_too() {
        let agent = "TryExec(AudioSocket(${U},127.0.0.1:9092))";
        let plan = format!("[x]\nexten => 1,1,{agent}\n same => n,Queue(q)\n");
        assert_eq!(found(&plan, |_| ()), [("not_answered", Fatal)]);
        let plan = format!("[x]\nexten => 1,1,Answer()\n same => n,{agent}\n");
        assert_eq!(found(&plan, |_| ()), [("nothing_after", Fatal)]);
        let plan = format!("[x]\nexten => 1,1,Answer()\n same => n,{agent}\n same => n,Hangup()\n");
        assert_eq!(found(&plan, |_| ()), [("nobody_after", Warning)]);
        let called =
            format!("[i]\nexten => 1,1,Gosub(x,1,1)\n[x]\nexten => 1,1,{agent}\n same => n,Queue(q)\n");
        assert_eq!(found(&called, |_| ()), [], "the caller of a subroutine may have answered");
        let curl = format!(
            "[x]\nexten => 1,1,Answer()\n same => n,Set(X=${{CURL(http://a/)}})\n same => n,{agent}\n same => n,Queue(q)\n"
        );
        assert_eq!(found(&curl, |_| ()), [("unbounded_curl", Warning)]);
        assert_eq!(found("[x]\nexten => 1,1,Hangup()\n", |_| ()), [("no_use", Warning)]);
        assert_eq!(found("[x]\nexten => 1,1,Stasis(orderline)\n", |_| ()), []);
    }

    const GOOD: &str = "[x]\nexten => 1,1,Set(CALL_UUID=${UUID()})\n \
                        same => n,Dial(AudioSocket/127.0.0.1:9092/${CALL_UUID}/c(slin),,g)\n same => n,Queue(q)\n";

    #[test]
    fn our_own_settings_are_held_against_the_dialplan() {
        assert_eq!(found(GOOD, |situation| situation.socket_port = Some(9092)), []);
        assert_eq!(found(GOOD, |situation| situation.socket_port = Some(9999)), [("other_port", Warning)]);
        let wide = GOOD.replace("slin", "slin16");
        let situation =
            Situation { dialplan: Some(Dialplan::of(&wide)), rate_hz: Some(8000), ..Situation::default() };
        assert!(
            all(&situation).iter().any(|trap| trap.id == "other_rate" && trap.severity == Severity::Note)
        );
        assert_eq!(
            found(GOOD, |situation| situation.channelvars = Some(Vec::new())),
            [("channelvars", Warning)]
        );
        assert_eq!(found(GOOD, |situation| situation.channelvars = Some(vec!["CALL_UUID".into()])), []);
    }

    #[test]
    fn a_function_or_a_module_that_is_not_there_is_told() {
        let old = found(GOOD, |situation| situation.version = Some("20.11.1".parse()));
        assert!(old.contains(&("no_uuid_function", Fatal)), "{old:?}");
        let all_run: BTreeMap<String, bool> =
            super::super::MODULES.iter().map(|name| ((*name).to_owned(), true)).collect();
        assert_eq!(found(GOOD, |situation| situation.modules = Some(all_run.clone())), []);
        for (module, severity) in [
            ("chan_audiosocket.so", Fatal),
            ("res_audiosocket.so", Fatal),
            ("func_uuid.so", Fatal),
            ("app_queue.so", Fatal),
            ("res_ari_channels.so", Warning),
        ] {
            let mut modules = all_run.clone();
            modules.insert(module.to_owned(), false);
            assert_eq!(
                found(GOOD, |situation| situation.modules = Some(modules)),
                [("missing_module", severity)],
                "{module}"
            );
        }
        let mut modules = all_run;
        modules.insert("app_audiosocket.so".to_owned(), false);
        assert_eq!(found(GOOD, |situation| situation.modules = Some(modules)), [], "not used here");
    }

    #[test]
    fn a_call_in_progress_shows_the_same_traps() {
        let running = super::super::form::running(
            "PJSIP/a-1",
            "Dial",
            "AudioSocket/127.0.0.1:9092/40325ec2-5efd-4bd3-805f-53576e581d13,,g",
        );
        let situation = Situation { running: running.into_iter().collect(), ..Situation::default() };
        let ids: Vec<_> = all(&situation).into_iter().map(|trap| trap.id).collect();
        assert_eq!(ids, ["no_codec"], "a filled-in UUID is no fixed one");
    }

    #[test]
    fn the_shipped_dialplan_has_no_trap() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("asterisk-config");
        let situation = Situation {
            version: Some("22.10.1".parse()),
            dialplan: Some(Dialplan::read(&folder).unwrap()),
            socket_port: Some(9092),
            rate_hz: Some(8000),
            ..Situation::default()
        };
        let told: Vec<_> =
            all(&situation).into_iter().filter(|trap| trap.severity != Severity::Note).collect();
        assert_eq!(told, []);
        assert!(situation.uses().len() >= 2 && situation.uses().iter().all(|one| one.after == After::Person));
    }
}
