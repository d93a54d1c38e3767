//! `healthcheck`: asks a gateway whether it is ready; for containers.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use http::{Request, Uri, header};
use http_body_util::Full;

use super::exit::Exit;
use super::http::{Http, USER_AGENT, url};
use super::{ConfigFile, args};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect healthcheck
  crossconnect healthcheck --url http://127.0.0.1:8081")]
pub struct Args {
    /// The admin or ingress address [default: the admin address in the config file]
    #[arg(long, env = "CROSSCONNECT_URL", value_parser = url)]
    url: Option<Uri>,
    /// For the answer
    #[arg(long, default_value = "5s", value_parser = args::duration)]
    timeout: Duration,
}

/// Runs the command: 0 if the gateway is ready.
pub async fn run(args: Args, config: &ConfigFile, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let base = match &args.url {
        Some(url) => url.to_string(),
        None => format!("http://{}", reachable(config.load()?.config.admin.listen)),
    };
    let request = Request::get(format!("{}/readyz", base.trim_end_matches('/')))
        .header(header::USER_AGENT, USER_AGENT)
        .body(Full::default())
        .context("could not make the request")?;
    let answer = Http::new(args.timeout)?.send(request).await?;
    if answer.status.is_success() {
        writeln!(out, "ready")?;
        return Ok(Exit::Done);
    }
    eprintln!("not ready: {}", answer.status);
    Ok(Exit::Failed)
}

/// The address to call for an address to listen on.
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
    use super::*;

    #[test]
    fn an_address_that_means_all_is_asked_on_loopback() {
        let asked = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:8081"), "127.0.0.1:8081");
        assert_eq!(asked("[::]:8081"), "[::1]:8081");
        assert_eq!(asked("10.0.0.1:8081"), "10.0.0.1:8081");
    }
}
