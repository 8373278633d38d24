//! A telephone: it plays Asterisk's part over AudioSocket, with a caller who follows a script.
//!
//! It says what its script says when the agent has finished speaking, presses keys, interrupts and hangs up; it records
//! both directions and measures what the caller lives through: how long after the last word the answer begins, how
//! fast an interrupted agent falls silent, how evenly its frames come. [`place`] is one call; [`Script`] is what is
//! said in it; [`CallReport`] is what came of it.
//!
//! Like Asterisk it ends the call for any message from a server but sound and hangup, and hangs up by closing.

use std::io;
use std::time::Duration;

use audiosocket::{Audio, DecodeError, Decoder, Digit, Message, SampleRate};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

use crate::audio::Rate;

mod caller;
pub mod hostile;
mod report;
mod script;

pub use report::{CallReport, Ended, Gaps, Moment, Turn};
pub use script::{Expect, Line, Script, ScriptError, Step, When};

use caller::{Act, Caller};
use report::Recorder;

/// The packet time of telephony.
const FRAME: Duration = Duration::from_millis(20);
/// A clock this late moves on instead of sending the debt in a burst: as the server is asked to do.
const LATEST: Duration = Duration::from_millis(60);
/// How long Asterisk waits for a connection (`MAX_CONNECT_TIMEOUT_MSEC` in res_audiosocket.c).
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// A server that takes no bytes for so long has gone.
const WRITE_WITHIN: Duration = Duration::from_secs(5);
/// After a failed write: how long to read what the server sent before it went.
const READ_ON: Duration = Duration::from_secs(1);

/// Why there was no call.
#[derive(Debug, thiserror::Error)]
pub enum TelephoneError {
    /// Nobody answered at the address.
    #[error("cannot reach the voice server at {addr}: {source}")]
    Connect {
        /// Host and port.
        addr: String,
        /// What the system says.
        source: io::Error,
    },
    /// The connection broke in another way than by a reset.
    #[error("the call broke: {0}")]
    Io(#[from] io::Error),
    /// AudioSocket has no kind for this rate.
    #[error("a telephone at {0} Hz: expected one of AudioSocket's rates, 8000 or 16000 as a rule")]
    Rate(u32),
    /// A line cannot be brought to the rate of the call.
    #[error("line {line:?}: {source}")]
    Line {
        /// What it says.
        line: String,
        /// The two rates.
        source: crate::audio::resample::UnsupportedRates,
    },
}

/// Places one call to the voice server at `host:port` and follows the script to its end. The observer hears of each
/// moment as it comes.
///
/// # Errors
/// [`TelephoneError`]: the call did not come about, or its line broke. A call that went wrong otherwise is a report that
/// says so ([`CallReport::ended`], [`CallReport::steps_done`]).
pub async fn place(
    addr: &str,
    call: Uuid,
    rate: Rate,
    script: &Script,
    observer: impl FnMut(Moment) + Send,
) -> Result<CallReport, TelephoneError> {
    let connect = |source| TelephoneError::Connect { addr: addr.to_owned(), source };
    let stream = match timeout(CONNECT_WITHIN, TcpStream::connect(addr)).await {
        Ok(connected) => connected.map_err(connect)?,
        Err(_) => return Err(connect(io::ErrorKind::TimedOut.into())),
    };
    stream.set_nodelay(true)?;
    place_over(stream, call, rate, script, observer).await
}

/// The same over a connection that is already there.
///
/// # Errors
/// As [`place`].
pub async fn place_over(
    stream: impl AsyncRead + AsyncWrite + Send,
    call: Uuid,
    rate: Rate,
    script: &Script,
    observer: impl FnMut(Moment) + Send,
) -> Result<CallReport, TelephoneError> {
    let wire = SampleRate::from_hz(rate.0).ok_or(TelephoneError::Rate(rate.0))?;
    let caller = Caller::new(script, rate)?;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let start = Instant::now();
    let mut line = Conversation {
        wire,
        start,
        caller,
        recorder: Recorder::new(rate),
        observer,
        decoder: Decoder::new(),
    };

    let mut out = BytesMut::new();
    let mut incoming = BytesMut::with_capacity(4_096);
    Message::Id(call).encode(&mut out);
    let mut next_frame = start;
    // None while the server takes our bytes; else until when to read what it still has to say.
    let mut deaf_until: Option<Instant> = None;
    let ended = loop {
        tokio::select! {
            biased;
            () = sleep_until(next_frame) => {
                let now = Instant::now();
                if deaf_until.is_some_and(|until| now >= until) {
                    break Ended::Reset;
                }
                if let Some(ended) = line.speak(now, &mut out) {
                    break ended;
                }
                if deaf_until.is_none() {
                    match timeout(WRITE_WITHIN, writer.write_all(&out)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) | Err(_) => deaf_until = Some(now + READ_ON),
                    }
                }
                out.clear();
                next_frame += FRAME;
                if now.saturating_duration_since(next_frame) > LATEST {
                    next_frame = now;
                }
            }
            read = reader.read_buf(&mut incoming) => match read {
                Ok(0) => break Ended::Closed,
                Ok(_) => {
                    if let Some(ended) = line.hear(Instant::now(), &mut incoming) {
                        break ended;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break Ended::Reset,
                Err(error) => return Err(error.into()),
            },
        }
    };
    Ok(line.hang_up(call, ended))
}

/// One call in progress.
struct Conversation<'a, O> {
    wire: SampleRate,
    start: Instant,
    caller: Caller<'a>,
    recorder: Recorder,
    observer: O,
    decoder: Decoder,
}

impl<O: FnMut(Moment)> Conversation<'_, O> {
    /// The next 20 ms from the caller: appends what is to be sent.
    fn speak(&mut self, now: Instant, out: &mut BytesMut) -> Option<Ended> {
        let at = self.since_start(now);
        match self.caller.act(at, self.recorder.agent(), &mut self.observer) {
            Act::Frame(frame) => self.send(&frame, out),
            Act::Key(digit, frame) => {
                if let Some(digit) = Digit::new(digit) {
                    Message::Dtmf(digit).encode(out);
                }
                self.send(&frame, out);
            }
            Act::End(ended) => return Some(ended),
        }
        None
    }

