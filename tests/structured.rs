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

use fheqat::{circuit::Graph, prelude::*};
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
    cases(Kind::EvaluationKeys, 200);
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

/// Bytes of a server half after a change of every node of one place.
fn changed(half: &ServerHalf, at: &str, change: impl Fn(&mut Tree)) -> Vec<u8> {
    let mut tree = Tree::of(half);
    let (mut numbers, mut number) = (Vec::new(), 0);
    tree.visit("", &mut |place, _| {
        if place == at {
            numbers.push(number);
        }
        number += 1;
    });
    assert!(!numbers.is_empty(), "{at}");
    // From the last on: a change moves only what is behind it.
    numbers.into_iter().rev().for_each(|number| change(tree.node_mut(number).unwrap()));
    let mut bytes = half.to_bytes()[..structured::PAYLOAD_AT].to_vec();
    tree.write(&mut bytes);
    structured::sealed(&bytes)
}

fn push(sequence: &mut Tree, element: Tree) {
    match sequence {
        Tree::Sequence(elements) => elements.push(element),
        _ => panic!("{sequence:?}"),
    }
}

/// What mutations found, and what is like it.
#[test]
fn server_halves_that_no_compilation_gives() {
    let halves = World::get().parties[0].models.iter().map(|model| model.server.half());
    let (mut rotating, mut small) = (0, 0);
    for half in halves.filter(|half| half.plan().rotations() > 0) {
        rotating += 1;
        let refused = |at: &str, change: &dyn Fn(&mut Tree)| {
            ServerHalf::from_bytes(&changed(half, at, change)).unwrap_err().to_string()
        };
        for rise in [i64::MIN, i64::MAX, 1 << 62, -(1 << 50)] {
            let message = refused("Rotation.5[].1", &|node| *node = Tree::Signed(rise.into(), 64));
            assert!(
                message.contains("the stairs of rotation 0 of stage 0 do not fit its parameters"),
                "{message}"
            );
        }
        let message = refused("ServerPlan.3[]", &|stage| {
            let Tree::Sequence(rotations) = stage else { panic!() };
            let mut nothing = rotations[0].clone();
            let fields = nothing.children_mut();
            fields[2].children_mut()[1] = Tree::Sequence(Vec::new());
            fields[8] = Tree::Sequence(Vec::new());
            fields[9] = Tree::Unsigned(0, 64);
            push(stage, nothing);
        });
        assert!(message.contains("the tables of rotation "), "{message}");
        if half.plan().inputs_under_small_key {
            small += 1;
            let input = Tree::Variant("Source", 0, vec![Tree::Unsigned(0, 64)]);
            let term = Tree::Group("", vec![input, Tree::Signed(1, 64)]);
            let message = refused("ServerPlan.4[]", &|output| {
                push(&mut output.children_mut()[0].children_mut()[0], term.clone());
            });
            assert!(message.contains("a sum reads Input(0), which is under the other key"), "{message}");
        }
    }
    assert!(rotating > 0 && small > 0, "{rotating}, {small}");
}

fn of_bits(text: &str) -> Circuit {
    let bits = &World::get().circuits[2];
    let circuit = Circuit { graph: text.parse::<Graph>().unwrap(), ..bits.clone() };
    circuit.verify().unwrap();
    circuit
}

/// Weights that cancel, on wires that a wide sum gives many slots: weight times gain leaves an `i64`, and the sum does not.
#[test]
fn vast_weights_that_cancel_are_compiled_or_refused() {
    let switched = of_bits(
        "\
input x0..=x5, range 0..=1
layer 0 \"l\" reads \"a\", bound -16..=16
accumulator 0 = x0, range 0..=1, layer 0
  t0.0 = 0 [+1 at 1]
  t0.1 = 0 [+1 at 1]
accumulator 1 = 1099511627776 t0.0 - 1099511627776 t0.1, range 0..=0, layer 0
  t1.0 = 0 [+1 at 0]
output 0 = x0 + 8388600 t0.0 + t1.0, range 0..=8388602
output 1 = x1, range 0..=1
",
    );
    let error = switched.compile(&CompileOptions::default()).unwrap_err();
    assert!(matches!(error, CompileError::Infeasible { .. }), "{error}");
    let constant = of_bits(
        "\
input x0..=x5, range 0..=1
layer 0 \"l\" reads \"a\", bound -16..=16
accumulator 0 = x0, range 0..=1, layer 0
  t0.0 = 1099511627776
  t0.1 = 1099511627776
accumulator 1 = x1 + 100 t0.0 - 100 t0.1, range 0..=1, layer 0
  t1.0 = 0 [+1 at 1]
output 0 = 1048576 x0 + x1, range 0..=1048577
output 1 = t1.0, range 0..=1
",
    );
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let (client, server) = constant.compile(&options).unwrap().keygen_insecure_for_tests(Seed(1)).unwrap();
    for sample in [[-9.0, 0.0], [9.0, 1.0], [1.0, 2.0]] {
        let found = client.decrypt(&server.run(&client.encrypt(&sample).unwrap()).unwrap()).unwrap();
        assert_eq!(found, constant.simulate(&sample).unwrap());
    }
}

/// Encoders divide by the number of features.
#[test]
fn samples_have_a_feature() {
    let mut none = World::get().circuits[0].clone();
    none.graph = "output 0 = 0, range 0..=0\noutput 1 = 0, range 0..=0\n".parse().unwrap();
    none.codec.features = 0;
    none.codec.described.clear();
    let message = Circuit::from_bytes(&none.to_bytes()).unwrap_err().to_string();
    assert!(message.contains("encoder 0 of its codec does not fit 0 features"), "{message}");
}
