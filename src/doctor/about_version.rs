//! The traps of a version.

use super::version::{Change, ENDED_LINES, NEWEST_LINE, OLDEST_LINE, Version};
use super::{Form, Severity, Situation, Trap, Use};

/// Which forms a version trap concerns: those that are used, or any where none is known.
struct Used {
    application: bool,
    dial: bool,
    known: bool,
}

impl Used {
    fn of(uses: &[Use]) -> Self {
        let application = uses.iter().any(|found| matches!(found.form, Form::Application { .. }));
        let dial = uses.iter().any(|found| matches!(found.form, Form::Dial { .. }));
        Self { application, dial, known: !uses.is_empty() }
    }

    /// The severity of what concerns the application alone: as given where it is used, less where nobody knows, none
    /// where only Dial is used.
    fn application(&self, severity: Severity) -> Option<Severity> {
        match (self.application, self.known) {
            (true, _) => Some(severity),
            (false, false) => Some(severity.max(Severity::Warning)),
            (false, true) => None,
        }
    }
}

pub(super) fn traps(situation: &Situation, uses: &[Use]) -> Vec<Trap> {
    match &situation.version {
        None => Vec::new(),
        Some(Err(error)) => vec![Trap {
            id: "version_unknown",
            severity: Severity::Warning,
            place: None,
            found: error.to_string(),
            caller: "unknown: the traps of versions are not checked".to_owned(),
            fix: "give the release that it was built from with --asterisk-version".to_owned(),
            source: "main/version.c".to_owned(),
        }],
        Some(Ok(version)) => of_version(*version, &Used::of(uses)),
    }
}

