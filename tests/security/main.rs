//! What an attacker of a golden parameter set, or of the keys of packed results, sees: `lwe.txt`, which `estimate.py` reads.
#![cfg(feature = "fhe")]
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::PathBuf,
};

use fheqat::params::{Decomposition, Packing, Parameters, SmallKey, search::Space};

const HEAD: &str = "keys        n  k     N     kN  log2 of standard deviations: small key, big key\n";

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Kind of keys, n, k and N in the rows of a golden table; the others have words in these places.
fn sets(table: &str) -> impl Iterator<Item = (SmallKey, [usize; 3])> {
    table.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let small_key = match words.next()? {
            "Uniform" => SmallKey::Uniform,
            "Blocks" => SmallKey::Blocks,
            _ => return None,
        };
        let numbers: Vec<usize> = words.skip(2).take(3).map_while(|word| word.parse().ok()).collect();
        Some((small_key, numbers.try_into().ok()?))
    })
}

fn parameters((small_key, [n, k, size]): (SmallKey, [usize; 3])) -> Parameters {
    let space = Space::of(small_key);
    let (glwe_dimension, polynomial_size) =
        space.shapes.into_iter().find(|(dimension, found)| (dimension.0, found.0) == (k, size)).unwrap();
    let lwe_dimension = space.lwe_dimensions.into_iter().find(|dimension| dimension.0 == n).unwrap();
    Parameters {
        lwe_dimension,
        small_key,
        glwe_dimension,
        polynomial_size,
        rotation: Decomposition::new(23, 1),
        key_switch: None,
        packing: None,
    }
}

/// With `FHEQAT_BLESS` set, writes the table instead.
#[test]
fn the_table_has_every_golden_set_and_keys_of_packed_results() {
    let golden = ["parameters.txt", "tolerances.txt"]
        .map(|name| fs::read_to_string(file("fheqat-runtime/tests/golden").join(name)).unwrap());
    let found: BTreeSet<(SmallKey, [usize; 3])> = golden.iter().flat_map(|table| sets(table)).collect();
    assert!(found.len() > 60, "{found:?}");
    let mut table = String::from(HEAD);
    for (small_key, set) in found {
        let parameters = parameters((small_key, set));
        let [n, k, size] = set;
        let deviation = |variance: f64| variance.log2() / 2.0;
        let small = deviation(parameters.small_encryption().0);
        let big = deviation(parameters.big_encryption().0);
        let dimension = parameters.big_dimension().0;
        let kind = format!("{small_key:?}");
        writeln!(table, "{kind:<7} {n:>5} {k:>2} {size:>5} {dimension:>6} {small:>9.4} {big:>9.4}").unwrap();
    }
    let packed = Space::default().packings;
    let packed: BTreeMap<usize, Packing> =
        packed.into_iter().map(|packing| (packing.glwe_dimension.0, packing)).collect();
    for (k, packing) in packed {
        let (size, dimension) = (Packing::SIZE.0, packing.dimension().0);
        let big = packing.encryption().0.log2() / 2.0;
        writeln!(table, "{:<7} {:>5} {k:>2} {size:>5} {dimension:>6} {:>9} {big:>9.4}", "-", 0, "-").unwrap();
    }
    let path = file("tests/security/lwe.txt");
    if std::env::var_os("FHEQAT_BLESS").is_some() {
        fs::write(&path, &table).unwrap();
    }
    assert_eq!(table, fs::read_to_string(&path).unwrap(), "found, and written in {}", path.display());
}
