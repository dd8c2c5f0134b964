//! What an attacker of a golden parameter set, or of the keys of packed results, sees: `lwe.txt`, which `estimate.py` reads.
#![cfg(feature = "fhe")]
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::PathBuf,
};

use fheqat::params::{Decomposition, Packing, Parameters, noise::small_encryption, search::Space};

const HEAD: &str = "    n  k     N     kN  log2 of standard deviations: small key, big key\n";

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// n, k and N in the rows of a golden table; the others have words in these places.
fn shapes(table: &str) -> impl Iterator<Item = [usize; 3]> {
    table.lines().filter_map(|line| {
        let numbers: Vec<usize> =
            line.split_whitespace().skip(2).take(3).map_while(|word| word.parse().ok()).collect();
        numbers.try_into().ok()
    })
}

fn parameters([n, k, size]: [usize; 3]) -> Parameters {
    let space = Space::default();
    let (glwe_dimension, polynomial_size) =
        space.shapes.into_iter().find(|(dimension, found)| (dimension.0, found.0) == (k, size)).unwrap();
    let lwe_dimension = space.lwe_dimensions.into_iter().find(|dimension| dimension.0 == n).unwrap();
    let rotation = Decomposition::new(23, 1);
    Parameters { lwe_dimension, glwe_dimension, polynomial_size, rotation, key_switch: None, packing: None }
}

/// With `FHEQAT_BLESS` set, writes the table instead.
#[test]
fn the_table_has_every_golden_set_and_keys_of_packed_results() {
    let golden = ["parameters.txt", "tolerances.txt"]
        .map(|name| fs::read_to_string(file("fheqat-runtime/tests/golden").join(name)).unwrap());
    let sets: BTreeSet<[usize; 3]> = golden.iter().flat_map(|table| shapes(table)).collect();
    assert!(sets.len() > 30, "{sets:?}");
    let mut table = String::from(HEAD);
    for set in sets {
        let parameters = parameters(set);
        let [n, k, size] = set;
        let deviation = |variance: f64| variance.log2() / 2.0;
        let small = deviation(small_encryption(parameters.lwe_dimension).0);
        let big = deviation(parameters.big_encryption().0);
        let dimension = parameters.big_dimension().0;
        writeln!(table, "{n:>5} {k:>2} {size:>5} {dimension:>6} {small:>9.4} {big:>9.4}").unwrap();
    }
    let packed = Space::default().packings;
    let packed: BTreeMap<usize, Packing> =
        packed.into_iter().map(|packing| (packing.glwe_dimension.0, packing)).collect();
    for (k, packing) in packed {
        let (size, dimension) = (Packing::SIZE.0, packing.dimension().0);
        let big = packing.encryption().0.log2() / 2.0;
        writeln!(table, "{:>5} {k:>2} {size:>5} {dimension:>6} {:>9} {big:>9.4}", 0, "-").unwrap();
    }
    let path = file("tests/security/lwe.txt");
    if std::env::var_os("FHEQAT_BLESS").is_some() {
        fs::write(&path, &table).unwrap();
    }
    assert_eq!(table, fs::read_to_string(&path).unwrap(), "found, and written in {}", path.display());
}
