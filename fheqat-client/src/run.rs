//! Runs encrypted inputs: as jobs, several at a time, each until its result is here.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use fheqat::{
    fhe::Mismatch,
    prelude::{EncryptedInput, EncryptedOutput},
};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use reqwest::{Method, StatusCode, header::HeaderValue};

use crate::{
    error::Error,
    frames,
    retry::{Again, Call, Reason},
    service::Service,
    transport::Request,
    wire::{Code, Job, State},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service {
    /// Submits encrypted inputs of one model and key as one job, and does not wait for its result.
    ///
    /// # Errors
    /// When there is no answer, or an error.
    pub async fn submit(&self, inputs: &[EncryptedInput]) -> Result<Job, Error> {
        let mut call = self.call("submit a job");
        let request = self.job_of(inputs)?.largest(self.largest(inputs));
        let answer = self.transport.send(&mut call, &request).await?;
        match answer.job {
            // An answer was lost, and the job is done when the request is made again.
            Some(id) if answer.status == StatusCode::OK => self.job(id.to_str().unwrap_or_default()).await,
            _ => answer.json(call.doing()),
        }
    }

    /// Waits for the result of a job that these inputs were submitted as.
    ///
    /// # Errors
    /// When there is no answer, an error, the job failed, or the result is not that of these inputs.
    pub async fn result(&self, id: &str, inputs: &[EncryptedInput]) -> Result<Vec<EncryptedOutput>, Error> {
        let mut call = self.call("fetch a result");
        let body = self.wait(&mut call, id, self.largest(inputs)).await?;
        check(&call, Part { first: 0, inputs }, &body)
    }

    /// Runs encrypted inputs, also of several models and keys, and gives their results in the same order.
    ///
    /// # Errors
    /// When there is no answer, an error, a job failed, or a result is not that of its input. Other jobs of the call are cancelled
    /// then, as they are when the future is dropped.
    pub async fn run(&self, inputs: &[EncryptedInput]) -> Result<Vec<EncryptedOutput>, Error> {
        self.run_by(&self.call("run a job"), inputs).await
    }

    pub(crate) async fn run_by(
        &self,
        call: &Call,
        inputs: &[EncryptedInput],
    ) -> Result<Vec<EncryptedOutput>, Error> {
        if inputs.is_empty() {
            return Err(Error::Empty);
        }
        // Boxed, for the compiler cannot tell that the future of a borrowing closure may go to another thread.
        let most = AtomicUsize::new(self.options.samples.max(1));
        let run = |part| self.run_part(call.clone(), part, &most).boxed();
        let runs: Vec<_> = parts(inputs, self.options.samples.max(1)).into_iter().map(run).collect();
        stream::iter(runs).buffered(self.options.jobs.max(1)).try_concat().await
    }

    /// Runs inputs of one model and key, in smaller jobs where the service takes no larger ones.
    /// Inputs of one model and key are much alike, so what is too large for one job is for the others of the call.
    async fn run_part(
        &self,
        mut call: Call,
        part: Part<'_>,
        most: &AtomicUsize,
    ) -> Result<Vec<EncryptedOutput>, Error> {
        let (mut results, mut rest) = (Vec::new(), vec![part]);
        while let Some(part) = rest.pop() {
            if part.inputs.len() > most.load(Ordering::Relaxed) {
                rest.extend(part.halves());
                continue;
            }
            match self.run_job(&mut call, part).await {
                Ok(of_part) => results.extend(of_part),
                Err(error) if error.code() == Some(Code::TooLarge) && part.inputs.len() > 1 => {
                    most.fetch_min(part.inputs.len() / 2, Ordering::Relaxed);
                    rest.push(part);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(results)
    }

    async fn run_job(&self, call: &mut Call, part: Part<'_>) -> Result<Vec<EncryptedOutput>, Error> {
        let largest = self.largest(part.inputs);
        let request = self.job_of(part.inputs)?.largest(largest).waits();
        let answer = self.transport.send(call, &request).await?;
        call.went_on();
        let body = if answer.status == StatusCode::OK {
            answer.body
        } else {
            let job: Job = answer.json(call.doing())?;
            let mut submitted = Submitted { service: self, id: Some(job.id.clone()) };
            let body = self.wait(call, &job.id, largest).await?;
            submitted.id = None;
            body
        };
        check(call, part, &body)
    }

    /// Waits for the bytes of a result.
    async fn wait(&self, call: &mut Call, id: &str, largest: usize) -> Result<Bytes, Error> {
        if id.is_empty() || !id.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            let reason = format!("names the job `{}`, which is no id", id.escape_debug());
            return Err(Error::Answer { doing: call.doing(), reason });
        }
        let request = Request::new(Method::GET, self.url(&["jobs", id, "result"])).largest(largest).waits();
        loop {
            let answer = self.transport.send(call, &request).await?;
            call.went_on();
            if answer.status == StatusCode::OK {
                return Ok(answer.body);
            }
            let job: Job = answer.json(call.doing())?;
            if let State::Failed { error: failure } = job.state {
                return Err(Error::Job { id: job.id, failure });
            }
            // A service that does not wait is not asked without a pause.
            if answer.is_early {
                call.pause(Again { reason: Reason::Waiting, after: Some(Duration::ZERO) }).await?;
            }
        }
    }

    fn job_of(&self, inputs: &[EncryptedInput]) -> Result<Request, Error> {
        if inputs.is_empty() {
            return Err(Error::Empty);
        }
        let files: Vec<Vec<u8>> = inputs.iter().map(EncryptedInput::to_bytes).collect();
        let number = getrandom::u64()
            .and_then(|high| Ok((high, getrandom::u64()?)))
            .map_err(|error| Error::Setup { reason: format!("no randomness: {error}") })?;
        let once = format!("{:016x}{:016x}", number.0, number.1);
        let once =
            HeaderValue::from_str(&once).map_err(|error| Error::Setup { reason: error.to_string() })?;
        let request = Request::new(Method::POST, self.url(&["jobs"])).header("idempotency-key", once);
        Ok(request.octets(frames::join(&files).into()))
    }

    /// Bytes that the result of these inputs may have.
    fn largest(&self, inputs: &[EncryptedInput]) -> usize {
        self.options.largest_result.saturating_add(4).saturating_mul(inputs.len())
    }
}

/// Some of the inputs of a call.
#[derive(Clone, Copy)]
struct Part<'a> {
    /// Index of the first in the call.
    first: usize,
    inputs: &'a [EncryptedInput],
}

impl Part<'_> {
    /// The back half, and the front one, which is to come first.
    fn halves(self) -> [Self; 2] {
        let (front, back) = self.inputs.split_at(self.inputs.len() / 2);
        [Self { first: self.first + front.len(), inputs: back }, Self { first: self.first, inputs: front }]
    }
}

/// Inputs of one model and key each, at most so many.
fn parts(inputs: &[EncryptedInput], most: usize) -> Vec<Part<'_>> {
    let alike = inputs.chunk_by(|a, b| (a.model(), a.key()) == (b.model(), b.key()));
    let mut first = 0;
    alike
        .flat_map(|alike| alike.chunks(most))
        .map(|inputs| {
            let part = Part { first, inputs };
            first += inputs.len();
            part
        })
        .collect()
}

