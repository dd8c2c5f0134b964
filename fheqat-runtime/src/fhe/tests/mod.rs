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

use std::sync::Arc;

use super::{Client, ClientHalf, ClientKey, ModelId, Server, ServerHalf, ServerKey, entropy::SystemSeeder};
use crate::plan::Plan;

/// A client and a server with new keys, of a plan that was not compiled.
fn parties(plan: &Plan) -> (Client, Server) {
    let [parties] = parties_of([plan]);
    parties
}

/// A client and a server of each plan, all with the same new keys.
fn parties_of<const PLANS: usize>(plans: [&Plan; PLANS]) -> [(Client, Server); PLANS] {
    let model = ModelId([0; 12]);
    let (key, evaluation) = ClientKey::generate(plans[0].client.parameters, &mut SystemSeeder);
    let (key, evaluation) = (Arc::new(key), Arc::new(ServerKey::from(evaluation)));
    plans.map(|plan| {
        let client = ClientHalf { model, plan: plan.client.clone() };
        let server = ServerHalf { model, plan: plan.server.clone() };
        (Client::new(client, key.clone()).unwrap(), Server::new(server, evaluation.clone(), None).unwrap())
    })
}
