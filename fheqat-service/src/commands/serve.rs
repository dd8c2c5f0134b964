//! `fheqat serve`: the service.

use std::{
    io::Write,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use axum_server::{Handle, tls_rustls::RustlsConfig};
use fheqat::{MainError, fhe::EvaluationKeys};

use crate::{
    config::Limits,
    engine::{Engine, KeySource},
    execute::{Book, Executor, Halves, local::Local},
    http::{self, Limited, Service},
    log::LogOptions,
    metrics::Metrics,
    models::Models,
    nats,
    store::{Files, Store, ids::Sha256},
    tokens::Tokens,
};

pub(super) const MB: u64 = 1_000_000;
/// How often folders and files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often the clock is written and old things are removed.
const TIDY: Duration = Duration::from_secs(5);
/// How long connections may take to end once the jobs are done.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Serves models to many clients over HTTP
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folder of models: NAME/VERSION.server and NAME/VERSION.client
    #[arg(long, default_value = "models")]
    models: PathBuf,
    /// Folder of keys, jobs and results; made if it is not there
    #[arg(long, default_value = "state")]
    state: PathBuf,
    /// Address and port to listen on; port 0 takes a free one, and the first line of output says which
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// File of tokens, made by `fheqat token`; read again when it changes
    #[arg(long)]
    tokens: Option<PathBuf>,
    /// Lets everybody who can reach the address ask, without tokens
    #[arg(long, conflicts_with = "tokens")]
    open: bool,
    /// Certificate chain, PEM
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Threads that compute; all cores by default
    #[arg(long, conflicts_with = "nats")]
    threads: Option<NonZeroUsize>,
    /// Seconds that running jobs have to end when the server stops
    #[arg(long, default_value_t = 30)]
    stop_timeout: u64,
    #[command(flatten)]
    log: LogOptions,
    /// Address of NATS, such as `nats://HOST:4222` or `tls://HOST:4222`: workers run the jobs, this process runs none
    #[arg(long)]
    nats: Option<String>,
    #[command(flatten)]
    link: nats::Options,
    #[command(flatten)]
    limits: LimitOptions,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Limits")]
struct LimitOptions {
    /// Megabytes of expanded keys in memory
    #[arg(long, default_value_t = 2000)]
    key_memory: u64,
    /// Megabytes of a client's file of evaluation keys
    #[arg(long, default_value_t = 128)]
    max_key: u64,
    /// Keys and unfinished uploads of a client
    #[arg(long, default_value_t = 16)]
    max_keys: usize,
    /// Bytes of the body of a job
    #[arg(long, default_value_t = 1_000_000)]
    max_body: usize,
    /// Inputs of a job
    #[arg(long, default_value_t = 256)]
    max_items: usize,
    /// Bytes of a result
    #[arg(long, default_value_t = 16_000_000)]
    max_result: usize,
    /// Seconds that a job may run; with `--nats` the workers have this option
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    max_run: u64,
    /// Jobs that wait or run
    #[arg(long, default_value_t = 4096)]
    max_waiting: usize,
    /// Jobs of one client that wait or run
    #[arg(long, default_value_t = 1024)]
    max_waiting_client: usize,
    /// Jobs of one client that are kept: waiting, running and ended
    #[arg(long, default_value_t = 10_000)]
    max_kept: usize,
    /// Megabytes of inputs and results of one client
    #[arg(long, default_value_t = 1000)]
    max_kept_size: u64,
    /// Seconds that results are kept
    #[arg(long, default_value_t = 86_400)]
    keep: u64,
    /// Seconds that results are kept once they were fetched
    #[arg(long, default_value_t = 60)]
    keep_fetched: u64,
    /// Seconds that an unfinished upload is kept after its last chunk
    #[arg(long, default_value_t = 3600)]
    keep_upload: u64,
    /// Open connections
    #[arg(long, default_value_t = 1024)]
    max_connections: usize,
    /// Seconds that a client may send or take nothing in the middle of a request
    #[arg(long, default_value_t = 10)]
    idle: u64,
}

impl From<&LimitOptions> for Limits {
    fn from(options: &LimitOptions) -> Self {
        Self {
            body: options.max_body,
            samples: options.max_items,
            result: options.max_result,
            run: Duration::from_secs(options.max_run),
            waiting: options.max_waiting,
            waiting_of_client: options.max_waiting_client,
            jobs_of_client: options.max_kept,
            bytes_of_client: options.max_kept_size * MB,
            keys_of_client: options.max_keys,
            key_file: options.max_key * MB,
            key_memory: options.key_memory * MB,
            keep: options.keep,
            keep_fetched: options.keep_fetched,
            keep_upload: options.keep_upload,
            connections: options.max_connections,
            idle: Duration::from_secs(options.idle),
        }
    }
}

/// Evaluation keys in the state folder.
struct Stored(Arc<Files>);

impl KeySource for Stored {
    fn evaluation_keys(&self, file: &Sha256) -> Result<EvaluationKeys, String> {
        self.0.evaluation_keys(file).map_err(|error| error.to_string())
    }
}

/// A connection takes an open file, and so do the disk and the tokens: as many as the system allows, where it asks for fewer.
#[cfg(unix)]
fn allow_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot allow more open files");
    }
}