/// A job that is cancelled if nobody waits for it any more.
struct Submitted<'a> {
    service: &'a Service,
    id: Option<String>,
}

impl Drop for Submitted<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let service = self.service.clone();
            // The job may be over, or the service gone: then it costs nothing more either.
            runtime.spawn(async move { service.cancel(&id).await });
        }
    }
}

/// The results of inputs: as many, whole, and of their models and keys.
fn check(call: &Call, part: Part<'_>, body: &[u8]) -> Result<Vec<EncryptedOutput>, Error> {
    let wrong = |reason: String| Error::Answer { doing: call.doing(), reason };
    let expected = part.inputs.len();
    let files = frames::split(body, expected).map_err(|error| wrong(format!("is no result: {error}")))?;
    if files.len() != expected {
        return Err(wrong(format!("has {} results where {expected} belong", files.len())));
    }
    let read = |(index, (file, input)): (usize, (&&[u8], &EncryptedInput))| {
        let wrong = |reason: BoxError| Error::Result { index: part.first + index, reason };
        let output = EncryptedOutput::from_bytes(file).map_err(|error| wrong(error.into()))?;
        belongs(&output, input).map_err(|error| wrong(error.into()))?;
        Ok(output)
    };
    files.iter().zip(part.inputs).enumerate().map(read).collect()
}

fn belongs(output: &EncryptedOutput, input: &EncryptedInput) -> Result<(), Mismatch> {
    if output.model() != input.model() {
        return Err(Mismatch::Model { found: output.model(), expected: input.model() });
    }
    if output.key() != input.key() {
        return Err(Mismatch::Key { found: output.key(), expected: input.key() });
    }
    Ok(())
}
