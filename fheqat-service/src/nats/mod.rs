//! Many machines: a gateway keeps jobs and results, workers run them, NATS JetStream is between them. docs/service.md says how.

pub(crate) mod gateway;
mod link;
mod messages;
mod objects;
pub(crate) mod worker;

pub(crate) use link::{Link, NatsError, Options};
