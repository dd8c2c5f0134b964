//! The log of a process that serves or works.

use std::io::Write;

use fheqat::MainError;

/// What is logged, and how.
#[derive(clap::Args)]
pub(crate) struct LogOptions {
    /// Writes the log as JSON
    #[arg(long)]
    log_json: bool,
    /// The least level that is logged (error, warn, info or debug), or a filter as tracing has them
    #[arg(long, default_value = "info")]
    log: String,
}

impl LogOptions {
    /// Logs to standard error from now on; once a process.
    pub(crate) fn start(&self) -> Result<(), MainError> {
        let filter = tracing_subscriber::EnvFilter::try_new(&self.log)?;
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Log);
        if self.log_json {
            log.json().init();
        } else {
            log.init();
        }
        Ok(())
    }
}

/// Standard error. Where it cannot be written, as on a full disk, lines of the log are lost, and nothing else.
struct Log;

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let _ = std::io::stderr().write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
