//! `fheqat load`: a bounded load test.

mod client;
mod draw;
mod report;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use fheqat::{
    MainError, Seed,
    circuit::{Circuit, Logits},
    fhe::{Client, ClientHalf, EncryptedOutput},
};
use fheqat_client::{Service, Version, frames};
use rand::{SeedableRng, rngs::StdRng};
use tokio::io::AsyncBufReadExt;

use self::{
    client::{Answer, Asker},
    report::Report,
};
use super::trust::{self, Trust};

/// Sends a bounded number of encrypted requests to a server, decrypts every result and checks it
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The address of the server; by default one is started on this machine
    #[arg(long)]
    url: Option<String>,
    /// A token of the server at `--url`. By default that in the environment variable `FHEQAT_TOKEN`, which other users of the machine cannot see
    #[arg(long, requires = "url")]
    token: Option<String>,
    #[command(flatten)]
    trust: Trust,
    /// Folder of models of the server that is started
    #[arg(long, default_value = "models")]
    models: PathBuf,
    /// Name of the model, whose latest version is used; the first model by default
    #[arg(long)]
    model: Option<String>,
    /// The model's circuit, whose results are the right ones; without it every sample runs once first, and that result counts as right
    #[arg(long)]
    circuit: Option<PathBuf>,
    /// Requests in all
    #[arg(long, default_value_t = 200)]
    requests: usize,
    /// Clients that ask at once, each with a key of its own
    #[arg(long, default_value_t = 4)]
    clients: usize,
    /// Requests of one client at a time
    #[arg(long, default_value_t = 1)]
    at_once: usize,
    /// Samples of a request
    #[arg(long, default_value_t = 1)]
    samples: usize,
    /// Different samples that requests are made of
    #[arg(long, default_value_t = 16)]
    different: usize,
    /// Seed of the samples, which are random
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(load(options))?;
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    if report.wrong + report.errors > 0 {
        return Err(
            format!("{} results were wrong, and {} requests failed", report.wrong, report.errors).into()
        );
    }
    Ok(())
}

/// Samples, and what they should give.
struct Truth {
    samples: Vec<Vec<f32>>,
    logits: Vec<Logits>,
}

/// A client with its key and its requests.
struct Party {
    client: Client,
    asker: Asker,
    /// Bodies, and the samples in each.
    requests: Vec<(Vec<u8>, Vec<usize>)>,
}

async fn load(options: &Options) -> Result<Report, MainError> {
    let Options { requests, clients, samples, different, .. } = *options;
    if requests == 0 || clients == 0 || samples == 0 || different == 0 || options.at_once == 0 {
        return Err("requests, clients, samples and different samples are at least 1".into());
    }
    let started = if options.url.is_some() { None } else { Some(Started::new(&options.models).await?) };
    let url = options.url.clone().or_else(|| started.as_ref().map(|started| started.url.clone()));
    let token = trust::token(options.token.as_ref());
    let (url, token) = (url.unwrap_or_default(), token.filter(|_| options.url.is_some()));
    let certificates = options.trust.certificates()?;
    let asker = Asker::new(&url, token.clone(), &certificates)?;
    let service = trust::service(&url, certificates, token.as_deref())?;
    let half = client_half(&service, options.model.as_deref()).await?;
    let mut parties = Vec::new();
    for _ in 0..clients {
        let (key, evaluation) = half.keygen();
        service.register(&evaluation).await?;
        let client = Client::new(half.clone(), key)?;
        parties.push(Party { client, asker: asker.clone(), requests: Vec::new() });
    }
    let truth = Arc::new(truth(options, &parties[0]).await?);
    for number in 0..requests {
        let party = &mut parties[number % clients];
        let of_request: Vec<usize> = (0..samples).map(|item| (number * samples + item) % different).collect();
        let body = encrypt(&party.client, of_request.iter().map(|&sample| &truth.samples[sample]))?;
        party.requests.push((body, of_request));
    }
    // The first request of a key has it expanded.
    for party in &parties {
        let first = party.requests.first().map(|(body, _)| body.clone());
        party.asker.predict(first.unwrap_or_default()).await.result?;
    }
    let began = Instant::now();
    let running: Vec<_> =
        parties.into_iter().map(|party| tokio::spawn(ask(party, options.at_once))).collect();
    let mut answers = Vec::new();
    for party in running {
        answers.push(party.await?);
    }
    let took = began.elapsed();
    let mut report = Report::new(options.requests, clients, samples, took);
    for (client, of_client) in &answers {
        for (answer, samples) in of_client {
            report.add(answer, |bytes| check(client, &truth, samples, bytes));
        }
    }
    report.ended()
}

