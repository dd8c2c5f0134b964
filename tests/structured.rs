//! Files that are well formed and hold what nobody would write: extreme numbers, elements repeated and left out, parts of one in
//! another, under the checksum that belongs to them. Each is refused with an error, or runs, and gives what its circuit gives.
//!
//! `FHEQAT_CASES=100000 cargo test --release --test structured -- --nocapture --test-threads 1` runs so many of each artefact;
//! with `FHEQAT_ROTATE=16` every sixteenth case is one that may rotate.
#![cfg(feature = "fhe")]
#![allow(clippy::unwrap_used)]

#[path = "structured/mod.rs"]
mod structured;

use std::{env, panic, time::Instant};

use structured::{Kind, Outcome, Tree, World, check};

/// What became of the cases of one artefact.
#[derive(Debug, Default)]
struct Counts {
    cases: u64,
    accepted: u64,
    ran: u64,
    panics: u64,
    differences: u64,
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn cases(kind: Kind, cases: u64) {
    let world = World::get();
    assert_eq!(check(kind, &world.honest(kind), true), Outcome::Ran);
    let (cases, every) = (number("FHEQAT_CASES", cases), number("FHEQAT_ROTATE", 4));
    let first = number("FHEQAT_FIRST", 0);
    let (mut counts, mut failed, start) = (Counts::default(), Vec::new(), Instant::now());
    for seed in first..first + cases {
        let bytes = world.mutated(kind, seed);
        counts.cases += 1;
        match panic::catch_unwind(|| check(kind, &bytes, seed % every == 0)) {
            Ok(Outcome::Refused) => {}
            Ok(Outcome::Read) => counts.accepted += 1,
            Ok(Outcome::Ran) => {
                counts.accepted += 1;
                counts.ran += 1;
            }
            Err(reason) => {
                let reason = reason.downcast_ref::<String>().map_or("a panic", String::as_str);
                if reason.contains("difference") {
                    counts.differences += 1;
                } else {
                    counts.panics += 1;
                }
                failed.push(format!("case {seed} of {kind:?}: {reason}"));
            }
        }
    }
    println!("{kind:?}: {counts:?} in {:.1?}", start.elapsed());
    failed.truncate(20);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn circuits() {
    cases(Kind::Circuit, 400);
}

#[test]
fn client_halves() {
    cases(Kind::ClientHalf, 2000);
}

#[test]
fn server_halves() {
    cases(Kind::ServerHalf, 500);
}

#[test]
fn client_keys() {
    cases(Kind::ClientKey, 1000);
}

#[test]
fn evaluation_keys() {
    cases(Kind::EvaluationKeys, 1000);
}

#[test]
fn encrypted_inputs() {
    cases(Kind::Input, 200);
}

#[test]
fn encrypted_outputs() {
    cases(Kind::Output, 2000);
}

/// Otherwise mutations would be of something else.
#[test]
fn trees_are_written_as_the_library_writes() {
    let world = World::get();
    let payload = |tree: &Tree| {
        let mut bytes = Vec::new();
        tree.write(&mut bytes);
        bytes
    };
    for circuit in &world.circuits {
        assert_eq!(payload(&Tree::of(circuit)), circuit.to_bytes()[structured::PAYLOAD_AT..]);
    }
    for party in &world.parties {
        assert_eq!(payload(&Tree::of(&party.keys)), party.keys.to_bytes()[structured::PAYLOAD_AT..]);
        assert_eq!(payload(&Tree::of(&*party.key)), party.key.to_bytes()[structured::PAYLOAD_AT..]);
        for model in &party.models {
            let halves = (model.client.half(), model.server.half());
            assert_eq!(payload(&Tree::of(halves.0)), halves.0.to_bytes()[structured::PAYLOAD_AT..]);
            assert_eq!(payload(&Tree::of(halves.1)), halves.1.to_bytes()[structured::PAYLOAD_AT..]);
            assert_eq!(payload(&Tree::of(&model.input)), model.input.to_bytes()[structured::PAYLOAD_AT..]);
            assert_eq!(payload(&Tree::of(&model.output)), model.output.to_bytes()[structured::PAYLOAD_AT..]);
        }
    }
}