fn of_version(version: Version, used: &Used) -> Vec<Trap> {
    let trap = |id, severity, found: String, caller: &str, fix: String, source: &str| Trap {
        id,
        severity,
        place: None,
        found,
        caller: caller.to_owned(),
        fix,
        source: source.to_owned(),
    };
    if version.major < OLDEST_LINE {
        return vec![trap(
            "no_audiosocket",
            Severity::Fatal,
            format!("Asterisk {version} has no AudioSocket"),
            "never reaches the agent",
            "use Asterisk 22 (the line with long support)".to_owned(),
            "apps/app_audiosocket.c and channels/chan_audiosocket.c came with 18.0.0",
        )];
    }
    let upgrade = |change: Change| format!("use Asterisk {} or later", change.releases());
    let lacks = |change: Change| !version.has(change);
    let mut found = Vec::new();
    if lacks(Change::NoIdleSpin)
        && let Some(severity) = used.application(Severity::Warning)
    {
        found.push(trap(
            "idle_spin",
            severity,
            format!("the application AudioSocket() of {version} spins while it waits"),
            "choppy sound, as each call takes a processor core",
            format!("{}, or Dial(AudioSocket/…)", upgrade(Change::NoIdleSpin)),
            "asterisk issue 234; apps/app_audiosocket.c",
        ));
    }
    if lacks(Change::OrderlyEnd) {
        if let Some(severity) = used.application(Severity::Fatal) {
            found.push(trap(
                "disorderly_end",
                severity,
                format!("in the application AudioSocket() of {version} the server's hangup message ends the call"),
                "is cut off when the agent leaves, also towards a person; after a bare close hears silence while Asterisk \
                 spins",
                format!("{}, or Dial(AudioSocket/…,,g)", upgrade(Change::OrderlyEnd)),
                "asterisk pull 1138; apps/app_audiosocket.c",
            ));
        }
        found.push(trap(
            "no_keys",
            Severity::Warning,
            format!("{version} sends no keys over AudioSocket"),
            "presses 0 for a person, * to cancel or 1 for yes, and nothing happens",
            upgrade(Change::OrderlyEnd),
            "asterisk pull 1138: kind 0x03",
        ));
    }
    if lacks(Change::ComfortNoise) {
        found.push(trap(
            "comfort_noise",
            Severity::Warning,
            format!("{version} takes a caller's comfort noise (RFC 3389) for an error and ends the agent's leg"),
            "with a telephone that suppresses silence: loses the agent at the first pause, and is cut off where the \
             dialplan does not go on",
            format!("{}, or turn silence suppression off at the trunk", upgrade(Change::ComfortNoise)),
            "asterisk pull 1890; res/res_audiosocket.c",
        ));
    }
    if lacks(Change::NoDelay) {
        found.push(trap(
            "no_delay",
            Severity::Note,
            format!("{version} ends a call whose frame comes in pieces"),
            "nothing: Orderline writes each frame in one piece, without Nagle's delay",
            format!("none is needed; {} tolerates 5 ms", Change::NoDelay.releases()),
            "asterisk pull 1247; res/res_audiosocket.c",
        ));
    }
    if lacks(Change::SplitHeader) && version.has(Change::OrderlyEnd) {
        found.push(trap(
            "split_header",
            Severity::Note,
            format!("{version} misreads a header that comes in pieces"),
            "nothing: Orderline writes each frame in one piece; through a proxy that cuts the stream: noise, then the \
             leg's end",
            format!("put no proxy between, or {}", upgrade(Change::SplitHeader)),
            "asterisk pulls 1522 and 1824; res/res_audiosocket.c",
        ));
    }
    if version.has(Change::HeaderWait) {
        found.push(trap(
            "header_wait",
            Severity::Note,
            format!("{version} waits for the rest of a torn header without end, and holds the channel meanwhile"),
            "nothing: Orderline sends whole frames every 20 ms and always closes; of a server that stops within a header \
             the caller would hear nothing more, and the channel would stay after hanging up",
            "none in any release yet; put no proxy between that keeps dead connections open".to_owned(),
            "asterisk issue 2089, pull 2090 (open); seen on 22.10.1: a_server_that_stops_within_a_header_freezes_the_leg",
        ));
    }
    if used.dial && lacks(Change::Rates) && version.has(Change::NoIdleSpin) {
        found.push(trap(
            "narrowband_only",
            Severity::Note,
            format!("{version} can carry 8 kHz only"),
            "hears telephone quality, on a wideband trunk too",
            format!("{} for c(slin16)", upgrade(Change::Rates)),
            "include/asterisk/res_audiosocket.h: kinds 0x11 to 0x18",
        ));
    }
    if ENDED_LINES.contains(&version.major) {
        found.push(trap(
            "ended_line",
            Severity::Note,
            format!("the line {} gets no more releases", version.major),
            "keeps what is told above",
            "use Asterisk 22 (the line with long support)".to_owned(),
            "docs.asterisk.org, Asterisk Versions",
        ));
    }
    if version.certified.is_some() {
        found.push(trap(
            "certified",
            Severity::Note,
            format!("{version} is a certified version: taken for {}.{}, with repairs that its number does not tell", version.major, version.minor),
            "may be spared some of what is told above",
            "see its ChangeLog for the issues that are named".to_owned(),
            "docs.asterisk.org, Certified Asterisk",
        ));
    }
    if version.major > NEWEST_LINE {
        found.push(trap(
            "newer_line",
            Severity::Note,
            format!(
                "{version} is newer than this doctor, which knows the lines {OLDEST_LINE} to {NEWEST_LINE}"
            ),
            "nothing known",
            "update Orderline".to_owned(),
            "src/doctor/version.rs",
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Dialplan, traps as all};
    use super::*;

    /// The traps of a version under the given dialplan step.
    fn ids(version: &str, step: &str) -> Vec<(&'static str, Severity)> {
        let dialplan = (!step.is_empty()).then(|| {
            Dialplan::of(&format!("[x]\nexten => 1,1,Answer()\n same => n,{step}\n same => n,Queue(q)\n"))
        });
        let situation = Situation { version: Some(version.parse()), dialplan, ..Situation::default() };
        all(&situation).into_iter().map(|trap| (trap.id, trap.severity)).collect()
    }

    const DIAL: &str = "Dial(AudioSocket/127.0.0.1:9092/${CALL_UUID}/c(slin),,g)";
    const WIDE: &str = "Dial(AudioSocket/127.0.0.1:9092/${CALL_UUID}/c(slin16),,g)";
    const TRIED: &str = "TryExec(AudioSocket(${CALL_UUID},127.0.0.1:9092))";
    use Severity::{Fatal, Note, Warning};

    #[test]
    fn the_application_ends_in_order_from_20_14_and_22_4_on() {
        for (without, with) in [("20.13.0", "20.14.0"), ("21.8.0", "21.9.0"), ("22.3.0", "22.4.0")] {
            assert!(ids(without, TRIED).contains(&("disorderly_end", Fatal)), "{without}");
            assert!(ids(without, "").contains(&("disorderly_end", Warning)), "{without}");
            assert!(ids(without, DIAL).iter().all(|(id, _)| *id != "disorderly_end"), "{without}");
            assert!(ids(without, DIAL).contains(&("no_keys", Warning)), "{without}");
            for form in [TRIED, DIAL, ""] {
                let found = ids(with, form);
                assert!(
                    found.iter().all(|(id, _)| *id != "disorderly_end" && *id != "no_keys"),
                    "{with} {found:?}"
                );
            }
        }
        assert!(ids("23.0.0", TRIED).iter().all(|(id, _)| *id != "disorderly_end"));
    }

    #[test]
    fn wideband_is_labelled_right_from_20_17_22_7_and_23_1_on() {
        for (without, with) in
            [("20.16.0", "20.17.0"), ("21.11.0", "21.12.0"), ("22.6.0", "22.7.0"), ("23.0.0", "23.1.0")]
        {
            assert!(ids(without, WIDE).contains(&("mislabelled_rate", Fatal)), "{without}");
            assert!(ids(with, WIDE).iter().all(|(id, _)| *id != "mislabelled_rate"), "{with}");
            assert!(ids(without, DIAL).iter().all(|(_, severity)| *severity != Fatal), "{without}");
        }
    }

    #[test]
    fn comfort_noise_split_headers_and_delays_have_their_releases() {
        let has = |version: &str, id: &str| ids(version, DIAL).iter().any(|(found, _)| *found == id);
        assert!(has("22.9.1", "comfort_noise") && !has("22.10.0", "comfort_noise"));
        assert!(has("23.3.0", "comfort_noise") && !has("23.4.0", "comfort_noise"));
        assert!(has("22.8.0", "split_header") && !has("22.9.0", "split_header"));
        assert!(has("22.4.0", "no_delay") && !has("22.5.0", "no_delay"));
        assert!(!has("22.6.0", "header_wait") && has("22.7.0", "header_wait"));
    }

    #[test]
    fn the_measured_version_has_nothing_but_notes() {
        assert_eq!(ids("22.10.1+dfsg+~cs6.17.60671434-1", DIAL), [("header_wait", Note)]);
        assert_eq!(ids("22.10.1", WIDE), [("header_wait", Note)]);
    }

    #[test]
    fn old_new_certified_and_unreadable_versions_are_told_as_such() {
        assert_eq!(ids("16.30.0", ""), [("no_audiosocket", Fatal)]);
        let certified: Vec<_> = ids("18.9-cert5", TRIED).into_iter().map(|(id, _)| id).collect();
        assert!(certified.contains(&"certified") && certified.contains(&"disorderly_end"), "{certified:?}");
        assert!(certified.contains(&"idle_spin") && certified.contains(&"ended_line"), "{certified:?}");
        assert!(ids("24.1.0", DIAL).contains(&("newer_line", Note)));
        assert_eq!(ids("GIT-22-1a2b3c", ""), [("version_unknown", Warning)]);
    }
}
