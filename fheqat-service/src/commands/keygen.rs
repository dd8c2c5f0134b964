//! `fheqat keygen`: a client's secret key and the evaluation keys that servers need.

use std::path::PathBuf;

use fheqat::{MainError, fhe::ClientHalf, file};
use serde_json::json;

use super::files::{self, Limits};

/// Makes a client's secret key, and the evaluation keys that a server needs
///
/// They serve every model of the same parameters. The secret key is readable for its owner only, and stays with the client.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The client half of a model
    #[arg(long)]
    client: PathBuf,
    /// Where the secret key goes
    #[arg(long, default_value = "client.key")]
    key: PathBuf,
    /// Where the evaluation keys go
    #[arg(long, default_value = "evaluation.keys")]
    evaluation: PathBuf,
    /// Replaces keys that are there; what was encrypted under them can never be decrypted
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    limits: Limits,
}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    let Options { client, key, evaluation, force, limits } = options;
    if key == evaluation {
        return Err(
            "the secret key and the evaluation keys go into one file: type another `--evaluation`".into()
        );
    }
    let half = limits.artifact(client, ClientHalf::from_bytes)?;
    if !force {
        let help = "keys cannot be made again: type another file, or `--force` to replace them";
        files::refuse_existing(key, help)?;
        files::refuse_existing(evaluation, help)?;
    }
    let (client_key, evaluation_keys) = half.keygen();
    let (secret, public) = (client_key.to_bytes(), evaluation_keys.to_bytes());
    // In this order, so that a client key that is there has its evaluation keys.
    if *force {
        file::save(evaluation, &public)?;
    } else {
        files::save(evaluation, &public)?;
    }
    file::save_secret(key, &secret)?;
    let id = client_key.id().to_string();
    let text = if json {
        let [key, evaluation] = [key, evaluation].map(|path| files::text(path));
        let line = json!({
            "key_id": id,
            "key": key,
            "key_bytes": secret.len(),
            "evaluation": evaluation,
            "evaluation_bytes": public.len(),
        });
        format!("{line}\n")
    } else {
        format!(
            "{}: the secret key {id}, {} bytes, for its owner only\n{}: its evaluation keys, {} bytes, for servers\n",
            key.display(),
            secret.len(),
            evaluation.display(),
            public.len()
        )
    };
    Ok(files::print(&text)?)
}
