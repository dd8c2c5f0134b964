#![allow(clippy::unwrap_used)]

mod exact;
mod graphs;
mod kinds;
mod linear;
mod noise;
mod packed;
mod refuses;
mod security;
mod seeds;

use super::{Client, ClientHalf, ClientKey, ModelId, Server, ServerHalf, ServerKey, entropy::SystemSeeder};
use crate::plan::Plan;

/// A client and a server with new keys, of a plan that was not compiled.
fn parties(plan: &Plan) -> (Client, Server) {
    let model = ModelId([0; 12]);
    let client = ClientHalf { model, plan: plan.client.clone() };
    let server = ServerHalf { model, plan: plan.server.clone() };
    let (key, evaluation) = ClientKey::generate(plan.client.parameters, &mut SystemSeeder);
    (Client::new(client, key).unwrap(), Server::new(server, ServerKey::from(evaluation), None).unwrap())
}
