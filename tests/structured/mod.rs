//! Well formed artefacts with extreme numbers: each is refused with an error, or does what it should. The tests of `structured.rs` and
//! the targets in `fuzz` call the same functions.
#![allow(dead_code, clippy::unwrap_used)]

mod mutate;
#[path = "../corpus/sealed.rs"]
mod sealed;
mod tree;
mod world;

use std::num::NonZeroUsize;

use fheqat::{circuit::ir::Tolerance, params::Bytes, plan::ServerPlan, prelude::*};

pub(crate) use mutate::Dice;
pub(crate) use sealed::{PAYLOAD_AT, sealed};
pub(crate) use tree::Tree;
pub(crate) use world::{Kind, Model, Party, World};
use world::{options, sample};

/// What became of an artefact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The reader refused it.
    Refused,
    /// It was read, and is too large to be run here or was refused by what it should run with.
    Read,
    /// It was run.
    Ran,
}

use Outcome::{Ran, Read, Refused};

/// What is larger is read and not run.
const ROTATIONS: usize = 24;
const MEMORY: Bytes = Bytes(64_000_000);

/// Reads an artefact and uses what is accepted. Rotations are run where `rotate` says so: they take milliseconds.
///
/// # Panics
/// Where the library does, and where it accepts what it should refuse or gives another result than the circuit.
pub(crate) fn check(kind: Kind, bytes: &[u8], rotate: bool) -> Outcome {
    let world = World::get();
    match kind {
        Kind::Circuit => circuit(world, bytes, rotate),
        Kind::ClientHalf => client_half(world, bytes),
        Kind::ServerHalf => server_half(world, bytes, rotate),
        Kind::ClientKey => client_key(world, bytes),
        Kind::EvaluationKeys => evaluation_keys(world, bytes),
        Kind::Input => input(world, bytes, rotate),
        Kind::Output => output(world, bytes),
    }
}

/// For libFuzzer: the bytes as they are, and as the seed of a mutation.
pub(crate) fn fuzz(kind: Kind, bytes: &[u8]) {
    check(kind, &sealed(bytes), true);
    if let Some(seed) = bytes.first_chunk() {
        check(kind, &World::get().mutated(kind, u64::from_le_bytes(*seed)), true);
    }
}

fn dice(bytes: &[u8]) -> Dice {
    Dice::new(bytes.iter().fold(7, |hash: u64, &byte| hash.rotate_left(5) ^ u64::from(byte)))
}

fn circuit(world: &World, bytes: &[u8], rotate: bool) -> Outcome {
    let Ok(circuit) = Circuit::from_bytes(bytes) else { return Refused };
    assert_eq!(circuit.to_bytes(), bytes, "it is written otherwise");
    let mut dice = dice(bytes);
    let sums = circuit.graph.accumulators.iter().map(|sum| sum.tolerance);
    let is_exact = sums
        .chain(circuit.graph.outputs.iter().map(|output| output.tolerance))
        .all(|Tolerance(deviation)| deviation <= 0.0);
    let mut outcome = Read;
    for (index, party) in world.parties.iter().enumerate() {
        let Ok(compiled) = circuit.compile(&options(Some(*party.key.parameters()))) else { continue };
        let client = Client::new(compiled.client(), party.key.clone()).unwrap();
        let rotations = compiled.plan().server.rotations();
        let sample = sample(&circuit.codec, &mut dice, true);
        let expected = circuit.simulate(&sample);
        let input = match (client.encrypt(&sample), &expected) {
            (Ok(input), Ok(_)) => input,
            (Err(_), Err(_)) => continue,
            (found, expected) => panic!("encrypted as {found:?} and simulated as {expected:?}"),
        };
        assert!(ClientHalf::from_bytes(&compiled.client().to_bytes()).is_ok());
        assert!(ServerHalf::from_bytes_within(&compiled.server().to_bytes(), Bytes(u64::MAX)).is_ok());
        let is_small = compiled.plan().server.memory() <= MEMORY && rotations <= ROTATIONS;
        if !is_small || (rotations > 0 && !rotate) {
            continue;
        }
        let server = Server::new(compiled.server(), party.server_key.clone(), Some(NonZeroUsize::MIN));
        let output = server.unwrap().run(&input).unwrap();
        let found = client.decrypt(&output).unwrap();
        if is_exact {
            let expected = expected.unwrap();
            assert_eq!(found.accumulators, expected.accumulators, "difference: party {index}, {sample:?}");
            let bits =
                |logits: &Logits| logits.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&found), bits(&expected), "difference: party {index}, {sample:?}");
        }
        outcome = Ran;
    }
    outcome
}

