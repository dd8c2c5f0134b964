//! What the service costs beside the bare engine.

use std::{process::Command, time::Instant};

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
    let place = Place::new();
    let bare = bare(200);
    for (clients, at_once, samples) in [("16", "1", "1"), ("1", "16", "1"), ("2", "4", "10")] {
        let options = ["--requests", "400", "--clients", clients, "--at-once", at_once, "--samples", samples];
        let (served, report) = served(&place, &options);
        println!(
            "{clients} clients, {at_once} requests at once of {samples}: {served:.1} of {bare:.1} samples a second, {report}"
        );
        assert!(served > 0.9 * bare, "{served} of {bare}");
    }
}
