//! What bytes from outside make a reader allocate: any file of at most 1 MB at most 64 MB at once, whatever it says of itself.
#![cfg(feature = "fhe")]
#![allow(clippy::unwrap_used)]

#[path = "structured/mod.rs"]
mod structured;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use fheqat::{circuit::Graph, prelude::*};
use peak_alloc::PeakAlloc;
use structured::{Kind, PAYLOAD_AT, Tree, World, sealed};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const FILE: usize = 1_000_000;
const MOST: usize = 64_000_000;
/// Minutes would be a way to stop a server; a file of this size takes a second on a machine that is busy.
const LONGEST: Duration = Duration::from_secs(20);

fn is_read(kind: Kind, bytes: &[u8]) -> bool {
    match kind {
        Kind::Circuit => Circuit::from_bytes(bytes).is_ok(),
        Kind::ClientHalf => ClientHalf::from_bytes(bytes).is_ok(),
        Kind::ServerHalf => ServerHalf::from_bytes(bytes).is_ok(),
        Kind::ClientKey => ClientKey::from_bytes(bytes).is_ok(),
        Kind::EvaluationKeys => EvaluationKeys::from_bytes(bytes).is_ok(),
        Kind::Input => EncryptedInput::from_bytes(bytes).is_ok(),
        Kind::Output => EncryptedOutput::from_bytes(bytes).is_ok(),
    }
}

/// The most memory that reading took at once, and whether the bytes were accepted.
fn peak(kind: Kind, bytes: &[u8]) -> (usize, bool) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let is_read = is_read(kind, bytes);
    (ALLOCATOR.peak_usage() - before, is_read)
}

/// The smallest value of the same type that the tree shows: of few bytes, and as large in memory as any.
fn smallest(tree: &Tree) -> Tree {
    match tree {
        Tree::Bool(_) => Tree::Bool(false),
        Tree::Unsigned(_, width) => Tree::Unsigned(0, *width),
        Tree::Signed(_, width) => Tree::Signed(0, *width),
        Tree::F32(_) => Tree::F32(1.0),
        Tree::F64(_) => Tree::F64(0.0),
        Tree::Text(_) => Tree::Text(String::new()),
        Tree::Bytes(_) => Tree::Bytes(Vec::new()),
        Tree::Option(_) => Tree::Option(None),
        Tree::Sequence(_) => Tree::Sequence(Vec::new()),
        Tree::Group(name, fields) => Tree::Group(name, fields.iter().map(smallest).collect()),
        Tree::Variant(name, variant, fields) => {
            Tree::Variant(name, *variant, fields.iter().map(smallest).collect())
        }
    }
}

fn written(tree: &Tree) -> Vec<u8> {
    let mut bytes = Vec::new();
    tree.write(&mut bytes);
    bytes
}

/// For every place that has a length and is not among `known`: the artefact with so much there that it is 1 MB. Names of places, and
/// bytes.
fn filled(header: &[u8], tree: &Tree, known: &mut BTreeSet<String>) -> BTreeMap<String, Vec<u8>> {
    // Keys that rotate are larger than that as they are.
    let Some(room) = FILE.checked_sub(header.len() + written(tree).len() + 16) else {
        return BTreeMap::new();
    };
    let (mut places, mut number) = (Vec::new(), 0);
    tree.visit("", &mut |place, node| {
        let has_length = match node {
            Tree::Sequence(elements) => !elements.is_empty(),
            Tree::Text(_) | Tree::Bytes(_) => true,
            _ => false,
        };
        if has_length && known.insert(place.to_owned()) {
            places.push((number, place.to_owned(), node.clone()));
        }
        number += 1;
    });
    let mut all = BTreeMap::new();
    for (number, place, node) in places {
        let full = match &node {
            Tree::Sequence(elements) => {
                // An element as it is, and the smallest.
                if let Some(element) = elements.first() {
                    let times = room / written(element).len().max(1);
                    let full = Tree::Sequence(vec![element.clone(); times]);
                    all.insert(format!("{place}, as it is"), with(header, tree, number, full));
                }
                let Some(element) =
                    elements.iter().map(smallest).min_by_key(|element| written(element).len())
                else {
                    continue;
                };
                Tree::Sequence(vec![element.clone(); room / written(&element).len().max(1)])
            }
            Tree::Text(_) => Tree::Text("a".repeat(room)),
            Tree::Bytes(_) => Tree::Bytes(vec![0x5a; room]),
            _ => continue,
        };
        all.insert(place, with(header, tree, number, full));
    }
    all
}

