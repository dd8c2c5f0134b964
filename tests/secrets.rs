//! Memory holds one copy of a secret key, and none once it is dropped: all that the process may write to is searched for it.
#![cfg(all(feature = "fhe", target_os = "linux"))]
#![allow(clippy::unwrap_used)]

use std::{fs, hint::black_box, ops::Range, os::unix::fs::FileExt, sync::Arc};

use fheqat::{file, params::Parameters, prelude::*};

/// Words, or bytes of bits, that a part of a secret has: an accident finds none so long.
const WORDS: usize = 64;
const BYTES: usize = 16;
const CHUNK: usize = 1 << 20;

/// Parts of a key in the forms that it has in memory and in a file. Every byte is inverted, so that they are not found themselves.
struct Parts {
    /// Bits a word, as `u64`, of the keys of packed results and of sums, and bits a word, as `u32`.
    words: [Vec<Vec<u8>>; 3],
    /// Bits a bit.
    bits: Vec<Vec<u8>>,
}

/// How often parts are in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    packed: usize,
    big: usize,
    small: usize,
    bits: usize,
}

const NOTHING: Found = Found { packed: 0, big: 0, small: 0, bits: 0 };
/// Three parts of each secret, in one place.
const ONE_COPY: Found = Found { packed: 3, big: 3, small: 3, bits: 0 };

impl Parts {
    fn of(key: &ClientKey) -> Self {
        let bytes = key.to_bytes();
        let Parameters { lwe_dimension, glwe_dimension, polynomial_size, packing, .. } = key.parameters();
        let big = glwe_dimension.0 * polynomial_size.0 / 8;
        let small = lwe_dimension.0.div_ceil(8);
        let packed = packing.unwrap().dimension().0 / 8;
        // The last three fields of the file; in front of each is its length, which takes two bytes.
        let mut end = bytes.len();
        let secrets = [packed, big, small].map(|length| {
            let at = end - length;
            assert!((128..1 << 14).contains(&length) || length == small, "its length takes two bytes");
            end = at - 2;
            at..at + length
        });
        for secret in &secrets[..2] {
            let length = [bytes[secret.start - 2] & 0x7f, bytes[secret.start - 1]].map(usize::from);
            assert_eq!(length[0] | length[1] << 7, secret.len());
        }
        let places = |secret: &Range<usize>| {
            let from = |part: usize| secret.start + secret.len() * part / 5;
            // The first bit is set, so that memory that is empty is soon passed over.
            [1, 2, 3].map(from).map(|from| (from..secret.end).find(|&at| bytes[at] & 1 == 1).unwrap())
        };
        let words = [0, 1, 2].map(|secret| {
            let width = [8, 8, 4][secret];
            let word = |place: usize, index: usize, byte: usize| match byte % width {
                0 => !(bytes[place + index / 8] >> (index % 8) & 1),
                _ => !0,
            };
            let part = |place| (0..WORDS * width).map(|byte| word(place, byte / width, byte)).collect();
            places(&secrets[secret]).map(part).to_vec()
        });
        let part = |place: usize| bytes[place..place + BYTES].iter().map(|byte| !byte).collect();
        let bits = secrets.iter().flat_map(places).map(part).collect();
        Self { words, bits }
    }

    /// Searches everything that the process may write to.
    fn found(&self) -> Found {
        let mut found = NOTHING;
        let mut buffer = vec![0; CHUNK + 8 * WORDS];
        let own = buffer.as_ptr().addr()..buffer.as_ptr().addr() + buffer.len();
        let memory = fs::File::open("/proc/self/mem").unwrap();
        for range in writable() {
            for from in range.clone().step_by(CHUNK) {
                let length = buffer.len().min(range.end - from);
                // A page that cannot be read is not of memory.
                let Ok(length) = memory.read_at(&mut buffer[..length], from as u64) else { continue };
                let bytes = &buffer[..length];
                let count = |parts: &[Vec<u8>], step: usize| -> usize {
                    let is_there = |at: &usize, part: &[u8]| {
                        !own.contains(&(from + at))
                            && bytes.len() - at >= part.len()
                            && is(&bytes[*at..], part)
                    };
                    let places = || (0..length.min(CHUNK)).step_by(step);
                    parts.iter().map(|part| places().filter(|at| is_there(at, part)).count()).sum()
                };
                found.packed += count(&self.words[0], 8);
                found.big += count(&self.words[1], 8);
                found.small += count(&self.words[2], 4);
                found.bits += count(&self.bits, 1);
            }
        }
        buffer.fill(0);
        black_box(&buffer);
        found
    }

    /// Words of the big key, often enough that later allocations leave some, in memory that nothing overwrites.
    fn leave_behind(&self) {
        let part: Vec<u8> = self.words[1][0].iter().map(|byte| !byte).collect();
        drop(black_box(part.repeat(128)));
    }
}

/// Whether bytes begin with what a part is the inverse of.
fn is(bytes: &[u8], part: &[u8]) -> bool {
    bytes.iter().zip(part).all(|(byte, inverse)| *byte == !inverse)
}

fn writable() -> Vec<Range<usize>> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let range = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).unwrap();
        rest.starts_with("rw").then(|| address(from)..address(to))
    };
    maps.lines().filter_map(range).collect()
}

#[test]
fn memory_holds_one_copy_of_a_key_and_none_once_it_is_dropped() {
    let circuit = Circuit::from_bytes(include_bytes!("corpus/circuit/small")).unwrap();
    let sample = vec![0.5; circuit.codec.features];
    let compiled = circuit.compile(&CompileOptions::default().results(Results::Packed)).unwrap();
    let (key, evaluation) = compiled.client().keygen();
    let parts = Parts::of(&key);
    assert_eq!(parts.found(), ONE_COPY, "after key generation and `to_bytes`");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.key");
    file::save_secret(&path, &key.to_bytes()).unwrap();
    assert_eq!(parts.found(), ONE_COPY, "after saving");
    drop(key);
    assert_eq!(parts.found(), NOTHING, "after the key is dropped");

    let key = ClientKey::from_bytes(&file::load_secret(&path).unwrap()).unwrap();
    assert_eq!(parts.found(), ONE_COPY, "after loading");
    let client = Client::new(compiled.client(), Arc::new(key.clone())).unwrap();
    drop(key);
    let input = client.encrypt(&sample).unwrap();
    assert_eq!(parts.found(), ONE_COPY, "after encryption");
    let server = Server::new(compiled.server(), ServerKey::from(evaluation), None).unwrap();
    let output = server.run(&input).unwrap();
    assert_eq!(client.decrypt(&output).unwrap(), circuit.simulate(&sample).unwrap());
    assert_eq!(parts.found(), ONE_COPY, "after decryption");
    drop(client);
    assert_eq!(parts.found(), NOTHING, "after the client is dropped");

    // What is not overwritten is found.
    parts.leave_behind();
    assert!(parts.found().big > 0);
    let bytes = fs::read(&path).unwrap();
    assert!(parts.found().bits >= 9);
    drop(black_box(bytes));
}