fn client_half(world: &World, bytes: &[u8]) -> Outcome {
    let Ok(half) = ClientHalf::from_bytes(bytes) else { return Refused };
    assert_eq!(half.to_bytes(), bytes, "it is written otherwise");
    let Some(party) = world.party(half.parameters()) else {
        assert!(world.parties.iter().all(|party| Client::new(half.clone(), party.key.clone()).is_err()));
        return Read;
    };
    let (model, mut dice) = (half.model(), dice(bytes));
    let client = Client::new(half, party.key.clone()).unwrap();
    let features = &client.plan().codec.described;
    let cells: Vec<_> = features.iter().map(|_| ["0.5", "?", "red", "1e39"][dice.roll(4)]).collect();
    let _ = client.encrypt_text(&cells);
    let sample = sample(&client.plan().codec, &mut dice, true);
    let _ = client.encrypt(&sample);
    for known in &party.models {
        match client.decrypt(&known.output) {
            Ok(logits) => {
                assert_eq!(known.client.half().model(), model);
                let _ = (logits.class_name(), logits.top_k(2), logits.predict_proba(), logits.labels(0.5));
            }
            Err(DecryptError::Mismatch { mismatch: Mismatch::Shape { expected, .. }, .. }) => {
                assert_eq!(known.client.half().model(), model);
                // A result of the shape that this half says.
                if expected < 1 << 20 {
                    let fitting = with_bytes(&known.output, expected);
                    let fitting = EncryptedOutput::from_bytes(&fitting).unwrap();
                    assert!(client.decrypt(&fitting).is_ok());
                }
            }
            Err(_) => assert_ne!(known.client.half().model(), model),
        }
    }
    Ran
}

/// A result with so many bytes of numbers.
fn with_bytes(output: &EncryptedOutput, length: usize) -> Vec<u8> {
    let mut tree = Tree::of(output);
    for node in tree.children_mut() {
        if let Tree::Bytes(bytes) = node {
            bytes.resize(length, 0x5a);
        }
    }
    let mut bytes = output.to_bytes()[..PAYLOAD_AT].to_vec();
    tree.write(&mut bytes);
    sealed(&bytes)
}

fn server_half(world: &World, bytes: &[u8], rotate: bool) -> Outcome {
    let Ok(half) = ServerHalf::from_bytes(bytes) else { return Refused };
    assert_eq!(half.to_bytes(), bytes, "it is written otherwise");
    let server = |half: &ServerHalf, party: &Party| {
        Server::new(half.clone(), party.server_key.clone(), Some(NonZeroUsize::MIN))
    };
    let Some(party) = world.party(half.parameters()) else {
        assert!(world.parties.iter().all(|party| server(&half, party).is_err()));
        return Read;
    };
    let rotations = half.plan().rotations();
    if half.plan().memory() > MEMORY || rotations > ROTATIONS || (rotations > 0 && !rotate) {
        return Read;
    }
    let own = party.models.iter().find(|model| model.server.half().model() == half.model());
    let model = own.unwrap_or(&party.models[0]);
    let result = server(&half, party).unwrap().run(&fitting_input(&model.input, half.plan()));
    match result {
        Ok(output) => {
            assert!(own.is_some(), "it ran an input of another model");
            // Nonsense, but no panic, or another number of outputs than the client expects.
            let _ = model.client.decrypt(&output);
            Ran
        }
        Err(RunError::Mismatch { .. }) if own.is_none() => Read,
        Err(error) => panic!("{error}"),
    }
}

