//! What tests of encodings and of layers of the client share.

use fheqat::{data::Dataset, prelude::*};
use ndarray::Array2;

/// Images of two channels whose classes differ in the brightness of the first.
pub(crate) fn images() -> Dataset {
    let pixels = Array2::from_shape_fn((240, 50), |(sample, pixel)| {
        ((sample * 37 + pixel * pixel * 11) % 29) as f32
            + if pixel < 25 { 9.0 * (sample % 2) as f32 } else { 100.0 }
    });
    Dataset::classes(pixels, (0..240).map(|sample| sample % 2).collect(), 2).unwrap()
}

/// What is loaded has the same circuit, and that comes back from its bytes.
pub(crate) fn saved_and_loaded<N: Network>(net: &N) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    net.save(&path).unwrap();
    let mut loaded = N::new(Seed(9));
    loaded.load(&path).unwrap();
    let circuit = net.circuit().unwrap();
    assert_eq!(loaded.circuit().unwrap(), circuit);
    assert_eq!(Circuit::from_bytes(&circuit.to_bytes()).unwrap(), circuit);
}
