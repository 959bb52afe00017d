//! What a client is told about the cluster and about how patient to be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::net::{TcpTransport, Transport};
use crate::spawn::Spawner;

/// How to reach a cluster. Shared by consumers, producers and the admin client.
///
/// Setters take and return `self`; names are Kafka's in snake case, without the unit, which the type
/// carries. Only the bootstrap servers have no default.
///
/// ```
/// use std::time::Duration;
/// use thalweg_client::ClientConfig;
///
/// let config = ClientConfig::new("kafka-1:9092,kafka-2:9092")
///     .client_id("billing")
///     .request_timeout(Duration::from_secs(10));
/// ```
#[derive(Clone)]
#[must_use]
pub struct ClientConfig {
    pub(crate) bootstrap_servers: String,
    pub(crate) client_id: Arc<str>,
    pub(crate) request_timeout: Duration,
    pub(crate) default_api_timeout: Duration,
    pub(crate) connection_setup_timeout: Duration,
    pub(crate) bootstrap_timeout: Duration,
    pub(crate) unknown_topic_timeout: Duration,
    pub(crate) retry_backoff: Duration,
    pub(crate) retry_backoff_max: Duration,
    pub(crate) reconnect_backoff: Duration,
    pub(crate) reconnect_backoff_max: Duration,
    pub(crate) connections_max_idle: Duration,
    pub(crate) metadata_max_age: Duration,
    pub(crate) allow_auto_create_topics: bool,
    pub(crate) frame_bytes_max: usize,
    pub(crate) receive_pool_bytes_max: usize,
    pub(crate) broker_version: Option<String>,
    pub(crate) seed: Option<u64>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) spawner: Option<Arc<dyn Spawner>>,
}