    fn send(&mut self, frame: &[i16], out: &mut BytesMut) {
        self.recorder.sent(frame);
        // A frame of 20 ms is neither empty nor too long.
        let encoded = Audio::encode_samples(self.wire, frame, out);
        debug_assert!(encoded.is_ok());
    }

    /// What the server sent: sound, a hangup, or what ends a call in Asterisk.
    fn hear(&mut self, now: Instant, incoming: &mut BytesMut) -> Option<Ended> {
        let at = self.since_start(now);
        loop {
            match self.decoder.decode(incoming) {
                Ok(None) => return None,
                Ok(Some(Message::Audio(audio))) if audio.rate() == self.wire => {
                    let samples: Vec<i16> = audio.samples().collect();
                    if self.recorder.heard(at, &samples) {
                        (self.observer)(Moment::AgentBegan { at_ms: at.as_millis() as u64 });
                    }
                }
                Ok(Some(Message::Audio(audio))) => {
                    return Some(Ended::Protocol(format!(
                        "sound at {} Hz in a call at {} Hz",
                        audio.rate().hz(),
                        self.wire.hz()
                    )));
                }
                Ok(Some(Message::Hangup)) => return Some(Ended::Agent),
                Ok(Some(Message::Malformed(malformed))) => {
                    return Some(Ended::Protocol(malformed.fault().to_string()));
                }
                Ok(Some(other)) => {
                    return Some(Ended::Protocol(format!("a message of kind 0x{:02x}", other.kind())));
                }
                Err(error @ (DecodeError::IdLength { .. } | DecodeError::Torn { .. })) => {
                    return Some(Ended::Protocol(error.to_string()));
                }
            }
        }
    }

    fn hang_up(mut self, call: Uuid, ended: Ended) -> CallReport {
        (self.observer)(Moment::Ended {
            at_ms: self.start.elapsed().as_millis() as u64,
            ended: ended.clone(),
        });
        let (turns, steps_done, steps) = self.caller.finish();
        self.recorder.report(call, turns, steps_done, steps, self.start.elapsed(), ended)
    }

