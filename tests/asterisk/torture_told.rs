//! What the dialplan and ARI are told of the agent's leg: how it ended, and whose it is. The shipped dialplan, the doctor
//! and the question who calls rest on it.

use super::pbx::{Extra, Pbx, Plan, free_port};
use super::peers;
use super::rogue::{Leg, Rogue};
use super::torture::Form::{self, Dialled, Tried};
use super::torture::{extension, hears_a_person, person, side_by_side, until};
use super::wire::{Dialling, Sends, WirePhone};

/// How a server ends the leg, and what the dialplan knows then.
struct Told {
    what: &'static str,
    caller: Sends,
    does: fn(Leg),
    /// DIALSTATUS and HANGUPCAUSE after a Dial.
    dialled: &'static str,
    /// TRYSTATUS after TryExec.
    tried: &'static str,
}

const TOLD: &[Told] = &[
    Told {
        what: "hangs up with the message",
        caller: Sends::Sound,
        does: |leg| {
            leg.behave();
            leg.bytes(&[0, 0, 0]);
            leg.behave();
        },
        dialled: "ANSWER 16",
        tried: "SUCCESS",
    },
    Told {
        // Of a caller who says nothing: sound on its way to a closed socket would make a reset of it.
        what: "closes without it",
        caller: Sends::Nothing,
        does: |leg| leg.behave(),
        dialled: "ANSWER 16",
        tried: "SUCCESS",
    },
    Told {
        what: "resets",
        caller: Sends::Sound,
        does: |leg| {
            leg.behave();
            leg.reset();
        },
        // As if the agent had said goodbye: nothing in the dialplan tells a crash from an end.
        dialled: "ANSWER 16",
        tried: "FAILED",
    },
];

