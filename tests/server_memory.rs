//! What keys and servers take in memory is what they say.
#![cfg(feature = "fhe")]
#![allow(clippy::unwrap_used)]

use std::{alloc::System, num::NonZeroUsize};

use fheqat::{data, prelude::*};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[quant_net(bits = 3, max_l1 = 6)]
struct Deep {
    #[layer(signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 6>,
    relu1: QuantReLU,
    fc2: QuantLinear<6, 2>,
}

/// Bytes that `make` leaves allocated.
fn left_by<T>(make: impl FnOnce() -> T) -> (T, f64) {
    let region = Region::new(ALLOCATOR);
    let made = make();
    let change = region.change();
    (made, change.bytes_allocated as f64 - change.bytes_deallocated as f64)
}

#[test]
fn memory_is_what_it_is_said_to_be() {
    let (train, _) = data::checkerboard(Seed(1));
    let mut net = Deep::new(Seed(0));
    net.train(&train, &TrainConfig { epochs: Some(40), progress: false, ..TrainConfig::declared() }).unwrap();
    let compiled = net.circuit().unwrap().compile(&CompileOptions::default()).unwrap();
    let (_, keys) = compiled.client().keygen();
    let held = keys.to_bytes().len() as f64;
    let memory = keys.memory();
    let said = memory.0 as f64;

    // The keys that were sent are gone once they are expanded.
    let (server_key, left) = left_by(|| ServerKey::from(keys));
    assert!((left + held) / said > 0.99 && (left + held) / said < 1.01, "{left} left, {said} said");
    assert_eq!((server_key.memory(), compiled.prediction().server_key), (memory, memory));

    // A server adds what its thread works in, which is part of what its half says of a sample.
    let half = compiled.server();
    let sample = half.plan().memory().0 as f64;
    let (server, left) = left_by(|| Server::new(half, server_key, NonZeroUsize::new(1)).unwrap());
    assert!(left < sample + 200_000.0, "{left} left, {sample} said");
    assert_eq!(server.memory(), memory);
}
