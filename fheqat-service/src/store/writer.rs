//! The records on disk: redb. One thread writes; a transaction has all that arrived while the last one was synced.
//!
//! After an error of the disk redb refuses everything until the file is opened again, which the thread tries every second. Until then
//! all reads and writes fail with [`Unavailable`].

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::{
    ids::{Client, JobId, Sha256},
    records::{JobRecord, KeyRecord},
};

const JOBS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("jobs");
const INPUTS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("inputs");
const RESULTS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("results");
const KEYS: TableDefinition<'_, (&str, &[u8; 32]), &[u8]> = TableDefinition::new("keys");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// Format of the records.
const FORMAT: u64 = 1;
/// redb's own default is 1 GB.
const CACHE: usize = 24 << 20;
/// Bytes that are read in less than a second.
const LARGE: u64 = 256 << 20;
/// Most requests in one transaction, and the bytes after which no more are taken.
const MOST: usize = 512;
const MOST_BYTES: usize = 8 << 20;
/// Requests that wait for the thread.
const WAITING: usize = 1024;
const RETRY: Duration = Duration::from_secs(1);

/// The disk cannot be used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk cannot be used")]
pub(crate) struct Unavailable;

/// Why the records cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("cannot use `{path}`: {reason}")]
    Database { path: String, reason: String },
    #[error(
        "`{path}` has format {found}, and this build reads {FORMAT}: use the version of fheqat that wrote it"
    )]
    Format { path: String, found: u64 },
    #[error("`{path}` has a record that cannot be read ({reason}): use the version of fheqat that wrote it")]
    Record { path: String, reason: String },
}

/// A change of the records.
pub(crate) enum Write {
    /// A new job, with its inputs.
    Submit(JobId, Box<JobRecord>, Bytes),
    /// The end of a job, with its result if it has one. Its inputs go.
    End(JobId, Box<JobRecord>, Option<Bytes>),
    Update(JobId, Box<JobRecord>),
    RemoveJob(JobId),
    PutKey(Client, Sha256, Box<KeyRecord>),
    RemoveKey(Client, Sha256),
    Seconds(u64),
}

struct Request {
    writes: Vec<Write>,
    answer: oneshot::Sender<Result<(), Unavailable>>,
}

/// All that is known when a server starts.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) jobs: Vec<(JobId, JobRecord)>,
    pub(crate) keys: Vec<(Client, Sha256, KeyRecord)>,
    pub(crate) seconds: u64,
}

/// The records; clones share them.
#[derive(Clone)]
pub(crate) struct Records {
    requests: mpsc::SyncSender<Request>,
    database: Arc<RwLock<Option<Database>>>,
    usable: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
}

impl Records {
    /// Opens the records in a state folder, or makes them.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Known), OpenError> {
        let path = folder.join("records.redb");
        let database = open(&path)?;
        let known = read_known(&database, &path)?;
        let database = Arc::new(RwLock::new(Some(database)));
        let (requests, arriving) = mpsc::sync_channel(WAITING);
        let [usable, closed] = [true, false].map(|value| Arc::new(AtomicBool::new(value)));
        let writer = Writer {
            path,
            database: Arc::clone(&database),
            usable: Arc::clone(&usable),
            closed: Arc::clone(&closed),
        };
        thread::Builder::new()
            .name("records".to_owned())
            .spawn(move || writer.work(&arriving))
            .map_err(|error| database_error(folder, &error))?;
        Ok((Self { requests, database, usable, closed }, known))
    }

    /// Whether the disk could be used the last time.
    pub(crate) fn are_usable(&self) -> bool {
        self.usable.load(Ordering::Relaxed)
    }

    /// Closes the file; all that comes later fails.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Begins to make changes, all or none; the answer comes once they are on disk. Blocks while too many others wait.
    fn begin(&self, writes: Vec<Write>) -> oneshot::Receiver<Result<(), Unavailable>> {
        let (answer, answered) = oneshot::channel();
        // A thread that is gone drops the answer, which reads as an error.
        let _ = self.requests.send(Request { writes, answer });
        answered
    }

    /// Makes changes, all or none, and returns once they are on disk.
    pub(crate) async fn write(&self, writes: Vec<Write>) -> Result<(), Unavailable> {
        let (answer, answered) = oneshot::channel();
        // Waiting for the thread would stop all other tasks.
        self.requests.try_send(Request { writes, answer }).map_err(|_| Unavailable)?;
        answered.await.unwrap_or(Err(Unavailable))
    }

    /// Makes changes at some time, or not at all.
    pub(crate) fn write_later(&self, writes: Vec<Write>) {
        let (answer, _) = oneshot::channel();
        let _ = self.requests.try_send(Request { writes, answer });
    }

    /// As [`write`](Self::write), for threads.
    pub(crate) fn write_blocking(&self, writes: Vec<Write>) -> Result<(), Unavailable> {
        self.begin(writes).blocking_recv().unwrap_or(Err(Unavailable))
    }

    /// The framed inputs of a job that waits. Blocks.
    pub(crate) fn inputs(&self, job: JobId) -> Result<Option<Vec<u8>>, Unavailable> {
        self.read(INPUTS, job)
    }

    /// The framed results of a job that is done. Blocks.
    pub(crate) fn result(&self, job: JobId) -> Result<Option<Vec<u8>>, Unavailable> {
        self.read(RESULTS, job)
    }

    fn read(
        &self,
        table: TableDefinition<'static, &[u8; 16], &[u8]>,
        job: JobId,
    ) -> Result<Option<Vec<u8>>, Unavailable> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(Unavailable)?;
        let read = || -> Result<Option<Vec<u8>>, redb::Error> {
            let table = database.begin_read()?.open_table(table)?;
            Ok(table.get(&job.0)?.map(|bytes| bytes.value().to_vec()))
        };
        read().map_err(|error| {
            tracing::error!(%error, %job, "cannot read the records");
            Unavailable
        })
    }
}

