//! All jobs in memory, without their bodies.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use fheqat::{
    fhe::{KeyId, ModelId},
    params::Bytes as Memory,
};
use fheqat_client::wire::{Code, Failure};
use tokio::sync::watch;

use super::{
    ids::{Client, JobId, Sha256},
    records::{JobRecord, Request},
};
use crate::{config::Limits, failure::later};

/// Seconds after which a full queue may have room.
const RETRY_AFTER: u32 = 2;

/// A job that a client wants to run; all of it is checked.
pub(crate) struct NewJob {
    pub(crate) client: Client,
    pub(crate) model: ModelId,
    pub(crate) key: KeyId,
    pub(crate) key_file: Sha256,
    pub(crate) samples: usize,
    pub(crate) rotations: usize,
    /// What its result will take.
    pub(crate) result: Memory,
    pub(crate) inputs: Bytes,
    pub(crate) request: Option<Request>,
}

#[derive(Default)]
pub(super) struct Index {
    pub(super) jobs: HashMap<JobId, Entry>,
    pub(super) requests: HashMap<(Client, String), JobId>,
    usage: HashMap<Client, Usage>,
    pub(super) waiting: usize,
    pub(super) next_number: u64,
}

pub(super) struct Entry {
    pub(super) record: JobRecord,
    /// Its end is being written.
    pub(super) ending: bool,
    /// Its result, until that is on disk: clients need not wait for the disk, as the job would run again after a kill.
    pub(super) unwritten: Option<Bytes>,
    /// A client has that.
    pub(super) fetched: bool,
    pub(super) progress: watch::Sender<Progress>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Saving,
    Queued,
    Running(usize),
    Ended,
}

/// What a client has.
#[derive(Clone, Copy, Default)]
struct Usage {
    waiting: usize,
    jobs: usize,
    bytes: u64,
}

impl Entry {
    /// Whether it has no result yet. Clients need not wait for the disk, so neither does their place in the queue.
    pub(super) fn waits(&self) -> bool {
        self.record.waits() && self.unwritten.is_none()
    }
}

impl Index {
    pub(super) fn insert(&mut self, id: JobId, record: JobRecord, progress: Progress) {
        if let Some(request) = &record.request {
            self.requests.insert((Arc::clone(&record.client), request.key.clone()), id);
        }
        self.next_number = self.next_number.max(record.number + 1);
        self.count(&record, record.waits(), true);
        let progress = watch::Sender::new(progress);
        self.jobs.insert(id, Entry { record, ending: false, unwritten: None, fetched: false, progress });
    }

    pub(super) fn remove(&mut self, id: JobId) {
        let Some(entry) = self.jobs.remove(&id) else { return };
        self.count(&entry.record, entry.waits(), false);
        if let Some(request) = &entry.record.request {
            let name = (Arc::clone(&entry.record.client), request.key.clone());
            if self.requests.get(&name) == Some(&id) {
                self.requests.remove(&name);
            }
        }
        entry.progress.send_replace(Progress::Ended);
    }

    pub(super) fn replace(&mut self, id: JobId, record: &JobRecord) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let waited = entry.waits();
        let before = std::mem::replace(&mut entry.record, record.clone());
        if !record.waits() {
            entry.ending = false;
            entry.unwritten = None;
            entry.progress.send_replace(Progress::Ended);
        }
        let waits = entry.waits();
        self.count(&before, waited, false);
        self.count(record, waits, true);
    }

    /// The result of a job is known, and not yet on disk.
    pub(super) fn answer(&mut self, id: JobId, result: Bytes) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let waited = entry.waits();
        entry.unwritten = Some(result);
        entry.progress.send_replace(Progress::Ended);
        if waited {
            self.waiting -= 1;
            if let Some(usage) = self.usage.get_mut(&entry.record.client) {
                usage.waiting -= 1;
            }
        }
    }

    fn count(&mut self, record: &JobRecord, waits: bool, more: bool) {
        let usage = self.usage.entry(Arc::clone(&record.client)).or_default();
        let waiting = usize::from(waits);
        if more {
            self.waiting += waiting;
            usage.waiting += waiting;
            usage.jobs += 1;
            usage.bytes += record.stored();
        } else {
            self.waiting -= waiting;
            usage.waiting -= waiting;
            usage.jobs -= 1;
            usage.bytes -= record.stored();
        }
        if usage.jobs == 0 {
            self.usage.remove(&record.client);
        }
    }

    pub(super) fn of(&self, client: &Client, id: JobId) -> Option<&Entry> {
        self.jobs.get(&id).filter(|entry| entry.record.client == *client)
    }

    pub(super) fn check(&self, new: &NewJob, bytes: u64, limits: &Limits) -> Result<(), Failure> {
        let usage = self.usage.get(&new.client).copied().unwrap_or_default();
        let full = |message: &str| Err(later(Code::QueueFull, message, RETRY_AFTER));
        if self.waiting >= limits.waiting {
            return full(&format!("{} jobs wait, as many as the server allows", self.waiting));
        }
        if usage.waiting >= limits.waiting_of_client {
            return full(&format!("{} of your jobs wait, as many as the server allows", usage.waiting));
        }
        if usage.jobs >= limits.jobs_of_client {
            return full(&format!(
                "the server keeps {} jobs of yours: delete results that you have",
                usage.jobs
            ));
        }
        if usage.bytes + bytes > limits.bytes_of_client {
            return full(&format!(
                "the server keeps {} bytes of yours: delete results that you have",
                usage.bytes
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::store::records::Stage;

    fn record(number: u64) -> JobRecord {
        JobRecord {
            number,
            client: "a".into(),
            model: postcard::from_bytes(&[1; 12]).unwrap(),
            key: postcard::from_bytes(&[1; 12]).unwrap(),
            key_file: Sha256::from_bytes([1; 32]),
            samples: 1,
            rotations: 1,
            bytes: 100,
            stage: Stage::Waiting,
            request: None,
            ended: 0,
        }
    }

    /// Whoever has a result may send the next request, though the disk is slow.
    #[test]
    fn a_job_with_a_result_waits_no_more() {
        let mut index = Index::default();
        let ids = [1, 2].map(|number| JobId::from_bytes([number; 16]));
        for (number, id) in ids.into_iter().enumerate() {
            index.insert(id, record(number as u64), Progress::Queued);
        }
        let usage = |index: &Index| (index.waiting, index.usage[&Client::from("a")].waiting);
        assert_eq!(usage(&index), (2, 2));
        index.answer(ids[0], Bytes::from_static(b"result"));
        assert_eq!(usage(&index), (1, 1));
        index.replace(
            ids[0],
            &JobRecord { stage: Stage::Done { bytes: 6, at: 1, fetched: None }, ..record(0) },
        );
        assert_eq!(usage(&index), (1, 1));
        index.answer(ids[1], Bytes::from_static(b"result"));
        index.remove(ids[1]);
        assert_eq!(usage(&index), (0, 0));
    }
}
