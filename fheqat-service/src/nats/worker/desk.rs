//! Where the threads of a worker find keys, halves and inputs.

use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use fheqat::fhe::{EvaluationKeys, ModelId, ServerHalf};

use super::{Half, PAUSE, Shared, results::Given};
use crate::{
    engine::KeySource,
    execute::{Book, Halves, Outcome},
    nats::{
        NatsError,
        objects::{self, Kind},
    },
    store::{
        ids::{JobId, Sha256},
        writer::Unavailable,
    },
};

/// Halves that are kept.
const HALVES: usize = 64;
/// How often a file is asked for while NATS does not answer.
const ATTEMPTS: usize = 20;

impl Book for Shared {
    fn inputs(&self, job: JobId) -> Result<Option<Bytes>, Unavailable> {
        Ok(self.jobs().get(job).map(|job| job.inputs.clone()))
    }

    fn progress(&self, job: JobId, rotations: usize) {
        let Some(gateway) = self.jobs().get(job).map(|job| job.header.gateway) else { return };
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.entry(gateway).or_default().insert(job, rotations as u64);
        drop(progress);
        self.progressed.notify_one();
    }

    fn finish(&self, outcomes: Vec<(JobId, Outcome)>) {
        for (job, outcome) in outcomes {
            self.ready(job, Given::Outcome(outcome));
        }
    }
}

impl Halves for Shared {
    fn half(&self, model: ModelId) -> Result<Arc<ServerHalf>, String> {
        if let Some(kept) = self.halves().get_mut(&model) {
            kept.used = Instant::now();
            return Ok(Arc::clone(&kept.server));
        }
        let file = self.jobs().find(|header| header.model == model).map(|header| header.half);
        let file = file.ok_or("no job has the model")?;
        let bytes = self.file(Kind::Half, &file, self.limits.half_file)?;
        let half = Arc::new(ServerHalf::from_bytes(&bytes).map_err(|error| error.to_string())?);
        if half.model() != model {
            return Err(format!("the half is of model {}", half.model()));
        }
        let mut halves = self.halves();
        if halves.len() >= HALVES
            && let Some(oldest) = halves.iter().min_by_key(|(_, kept)| kept.used).map(|(&model, _)| model)
        {
            halves.remove(&oldest);
        }
        halves.insert(model, Half { file, server: Arc::clone(&half), used: Instant::now() });
        Ok(half)
    }

    fn name(&self, model: ModelId) -> String {
        model.to_string()
    }
}

impl KeySource for Shared {
    fn evaluation_keys(&self, file: &Sha256) -> Result<EvaluationKeys, String> {
        let bytes = self.file(Kind::Key, file, self.limits.key_file)?;
        EvaluationKeys::from_bytes(&bytes).map_err(|error| error.to_string())
    }
}

impl Shared {
    /// A file that some gateway has put. Blocks.
    fn file(&self, kind: Kind, file: &Sha256, limit: u64) -> Result<Vec<u8>, String> {
        let gateways = self.jobs().gateways(file);
        let mut last = NatsError::Missing(format!("file {file}"));
        for gateway in gateways {
            let name = objects::object(gateway, kind, file);
            for _ in 0..ATTEMPTS {
                match self.runtime.block_on(objects::get(&self.link, &name, file, limit)) {
                    Ok(bytes) => {
                        tracing::info!(name, bytes = bytes.len(), "fetched");
                        self.jobs().lacking.remove(file);
                        return Ok(bytes);
                    }
                    Err(error) => last = error,
                }
                if !matches!(last, NatsError::Refused { .. }) || self.stops() {
                    break;
                }
                std::thread::sleep(PAUSE);
            }
        }
        tracing::warn!(error = %last, %file, "cannot fetch");
        self.jobs().lacking.insert(*file);
        Err(last.to_string())
    }
}