fn database_error(path: &Path, error: &dyn std::error::Error) -> OpenError {
    OpenError::Database { path: path.display().to_string(), reason: error.to_string() }
}

fn open(path: &Path) -> Result<Database, OpenError> {
    let attempt = || -> Result<Database, redb::Error> {
        let database = Database::builder().set_cache_size(CACHE).create(path)?;
        let transaction = begin(&database, path)?;
        transaction.open_table(JOBS)?;
        transaction.open_table(INPUTS)?;
        transaction.open_table(RESULTS)?;
        transaction.open_table(KEYS)?;
        let mut numbers = transaction.open_table(NUMBERS)?;
        let is_new = numbers.get("format")?.is_none();
        if is_new {
            numbers.insert("format", FORMAT)?;
        }
        drop(numbers);
        transaction.commit()?;
        Ok(database)
    };
    attempt().map_err(|error| database_error(path, &error))
}

/// After a kill redb reads the whole file, unless each commit takes a second sync: worth it where the file is large.
fn begin(database: &Database, path: &Path) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(std::fs::metadata(path).is_ok_and(|file| file.len() > LARGE));
    Ok(transaction)
}

fn read_known(database: &Database, path: &Path) -> Result<Known, OpenError> {
    let mut known = Known::default();
    let mut unreadable = None;
    let mut read = || -> Result<u64, redb::Error> {
        let transaction = database.begin_read()?;
        let numbers = transaction.open_table(NUMBERS)?;
        let number = |name| Ok::<_, redb::Error>(numbers.get(name)?.map_or(0, |number| number.value()));
        let format = number("format")?;
        known.seconds = number("seconds")?;
        if format != FORMAT {
            return Ok(format);
        }
        for row in transaction.open_table(JOBS)?.iter()? {
            let (id, record) = row?;
            let record = parse(record.value(), &mut unreadable);
            known.jobs.extend(record.map(|record| (JobId::from_bytes(*id.value()), record)));
        }
        for row in transaction.open_table(KEYS)?.iter()? {
            let (name, record) = row?;
            let (client, sha256) = name.value();
            let record = parse(record.value(), &mut unreadable);
            known.keys.extend(record.map(|record| (client.into(), Sha256::from_bytes(*sha256), record)));
        }
        Ok(format)
    };
    let found = read().map_err(|error| database_error(path, &error))?;
    let path = path.display().to_string();
    if found != FORMAT {
        return Err(OpenError::Format { path, found });
    }
    if let Some(reason) = unreadable {
        return Err(OpenError::Record { path, reason });
    }
    known.jobs.sort_unstable_by_key(|(_, record)| record.number);
    Ok(known)
}

