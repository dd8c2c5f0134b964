//! A model's owner, a client and a server as processes of their own that share files and nothing else.
//!
//! `cargo run --release --example two_halves -- FILE.csv` plays all of them, one after the other; `--help` lists the steps, each of which
//! can be run by itself.

#[allow(dead_code, reason = "what the other examples need")]
mod common;
#[allow(dead_code, reason = "what `tabular` needs")]
#[path = "tabular/networks.rs"]
mod networks;
#[allow(dead_code, reason = "what `tabular` needs")]
#[path = "tabular/table.rs"]
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::{Args, Parser, Subcommand};
use fheqat::{data::Targets, file, prelude::*};
use table::Table;

const IRIS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/iris.csv");

/// A model's owner, a client and a server that share files only.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    step: Option<Step>,
    /// Without a step: the table for all of them, a CSV file, plain or gzip; flowers by default
    file: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Common {
    /// Where the files are; without a step a new folder that is removed at the end, where none is given
    #[arg(long, global = true)]
    folder: Option<PathBuf>,
    /// Samples of the file that the client sends
    #[arg(long, global = true, default_value_t = 3)]
    samples: usize,
    #[command(flatten)]
    table: table::Options,
    /// The owner writes the report as a page of HTML; takes `--features page`
    #[arg(long, global = true, value_name = "FILE")]
    html: Option<String>,
}

#[derive(Subcommand)]
enum Step {
    /// The owner trains on a table, and writes the two halves of the model: `model.client` and `model.server`
    Train { file: String },
    /// A client reads `model.client`, and writes `client.key`, which is secret, and `evaluation.keys`, which is not
    Keygen,
    /// The client reads `model.client` and `client.key`, and writes lines of a table as `0.input`, `1.input`, ...
    Encrypt { file: String },
    /// A server reads `model.server`, `evaluation.keys` and the inputs, and writes `0.output`, `1.output`, ...
    Run,
    /// The client reads `model.client`, `client.key` and the outputs
    Decrypt,
}

fn main() -> Result<(), MainError> {
    let Options { step, file, common } = Options::parse();
    match (step, &common.folder) {
        (Some(step), Some(folder)) => play(&step, folder, &common),
        (Some(_), None) => Err("say where the files are: `--folder FOLDER`".into()),
        (None, Some(_)) => play_all(file.as_deref().unwrap_or(IRIS), None),
        (None, None) => play_all(file.as_deref().unwrap_or(IRIS), Some(tempfile::tempdir()?.path())),
    }
}

fn play(step: &Step, folder: &Path, common: &Common) -> Result<(), MainError> {
    match step {
        Step::Train { file } => train(folder, file, common),
        Step::Keygen => keygen(folder),
        Step::Encrypt { file } => encrypt(folder, file, common),
        Step::Run => run(folder),
        Step::Decrypt => decrypt(folder),
    }
}

/// Each step in a process of its own, with the options of this one, and in a folder where these name none.
fn play_all(file: &str, folder: Option<&Path>) -> Result<(), MainError> {
    let options: Vec<String> = std::env::args().skip(1).filter(|option| option != file).collect();
    for step in [&["train", file][..], &["keygen"], &["encrypt", file], &["run"], &["decrypt"]] {
        println!("\n$ two_halves {}", step.join(" "));
        let mut process = Command::new(std::env::current_exe()?);
        process.args(step).args(&options);
        if let Some(folder) = folder {
            process.arg("--folder").arg(folder);
        }
        if !process.status()?.success() {
            return Err(format!("the step `{}` failed", step[0]).into());
        }
    }
    Ok(())
}

