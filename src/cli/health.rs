//! `orderline health`: asks a running voice server how it is; made for a container's health check.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use crate::cli::Common;

/// Arguments of `orderline health`.
#[derive(Clone, Debug, clap::Args)]
pub struct HealthArgs {
    /// Where the server's HTTP is; without it, as configured.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Ask whether calls can be served, not only whether the process answers.
    #[arg(long)]
    pub ready: bool,
    /// Seconds that the answer may take.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub timeout_s: u64,
}

/// Prints the answer; success only if it is a good one.
///
/// # Errors
/// A wrong configuration, or a server that does not answer.
pub async fn run(common: &Common, args: HealthArgs) -> anyhow::Result<ExitCode> {
    let base = match args.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", reachable(common.load()?.http.listen)),
    };
    let url = format!("{base}{}", if args.ready { "/ready" } else { "/health" });
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(args.timeout_s))
        .build()?;
    let answer = client.get(&url).send().await.with_context(|| format!("expected an answer from {url}"))?;
    let good = answer.status().is_success();
    println!("{}", answer.text().await.unwrap_or_default().trim_end());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An address to connect to where this one is listened on.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_loopback() {
        for (listen, ask) in [
            ("0.0.0.0:9090", "127.0.0.1:9090"),
            ("[::]:9090", "[::1]:9090"),
            ("10.0.0.1:9090", "10.0.0.1:9090"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()), ask.parse().unwrap());
        }
    }
}
