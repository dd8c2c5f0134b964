//! What goes over the wire between the service and its clients. docs/service.md lists the requests.

use serde::{Deserialize, Serialize};

/// A version of a model that a server has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Model {
    /// The folder's name.
    pub name: String,
    /// From 1.
    pub version: u32,
    /// The id of the compiled model, 24 hexadecimal digits.
    pub model: String,
    /// Equal for models that the same keys serve: the SHA-256 of their parameters.
    pub parameters: String,
    /// Bytes of the client half.
    pub client_half: u64,
    /// Bytes of evaluation keys as they are sent.
    pub evaluation_keys: u64,
    /// Bytes that they take on the server once expanded.
    pub expanded_keys: u64,
    /// Encrypted numbers of a sample.
    pub inputs: usize,
    /// Blind rotations of a sample.
    pub rotations: usize,
}

/// A model in the folder that cannot be served, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Broken {
    /// The folder's name.
    pub name: String,
    /// From 1.
    pub version: u32,
    /// What is wrong.
    pub reason: String,
}

/// All models of a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Models {
    /// Those that can be used, by name and version.
    pub models: Vec<Model>,
    /// Those that cannot.
    pub broken: Vec<Broken>,
}

/// What a server does, for its page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Status {
    /// The version of fheqat that serves.
    pub fheqat: String,
    /// Seconds since the process started.
    pub uptime: u64,
    /// Whether it accepts jobs.
    pub ready: bool,
    /// Those that can be used, by name and version.
    pub models: Vec<ModelStatus>,
    /// Those that cannot.
    pub broken: Vec<Broken>,
    /// Jobs that wait or run.
    pub waiting: usize,
    /// Registered evaluation keys.
    pub keys: usize,
    /// Bytes of memory of the process.
    pub memory: u64,
    /// What ran lately.
    pub activity: Activity,
    /// Evaluation keys that this process has expanded.
    pub expanded: usize,
    /// Bytes of memory that these take.
    pub expanded_memory: u64,
    /// The workers on other machines; null where this process runs jobs itself.
    pub workers: Option<Workers>,
}

/// A model, and what ran of it lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelStatus {
    /// The model.
    #[serde(flatten)]
    pub model: Model,
    /// Samples that ran in the time of [`Activity`].
    pub samples: u64,
    /// Seconds that a sample took on average, where any ran.
    pub seconds: Option<f64>,
    /// What `compile` reported, where the folder has it: layers, prices and promises.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub report: Option<serde_json::Value>,
}

/// What ran in the last five minutes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Activity {
    /// Seconds of a slot of `samples`.
    pub slot: u32,
    /// Samples that ended in each slot, the oldest first.
    pub samples: Vec<u64>,
    /// Seconds that jobs waited before they ran.
    pub wait: Option<Percentiles>,
    /// Seconds that batches ran.
    pub run: Option<Percentiles>,
}

/// The middle and the slow end of times, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Percentiles {
    /// Half of them are at most this.
    pub p50: f64,
    /// 19 of 20 are at most this.
    pub p95: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
}

/// A set of evaluation keys, registered or on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Key {
    /// Of the whole file, 64 hexadecimal digits.
    pub sha256: String,
    /// Bytes of the whole file.
    pub length: u64,
    /// Bytes that the server has.
    pub offset: u64,
    /// The key's id, 24 hexadecimal digits, once the file is complete.
    pub key: Option<String>,
}

/// The registered keys of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Keys {
    /// In the order of their hashes.
    pub keys: Vec<Key>,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It waits for a worker.
    Queued,
    /// It runs.
    Running {
        /// Blind rotations done, of all its samples.
        done: usize,
        /// Blind rotations in all.
        of: usize,
    },
    /// Its result can be fetched.
    Done,
    /// It has no result.
    Failed {
        /// Why.
        error: Failure,
    },
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The model's id.
    pub model: String,
    /// The key's id.
    pub key: String,
    /// Encrypted samples.
    pub samples: usize,
    /// How far it is.
    #[serde(flatten)]
    pub state: State,
}

/// A worker of a service on many machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Worker {
    /// Drawn when it started, 16 hexadecimal digits.
    pub id: String,
    /// For people.
    pub name: String,
    /// Of fheqat.
    pub version: String,
    /// Threads that compute.
    pub threads: usize,
    /// Seconds since it was last heard.
    pub seen: f64,
    /// Keys that it has expanded.
    pub keys: usize,
    /// Jobs that it runs for this server.
    pub running: usize,
    /// Jobs of this server that wait there.
    pub waiting: usize,
    /// Jobs that it has done since it started, of all servers.
    pub done: u64,
    /// It takes no more jobs.
    pub stops: bool,
}

/// The workers of a service on many machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Workers {
    /// Whether jobs can be sent to them now.
    pub connected: bool,
    /// Those that were heard lately, by id.
    pub workers: Vec<Worker>,
}

/// An error of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Failure {
    /// For programs.
    pub code: Code,
    /// For people: what is wrong, and what to do.
    pub message: String,
    /// Seconds after which the same request may succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// 400: the request or its body cannot be read.
    BadRequest,
    /// 401: no token, or an unknown one.
    Unauthorized,
    /// 404: there is no such model, key, job or path, or it belongs to another client.
    NotFound,
    /// 405: the path has no such method.
    MethodNotAllowed,
    /// 408: the body came too slowly.
    Timeout,
    /// 409: a chunk begins where the upload does not end.
    WrongOffset,
    /// 409: the input names a model that the server does not have, or has no longer.
    UnknownModel,
    /// 409: the input names a key that the client has not registered.
    UnknownKey,
    /// 409: the key has other parameters than the model.
    OtherParameters,
    /// 409: the client has registered another file under the same key id.
    KeyExists,
    /// 409: the `Idempotency-Key` belongs to a request with another body.
    OtherRequest,
    /// 410: the job was cancelled.
    Cancelled,
    /// 413: a body, key or batch is larger than the server allows.
    TooLarge,
    /// 422: the bytes are not what they should be.
    Malformed,
    /// 422: the job ran for as long as the server allows.
    TooLong,
    /// 429: the client has as many keys as the server allows.
    TooManyKeys,
    /// 429: too many jobs wait.
    QueueFull,
    /// 503: the server stops, or cannot write to its disk.
    Unavailable,
    /// 500: a fault of the server.
    Internal,
}
