//! What Prometheus reads.

use std::{
    fmt::Error,
    sync::atomic::{AtomicI64, AtomicU64},
    time::{Duration, Instant},
};

use fheqat_client::wire;
use prometheus_client::{
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::activity::Activity;

type Labels<const N: usize> = [(&'static str, String); N];
type Histograms = Family<Labels<1>, Histogram, fn() -> Histogram>;

/// The metrics of a server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels<3>, Counter>,
    latency: Histograms,
    waited: Histogram,
    ran: Histograms,
    samples: Family<Labels<1>, Counter>,
    gauges: Gauges,
    /// What the page shows of waits and runs.
    pub(crate) activity: Activity,
    workers: WorkerGauges,
}

type WorkerGauge = Family<Labels<2>, Gauge<i64, AtomicI64>>;

/// By worker and its name.
#[derive(Default)]
struct WorkerGauges {
    connected: Gauge<i64, AtomicI64>,
    count: Gauge<i64, AtomicI64>,
    silence: Family<Labels<2>, Gauge<f64, AtomicU64>>,
    keys: WorkerGauge,
    running: WorkerGauge,
    waiting: WorkerGauge,
    done: WorkerGauge,
}

/// What is measured when somebody asks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Levels {
    /// Jobs that wait or run.
    pub(crate) waiting: usize,
    /// Jobs that are kept, done ones too.
    pub(crate) jobs: usize,
    pub(crate) keys: usize,
    pub(crate) expanded: usize,
    /// Bytes of expanded keys.
    pub(crate) expanded_bytes: u64,
    pub(crate) connections: usize,
    /// Whether the disk can be used.
    pub(crate) disk: bool,
}

#[derive(Default)]
struct Gauges {
    waiting: Gauge<i64, AtomicI64>,
    jobs: Gauge<i64, AtomicI64>,
    keys: Gauge<i64, AtomicI64>,
    expanded: Gauge<i64, AtomicI64>,
    expanded_bytes: Gauge<i64, AtomicI64>,
    connections: Gauge<i64, AtomicI64>,
    disk: Gauge<i64, AtomicI64>,
    memory: Gauge<i64, AtomicI64>,
}

/// From a millisecond to half an hour.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 21))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("fheqat");
        let requests = Family::<Labels<3>, Counter<u64, AtomicU64>>::default();
        registry.register("requests", "Requests, by method, route and status", requests.clone());
        let latency: Histograms = Family::new_with_constructor(seconds);
        let unit = || Unit::Seconds;
        registry.register_with_unit("request", "Time to answer a request", unit(), latency.clone());
        let waited = seconds();
        registry.register_with_unit(
            "job_wait",
            "Time that jobs wait before they run",
            unit(),
            waited.clone(),
        );
        let ran: Histograms = Family::new_with_constructor(seconds);
        registry.register_with_unit("batch_run", "Time that batches run, by model", unit(), ran.clone());
        let samples = Family::<Labels<1>, Counter<u64, AtomicU64>>::default();
        registry.register("samples", "Encrypted samples that ran, by model", samples.clone());
        let gauges = Gauges::default();
        gauges.register(&mut registry);
        let workers = WorkerGauges::default();
        workers.register(&mut registry);
        let activity = Activity::default();
        Self { registry, requests, latency, waited, ran, samples, gauges, activity, workers }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let [method, route] = [method, route].map(str::to_owned);
        let latency = self.latency.get_or_create(&[("route", route.clone())]);
        latency.observe(took.as_secs_f64());
        drop(latency);
        let labels = [("method", method), ("route", route), ("status", status.to_string())];
        self.requests.get_or_create(&labels).inc();
    }

    /// A job began to run.
    pub(crate) fn waited(&self, waited: Duration) {
        self.waited.observe(waited.as_secs_f64());
        self.activity.waited(Instant::now(), waited);
    }

    /// A batch ran.
    pub(crate) fn ran(&self, model: &str, samples: usize, took: Duration) {
        let labels = [("model", model.to_owned())];
        self.ran.get_or_create(&labels).observe(took.as_secs_f64());
        self.samples.get_or_create(&labels).inc_by(samples as u64);
        self.activity.ran(Instant::now(), model, samples, took);
    }

    /// All metrics as text.
    pub(crate) fn text(&self, levels: Levels, workers: Option<&wire::Workers>) -> Result<String, Error> {
        self.gauges.set(levels);
        if let Some(workers) = workers {
            self.workers.set(workers);
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Gauges {
    fn register(&self, registry: &mut Registry) {
        registry.register("jobs_waiting", "Jobs that wait or run", self.waiting.clone());
        registry.register("jobs_kept", "Jobs that are kept, done ones too", self.jobs.clone());
        registry.register("keys", "Registered evaluation keys", self.keys.clone());
        registry.register(
            "keys_expanded",
            "Evaluation keys that are expanded in memory",
            self.expanded.clone(),
        );
        let bytes = || Unit::Bytes;
        registry.register_with_unit(
            "keys_expanded",
            "Memory of expanded evaluation keys",
            bytes(),
            self.expanded_bytes.clone(),
        );
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register("disk_usable", "1 if the disk can be used", self.disk.clone());
        registry.register_with_unit("process_memory", "Memory of the process", bytes(), self.memory.clone());
    }

    fn set(&self, levels: Levels) {
        self.waiting.set(levels.waiting as i64);
        self.jobs.set(levels.jobs as i64);
        self.keys.set(levels.keys as i64);
        self.expanded.set(levels.expanded as i64);
        self.expanded_bytes.set(levels.expanded_bytes as i64);
        self.connections.set(levels.connections as i64);
        self.disk.set(i64::from(levels.disk));
        self.memory.set(process_memory() as i64);
    }
}

impl WorkerGauges {
    fn register(&self, registry: &mut Registry) {
        registry.register("nats_connected", "1 if jobs can be sent to workers", self.connected.clone());
        registry.register("workers", "Workers that were heard lately", self.count.clone());
        let unit = Unit::Seconds;
        registry.register_with_unit(
            "worker_silence",
            "Time since a worker was heard",
            unit,
            self.silence.clone(),
        );
        registry.register("worker_keys", "Keys that a worker has expanded", self.keys.clone());
        registry.register("worker_jobs_running", "Jobs that a worker runs", self.running.clone());
        registry.register("worker_jobs_waiting", "Jobs that wait at a worker", self.waiting.clone());
        registry.register("worker_jobs_done", "Jobs that a worker has done", self.done.clone());
    }

    /// Those that are gone are left out.
    fn set(&self, workers: &wire::Workers) {
        self.connected.set(i64::from(workers.connected));
        self.count.set(workers.workers.len() as i64);
        self.silence.clear();
        let families = [&self.keys, &self.running, &self.waiting, &self.done];
        for family in families {
            family.clear();
        }
        for worker in &workers.workers {
            let labels = [("worker", worker.id.clone()), ("name", worker.name.clone())];
            self.silence.get_or_create(&labels).set(worker.seen);
            let numbers = [worker.keys, worker.running, worker.waiting, worker.done as usize];
            for (family, number) in families.iter().zip(numbers) {
                family.get_or_create(&labels).set(number as i64);
            }
        }
    }
}

/// Bytes of memory that this process takes; 0 where the system does not say.
pub(crate) fn process_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
