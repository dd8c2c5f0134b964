//! A service and a client of it: starts a real server, registers keys, predicts encrypted, and compares with the clear.
//!
//! `cargo build --release -p fheqat-service --bins --example client_server && target/release/examples/client_server`

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use fheqat::{data, file, prelude::*};
use fheqat_client::RemoteModel;

#[quant_net(bits = 2, max_l1 = 4)]
struct Small {
    #[layer(signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    fc2: QuantLinear<8, 2>,
}

#[tokio::main]
async fn main() -> Result<(), MainError> {
    // Examples are in a folder of their own beside the command.
    let example = std::env::current_exe()?;
    let folder = example.ancestors().nth(2).unwrap_or(Path::new("."));
    let server = folder.join(format!("fheqat{}", std::env::consts::EXE_SUFFIX));
    if !server.exists() {
        let folder = folder.display();
        return Err(format!(
            "there is no `fheqat` in `{folder}`: first `cargo build -p fheqat-service` with the same profile"
        )
        .into());
    }
    play(&server).await
}

/// Plays the model's owner, the server and a client, with the command `fheqat` at a path.
pub(crate) async fn play(command: &Path) -> Result<(), MainError> {
    let folder = tempfile::tempdir()?;
    let place = |name: &str| folder.path().join(name);

    // The model's owner trains, and gives both halves to the server.
    let (train, test) = data::checkerboard(Seed(1));
    let mut net = Small::new(Seed(0));
    net.train(&train, &TrainConfig { epochs: Some(2), progress: false, ..TrainConfig::default() })?;
    let compiled = net.circuit()?.compile(&CompileOptions::default())?;
    std::fs::create_dir_all(place("models/checkerboard"))?;
    file::save(place("models/checkerboard/1.server"), &compiled.server().to_bytes())?;
    file::save(place("models/checkerboard/1.client"), &compiled.client().to_bytes())?;

    // The server runs it for those who have a token.
    let token = Command::new(command).args(["token", "somebody", "--file"]).arg(place("tokens")).output()?;
    let token = String::from_utf8(token.stdout)?;
    let server = Server::start(command, &place("models"), &place("state"), &place("tokens"))?;
    println!("the server listens at {}", server.url);

    // A client has the address, the token and the model's name.
    let model = RemoteModel::connect(&server.url, Some(token.trim()), "checkerboard", place("keys")).await?;
    let samples: Vec<Vec<f32>> = test.samples().take(10).collect();
    let predictions = model.predict(&samples).await?;
    for (sample, prediction) in samples.iter().zip(&predictions) {
        println!("{sample:?} is of class {}", prediction.class());
        assert_eq!(*prediction, compiled.circuit().simulate(sample)?);
    }
    println!("all {} are what the circuit gives in the clear", predictions.len());
    Ok(())
}

/// A server, which is stopped when it is dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(command: &Path, models: &Path, state: &Path, tokens: &Path) -> Result<Self, MainError> {
        let mut process = Command::new(command)
            .args(["serve", "--log", "warn", "--listen", "127.0.0.1:0", "--models"])
            .arg(models)
            .arg("--state")
            .arg(state)
            .arg("--tokens")
            .arg(tokens)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let url = line.trim().strip_prefix("listening on ").unwrap_or_default().to_owned();
        let server = Self { process, url };
        if server.url.is_empty() { Err("the server did not start".into()) } else { Ok(server) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