/// The client half of the latest version of a model, or of the first model.
async fn client_half(service: &Service, name: Option<&str>) -> Result<ClientHalf, MainError> {
    let name = if let Some(name) = name {
        name.to_owned()
    } else {
        let first = service.models().await?.models.into_iter().next();
        first.ok_or("the server has no models: give it a folder with some")?.name
    };
    Ok(service.client_half(&name, Version::Latest).await?)
}

type Answers = Vec<(Answer, Vec<usize>)>;

/// One client's requests, so many at once.
async fn ask(party: Party, at_once: usize) -> (Client, Answers) {
    use futures_util::StreamExt;

    let Party { client, asker, requests } = party;
    let answers = futures_util::stream::iter(requests)
        .map(|(body, samples)| {
            let asker = asker.clone();
            async move { (asker.predict(body).await, samples) }
        })
        .buffer_unordered(at_once)
        .collect()
        .await;
    (client, answers)
}

fn encrypt<'a>(client: &Client, samples: impl Iterator<Item = &'a Vec<f32>>) -> Result<Vec<u8>, MainError> {
    let inputs: Vec<Vec<u8>> = samples
        .map(|sample| Ok::<_, MainError>(client.encrypt(sample)?.to_bytes()))
        .collect::<Result<_, _>>()?;
    Ok(frames::join(&inputs))
}

fn decrypt(client: &Client, bytes: &[u8], samples: usize) -> Result<Vec<Logits>, MainError> {
    let outputs = frames::split(bytes, samples)?;
    outputs.into_iter().map(|output| Ok(client.decrypt(&EncryptedOutput::from_bytes(output)?)?)).collect()
}

fn check(client: &Client, truth: &Truth, samples: &[usize], bytes: &[u8]) -> bool {
    let expected = samples.iter().map(|&sample| &truth.logits[sample]);
    decrypt(client, bytes, samples.len()).is_ok_and(|logits| logits.iter().eq(expected))
}

async fn truth(options: &Options, party: &Party) -> Result<Truth, MainError> {
    let codec = party.client.half().codec();
    let mut random = StdRng::seed_from_u64(Seed(options.seed).0);
    let samples: Vec<Vec<f32>> =
        (0..options.different).map(|_| draw::sample(codec, &mut random)).collect::<Result<_, _>>()?;
    let mut logits = Vec::new();
    if let Some(file) = &options.circuit {
        let circuit = Circuit::from_bytes(&fheqat::file::load(file)?)?;
        for sample in &samples {
            logits.push(circuit.simulate(sample)?);
        }
    } else {
        for sample in &samples {
            let body = encrypt(&party.client, std::iter::once(sample))?;
            logits.extend(decrypt(&party.client, &party.asker.predict(body).await.result?, 1)?);
        }
    }
    Ok(Truth { samples, logits })
}

/// A server that runs as long as this lives.
struct Started {
    url: String,
    _process: tokio::process::Child,
    _state: tempfile::TempDir,
}

impl Started {
    async fn new(models: &Path) -> Result<Self, MainError> {
        const LONGEST: Duration = Duration::from_secs(30);
        let state = tempfile::tempdir()?;
        let mut process = tokio::process::Command::new(std::env::current_exe()?)
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--max-keys", "1000", "--models"])
            .arg(models)
            .arg("--state")
            .arg(state.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = process.stdout.take().ok_or("the server has no output")?;
        let mut lines = tokio::io::BufReader::new(output).lines();
        let line = tokio::time::timeout(LONGEST, lines.next_line()).await??.unwrap_or_default();
        let url = line.strip_prefix("listening on ").ok_or("the server did not start")?.to_owned();
        Ok(Self { url, _process: process, _state: state })
    }
}