#[cfg(not(unix))]
fn allow_open_files() {}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    options.log.start()?;
    allow_open_files();
    if !options.listen.ip().is_loopback() && options.tokens.is_none() && !options.open {
        return Err(format!(
            "{} can be reached from other machines, and everybody might ask: give clients tokens with \
             `--tokens FILE`, or say `--open`",
            options.listen
        )
        .into());
    }
    let threads = options.threads.map_or_else(std::thread::available_parallelism, Ok)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let store = Store::open(&options.state, Limits::from(&options.limits))?;
    let result = runtime.block_on(serve(options, store, json, threads));
    // Blocking calls that hang must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn serve(options: &Options, store: Store, json: bool, threads: NonZeroUsize) -> Result<(), MainError> {
    let limits = Limits::from(&options.limits);
    let tokens = options.tokens.clone().map(Tokens::open).transpose()?.map(Arc::new);
    if !options.models.is_dir() {
        return Err(format!(
            "there is no folder `{}`: say where models are, `--models FOLDER`",
            options.models.display()
        )
        .into());
    }
    let models = Arc::new(Models::open(options.models.clone(), Arc::clone(&store.files)));
    let source = Arc::new(Stored(Arc::clone(&store.files)));
    let engine = Arc::new(Engine::new(limits.key_memory, source));
    let metrics = Arc::new(Metrics::new());
    let executor = executor(options, threads, &store, &models, &engine, &metrics, limits).await?;
    let service = Arc::new(Service {
        started: Instant::now(),
        store,
        executor: Arc::clone(&executor),
        models,
        engine,
        metrics,
        tokens,
        limits,
        connections: Arc::new(AtomicUsize::new(0)),
        bodies: Arc::new(tokio::sync::Semaphore::new(http::BODIES)),
        answers: Arc::new(tokio::sync::Semaphore::new(http::ANSWERS)),
    });
    let housekeeping = tokio::spawn(look(Arc::clone(&service)));
    let handle = Handle::new();
    let listener = TcpListener::bind(options.listen)
        .map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    let address = listener.local_addr()?;
    let server =
        tokio::spawn(listen(listener, Arc::clone(&service), handle.clone(), certificate(options).await?));
    announce(address, options.tls_cert.is_some(), json);
    stop_signal().await?;
    tracing::info!("the server stops: jobs that run are finished, others wait for the next start");
    service.store.jobs.stop();
    let timeout = Duration::from_secs(options.stop_timeout);
    tokio::task::spawn_blocking(move || executor.stop(timeout)).await?;
    handle.graceful_shutdown(Some(LAST_ANSWERS));
    server.await??;
    housekeeping.abort();
    service.store.tidy().await;
    service.store.records.close();
    Ok(())
}

