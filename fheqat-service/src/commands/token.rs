//! `fheqat token`: a new token for a client of `fheqat serve`.

use std::{collections::BTreeMap, fmt::Write, fs::File, path::PathBuf};

use fheqat::MainError;

use crate::{
    store::ids::{Id, Sha256},
    tokens,
};

/// Draws a token for a client of `fheqat serve`, prints it, and adds its hash to a file
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The client's name: a to z, 0 to 9, - and _
    name: String,
    /// The file that `fheqat serve --tokens` reads; made if it is not there
    #[arg(long)]
    file: PathBuf,
}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    let Options { name, file } = options;
    tokens::check_name(name)?;
    // Two of these at once would lose a token.
    let mut lock = file.as_os_str().to_owned();
    lock.push(".lock");
    let lock = File::options().append(true).create(true).open(lock)?;
    lock.lock()?;
    let mut known = if file.exists() { tokens::read(file)? } else { BTreeMap::new() };
    if known.contains_key(name) {
        return Err(format!("`{}` has a token `{name}`: remove its line first", file.display()).into());
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    let token = Id(bytes).to_string();
    known.insert(name.clone(), Sha256::of(token.as_bytes()));
    let mut text = String::new();
    for (name, hash) in &known {
        writeln!(text, "{name} = \"{hash}\"")?;
    }
    fheqat::file::save(file, text.as_bytes())?;
    if json {
        println!("{}", serde_json::json!({ "name": name, "token": token }));
    } else {
        println!("{token}");
    }
    Ok(())
}
