//! `tickcast health`: one question to a server, answered by the exit code. For images without a shell and without curl.
//!
//! Not a monitor: it makes one request. Without a URL it uses the address on which the variables and the file (`--config`,
//! or `TICKCAST_CONFIG`) let the server of this machine listen, the one for operators if there is one. So the check of a
//! container need not repeat the port. Over TLS it takes exactly the certificates that are configured; while their files are
//! faulty it takes any, for the server goes on with those of before.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use tickcast_client::{Endpoint, EndpointError};
use tokio::{runtime, time::timeout};

use super::{
    access::AccessArgs,
    certificates, duration,
    settings::SettingsArgs,
    shell::{EXIT_USAGE, about_server, complain},
};

/// Probe a server: the exit code says whether it is alive.
///
/// Exit code 0: alive. 1: not, or it cannot be reached; standard error says why. 2: the configuration has errors.
#[derive(clap::Args, Clone, Debug)]
pub struct HealthArgs {
    /// The server, as http://HOST:PORT or https://HOST:PORT [default: the address to listen on in this machine's configuration]
    #[arg(value_parser = Endpoint::parse)]
    url: Option<Endpoint>,
    /// Probe the address to listen on in this TOML file
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    config: Option<PathBuf>,
    /// Probe /readyz instead of /healthz: whether it is ready for clients
    #[arg(long)]
    ready: bool,
    /// Time limit for the answer
    #[arg(long, value_parser = duration::parse, default_value = "2s")]
    timeout: Duration,
    #[command(flatten)]
    access: AccessArgs,
}

/// Why the answer is no.
#[derive(Debug, thiserror::Error)]
enum HealthError {
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("no runtime: {0}")]
    Runtime(#[from] std::io::Error),
}

pub fn run(args: &HealthArgs) -> ExitCode {
    let endpoint = match &args.url {
        Some(url) => args.access.apply(url.clone()).map_err(|error| format!("{error}\n")),
        None => configured(args),
    };
    let endpoint = match endpoint {
        Ok(endpoint) => endpoint,
        Err(text) => {
            complain(format_args!("tickcast: {text}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match ask(&endpoint, args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("tickcast health: {}\n", about_server(endpoint.authority(), &error)));
            ExitCode::FAILURE
        }
    }
}

fn ask(endpoint: &Endpoint, args: &HealthArgs) -> Result<(), HealthError> {
    let path = if args.ready { "/readyz" } else { "/healthz" };
    let asked = async {
        let address = endpoint.resolve().await?;
        endpoint.get(address, path).await
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let answered = runtime.block_on(async { timeout(args.timeout, asked).await });
    answered.map_err(|_| HealthError::Timeout(args.timeout))??;
    Ok(())
}

/// The server that this process would be, were it to serve. With TLS it is known by its certificate, for the address to
/// listen on is seldom a name in it.
fn configured(args: &HealthArgs) -> Result<Endpoint, String> {
    let config = SettingsArgs::of_file(args.config.clone()).config().map_err(|faults| faults.to_string())?;
    let listen = config.admin_listen.unwrap_or(config.listen);
    let scheme = if config.tls_certs.is_empty() { "http" } else { "https" };
    let endpoint = Endpoint::parse(&format!("{scheme}://{}", reachable(listen)));
    let endpoint = endpoint.map_err(|error| format!("{error}\n"))?;
    if endpoint.is_tls() && !args.access.has_ca() && certificates::are_faulty(&config) {
        let why = "the files of `tls.certs` and `tls.keys` cannot be used, so the server's certificate is not verified; run `tickcast check`";
        complain(format_args!("tickcast: {why}\n"));
        return args.access.apply_to_faulty(endpoint).map_err(|error| format!("{error}\n"));
    }
    args.access.apply_to_own(endpoint, &config.tls_certs).map_err(|error| format!("{error}\n"))
}

/// Where an address to listen on can be reached from the same machine.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_on_loopback() {
        let check = |listen: &str, expected: &str| {
            assert_eq!(reachable(listen.parse().unwrap()), expected.parse().unwrap(), "{listen}");
        };
        check("0.0.0.0:8080", "127.0.0.1:8080");
        check("[::]:80", "[::1]:80");
        check("127.0.0.1:1", "127.0.0.1:1");
        check("192.0.2.7:1", "192.0.2.7:1");
    }
}
