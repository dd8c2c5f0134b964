//! The connection to NATS, and what there must be in it.

use std::{path::PathBuf, time::Duration};

use async_nats::{
    ConnectOptions, Event, ServerAddr,
    jetstream::{
        Context,
        consumer::{self, AckPolicy, PullConsumer},
        context::ContextBuilder,
        object_store,
        stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream},
    },
};
use tokio::sync::watch;

use super::messages::Name;

pub(super) const JOBS: &str = "FHEQAT_JOBS";
const RESULTS: &str = "FHEQAT_RESULTS";
const OBJECTS: &str = "fheqat";

/// What workers announce.
pub(super) const WORKERS: &str = "fheqat.workers";
/// Jobs that all gateways cancel.
pub(super) const CANCELLED: &str = "fheqat.cancel.*";
/// What JetStream says of messages that it gives up.
pub(super) const GIVEN_UP: &str = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.FHEQAT_JOBS.>";

const DAY: Duration = Duration::from_hours(24);
/// How long what is sent again counts as the same message.
const SAME: Duration = Duration::from_mins(2);
/// After so long without a sign a message is delivered again.
const ACK_WAIT: Duration = Duration::from_secs(10);
/// How often a message is delivered.
const DELIVERIES: i64 = 5;
/// Messages that a consumer hands out before the first is acknowledged.
const UNACKNOWLEDGED: i64 = 8192;
/// After so long the consumer of a worker that is gone is removed.
const UNUSED: Duration = Duration::from_mins(1);
const ANSWER: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How NATS is reached
#[derive(clap::Args, Clone)]
#[command(next_help_heading = "NATS")]
pub(crate) struct Options {
    /// File of credentials for NATS, with a JWT and a seed
    #[arg(long)]
    nats_credentials: Option<PathBuf>,
    /// Certificates of the authorities that sign NATS's certificate, PEM
    #[arg(long)]
    nats_ca: Option<PathBuf>,
}

