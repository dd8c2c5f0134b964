//! A NATS server, a gateway and workers, each a process.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fheqat_client::wire;

use crate::{
    process::{Asker, Place, Server},
    tools::tool,
};

/// A process that is killed when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Seconds that its busiest thread ran, or waited for a core.
    pub(crate) fn busy(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap();
        let nanoseconds = tasks.map(|task| {
            let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap_or_default();
            text.split_whitespace().take(2).map(|number| number.parse::<f64>().unwrap()).sum::<f64>()
        });
        nanoseconds.fold(0.0, f64::max) / 1e9
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM; returns once it has ended.
    pub(crate) fn terminate(mut self) {
        let status = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(status.success() && self.0.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Folders, and a NATS server.
pub(crate) struct Machines {
    pub(crate) place: Place,
    port: u16,
    /// The NATS server.
    program: PathBuf,
    nats: Option<Process>,
    /// For NATS servers that know who is who.
    config: Option<PathBuf>,
    /// Options by which processes reach it.
    link: Vec<String>,
}

impl Machines {
    /// `None` where the machine has no NATS server.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(None)
    }

    /// By a configuration of the NATS server.
    pub(crate) fn start_with(config: Option<&str>) -> Option<Self> {
        let program = tool(&["nats-server"])?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut machines =
            Self { place: Place::new(), port, program, nats: None, config: None, link: Vec::new() };
        machines.config = config.map(|text| {
            let path = machines.place.file("nats.conf");
            std::fs::write(&path, text).unwrap();
            path
        });
        machines.start_nats();
        Some(machines)
    }

    /// With TLS, where files of credentials say who is who.
    pub(crate) fn start_secure(config: &str, link: &[&str]) -> Option<Self> {
        let mut machines = Self::start_with(Some(config))?;
        machines.relink(link);
        Some(machines)
    }

    /// Processes that start from now on reach it by these options.
    pub(crate) fn relink(&mut self, link: &[&str]) {
        self.link = link.iter().map(|&option| option.to_owned()).collect();
    }

    pub(crate) fn url(&self) -> String {
        self.url_of("")
    }

    /// For a user whose password is the same word.
    fn url_of(&self, user: &str) -> String {
        if !self.link.is_empty() {
            return format!("tls://127.0.0.1:{}", self.port);
        }
        let user = if self.config.is_some() { format!("{user}:{user}@") } else { String::new() };
        format!("nats://{user}127.0.0.1:{}", self.port)
    }

    fn disk(&self) -> PathBuf {
        self.place.file("nats")
    }

    /// What all processes wrote.
    pub(crate) fn log(&self) -> String {
        self.place.log() + &std::fs::read_to_string(self.place.file("nats.log")).unwrap()
    }

    pub(crate) fn start_nats(&mut self) {
        let log = File::options().append(true).create(true).open(self.place.file("nats.log")).unwrap();
        let mut command = Command::new(&self.program);
        command.args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"]).arg(self.disk());
        if let Some(config) = &self.config {
            command.arg("-c").arg(config);
        }
        self.nats = Some(Process(command.stderr(log).spawn().unwrap()));
        let limit = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < limit, "nats-server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn kill_nats(&mut self) {
        self.nats.take().unwrap().kill();
    }

    /// All that NATS has.
    pub(crate) fn lose_disk(&self) {
        std::fs::remove_dir_all(self.disk()).unwrap();
    }

    pub(crate) fn gateway(&self, options: &[&str]) -> Server {
        let url = self.url_of("gateway");
        let link = self.link.iter().map(String::as_str);
        let options: Vec<&str> =
            ["--nats", &url].into_iter().chain(link).chain(options.iter().copied()).collect();
        self.place.start(&options)
    }

    pub(crate) fn worker(&self, options: &[&str]) -> Process {
        let log = File::options().append(true).create(true).open(self.place.file("log")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_fheqat"))
            .args(["--json", "worker", "--threads", "1", "--nats", &self.url_of("worker")])
            .args(&self.link)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("worker"), "the worker did not start: {}", self.place.log());
        Process(child)
    }
}

pub(crate) async fn workers(asker: &Asker) -> Vec<wire::Worker> {
    let workers: wire::Workers = asker.get("/v1/workers").await.json().await.unwrap();
    workers.workers
}

/// Waits until so many workers are heard.
pub(crate) async fn until_workers(asker: &Asker, count: usize) {
    let limit = Instant::now() + Duration::from_secs(20);
    while workers(asker).await.len() != count {
        assert!(Instant::now() < limit, "there are not {count} workers");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) fn is_running(state: &wire::State) -> bool {
    matches!(state, wire::State::Running { .. })
}