    fn since_start(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};

    use super::*;
    use crate::audio::wav::Sound;

    /// An agent that greets from 0.2 to 1.2 s, answers `answer_after` frames of the caller's silence after each line or
    /// key with 30 frames of tone, and hangs up after that many answers. It speaks on when interrupted, for `deaf`
    /// frames.
    struct Agent {
        answer_after: u32,
        answers: u32,
        deaf: u32,
    }

    impl Agent {
        async fn serve(self, stream: DuplexStream) -> Vec<Message> {
            let (mut reader, mut writer) = tokio::io::split(stream);
            let mut clock = tokio::time::interval(FRAME);
            let (mut decoder, mut buffer) = (Decoder::new(), BytesMut::new());
            let mut heard = Vec::new();
            let (mut frame, mut tone_left, mut silent, mut spoken_to, mut answers) = (0, 0, 0, false, 0);
            let mut interrupted = 0;
            loop {
                tokio::select! {
                    biased;
                    _ = clock.tick() => {
                        frame += 1;
                        if frame == 11 {
                            tone_left = 50;
                        }
                        let sound = if tone_left > 0 { 5_000 } else { 0 };
                        if tone_left == 1 && answers == self.answers {
                            let mut out = BytesMut::new();
                            Message::Hangup.encode(&mut out);
                            writer.write_all(&out).await.expect("the telephone is there");
                            return heard;
                        }
                        tone_left = u32::saturating_sub(tone_left, 1);
                        let mut out = BytesMut::new();
                        Audio::encode_samples(SampleRate::Hz8000, &[sound; 160], &mut out).expect("a frame");
                        if writer.write_all(&out).await.is_err() {
                            return heard;
                        }
                    }
                    read = reader.read_buf(&mut buffer) => {
                        if read.expect("a duplex does not fail") == 0 {
                            return heard;
                        }
                        while let Some(message) = decoder.decode(&mut buffer).expect("AudioSocket") {
                            match &message {
                                Message::Audio(audio) if audio.samples().any(|x| x != 0) => {
                                    spoken_to = true;
                                    silent = 0;
                                    if tone_left > 0 {
                                        interrupted += 1;
                                        if interrupted >= self.deaf {
                                            tone_left = 0;
                                        }
                                    }
                                }
                                Message::Audio(_) => silent += 1,
                                Message::Dtmf(_) => (spoken_to, silent) = (true, 0),
                                _ => {}
                            }
                            if spoken_to && silent == self.answer_after {
                                (spoken_to, tone_left) = (false, 30);
                                answers += 1;
                            }
                            heard.push(message);
                        }
                    }
                }
            }
        }
    }

    fn line(text: &str, frames: usize) -> Line {
        Line {
            text: text.to_owned(),
            sound: Sound { rate: Rate::HZ_8000, samples: vec![4_000; frames * 160] },
        }
    }

    fn say(text: &str, when: When) -> Step {
        Step::Say { line: line(text, 40), when }
    }

    async fn call(agent: Agent, steps: Vec<Step>) -> (CallReport, Vec<Moment>, Vec<Message>) {
        let (ours, theirs) = duplex(64 * 1024);
        let server = tokio::spawn(agent.serve(theirs));
        let mut moments = Vec::new();
        let script = Script::new(steps);
        let report =
            place_over(ours, Uuid::from_u128(1), Rate::HZ_8000, &script, |moment| moments.push(moment))
                .await
                .expect("a call");
        let heard = server.await.expect("the agent does not panic");
        (report, moments, heard)
    }