fn with(header: &[u8], tree: &Tree, number: usize, node: Tree) -> Vec<u8> {
    let mut changed = tree.clone();
    *changed.node_mut(number).unwrap() = node;
    sealed(&[header, &written(&changed)].concat())
}

/// A long chain of tables beside what they read: what is known of one is used for the next.
fn maxima(count: usize) -> Circuit {
    let world = World::get();
    let mut lines =
        vec!["input x0..=x1, range 0..=3\nlayer 0 \"relu\" reads \"add\", bound -6..=6\n".to_owned()];
    let jumps = "0 [+1 at 1, +1 at 2, +1 at 3]";
    for index in 0..count {
        let before = if index == 0 { String::new() } else { format!(" + t{}.0", index - 1) };
        lines.push(format!(
            "accumulator {index} = x0 - x1{before}, range -6..=6, layer 0\n  t{index}.0 = {jumps}\n"
        ));
    }
    lines.push(format!(
        "output 0 = x1 + t{}.0, range -6..=9\noutput 1 = 0, range 0..=0, constant 7\n",
        count - 1
    ));
    Circuit { graph: lines.concat().parse::<Graph>().unwrap(), ..world.circuits[0].clone() }
}

#[test]
fn files_of_a_megabyte_take_at_most_64_megabytes() {
    let world = World::get();
    let mut worst: Vec<(usize, Duration, String)> = Vec::new();
    let mut measure = |kind: Kind, name: &str, bytes: &[u8]| {
        let start = Instant::now();
        let (peak, is_read) = peak(kind, bytes);
        if bytes.len() > FILE {
            assert!(
                kind == Kind::EvaluationKeys && peak <= 2 * bytes.len(),
                "{kind:?}, {name}: {peak} bytes"
            );
            return;
        }
        // Of a bit becomes a word, and no key has more than some thousand.
        assert!(kind != Kind::ClientKey || peak <= FILE, "{name}: {peak} bytes for a key");
        let accepted = if is_read { ", accepted" } else { "" };
        worst.push((peak, start.elapsed(), format!("{kind:?}, {name}{accepted}")));
    };
    for kind in Kind::ALL {
        let header = &world.honest(kind)[..PAYLOAD_AT];
        let mut known = BTreeSet::new();
        for tree in world.whole(kind) {
            for (place, bytes) in filled(header, tree, &mut known) {
                measure(kind, &place, &bytes);
            }
        }
        for seed in 0..300 {
            measure(kind, &format!("mutation {seed}"), &world.mutated(kind, seed));
        }
    }
    measure(Kind::Circuit, "maxima", &maxima(20_000).to_bytes());
    worst.sort();
    worst.reverse();
    let show =
        |(peak, time, name): &(usize, Duration, String)| format!("{peak:>11} bytes, {time:.1?}: {name}");
    println!("{}", worst.iter().take(12).map(show).collect::<Vec<_>>().join("\n"));
    worst.sort_by_key(|(_, time, _)| std::cmp::Reverse(*time));
    println!("{}", worst.iter().take(8).map(show).collect::<Vec<_>>().join("\n"));
    let failed: Vec<String> =
        worst.iter().filter(|(peak, time, _)| *peak > MOST || *time > LONGEST).map(show).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