fn train(folder: &Path, file: &str, common: &Common) -> Result<(), MainError> {
    common::page::check(common.html.as_deref())?;
    fs::create_dir_all(folder)?;
    let table = Table::read(file, &common.table)?;
    let outputs = match table.data.targets() {
        Targets::Classes { classes, .. } => *classes,
        Targets::Values(values) => values.ncols(),
        Targets::Labels(labels) => labels.ncols(),
    };
    let (width, train) = networks::for_shape(table.data.width(), outputs)?;
    let table = table.widened(width)?;
    let [rows, held_out] = table.split(Seed(0))?;
    let options = CompileOptions::default();
    let test = table.data.select(&held_out)?;
    let trained = train([&table.data.select(&rows)?, &test], Seed(0), options.p_fail)?;
    println!("on the quarter that is held out: {}", trained.quantized);
    let compiled = trained.circuit.compile(&options)?;
    let shown = common::page::Shown {
        compiled: &compiled,
        history: &trained.history,
        test: &test,
        results: [&[], &[]],
    };
    common::page::write(common.html.as_deref(), &shown)?;
    save(folder, "model.client", &compiled.client().to_bytes())?;
    save(folder, "model.server", &compiled.server().to_bytes())
}

fn keygen(folder: &Path) -> Result<(), MainError> {
    let half = ClientHalf::from_bytes(&file::load(folder.join("model.client"))?)?;
    let (client_key, evaluation_keys) = half.keygen();
    let secret = client_key.to_bytes();
    file::save_secret(folder.join("client.key"), &secret)?;
    println!("client.key: {} bytes, for its owner only", secret.len());
    save(folder, "evaluation.keys", &evaluation_keys.to_bytes())
}

fn client(folder: &Path) -> Result<Client, MainError> {
    let half = ClientHalf::from_bytes(&file::load(folder.join("model.client"))?)?;
    let key = ClientKey::from_bytes(&file::load_secret(folder.join("client.key"))?)?;
    Ok(Client::new(half, key)?)
}

fn encrypt(folder: &Path, file: &str, common: &Common) -> Result<(), MainError> {
    let client = client(folder)?;
    let samples = common.table.cells(file, &client.half().codec().described)?;
    // Evenly over the file: tables are often sorted by class.
    let step = (samples.len() / common.samples.max(1)).max(1);
    for (index, cells) in samples.iter().step_by(step).take(common.samples).enumerate() {
        println!("sample {index}: {}", cells.join(", "));
        save(folder, &format!("{index}.input"), &client.encrypt_text(cells)?.to_bytes())?;
    }
    Ok(())
}

fn run(folder: &Path) -> Result<(), MainError> {
    let half = ServerHalf::from_bytes(&file::load(folder.join("model.server"))?)?;
    let keys = EvaluationKeys::from_bytes(&file::load(folder.join("evaluation.keys"))?)?;
    let server = Server::new(half, ServerKey::from(keys), None)?;
    let mut index = 0;
    while let path = folder.join(format!("{index}.input"))
        && path.exists()
    {
        let input = EncryptedInput::from_bytes(&file::load(path)?)?;
        save(folder, &format!("{index}.output"), &server.run(&input)?.to_bytes())?;
        index += 1;
    }
    Ok(())
}

fn decrypt(folder: &Path) -> Result<(), MainError> {
    let client = client(folder)?;
    let mut index = 0;
    while let path = folder.join(format!("{index}.output"))
        && path.exists()
    {
        let logits = client.decrypt(&EncryptedOutput::from_bytes(&file::load(path)?)?)?;
        let answer = logits.class_name().map_or_else(|| format!("{:?}", logits.values), str::to_owned);
        println!("sample {index}: {answer}");
        index += 1;
    }
    Ok(())
}

fn save(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), MainError> {
    file::save(folder.join(name), bytes)?;
    println!("{name}: {} bytes", bytes.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Steps get the options of the whole, which stand behind them.
    #[test]
    fn options_may_stand_behind_a_step() {
        let options = ["--no-header", "--target", "3", "--samples", "2", "--folder", "f"];
        let step = ["two_halves", "train", "table.csv"];
        let parsed = Options::try_parse_from(step.iter().chain(&options)).unwrap();
        assert!(matches!(&parsed.step, Some(Step::Train { file }) if file == "table.csv"));
        assert_eq!((parsed.common.samples, parsed.common.folder), (2, Some("f".into())));
        let whole = Options::try_parse_from(["two_halves", "table.csv"].iter().chain(&options)).unwrap();
        assert_eq!((whole.step.is_none(), whole.file.as_deref()), (true, Some("table.csv")));
    }
}
