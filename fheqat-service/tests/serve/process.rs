//! Servers as processes, and what clients ask them.

use std::{
    fmt::Write,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fheqat_client::wire;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::world;

/// Folders of a server.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// With the two models.
    pub(crate) fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        world::publish(&place.models(), "deep", 1, &world::deep().compiled);
        world::publish(&place.models(), "linear", 1, &world::linear().compiled);
        place
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.folder.path().join("models")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn start(&self, options: &[&str]) -> Server {
        self.start_by(Command::new(env!("CARGO_BIN_EXE_fheqat")), &self.state(), options)
    }

    /// By a command that takes the server's options.
    pub(crate) fn start_by(&self, mut command: Command, state: &Path, options: &[&str]) -> Server {
        let log = File::options().append(true).create(true).open(self.file("log")).unwrap();
        let mut child = command
            .args(["--json", "serve", "--listen", "127.0.0.1:0", "--models"])
            .arg(self.models())
            .arg("--state")
            .arg(state)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let Ok(line) = serde_json::from_str::<serde_json::Value>(&line) else {
            panic!("the server did not start: {}", self.log());
        };
        let url = line["listening"].as_str().unwrap().to_owned();
        Server { child, url }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap_or_default()
    }
}

/// A server; killed when it is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) url: String,
}

impl Server {
    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; gives the time that it took to stop.
    pub(crate) fn terminate(mut self) -> Duration {
        let began = Instant::now();
        self.signal();
        assert!(self.child.wait().unwrap().success());
        began.elapsed()
    }

    pub(crate) fn signal(&self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn asker(&self) -> Asker {
        Asker { http: http(), url: self.url.clone(), token: None }
    }

    pub(crate) fn asker_with(&self, token: &str) -> Asker {
        Asker { token: Some(token.to_owned()), ..self.asker() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The server closes idle connections after ten seconds.
    let builder = reqwest::Client::builder().pool_idle_timeout(Duration::from_secs(2));
    builder.timeout(Duration::from_secs(90)).build().unwrap()
}

/// Who asks a server.
#[derive(Clone)]
pub(crate) struct Asker {
    http: reqwest::Client,
    pub(crate) url: String,
    token: Option<String>,
}

impl Asker {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> StatusCode {
        self.request(Method::DELETE, path).send().await.unwrap().status()
    }

    pub(crate) fn patch(&self, file: &[u8], offset: usize, chunk: &[u8]) -> RequestBuilder {
        self.request(Method::PATCH, &format!("/v1/keys/{}", sha256(file)))
            .header("Upload-Length", file.len())
            .header("Upload-Offset", offset)
            .body(chunk.to_vec())
    }

    /// Uploads a file in one chunk.
    pub(crate) async fn register(&self, file: &[u8]) -> wire::Key {
        let response = self.patch(file, 0, file).send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
        let key: wire::Key = response.json().await.unwrap();
        assert!(key.key.is_some());
        key
    }

    pub(crate) async fn submit(&self, body: Vec<u8>, wait: u32) -> Response {
        self.request(Method::POST, &format!("/v1/jobs?wait={wait}")).body(body).send().await.unwrap()
    }

    /// Submits a job that is not waited for, though it may be done at once; gives its id.
    pub(crate) async fn accepted(&self, body: Vec<u8>) -> String {
        let response = self.submit(body, 0).await;
        let status = response.status();
        let job = response.headers().get("fheqat-job").map(|job| job.to_str().unwrap().to_owned());
        assert!(status.is_success(), "{}", response.text().await.unwrap());
        job.unwrap()
    }

    /// Waits for the results of a job.
    pub(crate) async fn results(&self, job: &str) -> Vec<u8> {
        let response = self.get(&format!("/v1/jobs/{job}/result?wait=60")).await;
        let status = response.status();
        let body = response.bytes().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        body.to_vec()
    }

    pub(crate) async fn job(&self, job: &str) -> wire::Job {
        self.get(&format!("/v1/jobs/{job}")).await.json().await.unwrap()
    }

    /// Waits until a job has that state.
    pub(crate) async fn until(&self, job: &str, is: impl Fn(&wire::State) -> bool) {
        let limit = Instant::now() + Duration::from_secs(20);
        while !is(&self.job(job).await.state) {
            assert!(Instant::now() < limit, "the job's state does not change");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The error in an answer.
pub(crate) async fn code(response: Response) -> (u16, wire::Code) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let failure: wire::Failure = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
    (status, failure.code)
}

pub(crate) fn sha256(file: &[u8]) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(file) {
        write!(digits, "{byte:02x}").unwrap();
    }
    digits
}
