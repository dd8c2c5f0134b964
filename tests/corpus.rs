//! Readers of bytes from outside refuse what they cannot read: on the files in `tests/corpus` and thousands of mutations of
//! them none panics, and none allocates much more than the bytes it was given.
//!
//! The targets in `fuzz` start from the same files. `cargo test --test corpus -- --ignored rewrite` makes those of them again
//! that hold our own formats, which is needed where a format changes.
#![allow(clippy::unwrap_used)]

#[path = "corpus/targets.rs"]
mod targets;

use std::{collections::BTreeMap, fs, panic, path::PathBuf};

use fheqat::{data, prelude::*, quant::Code, spec::Range};
use peak_alloc::PeakAlloc;
use targets::Small;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Mutations of each file.
const MUTATIONS: u64 = 500;
/// The most bytes that a reader may have at once, beside a multiple of its input.
const MOST: usize = 1 << 20;

type Target = fn(&[u8]) -> bool;
type Change = fn(&mut Circuit, Range);

fn folder(target: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus")).join(target)
}

/// The files of a target, by name.
fn files(target: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder(target)).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }
}

/// One to four changes: a bit, a byte of the extremes, an integer as long as they get, bytes left out, doubled or cut off.
fn mutated(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    dice.roll(2);
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(bytes.len());
        let end = (at + 1 + dice.roll(16)).min(bytes.len());
        match dice.roll(7) {
            _ if bytes.is_empty() => bytes.push(dice.roll(256) as u8),
            0 | 1 => bytes[at] ^= 1 << dice.roll(8),
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][dice.roll(5)],
            3 => {
                bytes.splice(at..end, [0xff; 9].into_iter().chain([1]));
            }
            4 => {
                bytes.drain(at..end);
            }
            5 => {
                let doubled = bytes[at..end].to_vec();
                bytes.splice(at..at, doubled);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// Panics with the case that panics or allocates too much, or where no file is accepted.
fn check(name: &str, target: Target) {
    let files = files(name);
    let mut accepted = 0;
    for (file, bytes) in &files {
        accepted += usize::from(of_one(name, target, file, bytes));
        for seed in 0..MUTATIONS {
            of_one(name, target, &format!("{file}, mutation {seed}"), &mutated(bytes, seed));
        }
    }
    assert!(
        accepted > 0,
        "no file in tests/corpus/{name} is accepted: where its format changed on purpose, run `cargo test --test corpus -- --ignored rewrite`"
    );
}

fn of_one(name: &str, target: Target, case: &str, bytes: &[u8]) -> bool {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let outcome = panic::catch_unwind(|| target(bytes));
    let peak = ALLOCATOR.peak_usage() - before;
    let hex = || format!("{bytes:02x?}");
    assert!(peak <= MOST + 64 * bytes.len(), "{name}, {case}: {peak} bytes for {}", hex());
    outcome.unwrap_or_else(|_| panic!("{name}, {case}: panics on {}", hex()))
}

#[test]
fn every_reader_refuses_what_it_cannot_read() {
    check("circuit", targets::circuit);
    check("weights", targets::weights);
    check("table", targets::table);
    check("images", targets::images);
    check("onnx", targets::onnx);
    #[cfg(feature = "fhe")]
    {
        check("client_half", targets::client_half);
        check("server_half", targets::server_half);
        check("client_key", targets::client_key);
        check("evaluation_keys", targets::evaluation_keys);
        check("encrypted_input", targets::encrypted_input);
        check("encrypted_output", targets::encrypted_output);
    }
}

/// A quantity and a category, both of which may be missing.
#[cfg(feature = "fhe")]
fn colours() -> data::Dataset {
    let features = ndarray::array![[0.5, 0.0], [f32::NAN, 1.0], [1.5, f32::NAN], [2.5, 2.0], [3.5, 0.0]];
    let names = ["red", "green", "blue"].map(str::to_owned).to_vec();
    let kinds = [("width", data::FeatureKind::Number), ("colour", data::FeatureKind::Category { names })];
    let described = kinds.map(|(name, kind)| data::Feature { name: name.to_owned(), kind });
    let data = data::Dataset::classes_with_missing(features, vec![0, 1, 0, 1, 1], 2).unwrap();
    data.with_features(described.to_vec()).unwrap()
}

#[cfg(feature = "fhe")]
#[test]
#[ignore = "writes files"]
fn rewrite() {
    let write = |target: &str, bytes: &[u8]| {
        fs::create_dir_all(folder(target)).unwrap();
        fs::write(folder(target).join("small"), bytes).unwrap();
    };
    let (train, _) = data::checkerboard(Seed(1));
    let mut net = Small::new(Seed(0));
    net.train(&train, &TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() }).unwrap();
    fs::create_dir_all(folder("weights")).unwrap();
    net.save(folder("weights").join("small")).unwrap();

    let mut whitened = Small::new(Seed(0));
    let config = TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() };
    whitened.train(&train, &TrainConfig { features: FeatureMap::Whiten, ..config.clone() }).unwrap();
    whitened.save(folder("weights").join("whitened")).unwrap();
    fs::write(folder("circuit").join("whitened"), whitened.circuit().unwrap().to_bytes()).unwrap();
    let mut bits = targets::Encoded::new(Seed(0));
    bits.train(&colours(), &config).unwrap();
    bits.save(folder("weights").join("bits")).unwrap();
    fs::write(folder("circuit").join("bits"), bits.circuit().unwrap().to_bytes()).unwrap();

    let circuit = net.circuit().unwrap();
    write("circuit", &circuit.to_bytes());
    let compiled = circuit.compile(&CompileOptions::default()).unwrap();
    let (client, server) = compiled.keygen_insecure_for_tests(Seed(0)).unwrap();
    let input = client.encrypt(&[0.2, 0.7]).unwrap();
    write("encrypted_input", &input.to_bytes());
    write("encrypted_output", &server.run(&input).unwrap().to_bytes());
    write("client_half", &compiled.client().to_bytes());
    write("server_half", &compiled.server().to_bytes());
    write("client_key", &client.key().to_bytes());

    // A network without rotations has evaluation keys of a few bytes; those of others take megabytes.
    let mut linear = targets::Linear::new(Seed(0));
    linear.train(&train, &config).unwrap();
    let compiled = linear.circuit().unwrap().compile(&CompileOptions::default()).unwrap();
    let (_, keys) = compiled.client().keygen_insecure_for_tests(Seed(0));
    write("evaluation_keys", &keys.to_bytes());
}

