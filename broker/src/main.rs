//! The program `thalweg-broker`: a small Kafka for anything that speaks its protocol.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
#[cfg(feature = "tls")]
use thalweg_broker::Tls;
use thalweg_broker::{Builder, EmbeddedBroker, Sasl, SaslMechanism};

/// A small Kafka in memory, for trying things out and for tests.
///
/// It prints one line when it is ready, and serves until it is killed.
#[derive(Debug, Parser)]
#[command(name = "thalweg-broker", version)]
struct Arguments {
    /// Where the first broker listens; the others listen on the ports after it. Port 0 takes any.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9092")]
    listen: SocketAddr,

    /// How many brokers.
    #[arg(long, value_name = "N", default_value_t = 1)]
    brokers: usize,

    /// The racks the brokers are in, by turns.
    #[arg(long, value_name = "RACK", value_delimiter = ',')]
    racks: Vec<String>,

    /// A topic to begin with; may be repeated.
    #[arg(long, value_name = "NAME:PARTITIONS", value_parser = topic)]
    topic: Vec<(String, i32)>,

    /// A folder that keeps topics, groups, transactions and everything set at run time, also when it is
    /// killed.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The release of Kafka to play, 2.1 to 4.4.
    #[arg(long, value_name = "V")]
    as_version: Option<String>,

    /// A setting of all brokers, as in server.properties; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    config: Vec<(String, String)>,

    /// The brokers' certificate, with those between it and its authority, in PEM: switches TLS on.
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key, in PEM.
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Authorities of clients' certificates, in PEM. Clients have to show one.
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,

    /// SASL by these mechanisms: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER.
    #[arg(long, value_name = "MECHANISM", value_delimiter = ',', value_parser = mechanism)]
    sasl: Vec<SaslMechanism>,

    /// A user of PLAIN and SCRAM, whose password others on this machine can see; may be repeated.
    /// With `--data`, users of SCRAM are made once, when the folder is new; after that
    /// `kafka-configs --entity-type users` makes, changes and ends them.
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = user, requires = "sasl")]
    user: Vec<(String, String)>,
}

fn mechanism(name: &str) -> Result<SaslMechanism, String> {
    let unknown = || {
        let all = SaslMechanism::ALL.map(SaslMechanism::name).join(", ");
        format!("there are {all}")
    };
    SaslMechanism::from_name(name).ok_or_else(unknown)
}

fn user(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once(':');
    let (name, password) = pair.ok_or("a user is written NAME:PASSWORD")?;
    Ok((name.to_owned(), password.to_owned()))
}

fn topic(text: &str) -> Result<(String, i32), String> {
    let (name, partitions) = text.rsplit_once(':').unwrap_or((text, "1"));
    let not_a_number = |_| format!("`{partitions}` is no number of partitions");
    Ok((name.to_owned(), partitions.parse().map_err(not_a_number)?))
}

fn setting(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    let (key, value) = pair.ok_or("a setting is written KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(feature = "tls")]
fn tls(arguments: &Arguments) -> Result<Option<Tls>, String> {
    let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) else {
        return Ok(None);
    };
    let read = |path: &PathBuf| {
        let failed = |error| format!("{}: {error}", path.display());
        std::fs::read(path).map_err(failed)
    };
    let mut tls = Tls::new(read(certificate)?, read(key)?);
    if let Some(authorities) = &arguments.tls_client_ca {
        tls = tls.client_authorities(read(authorities)?, true);
    }
    Ok(Some(tls))
}

fn start(arguments: Arguments) -> Result<EmbeddedBroker, String> {
    let mut builder: Builder = EmbeddedBroker::builder()
        .brokers(arguments.brokers)
        .racks(&arguments.racks)
        .listen(arguments.listen);
    #[cfg(feature = "tls")]
    if let Some(tls) = tls(&arguments)? {
        builder = builder.tls(tls);
    }
    if !arguments.sasl.is_empty() {
        let sasl = Sasl::new(arguments.sasl);
        let users = arguments.user.into_iter();
        builder = builder.sasl(users.fold(sasl, |sasl, (name, word)| sasl.user(name, word)));
    }
    if let Some(release) = arguments.as_version {
        builder = builder.as_version(release);
    }
    if let Some(folder) = arguments.data {
        builder = builder.data(folder);
    }
    for (name, partitions) in arguments.topic {
        builder = builder.topic(name, partitions);
    }
    for (key, value) in arguments.config {
        builder = builder.config(key, value);
    }
    builder.start().map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    match start(Arguments::parse()) {
        Ok(kafka) => {
            println!("ready: bootstrap.servers={}", kafka.bootstrap_servers());
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            eprintln!("thalweg-broker: {error}");
            ExitCode::FAILURE
        }
    }
}
