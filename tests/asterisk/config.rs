//! Every name on which the server and the dialplan rely, read from the files that are shipped.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use orderline::config::Config;

/// The folder that is shipped.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("asterisk-config")
}

/// A section: its name, and its `key = value` or `key => value` lines in order.
struct Section {
    name: String,
    lines: Vec<(String, String)>,
}

impl Section {
    fn value(&self, key: &str) -> Option<&str> {
        self.lines.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }
}

/// Asterisk's own reading of a configuration file (main/config.c), as far as these files use it.
fn sections(file: &str) -> Vec<Section> {
    let text = fs::read_to_string(folder().join(file)).unwrap();
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines() {
        let line = line.split(';').next().unwrap().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.split(']').next().unwrap().to_owned();
            sections.push(Section { name, lines: Vec::new() });
            continue;
        }
        let (key, value) =
            line.split_once('=').unwrap_or_else(|| panic!("{file}: expected key = value, found {line:?}"));
        let section = sections.last_mut().unwrap_or_else(|| panic!("{file}: {line:?} stands in no section"));
        section.lines.push((key.trim().to_owned(), value.trim_start_matches('>').trim().to_owned()));
    }
    sections
}

fn section(file: &str, name: &str) -> Section {
    sections(file)
        .into_iter()
        .find(|s| s.name == name)
        .unwrap_or_else(|| panic!("{file}: expected a section [{name}]"))
}

/// The dialplan: context → application calls in order.
fn dialplan() -> BTreeMap<String, Vec<String>> {
    let mut contexts = BTreeMap::new();
    for section in sections("extensions.conf") {
        if section.name == "general" || section.name == "globals" {
            continue;
        }
        let steps = section.lines.iter().map(|(key, value)| {
            // exten => 100,1,App(…) and same => n(label),App(…)
            let commas = if key == "exten" { 2 } else { 1 };
            value
                .splitn(commas + 1, ',')
                .nth(commas)
                .unwrap_or_else(|| panic!("a step without application: {value}"))
                .to_owned()
        });
        contexts.insert(section.name.clone(), steps.collect());
    }
    contexts
}

#[test]
fn the_dialplan_names_the_ports_where_the_server_listens_by_default() {
    let globals = section("extensions.conf", "globals");
    let defaults = Config::default();
    assert_eq!(globals.value("ORDERLINE_SOCKET").unwrap(), defaults.server.listen.to_string());
    assert_eq!(globals.value("ORDERLINE_HTTP").unwrap(), format!("http://{}", defaults.http.listen));
    assert_eq!(globals.value("ORDERLINE_CODEC"), Some("slin"));
    assert_eq!(
        defaults.call.rate.0, 8000,
        "the silence before the caller's first frame is in the dialplan's codec"
    );
}

#[test]
fn the_agents_leg_names_its_codec_and_goes_on_whatever_happens() {
    let steps = &dialplan()["orderline"];
    let dial = steps.iter().find(|step| step.starts_with("Dial(")).unwrap();
    assert_eq!(dial, "Dial(AudioSocket/${ORDERLINE_SOCKET}/${CALL_UUID}/c(${ORDERLINE_CODEC}),,g)");
    assert_eq!(steps.last().unwrap(), "Goto(orderline-after,s,1)");
    let uuid = steps.iter().position(|step| step == "Set(CALL_UUID=${UUID()})").unwrap();
    assert!(uuid < steps.iter().position(|step| step == dial).unwrap());
    let other = &dialplan()["orderline-app"];
    assert!(
        other.contains(&"TryExec(AudioSocket(${CALL_UUID},${ORDERLINE_SOCKET}))".to_owned()),
        "{other:?}"
    );
    assert_eq!(other.last().unwrap(), "Goto(orderline-after,s,1)");
}

#[test]
fn only_the_agents_own_word_ends_a_call_before_a_person_is_tried() {
    let plan = dialplan();
    let after = plan["orderline-after"].join("\n");
    assert!(after.contains("${ORDERLINE_HTTP}/calls/${CALL_UUID}/next?token=${ORDERLINE_TOKEN}"));
    assert!(after.contains("GotoIf($[\"${NEXT}\" = \"hangup\"]?done)"));
    assert!(after.contains("Goto(orderline-operator,s,1)\nHangup()"));
    assert!(plan["orderline-people"].iter().any(|step| step.starts_with("Queue(operators,")));
    assert!(section("queues.conf", "operators").lines.contains(&("member".into(), "PJSIP/operator".into())));
}

