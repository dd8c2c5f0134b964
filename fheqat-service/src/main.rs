//! `fheqat`: makes, inspects and runs encrypted models, and serves them over HTTP.

mod clock;
mod commands;
mod config;
mod engine;
mod execute;
mod failure;
mod http;
mod metrics;
mod models;
mod nats;
mod store;
mod tokens;

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
    Serve(Box<commands::serve::Options>),
    Worker(commands::worker::Options),
    Load(commands::load::Options),
    Token(commands::token::Options),
    Completions(commands::completions::Options),
}

fn main() -> Result<(), MainError> {
    let Options { json, command } = Options::parse();
    match command {
        Command::Serve(options) => commands::serve::run(&options, json),
        Command::Worker(options) => commands::worker::run(&options, json),
        Command::Load(options) => commands::load::run(&options, json),
        Command::Token(options) => commands::token::run(&options, json),
        Command::Completions(options) => commands::completions::run(&options),
    }
}