/// Why NATS cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NatsError {
    #[error("cannot read the address of NATS, such as `nats://HOST:4222`: {0}")]
    Address(std::io::Error),
    #[error("cannot use `{}`: {reason}", path.display())]
    Credentials { path: PathBuf, reason: std::io::Error },
    #[error("cannot connect to NATS: {0}")]
    Connect(#[from] async_nats::ConnectError),
    #[error("NATS refuses {what}: {reason}")]
    Refused { what: &'static str, reason: String },
    #[error("{0} is missing in NATS")]
    Missing(String),
    #[error("{0} in NATS is not what it should be")]
    Damaged(String),
}

/// A connection that comes back by itself.
#[derive(Clone)]
pub(crate) struct Link {
    pub(super) client: async_nats::Client,
    pub(super) context: Context,
    /// How often it has been connected; even while it is not.
    connected: watch::Receiver<bool>,
}

impl Link {
    /// Begins to connect, and goes on until it has.
    ///
    /// # Errors
    /// When the address or the credentials cannot be used.
    pub(crate) async fn open(address: &str, options: &Options, name: &str) -> Result<Self, NatsError> {
        let servers: Vec<ServerAddr> = address
            .split(',')
            .map(|server| server.trim().parse())
            .collect::<Result<_, _>>()
            .map_err(NatsError::Address)?;
        // Only the first call in a process has an effect.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (tell, connected) = watch::channel(false);
        let mut connect = ConnectOptions::new()
            .name(name)
            .retry_on_initial_connect()
            .ping_interval(Duration::from_secs(5))
            .connection_timeout(ANSWER)
            .require_tls(servers.iter().any(ServerAddr::tls_required))
            .reconnect_delay_callback(|attempts| {
                LONGEST_PAUSE.min(Duration::from_millis(20 * attempts as u64))
            })
            .event_callback(move |event| {
                match event {
                    Event::Connected => drop(tell.send_replace(true)),
                    Event::Disconnected | Event::Closed => drop(tell.send_replace(false)),
                    _ => {}
                }
                // The client says no more of a certificate that it does not accept.
                if matches!(&event, Event::ClientError(error) if error.to_string().contains("IO error")) {
                    tracing::warn!(
                        "no NATS at this address, or one whose certificate is not of an authority that is trusted: see --nats-ca"
                    );
                }
                tracing::info!(%event, "NATS");
                std::future::ready(())
            });
        if let Some(server) = servers.iter().find(|server| server.has_user_pass()) {
            let user = decode(server.username().unwrap_or_default());
            connect = match server.password() {
                Some(password) => connect.user_and_password(user, decode(password)),
                None => connect.token(user),
            };
        }
        if let Some(path) = &options.nats_credentials {
            let refuse = |reason| NatsError::Credentials { path: path.clone(), reason };
            connect = connect.credentials_file(path).await.map_err(refuse)?;
        }
        if let Some(path) = &options.nats_ca {
            connect = connect.add_root_certificates(path.clone());
        }
        let client = connect.connect(servers).await?;
        let context = ContextBuilder::new().timeout(ANSWER).ack_timeout(ANSWER).build(client.clone());
        Ok(Self { client, context, connected })
    }

    pub(super) fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// Returns at once while it is connected.
    pub(super) async fn connected(&self) {
        let mut connected = self.connected.clone();
        // The client keeps the sender.
        let _ = connected.wait_for(|connected| *connected).await;
    }

    /// Returns at the end of this connection.
    pub(super) async fn disconnected(&self) {
        let mut connected = self.connected.clone();
        let _ = connected.wait_for(|connected| !*connected).await;
    }

    /// Bytes of a message that can be sent, without headers.
    pub(super) fn message(&self) -> usize {
        const HEADERS: usize = 1024;
        self.client.max_payload().saturating_sub(HEADERS)
    }

    /// Makes streams and the object store if they are not there.
    pub(super) async fn prepare(&self) -> Result<(), NatsError> {
        let refused = |what| move |reason: String| NatsError::Refused { what, reason };
        for (name, subjects, age) in [(JOBS, "fheqat.jobs.*.*", DAY), (RESULTS, "fheqat.results.*", 7 * DAY)]
        {
            let config = Config {
                name: name.to_owned(),
                subjects: vec![subjects.to_owned()],
                retention: RetentionPolicy::WorkQueue,
                storage: StorageType::File,
                discard: DiscardPolicy::New,
                max_age: age,
                duplicate_window: SAME,
                num_replicas: 1,
                ..Config::default()
            };
            let made = self.context.get_or_create_stream(config).await;
            made.map_err(|error| refused("a stream")(error.to_string()))?;
        }
        if self.context.get_object_store(OBJECTS).await.is_err() {
            let config = object_store::Config {
                bucket: OBJECTS.to_owned(),
                max_age: DAY,
                storage: StorageType::File,
                num_replicas: 1,
                ..object_store::Config::default()
            };
            let made = self.context.create_object_store(config).await;
            made.map_err(|error| refused("an object store")(error.to_string()))?;
        }
        Ok(())
    }

    pub(super) async fn objects(&self) -> Result<object_store::ObjectStore, NatsError> {
        self.context.get_object_store(OBJECTS).await.map_err(refused("the object store"))
    }

    pub(super) async fn jobs(&self) -> Result<Stream, NatsError> {
        self.context.get_stream(JOBS).await.map_err(refused("the stream of jobs"))
    }

    /// The jobs that are addressed to a worker.
    pub(super) async fn consume_jobs(&self, worker: Name) -> Result<PullConsumer, NatsError> {
        let filter = format!("fheqat.jobs.{worker}.*");
        let config = consumer::pull::Config { inactive_threshold: UNUSED, ..config(worker, filter) };
        let made = self.context.create_consumer_on_stream(config, JOBS).await;
        made.map_err(refused("a consumer of jobs"))
    }

    /// The results for a gateway.
    pub(super) async fn consume_results(&self, gateway: Name) -> Result<PullConsumer, NatsError> {
        let filter = results_subject(gateway);
        // A result that the gateway cannot record now is delivered until it can.
        let config = consumer::pull::Config { max_deliver: -1, ..config(gateway, filter) };
        let made = self.context.create_consumer_on_stream(config, RESULTS).await;
        made.map_err(refused("a consumer of results"))
    }
}

/// A part of an address, where other characters than letters and digits may be written as `%40`.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn config(name: Name, filter_subject: String) -> consumer::pull::Config {
    consumer::pull::Config {
        durable_name: Some(name.to_string()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_deliver: DELIVERIES,
        max_ack_pending: UNACKNOWLEDGED,
        filter_subject,
        ..consumer::pull::Config::default()
    }
}

fn refused<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> NatsError {
    move |error| NatsError::Refused { what, reason: error.to_string() }
}

pub(super) fn job_subject(worker: Name, gateway: Name) -> String {
    format!("fheqat.jobs.{worker}.{gateway}")
}

pub(super) fn results_subject(gateway: Name) -> String {
    format!("fheqat.results.{gateway}")
}

pub(super) fn progress_subject(gateway: Name) -> String {
    format!("fheqat.progress.{gateway}")
}

pub(super) fn cancel_subject(gateway: Name) -> String {
    format!("fheqat.cancel.{gateway}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_decoded() {
        assert_eq!(decode("a%40b%2Fc"), "a@b/c");
        assert_eq!(decode("%"), "%");
        assert_eq!(decode("%4"), "%4");
        assert_eq!(decode("100%%41"), "100%A");
        assert_eq!(decode("%c3%a9"), "é");
    }
}