/// Who runs jobs: threads of this process, or workers. It has the unfinished ones.
async fn executor(
    options: &Options,
    threads: NonZeroUsize,
    store: &Store,
    models: &Arc<Models>,
    engine: &Arc<Engine>,
    metrics: &Arc<Metrics>,
    limits: Limits,
) -> Result<Arc<dyn Executor>, MainError> {
    let Some(address) = &options.nats else {
        let book: Arc<dyn Book> = Arc::clone(&store.jobs) as Arc<_>;
        let halves: Arc<dyn Halves> = Arc::clone(models) as Arc<_>;
        let local = Local::start(book, halves, Arc::clone(engine), Arc::clone(metrics), threads, limits.run)?;
        let local: Arc<dyn Executor> = Arc::new(local);
        store.jobs.run_on(Arc::clone(&local));
        return Ok(local);
    };
    let link = nats::Link::open(address, &options.link, "fheqat serve").await?;
    let server = nats::gateway::Server {
        jobs: Arc::clone(&store.jobs),
        models: Arc::clone(models),
        files: Arc::clone(&store.files),
        metrics: Arc::clone(metrics),
        limits,
    };
    let runtime = tokio::runtime::Handle::current();
    let gateway = Arc::new(nats::gateway::Gateway::new(link, &options.state, server, runtime)?);
    store.jobs.run_on(Arc::clone(&gateway) as Arc<_>);
    gateway.start();
    Ok(gateway)
}

async fn certificate(options: &Options) -> Result<Option<RustlsConfig>, MainError> {
    let (Some(certificate), Some(key)) = (&options.tls_cert, &options.tls_key) else { return Ok(None) };
    // Only the first call in a process has an effect.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = RustlsConfig::from_pem_file(certificate, key).await.map_err(|error| {
        format!("cannot use `{}` and `{}`: {error}", certificate.display(), key.display())
    })?;
    let mut http1 = (*config.get_inner()).clone();
    http1.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.reload_from_config(Arc::new(http1));
    Ok(Some(config))
}

async fn listen(
    listener: TcpListener,
    service: Arc<Service>,
    handle: Handle<SocketAddr>,
    certificate: Option<RustlsConfig>,
) -> std::io::Result<()> {
    let Limits { connections, idle, .. } = service.limits;
    let limited = Limited::new(connections, Arc::clone(&service.connections), idle);
    let app = http::router(service).into_make_service();
    let mut server = axum_server::from_tcp(listener)?.handle(handle).first_request_timeout(idle);
    // Over HTTP/2 a client could hold answers in memory for as long as it likes: its own windows say when they are sent.
    *server.http_builder() = server.http_builder().clone().http1_only();
    server.http_builder().http1().header_read_timeout(idle);
    match certificate {
        None => server.acceptor(limited).serve(app).await,
        Some(config) => {
            let acceptor = axum_server::tls_rustls::RustlsAcceptor::new(config)
                .handshake_timeout(idle)
                .acceptor(limited);
            server.acceptor(acceptor).serve(app).await
        }
    }
}

/// The first line of the output: programs that started the server read it.
fn announce(address: SocketAddr, tls: bool, json: bool) {
    let url = format!("{}://{address}", if tls { "https" } else { "http" });
    let line = if json {
        serde_json::json!({ "listening": url }).to_string()
    } else {
        format!("listening on {url}")
    };
    // Whoever started the server may not listen.
    let _ = writeln!(std::io::stdout(), "{line}");
    tracing::info!(url, "ready");
}

/// Looks at folders and files that may change.
async fn look(service: Arc<Service>) {
    let mut tidied = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        let looking = Arc::clone(&service);
        let work = move || {
            looking.models.look();
            looking.models.sweep(&looking.store.jobs.models_in_use());
            if let Some(tokens) = &looking.tokens {
                tokens.look();
            }
        };
        if tokio::task::spawn_blocking(work).await.is_err() {
            tracing::error!("looking at folders failed");
        }
        if tidied.elapsed() >= TIDY {
            service.store.tidy().await;
            tidied = tokio::time::Instant::now();
        }
    }
}

#[cfg(unix)]
pub(super) async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
pub(super) async fn stop_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