/// Numbers that no mutation of bytes would soon come upon.
#[test]
fn circuits_of_extreme_numbers_are_refused_or_run() {
    let (train, _) = data::checkerboard(Seed(1));
    let mut net = Small::new(Seed(0));
    net.train(&train, &TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() }).unwrap();
    let circuit = net.circuit().unwrap();
    let widest = Range { lo: i64::MIN, hi: i64::MAX };
    let changes: [(&str, Change); 10] = [
        ("features", |circuit, _| {
            circuit.codec.features = usize::MAX / 2 + 1;
            circuit.codec.encoders.push(circuit.codec.encoders[0].clone());
        }),
        ("inputs", |circuit, widest| circuit.graph.inputs.fill(widest)),
        ("levels", |circuit, widest| {
            if let Code::Round(quantizer) = &mut circuit.codec.encoders[0].code {
                quantizer.levels = widest;
            }
        }),
        ("bound", |circuit, widest| circuit.graph.layers.iter_mut().for_each(|layer| layer.bound = widest)),
        ("range", |circuit, widest| circuit.graph.accumulators[0].range = widest),
        ("bound and range", |circuit, widest| {
            circuit.graph.layers.iter_mut().for_each(|layer| layer.bound = widest);
            circuit.graph.accumulators[0].range = widest;
        }),
        ("weight", |circuit, _| circuit.graph.accumulators[0].terms[0].weight = i64::MIN),
        ("base", |circuit, _| circuit.graph.accumulators[0].tables[0].base = i64::MAX),
        ("rise", |circuit, _| circuit.graph.accumulators[0].tables[0].jumps[0].rise = i64::MIN),
        ("constant", |circuit, _| circuit.graph.outputs[0].constant = i64::MIN),
    ];
    let mut panics = Vec::new();
    for (name, change) in changes {
        let mut changed = circuit.clone();
        change(&mut changed, widest);
        let bytes = changed.to_bytes();
        if panic::catch_unwind(|| targets::circuit(&bytes)).is_err() {
            panics.push(name);
        }
    }
    assert!(panics.is_empty(), "{panics:?}");
}
