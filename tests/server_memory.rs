//! What keys and servers take in memory is what they say, at rest and while they run.
#![cfg(feature = "fhe")]
#![allow(clippy::unwrap_used)]

use std::{num::NonZeroUsize, sync::Arc};

use fheqat::{data, prelude::*};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

#[quant_net(bits = 3, max_l1 = 6)]
struct Deep {
    #[layer(signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 6>,
    relu1: QuantReLU,
    fc2: QuantLinear<6, 2>,
}

/// More wires than threads work in.
#[quant_net(bits = 3, max_l1 = 6)]
struct Wide {
    #[layer(signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 60>,
    relu1: QuantReLU,
    fc2: QuantLinear<60, 2>,
}

/// Nothing rotates, and inputs are packed.
#[quant_net(bits = 3)]
struct Linear {
    quant_inp: QuantIdentity,
    fc: QuantLinear<3000, 20>,
}

/// Bytes that `make` leaves allocated, and the most that it had at once.
fn measured<T>(make: impl FnOnce() -> T) -> (T, f64, f64) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage() as f64;
    let made = make();
    (made, ALLOCATOR.current_usage() as f64 - before, ALLOCATOR.peak_usage() as f64 - before)
}

fn trained<N: Network>(data: &Dataset) -> Compiled {
    let mut net = N::new(Seed(0));
    net.train(data, &TrainConfig { epochs: Some(40), progress: false, ..TrainConfig::declared() }).unwrap();
    net.circuit().unwrap().compile(&CompileOptions::default()).unwrap()
}

/// One test: what runs at the same time would be measured too.
#[test]
fn memory_is_what_it_is_said_to_be() {
    let (points, _) = data::checkerboard(Seed(1));
    keys_and_servers(&trained::<Deep>(&points));
    runs(&trained::<Deep>(&points), &[0.2, 0.7]);
    runs(&trained::<Wide>(&points), &[0.2, 0.7]);
    let numbers =
        ndarray::Array2::from_shape_fn((40, 3000), |(row, column)| ((row * 7 + column) % 11) as f32);
    let rows = Dataset::classes(numbers, (0..40).map(|row| row % 20).collect(), 20).unwrap();
    let sample = rows.samples().next().unwrap();
    runs(&trained::<Linear>(&rows), &sample);
}

fn keys_and_servers(compiled: &Compiled) {
    let (_, keys) = compiled.client().keygen();
    let held = keys.to_bytes().len() as f64;
    let memory = keys.memory();
    let said = memory.0 as f64;

    // The keys that were sent are gone once they are expanded.
    let (server_key, left, _) = measured(|| ServerKey::from(keys));
    assert!((left + held) / said > 0.99 && (left + held) / said < 1.01, "{left} left, {said} said");
    assert_eq!((server_key.memory(), compiled.prediction().server_key), (memory, memory));

    // A server adds what its thread works in, which is part of what its half says of a sample.
    let half = compiled.server();
    let sample = half.plan().memory().0 as f64;
    let (server, left, _) = measured(|| Server::new(half, server_key, NonZeroUsize::new(1)).unwrap());
    assert!(left < sample + 200_000.0, "{left} left, {sample} said");
    assert_eq!(server.memory(), memory);
}

/// What one thread works in, and a sample on it.
fn runs(compiled: &Compiled, sample: &[f32]) {
    let (key, keys) = compiled.client().keygen();
    let client = Client::new(compiled.client(), key).unwrap();
    let key = Arc::new(ServerKey::from(keys));
    let input = client.encrypt(sample).unwrap();
    let half = Arc::new(compiled.server());
    let said = half.plan().memory().0 as f64;
    let (output, _, peak) = measured(|| {
        let server = Server::new(half.clone(), key.clone(), NonZeroUsize::new(1)).unwrap();
        server.run(&input).unwrap()
    });
    assert_eq!(client.decrypt(&output).unwrap(), compiled.circuit().simulate(sample).unwrap());
    eprintln!("{} rotations: {peak} bytes at once, {said} said", compiled.plan().server.rotations());
    // The pool of threads by itself takes some kilobytes.
    assert!(peak < said + 20_000.0, "{peak} bytes at once, {said} said");
    assert!(peak > 0.5 * said, "{peak} bytes at once, {said} said");
}
