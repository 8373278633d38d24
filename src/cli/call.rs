//! `orderline call ADDR SCRIPT`: a telephone that plays Asterisk's part and follows a script.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use url::Url;
use uuid::Uuid;

use crate::audio::Rate;
use crate::telephone::{self, CallReport, Ended, Moment, Script};

/// How long the registration may take: what the sample dialplan allows CURL().
const REGISTER_WITHIN: Duration = Duration::from_secs(2);

/// Call a voice server over AudioSocket, as Asterisk does, with a script of spoken lines.
#[derive(Clone, Debug, clap::Args)]
pub struct CallArgs {
    /// Where the voice server listens for AudioSocket.
    #[arg(value_name = "HOST:PORT")]
    pub addr: String,
    /// The caller's script: a TOML file, or a folder with a script.toml.
    pub script: PathBuf,
    /// The call's UUID; a new one unless given.
    #[arg(long)]
    pub uuid: Option<Uuid>,
    /// Speak 8000 or 16000 Hz, whatever the script says.
    #[arg(long, value_name = "HZ", value_parser = telephone_rate)]
    pub rate: Option<Rate>,
    /// Say over HTTP who calls before calling, as the dialplan does: the voice server's HTTP address.
    #[arg(long, value_name = "URL")]
    pub register: Option<Url>,
    /// The caller's number to register, whatever the script says.
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<String>,
    /// The dialled number to register, whatever the script says.
    #[arg(long, value_name = "NUMBER")]
    pub exten: Option<String>,
    /// Save caller.wav and agent.wav in this folder.
    #[arg(long, value_name = "FOLDER")]
    pub save: Option<PathBuf>,
    /// Print the report as JSON, and nothing else.
    #[arg(long)]
    pub json: bool,
}

/// Calls, prints what happens as it happens, then the figures. Fails where the script was not carried out to its end.
///
/// # Errors
/// The script cannot be read, the server cannot be reached, or the recording cannot be written.
pub async fn run(args: CallArgs) -> anyhow::Result<ExitCode> {
    let script = Script::load(&args.script)?;
    let call = args.uuid.unwrap_or_else(Uuid::new_v4);
    let rate = args.rate.unwrap_or(script.rate);
    let from = args.from.as_deref().or(script.from.as_deref());
    let exten = args.exten.as_deref().or(script.exten.as_deref());
    if let Some(server) = &args.register {
        register(server, call, from, exten).await?;
    }
    let json = args.json;
    let report = telephone::place(&args.addr, call, rate, &script, |moment| {
        if !json {
            println!("{}", told(&moment));
        }
    })
    .await?;
    if let Some(folder) = &args.save {
        report.save(folder)?;
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", figures(&report));
    }
    let as_expected = script
        .expect
        .agent_hangs_up
        .is_none_or(|agent| agent == matches!(report.ended, Ended::Agent | Ended::Closed));
    Ok(if report.completed() && as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells the voice server who is about to call: `POST /calls?uuid=…&from=…&exten=…`.
///
/// # Errors
/// The server cannot be reached or refuses.
pub async fn register(
    server: &Url,
    call: Uuid,
    from: Option<&str>,
    exten: Option<&str>,
) -> anyhow::Result<()> {
    let mut url = server.join("/calls").context("the address to register at")?;
    url.query_pairs_mut()
        .append_pair("uuid", &call.to_string())
        .append_pair("from", from.unwrap_or(""))
        .append_pair("exten", exten.unwrap_or(""));
    let client = reqwest::Client::builder().timeout(REGISTER_WITHIN).build()?;
    // The address holds the caller's number: it stays out of the error.
    let answer = client
        .post(url)
        .send()
        .await
        .map_err(reqwest::Error::without_url)
        .with_context(|| format!("cannot register the call at {server}"))?;
    if !answer.status().is_success() {
        bail!("registering the call at {server}: expected success, found {}", answer.status());
    }
    Ok(())
}

fn telephone_rate(hz: &str) -> Result<Rate, String> {
    match hz {
        "8000" => Ok(Rate::HZ_8000),
        "16000" => Ok(Rate::HZ_16000),
        _ => Err("expected 8000 or 16000".to_owned()),
    }
}

fn told(moment: &Moment) -> String {
    match moment {
        Moment::Saying { at_ms, text } => format!("{} caller: {text}", clock(*at_ms)),
        Moment::Keying { at_ms, digit } => format!("{} caller presses {digit}", clock(*at_ms)),
        Moment::AgentBegan { at_ms } => format!("{} agent speaks", clock(*at_ms)),
        Moment::AgentFinished { at_ms } => format!("{} agent has finished", clock(*at_ms)),
        Moment::Ended { at_ms, ended } => format!("{} {}", clock(*at_ms), why(ended)),
    }
}

fn clock(at_ms: u64) -> String {
    format!("{:3}.{:03}", at_ms / 1_000, at_ms % 1_000)
}

fn why(ended: &Ended) -> String {
    match ended {
        Ended::Agent => "the agent hangs up".to_owned(),
        Ended::Closed => "the server closes the call".to_owned(),
        Ended::Reset => "the server resets the connection".to_owned(),
        Ended::Caller => "the caller hangs up".to_owned(),
        Ended::NoAnswer { step } => format!("the caller gives up: no answer before step {step}"),
        Ended::TooLong => "the caller gives up: the call takes too long".to_owned(),
        Ended::Protocol(found) => format!("Asterisk would end the call: {found}"),
    }
}

fn figures(report: &CallReport) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "\ncall {}: {} of {} steps in {} s",
        report.call,
        report.steps_done,
        report.steps,
        report.duration_ms / 1_000
    );
    if let Some(ms) = report.greeted_after_ms {
        let _ = writeln!(out, "greeting after {ms} ms");
    }
    for turn in &report.turns {
        let answer =
            turn.answer_after_ms.map_or("no answer".to_owned(), |ms| format!("answer after {ms} ms"));
        let cut = turn.cut_after_ms.map_or(String::new(), |ms| format!(", agent silent after {ms} ms"));
        let _ = writeln!(out, "  {:28} {answer}{cut}", turn.text);
    }
    let _ = writeln!(
        out,
        "{} agent frames, {}.{:01} ms apart at the median, {}.{:01} at the 99th percentile, {}.{:01} at most",
        report.agent_frames,
        report.gaps.median_us / 1_000,
        report.gaps.median_us / 100 % 10,
        report.gaps.p99_us / 1_000,
        report.gaps.p99_us / 100 % 10,
        report.gaps.longest_us / 1_000,
        report.gaps.longest_us / 100 % 10,
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_registration_carries_the_number_with_its_plus() {
        use wiremock::matchers::{method, path, query_param};
        use wiremock::{Mock, MockServer, ResponseTemplate};

        let server = MockServer::start().await;
        let call = Uuid::from_u128(7);
        Mock::given(method("POST"))
            .and(path("/calls"))
            .and(query_param("uuid", call.to_string()))
            .and(query_param("from", "+375291234567"))
            .and(query_param("exten", "100"))
            .respond_with(ResponseTemplate::new(204))
            .expect(1)
            .mount(&server)
            .await;
        let url = Url::parse(&server.uri()).expect("an address");
        register(&url, call, Some("+375291234567"), Some("100")).await.expect("registered");
        let error = register(&url, call, None, None).await.expect_err("no such mock").to_string();
        assert!(error.ends_with("expected success, found 404 Not Found"), "{error}");
    }
}
