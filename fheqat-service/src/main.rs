//! `fheqat`: makes, inspects and runs encrypted models, and serves them over HTTP.

mod activity;
mod bounded;
mod clock;
mod commands;
mod config;
mod engine;
mod execute;
mod failure;
mod http;
mod log;
mod metrics;
mod models;
mod nats;
mod store;
mod tokens;

use std::{error::Error, process::ExitCode};

use clap::{Parser, Subcommand};
use fheqat::{MainError, explained, spec};
use fheqat_onnx::ImportError;
use serde_json::json;

/// Makes, inspects and runs encrypted models, and serves them over HTTP
#[derive(Parser)]
#[command(name = "fheqat", version, arg_required_else_help = true)]
struct Options {
    /// Prints results and errors as JSON, one value a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(commands::new::Options),
    Import(commands::import::Options),
    Inspect(commands::inspect::Options),
    Keygen(commands::keygen::Options),
    Encrypt(commands::encrypt::Options),
    Run(commands::run::Options),
    Decrypt(commands::decrypt::Options),
    Predict(Box<commands::predict::Options>),
    Serve(Box<commands::serve::Options>),
    Worker(commands::worker::Options),
    Load(commands::load::Options),
    Token(commands::token::Options),
    Completions(commands::completions::Options),
}

/// Exit codes: 0 done, 1 failed, 2 typed wrongly.
fn main() -> ExitCode {
    let Options { json, command } = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => return refused(&error),
    };
    match run(command, json) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            fail(json, &error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, json: bool) -> Result<(), MainError> {
    match command {
        Command::New(options) => commands::new::run(&options, json),
        Command::Import(options) => commands::import::run(&options, json),
        Command::Inspect(options) => commands::inspect::run(&options, json),
        Command::Keygen(options) => commands::keygen::run(&options, json),
        Command::Encrypt(options) => commands::encrypt::run(&options, json),
        Command::Run(options) => commands::run::run(&options, json),
        Command::Decrypt(options) => commands::decrypt::run(&options, json),
        Command::Predict(options) => commands::predict::run(&options, json),
        Command::Serve(options) => commands::serve::run(&options, json),
        Command::Worker(options) => commands::worker::run(&options, json),
        Command::Load(options) => commands::load::run(&options, json),
        Command::Token(options) => commands::token::run(&options, json),
        Command::Completions(options) => commands::completions::run(&options),
    }
}

/// Help and versions are asked for; all else is typed wrongly.
fn refused(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let message = error.render().to_string();
        let error = message.trim_end().trim_start_matches("error: ");
        eprintln!("{}", json!({ "error": error }));
        return ExitCode::from(2);
    }
    error.exit()
}

/// The page about the first error of the chain that is none of the library's.
fn page(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<fheqat_client::Error>() {
            return Some("service");
        }
        if error.is::<ImportError>() {
            return Some("importing");
        }
        next = error.source();
    }
    None
}

/// The message, and the page of the error index about it.
fn fail(json: bool, error: &MainError) {
    let message = error.message();
    let see = page(error.error()).map(spec::book::address).or_else(|| explained(error.error()));
    match (json, see) {
        (true, None) => eprintln!("{}", json!({ "error": message })),
        (true, Some(see)) => eprintln!("{}", json!({ "error": message, "see": see })),
        (false, None) => eprintln!("Error: {message}"),
        (false, Some(see)) => eprintln!("Error: {message}\n  see {see}"),
    }
}
