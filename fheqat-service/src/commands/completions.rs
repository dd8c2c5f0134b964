//! `fheqat completions`: what a shell needs to complete commands and options.

use clap::CommandFactory;
use clap_complete::Shell;
use fheqat::MainError;

/// Prints completions of commands and options for a shell
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The shell they are for
    shell: Shell,
}

pub(crate) fn run(options: &Options) -> Result<(), MainError> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut crate::Options::command(), "fheqat", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script)?;
    Ok(())
}