#[test]
fn every_wait_for_the_server_is_short() {
    let plan = dialplan();
    for (context, steps) in &plan {
        let Some(curl) = steps.iter().position(|step| step.contains("${CURL(")) else { continue };
        for option in ["Set(CURLOPT(conntimeout)=1)", "Set(CURLOPT(httptimeout)=1)"] {
            assert!(steps[..curl].iter().any(|step| step == option), "[{context}] asks without {option}");
        }
    }
    let registration = plan["orderline-register"].join("\n");
    assert!(
        registration
            .contains("${CURL(${ORDERLINE_HTTP}/calls?uuid=${CALL_UUID}&${WHO}&token=${ORDERLINE_TOKEN},)}")
    );
    assert!(registration.contains(
        "from=${URIENCODE(${CALLERID(num)})}&exten=${URIENCODE(${CALL_DIALLED})}&lang=${CALL_LANG}&returns=${CALL_EARLIER}"
    ));
}

#[test]
fn every_jump_has_a_target() {
    let plan = dialplan();
    for (context, steps) in &plan {
        for step in steps {
            for verb in ["Goto(", "Gosub("] {
                let Some(target) = step.split(verb).nth(1).filter(|_| !step.contains("GotoIf(")) else {
                    continue;
                };
                let target = target.split(',').next().unwrap();
                assert!(plan.contains_key(target), "[{context}] {step}: no context {target}");
            }
        }
    }
    assert!(
        plan.keys()
            .all(|name| name == "from-trunk" || name == "from-operator" || name.starts_with("orderline"))
    );
}

/// Toll fraud begins with a Dial whose target the caller can choose.
#[test]
fn nothing_that_a_caller_sends_is_dialled_or_executed() {
    let allowed: BTreeSet<&str> =
        ["ORDERLINE_SOCKET", "CALL_UUID", "ORDERLINE_CODEC", "ORDERLINE_OPERATOR_WAIT_S"].into();
    for (context, steps) in dialplan() {
        for step in steps {
            let name = step.split('(').next().unwrap();
            for forbidden in
                ["System", "TrySystem", "AGI", "EAGI", "Originate", "Exec", "DISA", "Macro", "MixMonitor"]
            {
                assert_ne!(name, forbidden, "[{context}] {step}");
            }
            if !matches!(name, "Dial" | "Queue" | "TryExec" | "Transfer" | "Page") {
                continue;
            }
            let used = step.split("${").skip(1).map(|rest| rest.split(['}', ':', '(']).next().unwrap());
            for variable in used {
                assert!(
                    allowed.contains(variable),
                    "[{context}] {step}: {variable} may come from the caller"
                );
            }
        }
    }
    for endpoint in sections("pjsip.conf").iter().filter(|s| s.value("type") == Some("endpoint")) {
        let context = endpoint.value("context").unwrap();
        assert!(
            matches!(context, "from-trunk" | "from-operator"),
            "[{}] calls into {context}",
            endpoint.name
        );
    }
    assert_eq!(dialplan()["from-operator"], Vec::<String>::new());
}

/// A target that comes over HTTP is a name, and the name of somebody who stands in the context of people.
#[test]
fn nobody_but_the_people_of_the_dialplan_is_rung() {
    let plan = dialplan();
    for (context, steps) in &plan {
        for step in steps.iter().filter(|step| step.contains("Goto") || step.contains("Gosub")) {
            let target = step.rsplit_once('?').map_or(step.as_str(), |(_, target)| target);
            let known = ["EXTEN", "TARGET", "CALL_FORM"];
            let used = target.split("${").skip(1).map(|rest| rest.split(['}', ':', '(']).next().unwrap());
            for variable in used {
                assert!(known.contains(&variable), "[{context}] {step}: jumps where {variable} says");
            }
            assert!(!target.contains("${EXTEN}") || context == "from-trunk", "[{context}] {step}");
        }
        for set in steps.iter().filter(|step| step.starts_with("Set(CALL_FORM=")) {
            assert_eq!(set, "Set(CALL_FORM=${CONTEXT})");
            assert!(
                matches!(context.as_str(), "orderline" | "orderline-app" | "orderline-stasis"),
                "[{context}] {set}"
            );
        }
        let sets_target = steps.iter().any(|step| step.contains("TARGET="));
        assert!(!sets_target || context == "orderline-operator", "[{context}] sets TARGET");
    }
    let steps = &plan["orderline-operator"];
    let read = steps.iter().position(|step| step.starts_with("Set(TARGET=${")).unwrap();
    assert_eq!(
        steps[read..],
        [
            "Set(TARGET=${FILTER(a-zA-Z0-9_\\-,${CUT(CARD,|,1)})})",
            "GotoIf($[${LEN(${TARGET})} = 0]?default)",
            "GotoIf(${DIALPLAN_EXISTS(orderline-people,${TARGET},1)}?ring)",
            "Set(TARGET=operator)",
            "Gosub(orderline-people,${TARGET},1)",
            "Goto(orderline-back,s,1)",
        ]
    );
    let people = section("extensions.conf", "orderline-people").lines;
    let names =
        people.iter().filter(|(key, _)| key == "exten").map(|(_, step)| step.split(',').next().unwrap());
    let default = Config::default().transfer.target;
    assert_eq!(names.collect::<Vec<_>>(), [default.as_str()], "no pattern matches a name by chance");
    assert_eq!(plan["orderline-people"].last().unwrap(), "Return()");
}

