//! Which jobs run: a file of their ids, so that a job which ends the process is found out, and does not end it for ever.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::ids::JobId;

/// The jobs that run.
pub(super) struct RunningJobs {
    path: PathBuf,
    jobs: Mutex<HashSet<JobId>>,
}

impl RunningJobs {
    /// None yet; and those that ran when the last process ended.
    pub(super) fn open(state: &Path) -> (Self, HashSet<JobId>) {
        let path = state.join("running");
        let before = fs::read_to_string(&path).unwrap_or_default();
        let before = before.lines().filter_map(|line| line.parse().ok()).collect();
        (Self { path, jobs: Mutex::default() }, before)
    }

    /// Jobs begin or end to run.
    pub(super) fn change(&self, begin: bool, ids: &[JobId]) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            if begin {
                jobs.insert(*id);
            } else {
                jobs.remove(id);
            }
        }
        let lines: String = jobs.iter().flat_map(|id| [id.to_string(), "\n".to_owned()]).collect();
        // It is not synced: a process that ends leaves what the system has. Where it cannot be written, nothing is found out.
        let _ = fs::write(&self.path, lines);
    }
}