/// Asterisk's log gets `told NAME DIALSTATUS HANGUPCAUSE` or `told NAME TRYSTATUS` when the agent's leg is over.
fn telling(extension: &str, name: &str, variables: &str) -> String {
    let person = " same => n,Goto(torture-person,s,1)";
    extension.replace(person, &format!(" same => n,Log(NOTICE,told {name} {variables})\n{person}"))
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_dialplan_is_told_how_the_agents_leg_ended() {
    let peers = peers::ready();
    let (_person, people) = person();
    let forms = [(Dialled, "${DIALSTATUS} ${HANGUPCAUSE}"), (Tried, "${TRYSTATUS}")];
    let mut dialplan = String::from("\n[from-trunk]\n");
    let mut cases = Vec::new();
    for (n, told) in TOLD.iter().enumerate() {
        for (form, variables) in forms {
            let (rogue, name) = (Rogue::listen(), format!("{form:?}{n}"));
            dialplan += &telling(&extension(&name, form, rogue.address), &name, variables);
            cases.push((told, Some(rogue), form, name));
        }
    }
    let nobody = Told {
        what: "is not there",
        caller: Sends::Sound,
        does: drop,
        // 38: the network is out of order (ITU-T Q.850).
        dialled: "CHANUNAVAIL 38",
        tried: "FAILED",
    };
    let mut absent = Vec::new();
    for (form, variables) in forms {
        let name = format!("{form:?}absent");
        dialplan += &telling(&extension(&name, form, free_port()), &name, variables);
        absent.push((&nobody, None::<Rogue>, form, name));
    }
    let extra = Extra { dialplan: dialplan + &people, ..Extra::default() };
    let pbx = Pbx::start_with(&peers, free_port(), free_port(), Plan::default(), &extra);
    let is_told = |(told, server, form, name): &(&Told, Option<Rogue>, Form, String)| {
        let phone = WirePhone::dial(pbx.sip, name, &Dialling { sends: told.caller, ..Dialling::default() });
        if let Some(rogue) = server {
            (told.does)(rogue.leg());
        }
        until("a person", || {
            assert!(!phone.is_closed(), "a server that {}, {form:?}: {}", told.what, pbx.said());
            hears_a_person(&phone)
        });
        let begins = format!("told {name} ");
        let said = pbx.said();
        let found = said.lines().find_map(|line| line.split_once(&begins)).map(|(_, found)| found.trim());
        let expected = if *form == Dialled { told.dialled } else { told.tried };
        if found == Some(expected) {
            Ok(())
        } else {
            Err(format!("a server that {}, {form:?}: expected {expected:?}, found {found:?}", told.what))
        }
    };
    // One after the other: Asterisk closes the socket of a failed connection twice, and the second time it may be the new
    // socket of another call, which then is cut off or shares its sound with a third (seen; res_audiosocket.c,
    // ast_audiosocket_connect).
    side_by_side(1, &absent, is_told);
    side_by_side(4, &cases, is_told);
}

/// How a server fails the application.
type Failure = (&'static str, fn(Leg));

const FAILURES: &[Failure] = &[
    ("resets", |leg| {
        leg.behave();
        leg.reset();
    }),
    ("sends a key", |leg| {
        leg.behave();
        leg.message(3, b"1");
        leg.behave();
    }),
    ("hangs up", |leg| {
        leg.behave();
        leg.bytes(&[0, 0, 0]);
        leg.behave();
    }),
];

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_local_channel_around_the_application_loses_no_caller_of_a_server_that_fails() {
    let peers = peers::ready();
    let (_person, people) = person();
    let mut outside = String::from("\n[from-trunk]\n");
    let mut inside = String::from("\n[torture-inside]\n");
    let mut cases = Vec::new();
    for (n, failure) in FAILURES.iter().enumerate() {
        let (rogue, name) = (Rogue::listen(), format!("local{n}"));
        outside += &format!(
            "exten => {name},1,Answer()\n same => n,Set(CALL_UUID=${{UUID()}})\n \
             same => n,Dial(Local/{name}@torture-inside/n,,g)\n same => n,Goto(torture-person,s,1)\n"
        );
        inside +=
            &format!("exten => {name},1,Answer()\n same => n,AudioSocket(${{UUID()}},{})\n", rogue.address);
        cases.push((name, rogue, failure));
    }
    // None of a server that is not there: the socket that is closed twice (see above) may be one of the bridge's own pipes,
    // which this form makes at that moment. Seen: the caller stays in silence, and Asterisk's log fills.
    let extra = Extra { dialplan: outside + &inside + &people, ..Extra::default() };
    let pbx = Pbx::start_with(&peers, free_port(), free_port(), Plan::default(), &extra);
    side_by_side(4, &cases, |(name, rogue, (what, fails))| {
        let phone = WirePhone::dial(pbx.sip, name, &Dialling::default());
        fails(rogue.leg());
        until("a person, or the call's end", || hears_a_person(&phone) || phone.is_closed());
        if hears_a_person(&phone) { Ok(()) } else { Err(format!("a server that {what}: cut off")) }
    });
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn ari_shows_whose_the_agents_leg_is() {
    let peers = peers::ready();
    let rogue = Rogue::listen();
    let dialplan = format!("\n[from-trunk]\n{}", extension("shown", Dialled, rogue.address));
    let extra = Extra { dialplan, ..Extra::default() };
    let pbx = Pbx::start_with(&peers, free_port(), free_port(), Plan::default(), &extra);
    let phone = WirePhone::dial(pbx.sip, "shown", &Dialling::default());
    let leg = rogue.leg();
    leg.behave();

    let callers = pbx.channels("PJSIP/phone");
    assert_eq!(callers.len(), 1, "{callers:?}");
    let caller = &callers[0];
    assert_eq!(caller["caller"]["number"], "+375291234567", "{caller}");
    assert_eq!(caller["channelvars"]["CALL_UUID"], leg.uuid.to_string(), "{caller}");
    assert_eq!(caller["dialplan"]["exten"], "shown", "{caller}");

    let legs = pbx.channels("AudioSocket/");
    assert_eq!(legs.len(), 1, "{legs:?}");
    let agents = &legs[0];
    assert_eq!(agents["name"], format!("AudioSocket/{}-{}", rogue.address, leg.uuid), "{agents}");
    assert_eq!(agents["connected"]["number"], "+375291234567", "{agents}");
    let variable = |name| pbx.variable(agents, name);
    assert_eq!(variable("AUDIOSOCKET_UUID"), Some(leg.uuid.to_string()));
    assert_eq!(variable("AUDIOSOCKET_SERVICE"), Some(rogue.address.to_string()));
    phone.hang_up();
    phone.ends();
}
