//! What the service costs beside the bare engine.

use std::{
    num::NonZeroUsize,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use fheqat::prelude::*;

use crate::{process::Place, world::deep};

/// Samples a second of the engine alone, in one batch.
fn bare(samples: usize) -> f64 {
    let (model, owner) = (deep(), deep().owner(1));
    let keys = EvaluationKeys::from_bytes(&owner.evaluation).unwrap();
    let server = Server::new(model.compiled.server(), ServerKey::from(keys), None).unwrap();
    let inputs = owner.client.encrypt_batch(&model.samples[..samples]).unwrap();
    let began = Instant::now();
    server.run_batch(&inputs).unwrap();
    samples as f64 / began.elapsed().as_secs_f64()
}

/// Samples a second of the engine alone, a thread on each core, where each sample has another key than the one before: what no service can
/// exceed whose clients have a key each and send one sample at a time.
fn bare_of_many_keys(clients: usize, rounds: usize) -> f64 {
    let model = deep();
    let servers: Vec<(Server, EncryptedInput)> = (0..clients)
        .map(|client| {
            let owner = model.owner(client as u64 + 1);
            let keys = EvaluationKeys::from_bytes(&owner.evaluation).unwrap();
            let server = Server::new(model.compiled.server(), ServerKey::from(keys), NonZeroUsize::new(1));
            (server.unwrap(), owner.client.encrypt(&model.samples[client]).unwrap())
        })
        .collect();
    let threads = std::thread::available_parallelism().unwrap().get();
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= clients * rounds {
                        return;
                    }
                    let (server, input) = &servers[number % clients];
                    server.run(input).unwrap();
                }
            });
        }
    });
    (clients * rounds) as f64 / began.elapsed().as_secs_f64()
}

/// Samples a second of a server, and the report.
fn served(place: &Place, options: &[&str]) -> (f64, serde_json::Value) {
    let circuit = place.file("circuit");
    std::fs::write(&circuit, deep().circuit.to_bytes()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_fheqat"))
        .args(["--json", "load", "--model", "deep", "--models"])
        .arg(place.models())
        .arg("--circuit")
        .arg(circuit)
        .args(options)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    (report["samples_a_second"].as_f64().unwrap(), report)
}

#[test]
fn a_load_test_finds_no_wrong_result() {
    let place = Place::new();
    let (_, report) = served(&place, &["--requests", "20", "--clients", "3", "--samples", "2"]);
    assert_eq!((report["wrong"].as_u64(), report["errors"].as_u64()), (Some(0), Some(0)));
    let latency = |index: usize| report["latency"][index][1].as_f64().unwrap();
    assert!(latency(0) > 1.0 && latency(0) <= latency(4), "{report}");
}

#[test]
#[ignore = "measures throughput: run it alone, by --test-threads 1 --nocapture"]
fn throughput_is_at_least_nine_tenths_of_the_engine() {
    const ROUNDS: usize = 5;
    let place = Place::new();
    let mut slow = Vec::new();
    for (clients, at_once, samples) in [(16, 1, 1), (1, 16, 1), (2, 4, 10)] {
        let texts = [160, clients, at_once, samples].map(|number| number.to_string());
        let names = ["--requests", "--clients", "--at-once", "--samples"];
        let options: Vec<&str> =
            names.into_iter().zip(&texts).flat_map(|(name, text)| [name, text]).collect();
        let bare = || if at_once * samples == 1 { bare_of_many_keys(clients, 4) } else { bare(64) };
        // The machine may be busy: each measurement of the service stands between two of the engine.
        let mut before = bare();
        let mut parts: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let (served, report) = served(&place, &options);
                let after = bare();
                let part = 2.0 * served / (before + after);
                println!("{served:.1} samples a second between {before:.1} and {after:.1}: {report}");
                before = after;
                part
            })
            .collect();
        parts.sort_by(f64::total_cmp);
        let case = format!(
            "{clients} clients, {at_once} requests at once of {samples}: {:.2} of the engine ({:.2} to {:.2})",
            parts[ROUNDS / 2],
            parts[0],
            parts[ROUNDS - 1]
        );
        println!("{case}");
        if parts[ROUNDS / 2] < 0.9 {
            slow.push(case);
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}