#[test]
fn a_call_that_no_person_answered_goes_back_to_the_agent_a_bounded_number_of_times() {
    let plan = dialplan();
    let back = plan["orderline-back"].join("\n");
    for step in [
        "Set(CALL_RETURNS=$[0${CALL_RETURNS} + 1])",
        "GotoIf($[${CALL_RETURNS} > ${ORDERLINE_RETURNS}]?nobody)",
        "Set(CALL_EARLIER=${CALL_UUID})\nSet(CALL_UUID=${UUID()})",
        "GotoIf($[\"${REGISTERED}\" = \"ok\"]?${CALL_FORM},s,1)\nPlayback(vm-nobodyavail)\nHangup()",
    ] {
        assert!(back.contains(step), "expected {step} in\n{back}");
    }
    let globals = section("extensions.conf", "globals");
    let returns = globals.value("ORDERLINE_RETURNS").unwrap();
    assert_eq!(returns, Config::default().transfer.returns.to_string(), "as often as the server allows");
}

#[test]
fn what_a_person_should_know_is_inherited_by_their_channel() {
    let plan = dialplan();
    for (field, name) in [(2, "CALLER"), (3, "ORDER"), (4, "LANG"), (5, "SUMMARY")] {
        let set = format!("Set(__ORDERLINE_{name}=");
        let step = plan["orderline-operator"].iter().find(|step| step.starts_with(&set)).unwrap();
        assert!(step.contains(&format!("${{CUT(CARD,|,{field})}}")) && step.contains("=${FILTER("), "{step}");
        let header = format!("X-Orderline-{}{})=", &name[..1], name[1..].to_lowercase());
        let told = plan["orderline-card"].iter().any(|step| step.contains(&header));
        assert_eq!(told, name != "LANG", "{header}");
    }
}

#[test]
fn ari_tells_who_calls_to_this_machine_only_and_can_do_no_more() {
    let general = section("ari.conf", "general");
    assert_eq!(general.value("enabled"), Some("yes"));
    let variables: BTreeSet<&str> = general.value("channelvars").unwrap().split(',').collect();
    assert_eq!(variables, ["CALL_UUID", "CALL_DIALLED", "CALL_LANG"].into());
    let settings = orderline::ari::Settings::default();
    let user = section("ari.conf", &settings.user);
    assert_eq!((user.value("type"), user.value("read_only")), (Some("user"), Some("yes")));
    let http = section("http.conf", "general");
    assert_eq!((http.value("bindaddr"), http.value("bindport")), (Some("127.0.0.1"), Some("8088")));
    assert_eq!(http.value("prefix"), None);
}