impl ClientConfig {
    /// A configuration with Kafka's defaults, for the cluster that some of the given servers belong
    /// to: `host:port`, several separated by commas (`bootstrap.servers`). A missing port is 9092.
    ///
    /// The list is only checked when the client connects.
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        ClientConfig {
            bootstrap_servers: bootstrap_servers.into(),
            client_id: "thalweg".into(),
            request_timeout: Duration::from_secs(30),
            default_api_timeout: Duration::from_secs(60),
            connection_setup_timeout: Duration::from_secs(10),
            bootstrap_timeout: Duration::from_secs(10),
            unknown_topic_timeout: Duration::from_secs(5),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            connections_max_idle: Duration::from_secs(9 * 60),
            metadata_max_age: Duration::from_secs(5 * 60),
            allow_auto_create_topics: false,
            frame_bytes_max: 100 << 20,
            receive_pool_bytes_max: 16 << 20,
            broker_version: None,
            seed: None,
            transport: Arc::new(TcpTransport::new()),
            spawner: None,
        }
    }

    /// The name this client gives itself in requests, for the broker's logs, metrics and quotas
    /// (`client.id`). Default `thalweg`.
    pub fn client_id(mut self, client_id: impl Into<Arc<str>>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// How long one request may stay without an answer before its connection is given up
    /// (`request.timeout.ms`). Default 30 s. Requests that a broker holds back on purpose get that
    /// time on top.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long an operation is retried altogether (`default.api.timeout.ms`). Default 60 s.
    pub fn default_api_timeout(mut self, timeout: Duration) -> Self {
        self.default_api_timeout = timeout;
        self
    }

    /// How long a connection may take from the first packet to the broker's list of API versions
    /// (`socket.connection.setup.timeout.ms`). Default 10 s.
    pub fn connection_setup_timeout(mut self, timeout: Duration) -> Self {
        self.connection_setup_timeout = timeout;
        self
    }

    /// How long to keep trying the bootstrap servers before connecting fails with the reason for
    /// each of them. Default 10 s. What cannot change by waiting, such as a port where something
    /// else than Kafka listens, fails at once.
    pub fn bootstrap_timeout(mut self, timeout: Duration) -> Self {
        self.bootstrap_timeout = timeout;
        self
    }

    /// How long a topic that no broker knows is asked for again before it counts as missing, since
    /// a new topic takes a moment to be known everywhere. Default 5 s.
    pub fn unknown_topic_timeout(mut self, timeout: Duration) -> Self {
        self.unknown_topic_timeout = timeout;
        self
    }

    /// The pause before the first repetition of a failed request (`retry.backoff.ms`). It doubles
    /// with every further one, with a fifth of jitter. Default 100 ms.
    pub fn retry_backoff(mut self, backoff: Duration) -> Self {
        self.retry_backoff = backoff;
        self
    }

    /// The longest pause between repetitions (`retry.backoff.max.ms`). Default 1 s.
    pub fn retry_backoff_max(mut self, backoff: Duration) -> Self {
        self.retry_backoff_max = backoff;
        self
    }

    /// The pause before connecting again to a broker that could not be reached
    /// (`reconnect.backoff.ms`); it doubles like that between requests. Default 50 ms.
    pub fn reconnect_backoff(mut self, backoff: Duration) -> Self {
        self.reconnect_backoff = backoff;
        self
    }

    /// The longest pause between attempts to connect (`reconnect.backoff.max.ms`). Default 1 s.
    pub fn reconnect_backoff_max(mut self, backoff: Duration) -> Self {
        self.reconnect_backoff_max = backoff;
        self
    }

    /// How long an unused connection is kept (`connections.max.idle.ms`). Default 9 minutes, one
    /// less than brokers keep it, so that no request meets a connection being closed.
    pub fn connections_max_idle(mut self, idle: Duration) -> Self {
        self.connections_max_idle = idle;
        self
    }

    /// How old the view of brokers, topics and leaders may get without a reason to renew it
    /// (`metadata.max.age.ms`). Default 5 minutes.
    pub fn metadata_max_age(mut self, age: Duration) -> Self {
        self.metadata_max_age = age;
        self
    }

    /// Whether asking for an unknown topic may create it, where brokers are configured to
    /// (`allow.auto.create.topics`). Default false, unlike Kafka's own client: a misspelt topic
    /// becomes an error instead of an empty topic.
    pub fn allow_auto_create_topics(mut self, allow: bool) -> Self {
        self.allow_auto_create_topics = allow;
        self
    }

    /// The longest response accepted, in bytes. Default 100 MiB. A longer one ends its connection.
    pub fn frame_bytes_max(mut self, bytes: usize) -> Self {
        self.frame_bytes_max = bytes;
        self
    }

    /// How many bytes of receive buffers are kept for the next responses while nobody uses them.
    /// Default 16 MiB.
    pub fn receive_pool_bytes_max(mut self, bytes: usize) -> Self {
        self.receive_pool_bytes_max = bytes;
        self
    }

    /// Speak to every broker as if it were of this Kafka release, `"2.8"` for instance, whatever
    /// newer versions it offers. For odd brokers and for tests; not needed otherwise.
    pub fn broker_version(mut self, release: impl Into<String>) -> Self {
        self.broker_version = Some(release.into());
        self
    }

    /// Decides all randomness of the client. Default: different in every run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How streams to brokers are opened. Default [`TcpTransport`].
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Arc::new(transport);
        self
    }

    /// Where background tasks run. Default: the tokio runtime in which the client connects.
    pub fn spawner(mut self, spawner: impl Spawner) -> Self {
        self.spawner = Some(Arc::new(spawner));
        self
    }

    /// Checks what the setters could not.
    pub(crate) fn check(&self) -> Result<Vec<HostPort>, ConfigError> {
        let servers = parse_servers(&self.bootstrap_servers)?;
        let positive = [
            ("request_timeout", self.request_timeout),
            ("connection_setup_timeout", self.connection_setup_timeout),
            ("metadata_max_age", self.metadata_max_age),
        ];
        if let Some((setting, _)) = positive.iter().find(|(_, value)| value.is_zero()) {
            return Err(ConfigError::Invalid {
                setting,
                value: "0".into(),
                expected: "more than zero",
            });
        }
        if self.retry_backoff > self.retry_backoff_max {
            return Err(ConfigError::Invalid {
                setting: "retry_backoff",
                value: format!("{:?}", self.retry_backoff),
                expected: "at most retry_backoff_max",
            });
        }
        if self.reconnect_backoff > self.reconnect_backoff_max {
            return Err(ConfigError::Invalid {
                setting: "reconnect_backoff",
                value: format!("{:?}", self.reconnect_backoff),
                expected: "at most reconnect_backoff_max",
            });
        }
        Ok(servers)
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("client_id", &self.client_id)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

/// A setting that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The list of bootstrap servers names none.
    #[error("bootstrap_servers is empty: name at least one broker as host:port")]
    NoServers,
    /// An entry of the list of bootstrap servers is not `host:port`.
    #[error("bootstrap_servers: '{entry}' is not host:port ({reason})")]
    BadServer {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A setting has a value outside of its range.
    #[error("{setting} = {value}: expected {expected}")]
    Invalid {
        /// The setting's name.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// There is no tokio runtime to start background tasks on.
    #[error(
        "no tokio runtime here to run background tasks on: call this inside of one, or set a spawner"
    )]
    NoRuntime,
}

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HostPort {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

const DEFAULT_PORT: u16 = 9092;

fn parse_servers(list: &str) -> Result<Vec<HostPort>, ConfigError> {
    let mut servers = Vec::new();
    for entry in list
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
    {
        let server = parse_server(entry).map_err(|reason| ConfigError::BadServer {
            entry: entry.to_owned(),
            reason,
        })?;
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    if servers.is_empty() {
        Err(ConfigError::NoServers)
    } else {
        Ok(servers)
    }
}

fn parse_server(entry: &str) -> Result<HostPort, &'static str> {
    // Java accepts a listener's name in front, as in `PLAINTEXT://host:9092`.
    let address = entry
        .split_once("://")
        .map_or(entry, |(_, address)| address);
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("a '[' without its ']'")?;
            let port = match rest {
                "" => None,
                rest => Some(rest.strip_prefix(':').ok_or("expected ':' after ']'")?),
            };
            (host, port)
        }
        None => match address.split_once(':') {
            Some((_, rest)) if rest.contains(':') => {
                return Err("an IPv6 address needs brackets, as in [::1]:9092");
            }
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    if host.contains(|c: char| c.is_whitespace() || c == '/') {
        return Err("the host has characters no host name has");
    }
    let port = match port {
        Some(port) => port
            .parse()
            .map_err(|_| "the port is not a number up to 65535")?,
        None => DEFAULT_PORT,
    };
    if port == 0 {
        return Err("port 0 cannot be connected to");
    }
    Ok(HostPort {
        host: host.into(),
        port,
    })
}

/// Runs tasks where the client connects; resolved once, so that later calls need no runtime around
/// them.
pub(crate) fn spawner_of(config: &ClientConfig) -> Result<Arc<dyn Spawner>, ConfigError> {
    match &config.spawner {
        Some(spawner) => Ok(Arc::clone(spawner)),
        None => crate::spawn::TokioSpawner::current()
            .map(|spawner| Arc::new(spawner) as Arc<dyn Spawner>)
            .ok_or(ConfigError::NoRuntime),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(list: &str) -> Result<Vec<String>, ConfigError> {
        Ok(parse_servers(list)?
            .iter()
            .map(HostPort::to_string)
            .collect())
    }

    #[test]
    fn server_lists_as_people_write_them_are_understood() {
        let list = " a:1 ,b.example.org, [::1]:9093,[fe80::2],PLAINTEXT://c:4,,a:1";
        assert_eq!(
            servers(list).expect("a valid list"),
            [
                "a:1",
                "b.example.org:9092",
                "[::1]:9093",
                "[fe80::2]:9092",
                "c:4"
            ]
        );
    }

    #[test]
    fn a_bad_server_is_named_with_the_reason() {
        assert_eq!(servers(" , "), Err(ConfigError::NoServers));
        for (entry, reason) in [
            ("a:b", "number"),
            ("a:0", "port 0"),
            ("a:70000", "number"),
            (":9092", "host is missing"),
            ("::1:9092", "brackets"),
            ("[::1", "without its"),
            ("[::1]9092", "after ']'"),
            ("a b:9092", "characters"),
            ("http://a/b:9092", "characters"),
        ] {
            let error = servers(entry).expect_err(entry).to_string();
            assert!(
                error.contains(reason) && error.contains(entry),
                "{entry}: {error}"
            );
        }
    }

    #[test]
    fn a_zero_time_out_is_refused() {
        let error = ClientConfig::new("a")
            .request_timeout(Duration::ZERO)
            .check();
        assert_eq!(
            error.expect_err("zero").to_string(),
            "request_timeout = 0: expected more than zero"
        );
    }
}