fn parse<T: DeserializeOwned>(record: &[u8], unreadable: &mut Option<String>) -> Option<T> {
    serde_json::from_slice(record).map_err(|error| *unreadable = Some(error.to_string())).ok()
}

struct Writer {
    path: PathBuf,
    database: Arc<RwLock<Option<Database>>>,
    usable: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
}

impl Drop for Writer {
    /// Without the thread that writes, nothing can be accepted.
    fn drop(&mut self) {
        self.usable.store(false, Ordering::Relaxed);
    }
}

impl Writer {
    fn work(&self, arriving: &mpsc::Receiver<Request>) {
        loop {
            let first = match arriving.recv_timeout(RETRY) {
                Ok(request) => request,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.open_again();
                    continue;
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            };
            let mut requests = vec![first];
            let mut bytes = requests[0].bytes();
            while requests.len() < MOST
                && bytes < MOST_BYTES
                && let Ok(request) = arriving.try_recv()
            {
                bytes += request.bytes();
                requests.push(request);
            }
            let result = self.commit(&requests);
            self.usable.store(result.is_ok(), Ordering::Relaxed);
            for request in requests {
                // Whoever asked may be gone.
                let _ = request.answer.send(result);
            }
            if result.is_err() {
                self.open_again();
            }
        }
    }

    fn commit(&self, requests: &[Request]) -> Result<(), Unavailable> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(Unavailable)?;
        let attempt = || -> Result<(), redb::Error> {
            let transaction = begin(database, &self.path)?;
            for write in requests.iter().flat_map(|request| &request.writes) {
                apply(&transaction, write)?;
            }
            Ok(transaction.commit()?)
        };
        attempt().map_err(|error| {
            tracing::error!(%error, "cannot write the records");
            Unavailable
        })
    }

    /// Closes the file after an error, and opens it if that works.
    fn open_again(&self) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        let works = |database: &Database| {
            begin(database, &self.path).and_then(|transaction| Ok(transaction.abort()?)).is_ok()
        };
        if database.as_ref().is_some_and(works) {
            return;
        }
        *database = None;
        match open(&self.path) {
            Ok(opened) => {
                tracing::info!("the records are open again");
                *database = Some(opened);
            }
            Err(error) => tracing::warn!(%error, "cannot open the records"),
        }
    }
}

impl Request {
    fn bytes(&self) -> usize {
        let bytes = |write: &Write| match write {
            Write::Submit(_, _, inputs) => inputs.len(),
            Write::End(_, _, Some(result)) => result.len(),
            _ => 0,
        };
        self.writes.iter().map(bytes).sum()
    }
}

fn apply(transaction: &WriteTransaction, write: &Write) -> Result<(), redb::Error> {
    match write {
        Write::Submit(id, record, inputs) => {
            transaction.open_table(JOBS)?.insert(&id.0, &json(&**record)[..])?;
            transaction.open_table(INPUTS)?.insert(&id.0, &inputs[..])?;
        }
        Write::End(id, record, result) => {
            transaction.open_table(JOBS)?.insert(&id.0, &json(&**record)[..])?;
            transaction.open_table(INPUTS)?.remove(&id.0)?;
            if let Some(result) = result {
                transaction.open_table(RESULTS)?.insert(&id.0, &result[..])?;
            }
        }
        Write::Update(id, record) => {
            let mut jobs = transaction.open_table(JOBS)?;
            // A job that is gone does not come back.
            if jobs.get(&id.0)?.is_some() {
                jobs.insert(&id.0, &json(&**record)[..])?;
            }
        }
        Write::RemoveJob(id) => {
            transaction.open_table(JOBS)?.remove(&id.0)?;
            transaction.open_table(INPUTS)?.remove(&id.0)?;
            transaction.open_table(RESULTS)?.remove(&id.0)?;
        }
        Write::PutKey(client, sha256, record) => {
            transaction.open_table(KEYS)?.insert((&**client, &sha256.0), &json(&**record)[..])?;
        }
        Write::RemoveKey(client, sha256) => {
            transaction.open_table(KEYS)?.remove((&**client, &sha256.0))?;
        }
        Write::Seconds(seconds) => {
            transaction.open_table(NUMBERS)?.insert("seconds", seconds)?;
        }
    }
    Ok(())
}

/// Records have no content that JSON cannot hold.
fn json(record: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(record).unwrap_or_default()
}
