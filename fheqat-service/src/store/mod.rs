//! What the server keeps in its state folder: records in redb, keys and halves as files.

mod files;
pub(crate) mod ids;
mod index;
mod jobs;
mod keys;
mod records;
mod running;
mod uploads;
pub(crate) mod writer;

use std::{path::Path, sync::Arc};

pub(crate) use files::Files;
pub(crate) use index::NewJob;
pub(crate) use jobs::Jobs;
pub(crate) use keys::Keys;
pub(crate) use records::Request;
pub(crate) use uploads::{Append, NoAppend, Uploads};
pub(crate) use writer::{OpenError, Records};

use self::writer::Write;
use crate::{clock::Clock, config::Limits};

/// Everything in the state folder.
pub(crate) struct Store {
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) uploads: Arc<Uploads>,
    pub(crate) files: Arc<Files>,
    pub(crate) records: Records,
    pub(crate) clock: Arc<Clock>,
    keep_upload: u64,
}

impl Store {
    /// Opens a state folder, or makes it. Bodies of keys, inputs and results are not read.
    ///
    /// # Errors
    /// When the folder cannot be written, or is another process's or another format's.
    pub(crate) fn open(folder: &Path, limits: Limits) -> Result<Self, OpenError> {
        let files = Files::open(folder).map_err(|error| OpenError::Database {
            path: folder.display().to_string(),
            reason: error.to_string(),
        })?;
        let files = Arc::new(files);
        let (records, known) = Records::open(folder)?;
        let running = running::RunningJobs::open(folder);
        let clock = Arc::new(Clock::after(known.seconds));
        let jobs = Arc::new(Jobs::new(records.clone(), Arc::clone(&clock), limits, known.jobs, running));
        let keys = Arc::new(Keys::new(records.clone(), Arc::clone(&files), limits, known.keys));
        keys.sweep(&jobs.keys_in_use());
        let uploads = Arc::new(Uploads::new(Arc::clone(&files), Arc::clone(&clock)));
        let keep_upload = limits.keep_upload;
        Ok(Self { jobs, keys, uploads, files, records, clock, keep_upload })
    }
}

impl Store {
    /// What is done every few seconds: the clock is written down, which also shows whether the disk can be used, and what is too old goes.
    pub(crate) async fn tidy(&self) {
        let _ = self.records.write(vec![Write::Seconds(self.clock.seconds())]).await;
        self.jobs.expire().await;
        let (uploads, keep) = (Arc::clone(&self.uploads), self.keep_upload);
        let _ = tokio::task::spawn_blocking(move || uploads.expire(keep)).await;
        self.keys.sweep_later(|| self.jobs.keys_in_use()).await;
    }
}