    #[tokio::test(start_paused = true)]
    async fn the_caller_hears_the_agent_out_and_measures_each_answer() {
        let agent = Agent { answer_after: 25, answers: 2, deaf: 999 };
        let key = Step::Key { digit: '4', when: When::AgentFinished };
        let (report, moments, heard) = call(agent, vec![say("hello", When::AgentFinished), key]).await;

        assert_eq!(report.ended, Ended::Agent);
        assert!(report.completed());
        assert!((180..=220).contains(&report.greeted_after_ms.expect("a greeting")), "{report:?}");
        let [spoken, keyed] = report.turns.as_slice() else { panic!("{report:?}") };
        // Greeting over at 1.2 s, 0.8 s of quiet, then the line.
        assert!((1_960..=2_040).contains(&spoken.began_ms), "{report:?}");
        assert_eq!(spoken.last_sound_ms - spoken.began_ms, 800);
        assert!((480..=540).contains(&spoken.answer_after_ms.expect("an answer")), "{report:?}");
        assert_eq!(keyed.text, "4");
        assert!((480..=540).contains(&keyed.answer_after_ms.expect("an answer")), "{report:?}");
        assert_eq!(report.gaps.median_us, 20_000);

        assert!(matches!(heard.first(), Some(Message::Id(id)) if *id == Uuid::from_u128(1)));
        assert_eq!(heard.iter().filter(|message| matches!(message, Message::Dtmf(_))).count(), 1);
        assert!(matches!(moments.first(), Some(Moment::AgentBegan { .. })));
        assert!(
            moments.iter().any(|moment| matches!(moment, Moment::Saying { text, .. } if text == "hello"))
        );
        // Both tracks are as long as the call, to within the few frames on the way.
        let difference = report.caller_sound.len().abs_diff(report.agent_sound.len());
        assert!(difference <= 5 * 160, "{difference}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_comes_while_the_agent_speaks_and_measures_its_silence() {
        let agent = Agent { answer_after: 25, answers: 1, deaf: 10 };
        let (report, _, _) = call(agent, vec![say("stop", When::AgentSpokeFor { ms: 400 })]).await;
        let turn = &report.turns[0];
        assert!((580..=640).contains(&turn.began_ms), "{turn:?}");
        assert!((160..=240).contains(&turn.cut_after_ms.expect("cut")), "{turn:?}");
        assert!(turn.answer_after_ms.expect("an answer") > 400, "{turn:?}");
        assert_eq!(report.ended, Ended::Agent);
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_that_never_answers_is_given_up_on() {
        let agent = Agent { answer_after: u32::MAX, answers: 9, deaf: 999 };
        let steps = vec![say("hello", When::AgentFinished), say("still there", When::AgentFinished)];
        let (report, _, _) = call(agent, steps).await;
        assert_eq!(report.ended, Ended::NoAnswer { step: 2 });
        assert_eq!((report.steps_done, report.steps), (1, 2));
        assert!(!report.completed());
        // The line ended 0.8 s after 2.0 s; then 15 s of patience.
        assert!((17_700..=18_000).contains(&report.duration_ms), "{report:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_may_hang_up_in_the_middle_of_a_word() {
        let agent = Agent { answer_after: 25, answers: 9, deaf: 999 };
        let hang_up = Step::HangUp { when: When::AgentSpokeFor { ms: 300 } };
        let (report, _, _) = call(agent, vec![Step::Wait { ms: 100 }, hang_up]).await;
        assert_eq!(report.ended, Ended::Caller);
        assert!(report.completed());
        assert!((480..=540).contains(&report.duration_ms), "{report:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_a_call_in_asterisk_ends_it_here() {
        let cases: [(&[u8], &str); 4] = [
            (&[0x03, 0, 1, b'1'], "a message of kind 0x03"),
            (&[0x10, 0, 0], "audio of 0 bytes: expected at least one 16-bit sample"),
            (&[0x77, 0, 0], "a message of kind 0x77"),
            (&[0x12, 0, 2, 0, 0], "sound at 16000 Hz in a call at 8000 Hz"),
        ];
        for (bytes, expected) in cases {
            let (ours, mut theirs) = duplex(64 * 1024);
            theirs.write_all(bytes).await.expect("a duplex");
            let script = Script::new(Vec::new());
            let report = place_over(ours, Uuid::nil(), Rate::HZ_8000, &script, |_| {}).await.expect("a call");
            assert_eq!(report.ended, Ended::Protocol(expected.to_owned()));
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_an_error_with_its_address() {
        let script = Script::new(Vec::new());
        let error =
            place("127.0.0.1:1", Uuid::nil(), Rate::HZ_8000, &script, |_| {}).await.expect_err("nobody");
        assert!(error.to_string().starts_with("cannot reach the voice server at 127.0.0.1:1: "), "{error}");
    }
}
