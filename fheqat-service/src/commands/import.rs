//! `fheqat import`: a crate with the network of an ONNX file.

use std::path::PathBuf;

use fheqat::MainError;
use fheqat_onnx::{ImportError, ImportOptions, Imported, import};
use serde_json::json;

use super::{
    files::{self, Limits},
    new::{
        folder::Folder,
        source::{check_name, check_sources, filled, manifest, one_line},
    },
};

const MAIN: &str = include_str!("import/main.rs.txt");

/// Writes a crate with the network of an ONNX file: QONNX or QCDQ, as Brevitas exports them
///
/// The network becomes a struct of layers to read and change, its weights a file of safetensors. Run it with `cargo run --release` in
/// its folder: it writes both halves of the model.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The file
    model: PathBuf,
    /// The name of the crate and of the model; by default that of the file
    #[arg(long)]
    name: Option<String>,
    /// The folder of the crate, which must not be there yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A folder with fheqat's sources; by default cargo fetches its repository
    #[arg(long, value_name = "PATH")]
    fheqat: Option<PathBuf>,
    #[command(flatten)]
    limits: Limits,
}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    let Options { model, name, out, fheqat, limits } = options;
    let stem = || model.file_name()?.to_str()?.split('.').next().map(|stem| stem.replace(' ', "_"));
    let name = name.clone().or_else(stem).unwrap_or_default();
    check_name(&name)?;
    files::refuse_existing(out, "type another `--out`, or remove it")?;
    let fheqat = fheqat.as_deref().map(check_sources).transpose()?;

    let import_options =
        ImportOptions { name: name.clone(), max_bytes: usize::try_from(limits.most()).unwrap_or(usize::MAX) };
    let imported = import(&limits.read(model)?, &import_options).map_err(files::of_file(model))?;
    // What cannot run is found before anything is written; a function that has to be compiled is tried by the crate.
    match imported.network() {
        Ok(_) | Err(ImportError::Unsupported(_)) => {}
        Err(error) => return Err(files::of_file(model)(error).into()),
    }

    let file = model.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let new = Folder::beside(out)?;
    new.write("Cargo.toml", manifest(&name, fheqat.as_deref()).as_bytes())?;
    new.write("src/main.rs", main(&imported, &name, file).as_bytes())?;
    new.write(".gitignore", b"/target\n*.key\n")?;
    new.write("weights.safetensors", &imported.weights())?;
    new.become_folder(out)?;

    if !json {
        for note in imported.notes() {
            eprintln!("note: {note}");
        }
    }
    Ok(files::print(&said(&imported, &name, &files::text(out), json))?)
}

/// What is told of a crate that was written.
fn said(imported: &Imported, name: &str, out: &str, json: bool) -> String {
    if json {
        let notes: Vec<_> =
            imported.notes().iter().map(|note| json!({ "field": note.field, "text": note.text })).collect();
        let line = json!({
            "crate": name,
            "struct": imported.name(),
            "features": imported.features(),
            "outputs": imported.outputs(),
            "notes": notes,
        });
        return format!("{line}\n");
    }
    format!(
        "{out}: a crate with the network `{}`, from {:?} features to {} outputs\nnext: cd {out} && cargo run --release\n",
        imported.name(),
        imported.features(),
        imported.outputs()
    )
}

fn main(imported: &Imported, name: &str, file: &str) -> String {
    filled(
        MAIN,
        &[
            ("{{FILE}}", one_line(file)),
            ("{{MODELS_LITERAL}}", format!("{:?}", format!("/models/{name}"))),
            ("{{FEATURES}}", format!("{:?}", imported.features())),
            ("{{OUTPUTS}}", imported.outputs().to_string()),
            ("{{STRUCT}}", imported.source()),
            ("{{NAME}}", imported.name().to_owned()),
        ],
    )
}
