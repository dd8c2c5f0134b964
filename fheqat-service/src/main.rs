//! `fheqat`: makes, inspects and runs encrypted models, and serves them over HTTP.

mod commands;

use clap::{Parser, Subcommand};
use fheqat::MainError;

/// Makes, inspects and runs encrypted models, and serves them over HTTP
#[derive(Parser)]
#[command(name = "fheqat", version, arg_required_else_help = true)]
struct Options {
    /// Prints results as JSON, one value a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Completions(commands::completions::Options),
}

fn main() -> Result<(), MainError> {
    let Options { json: _, command } = Options::parse();
    match command {
        Command::Completions(options) => commands::completions::run(&options),
    }
}