/// An input with as many ciphertexts as a plan has inputs, under the key that it says.
fn fitting_input(input: &EncryptedInput, plan: &ServerPlan) -> EncryptedInput {
    let mut tree = Tree::of(input);
    let word = if plan.inputs_under_small_key { 4 } else { 8 };
    for node in tree.children_mut() {
        if let Tree::Variant("Bodies", variant, fields) = node
            && let [Tree::Bytes(bodies)] = &mut fields[..]
        {
            *variant = u32::from(!plan.inputs_under_small_key);
            bodies.resize(word * plan.inputs, 0x5a);
        }
    }
    let mut bytes = input.to_bytes()[..PAYLOAD_AT].to_vec();
    tree.write(&mut bytes);
    EncryptedInput::from_bytes(&sealed(&bytes)).unwrap()
}

fn client_key(world: &World, bytes: &[u8]) -> Outcome {
    let Ok(key) = ClientKey::from_bytes(bytes) else { return Refused };
    assert_eq!(key.to_bytes().as_slice(), bytes, "it is written otherwise");
    let Some(party) = world.party(key.parameters()) else {
        let other = |model: &Model| Client::new(model.client.half().clone(), key.clone()).is_err();
        assert!(world.parties.iter().flat_map(|party| &party.models).all(other));
        return Read;
    };
    let is_same = key.id() == party.key.id();
    for model in &party.models {
        let client = Client::new(model.client.half().clone(), key.clone()).unwrap();
        let input = client.encrypt(&model.sample).unwrap();
        assert_eq!(input.key(), key.id());
        assert_eq!(client.decrypt(&model.output).is_ok(), is_same);
    }
    Ran
}

/// Keys of the parties that do not rotate are small.
fn evaluation_keys(world: &World, bytes: &[u8]) -> Outcome {
    let Ok(keys) = EvaluationKeys::from_bytes(bytes) else { return Refused };
    assert_eq!(keys.to_bytes(), bytes, "they are written otherwise");
    let (id, parameters) = (keys.id(), *keys.parameters());
    let server_key = std::sync::Arc::new(ServerKey::from(keys));
    let new =
        |model: &Model| Server::new(model.server.half().clone(), server_key.clone(), Some(NonZeroUsize::MIN));
    let Some(party) = world.party(&parameters) else {
        assert!(world.parties.iter().flat_map(|party| &party.models).all(|model| new(model).is_err()));
        return Read;
    };
    for model in &party.models {
        let result = new(model).unwrap().run(&model.input);
        assert_eq!(result.is_ok(), id == party.key.id());
        if let Ok(output) = result {
            assert!(model.client.decrypt(&output).is_ok());
        }
    }
    Ran
}

fn input(world: &World, bytes: &[u8], rotate: bool) -> Outcome {
    let Ok(input) = EncryptedInput::from_bytes(bytes) else { return Refused };
    assert_eq!(input.to_bytes(), bytes, "it is written otherwise");
    let mut outcome = Read;
    for party in &world.parties {
        for model in &party.models {
            let is_own = model.server.half().model() == input.model() && party.key.id() == input.key();
            if is_own && model.server.plan().rotations() > 0 && !rotate {
                continue;
            }
            match model.server.run(&input) {
                Ok(output) => {
                    assert!(is_own, "it ran an input of another model or key");
                    assert!(model.client.decrypt(&output).is_ok());
                    outcome = Ran;
                }
                Err(RunError::Mismatch { mismatch: Mismatch::Shape { .. }, .. }) => assert!(is_own),
                Err(RunError::Mismatch { .. }) => assert!(!is_own),
                Err(error) => panic!("{error}"),
            }
        }
    }
    outcome
}

fn output(world: &World, bytes: &[u8]) -> Outcome {
    let Ok(output) = EncryptedOutput::from_bytes(bytes) else { return Refused };
    assert_eq!(output.to_bytes(), bytes, "it is written otherwise");
    let mut outcome = Read;
    for party in &world.parties {
        for model in &party.models {
            let is_own = model.client.half().model() == output.model() && party.key.id() == output.key();
            match model.client.decrypt(&output) {
                Ok(_) => {
                    assert!(is_own, "it decrypted a result of another model or key");
                    outcome = Ran;
                }
                Err(DecryptError::Mismatch { mismatch: Mismatch::Shape { .. }, .. }) => assert!(is_own),
                Err(_) => assert!(!is_own),
            }
        }
    }
    outcome
}
