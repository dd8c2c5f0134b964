//! `fheqat run`: what a server does with encrypted samples.

use std::{num::NonZeroUsize, path::PathBuf, sync::mpsc, thread, time::Duration, time::Instant};

use fheqat::{
    MainError,
    fhe::{
        Control, EncryptedInput, EncryptedOutput, EvaluationKeys, RunError, Server, ServerHalf, ServerKey,
    },
};
use fheqat_client::frames;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::files::{self, Limits};

/// How often a bar looks how far the run is.
const TICK: Duration = Duration::from_millis(100);

/// Runs a model on encrypted samples, as a server does: without a secret key
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server half of the model
    #[arg(long)]
    server: PathBuf,
    /// The client's evaluation keys
    #[arg(long, default_value = "evaluation.keys")]
    evaluation: PathBuf,
    /// The encrypted samples
    input: PathBuf,
    /// The file of encrypted results to write, in the order of the samples
    #[arg(long)]
    output: PathBuf,
    /// Threads; one for each core by default
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    limits: Limits,
}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    let Options { server, evaluation, input, output, threads, limits } = options;
    let half = limits.artifact(server, ServerHalf::from_bytes)?;
    let keys = limits.artifact(evaluation, EvaluationKeys::from_bytes)?;
    let (inputs, is_framed) = limits.artifacts(input, EncryptedInput::from_bytes)?;
    let server = Server::new(half, ServerKey::from(keys), *threads)?;
    let start = Instant::now();
    let outputs = watched(&server, &inputs).map_err(files::of_file(input))?;
    let seconds = start.elapsed().as_secs_f64();
    let files: Vec<Vec<u8>> = outputs.iter().map(EncryptedOutput::to_bytes).collect();
    let bytes = match files.as_slice() {
        [file] if !is_framed => file.clone(),
        _ => frames::join(&files),
    };
    files::save(output, &bytes)?;
    let (samples, rotations) = (files.len(), files.len() * server.plan().rotations());
    let text = if json {
        let line = json!({
            "output": files::text(output),
            "samples": samples,
            "bytes": bytes.len(),
            "rotations": rotations,
            "threads": server.threads(),
            "seconds": seconds,
        });
        format!("{line}\n")
    } else {
        let output = output.display();
        format!(
            "{output}: {samples} encrypted results, {} bytes; {rotations} rotations in {seconds:.2} s on {} threads\n",
            bytes.len(),
            server.threads()
        )
    };
    Ok(files::print(&text)?)
}

/// Runs with a bar on standard error where that is a terminal.
fn watched(server: &Server, inputs: &[EncryptedInput]) -> Result<Vec<EncryptedOutput>, RunError> {
    let control = &Control::new();
    let rotations = inputs.len() * server.plan().rotations();
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let bar = scope.spawn(move || show(rotations, control, &is_done));
        let outputs = server.run_watched(inputs, control);
        drop(done);
        let _ = bar.join();
        outputs
    })
}

fn show(rotations: usize, control: &Control, is_done: &mpsc::Receiver<()>) {
    // Hidden where standard error is no terminal.
    let bar = ProgressBar::new(rotations as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} rotations, {eta} left") {
        bar.set_style(style);
    }
    while let Err(mpsc::RecvTimeoutError::Timeout) = is_done.recv_timeout(TICK) {
        bar.set_position(control.rotations() as u64);
    }
    bar.finish_and_clear();
}
