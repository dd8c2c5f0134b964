//! `fheqat worker`: runs the jobs of servers that reach it through NATS.

use std::{num::NonZeroUsize, time::Duration};

use fheqat::MainError;

use super::serve::{MB, stop_signal};
use crate::{
    log::LogOptions,
    nats::{
        self,
        worker::{Limits, Worker},
    },
};

/// Runs jobs of `fheqat serve --nats`
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Address of NATS, such as `nats://HOST:4222` or `tls://HOST:4222`
    #[arg(long)]
    nats: String,
    #[command(flatten)]
    link: nats::Options,
    /// A name that lists and logs show; the machine's by default
    #[arg(long)]
    name: Option<String>,
    /// Threads that compute; all cores by default
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Megabytes of expanded keys in memory
    #[arg(long, default_value_t = 2000)]
    key_memory: u64,
    /// Megabytes of a file of evaluation keys
    #[arg(long, default_value_t = 128)]
    max_key: u64,
    /// Megabytes of a server half
    #[arg(long, default_value_t = 256)]
    max_half: u64,
    /// Seconds that a job may run
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    max_run: u64,
    /// Seconds that running jobs have to end when the worker stops
    #[arg(long, default_value_t = 30)]
    stop_timeout: u64,
    #[command(flatten)]
    log: LogOptions,
}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    options.log.start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(work(options, json));
    // Blocking calls that hang must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn work(options: &Options, json: bool) -> Result<(), MainError> {
    let threads = options.threads.map_or_else(std::thread::available_parallelism, Ok)?;
    let name = options.name.clone().unwrap_or_else(machine);
    let link = nats::Link::open(&options.nats, &options.link, "fheqat worker").await?;
    let limits = Limits {
        key_memory: options.key_memory * MB,
        key_file: options.max_key * MB,
        half_file: options.max_half * MB,
        run: Duration::from_secs(options.max_run),
    };
    let worker = Worker::start(link, &name, threads, limits, &tokio::runtime::Handle::current())?;
    if json {
        println!("{}", serde_json::json!({ "worker": worker.id() }));
    } else {
        println!("worker {}", worker.id());
    }
    stop_signal().await?;
    tracing::info!("the worker stops: jobs that run are finished, others go back");
    worker.stop(Duration::from_secs(options.stop_timeout)).await;
    Ok(())
}

fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "worker".to_owned() } else { name.to_owned() }
}