/// What Orderline asks of Asterisk for a call that it sets up itself.
#[test]
fn the_stasis_form_names_the_application_and_is_fetched_back_when_nobody_serves_it() {
    let settings = orderline::ari::Settings::default();
    let steps = &dialplan()["orderline-stasis"];
    let at =
        |step: &str| steps.iter().position(|s| s == step).unwrap_or_else(|| panic!("no {step} in {steps:?}"));
    let stasis = at(&format!("Stasis({},${{CALL_LANG}},back,${{CALL_EARLIER}})", settings.app));
    let watchdog = format!("Set(TIMEOUT(absolute)={})", settings.stasis.watchdog_s);
    assert_eq!(at(&watchdog) + 1, stasis, "the watchdog watches before the application has the call");
    assert_eq!(
        steps[stasis + 1..],
        ["Set(TIMEOUT(absolute)=0)", "Goto(orderline-after,s,1)", "Goto(orderline-after,s,1)"]
    );
    let lines = section("extensions.conf", "orderline-stasis").lines;
    assert_eq!(lines.last().unwrap().1, "T,1,Goto(orderline-after,s,1)");
    let gone = section("extensions.conf", &settings.stasis.gone).lines;
    for extension in ["s", "person"] {
        let begins = format!("{extension},1,");
        assert!(gone.iter().any(|(key, step)| key == "exten" && step.starts_with(&begins)), "{extension}");
    }
    let plan = dialplan();
    let people = &plan[&settings.transfer.context];
    assert!(!people.is_empty());
    assert_eq!(settings.transfer.extension, "s");
    let endpoint = settings.transfer.endpoint.strip_prefix("PJSIP/").unwrap();
    assert!(sections("pjsip.conf").iter().any(|s| s.name == endpoint));
    let modules = section("modules.conf", "modules");
    for module in ["res_ari_bridges.so", "res_ari_channels.so", "res_ari_events.so", "res_stasis_answer.so"] {
        assert!(modules.lines.iter().any(|(_, v)| v == module), "{module}");
    }
}

#[test]
fn no_secret_is_shipped_and_each_is_included() {
    for (file, include) in [("ari.conf", "ari_password.conf"), ("pjsip.conf", "operator_password.conf")] {
        let text = fs::read_to_string(folder().join(file)).unwrap();
        assert!(text.contains(&format!("\n#include {include}\n")), "{file}");
        assert!(!folder().join(include).exists(), "{include} does not belong here");
    }
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(file) = name.strip_suffix(".conf") else { continue };
        for section in sections(&format!("{file}.conf")) {
            for (key, value) in &section.lines {
                let secret = matches!(key.as_str(), "password" | "secret" | "md5_cred") && !value.is_empty();
                assert!(!secret, "{name} [{}] {key}", section.name);
            }
        }
    }
}

#[test]
fn every_application_and_function_of_the_dialplan_has_its_module() {
    let modules = section("modules.conf", "modules");
    let loaded: BTreeSet<&str> =
        modules.lines.iter().filter(|(k, _)| k == "load").map(|(_, v)| v.as_str()).collect();
    assert_eq!(modules.value("autoload"), Some("no"));
    let text = fs::read_to_string(folder().join("extensions.conf")).unwrap();
    for (word, module) in [
        ("Dial(", "app_dial.so"),
        ("AudioSocket/", "chan_audiosocket.so"),
        ("AudioSocket(", "app_audiosocket.so"),
        ("TryExec(", "app_exec.so"),
        ("ExecIf(", "app_exec.so"),
        ("Playback(", "app_playback.so"),
        ("Queue(", "app_queue.so"),
        ("Gosub(", "app_stack.so"),
        ("Stasis(", "app_stasis.so"),
        ("ChannelRedirect(", "app_channelredirect.so"),
        ("TIMEOUT(", "func_timeout.so"),
        ("CURL(", "func_curl.so"),
        ("CURLOPT(", "res_curl.so"),
        ("URIENCODE(", "func_uri.so"),
        ("UUID(", "func_uuid.so"),
        ("CALLERID(", "func_callerid.so"),
        ("CHANNEL(", "func_channel.so"),
        ("IF(", "func_logic.so"),
        ("CUT(", "func_cut.so"),
        ("DIALPLAN_EXISTS(", "func_dialplan.so"),
        ("FILTER(", "func_strings.so"),
        ("LEN(", "func_strings.so"),
        ("PJSIP_HEADER(", "res_pjsip_header_funcs.so"),
    ] {
        assert!(text.contains(word), "the table of this test is out of date: {word}");
        assert!(loaded.contains(module), "{word} needs {module}");
    }
}

/// A file that Asterisk reads and nobody looked at would be a door.
#[test]
fn asterisk_reads_these_files_and_no_others() {
    let names = fs::read_dir(folder()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter_map(|name| name.strip_suffix(".conf").map(str::to_owned)).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "ari",
            "asterisk",
            "extensions",
            "http",
            "indications",
            "logger",
            "modules",
            "musiconhold",
            "pjsip",
            "queues",
            "rtp",
        ]
    );
}
