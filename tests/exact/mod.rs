//! The one check that evaluation, exact integers and the simulated circuit agree.

use fheqat::{data::Dataset, prelude::*};

/// Every sample of `data`, bit for bit; gives the circuit.
pub(crate) fn check_bits<N: Network>(net: &N, data: &Dataset) -> Circuit {
    let circuit = net.circuit().expect("it is calibrated");
    let exact = net.quantized().expect("it is calibrated");
    let predicted = net.predict(Precision::Quantized, data.features()).expect("the data fits");
    for (sample, predicted) in data.samples().zip(predicted.rows()) {
        let simulated = circuit.simulate(&sample).expect("the sample fits").values;
        let same = |other: &[f32]| {
            simulated.len() == other.len()
                && simulated.iter().zip(other).all(|(a, b)| a.to_bits() == b.to_bits())
        };
        assert!(same(&predicted.to_vec()), "{sample:?}: {simulated:?} {predicted}");
        assert!(same(&exact.run(&sample).expect("the sample fits")), "{sample:?}: {simulated:?}");
    }
    circuit
}
