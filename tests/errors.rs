//! Bad input is a typed error that names the value and says what to do; nothing panics.
#![allow(clippy::unwrap_used)]

use fheqat::{data, error::InputError, prelude::*, train::PtqConfig};
use ndarray::Array2;

#[quant_net(bits = 2, max_l1 = 3)]
struct Small {
    #[layer(signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 6>,
    relu1: QuantReLU,
    fc2: QuantLinear<6, 2>,
}

fn circuit(seed: Seed) -> Circuit {
    let (train, _) = data::checkerboard(seed);
    let mut net = Small::new(seed);
    net.train(&train, &TrainConfig { epochs: Some(1), ..TrainConfig::declared() }).unwrap();
    net.circuit().unwrap()
}

#[test]
fn an_untrained_network_has_no_circuit() {
    let error = Small::new(Seed(0)).circuit().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`fc1` is not calibrated: train the network in quantized precision, or quantize it after training"
    );
}

#[test]
fn samples_that_do_not_fit() {
    let circuit = circuit(Seed(0));
    assert_eq!(circuit.simulate(&[0.5]).unwrap_err(), InputError::Width { found: 1, expected: 2 });
    let error = circuit.simulate(&[0.5, f32::INFINITY]).unwrap_err();
    assert_eq!(error, InputError::NotFinite { feature: 1, name: "1".to_owned(), value: f32::INFINITY });
}

/// What one entrance refuses, all refuse, in the same words.
#[test]
fn every_entrance_refuses_the_same_samples() {
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Small::new(Seed(0));
    net.train(&train, &TrainConfig { epochs: Some(1), ..TrainConfig::declared() }).unwrap();
    let (circuit, quantized) = (net.circuit().unwrap(), net.quantized().unwrap());
    let predict = |samples: &Array2<f32>| {
        let of = |precision| net.predict(precision, samples.view()).unwrap_err().to_string();
        assert_eq!(of(Precision::Float), of(Precision::Quantized));
        of(Precision::Float)
    };
    let bad: [&[f32]; 5] = [&[0.5], &[0.1, 0.2, 0.3], &[], &[f32::NAN, 0.0], &[0.0, f32::NEG_INFINITY]];
    for sample in bad {
        let error = circuit.simulate(sample).unwrap_err();
        assert_eq!(circuit.simulate_noisy(sample, Seed(1)).unwrap_err(), error);
        assert_eq!(circuit.codec.encode(sample).unwrap_err(), error);
        assert_eq!(quantized.run(sample).unwrap_err(), error);
        let rows = Array2::from_shape_fn(
            (3, sample.len()),
            |(row, column)| {
                if row == 2 { sample[column] } else { 0.5 }
            },
        );
        let same = if sample.len() == 2 { format!("sample 2: {error}") } else { error.to_string() };
        assert_eq!(predict(&rows), same);
        let wide = Array2::zeros((4, sample.len()));
        if sample.len() != 2
            && let Ok(data) = Dataset::classes(wide, vec![0; 4], 2)
        {
            assert_eq!(net.evaluate(&data).unwrap_err().to_string(), same);
            assert_eq!(net.evaluate_noisy(&data, Seed(0)).unwrap_err().to_string(), same);
            assert_eq!(circuit.observe(&data).unwrap_err().to_string(), same);
            let config = TrainConfig::declared();
            assert_eq!(Small::new(Seed(0)).train(&data, &config).unwrap_err().to_string(), same);
            let quantized = Small::new(Seed(0)).quantize(&data, &PtqConfig::default());
            assert_eq!(quantized.unwrap_err().to_string(), same);
        }
    }
    assert_eq!(predict(&Array2::zeros((0, 2))), "there are no samples: give at least one");
}

#[test]
fn features_outside_the_range_saturate_as_in_training() {
    let circuit = circuit(Seed(0));
    assert_eq!(circuit.simulate(&[1e9, -1e9]).unwrap(), circuit.simulate(&[1.0, 0.0]).unwrap());
}

#[test]
fn a_circuit_survives_its_bytes_and_damage_is_seen() {
    let circuit = circuit(Seed(3));
    let mut bytes = circuit.to_bytes();
    assert_eq!(Circuit::from_bytes(&bytes).unwrap(), circuit);
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(
        Circuit::from_bytes(&bytes).unwrap_err().to_string(),
        "the circuit is damaged: its checksum differs, copy it again"
    );
    assert!(Circuit::from_bytes(&bytes[..10]).is_err());
}

#[cfg(feature = "fhe")]
mod encrypted {
    use fheqat::{
        compile::{Change, CompileError},
        params::{Log2Probability, search::Infeasible},
        prelude::*,
    };
    use ndarray::Array2;

    #[quant_net(bits = 5)]
    struct Wide {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<64, 4>,
        relu1: QuantReLU,
        #[layer(weight_bits = 2)]
        fc2: QuantLinear<4, 2>,
    }

    #[quant_net(bits = 5)]
    struct Mended {
        quant_inp: QuantIdentity,
        #[layer(max_l1 = 60)]
        fc1: QuantLinear<64, 4>,
        relu1: QuantReLU,
        #[layer(weight_bits = 2)]
        fc2: QuantLinear<4, 2>,
    }

    /// Features from a walk over the residues of a prime.
    fn wide_samples() -> Dataset {
        let feature = |index: usize| (index * 37 % 101) as f32 / 50.0 - 1.0;
        let samples = Array2::from_shape_fn((60, 64), |(sample, at)| feature(64 * sample + at * at));
        let labels = samples.rows().into_iter().map(|row| usize::from(row.sum() > 0.0)).collect();
        Dataset::classes(samples, labels, 2).unwrap()
    }

    fn trained<N: Network>() -> Circuit {
        let mut net = N::new(Seed(0));
        net.train(&wide_samples(), &TrainConfig { epochs: Some(1), ..TrainConfig::declared() }).unwrap();
        net.circuit().unwrap()
    }

    #[test]
    fn a_network_without_parameters_says_what_would_do() {
        let options = CompileOptions::default().p_fail(Log2Probability(-128.0));
        let error = trained::<Wide>().compile(&options).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("any one of these changes is enough: `tolerance = ")
                && message.contains("`weight_bits = "),
            "{message}"
        );
        let CompileError::Infeasible { reason: Infeasible::Noise { .. }, changes } = error else {
            panic!("{error}")
        };
        let most = changes.iter().find_map(|change| match change {
            Change::MaxL1 { field: Some(field), most, .. } if field == "fc1" => Some(*most),
            _ => None,
        });
        assert!(most.is_some_and(|most| most >= 60), "{changes:?}");
        trained::<Mended>().compile(&options).unwrap();
    }
}

#[cfg(feature = "fhe")]
#[test]
fn threads_that_do_not_start_are_counted_in_words() {
    let message =
        |threads| ThreadError { threads: std::num::NonZeroUsize::new(threads), reason: "no room".to_owned() };
    for (threads, words) in
        [(0, "one thread for each core could"), (1, "1 thread could"), (9, "9 threads could")]
    {
        let message = message(threads).to_string();
        assert!(message.starts_with(words) && message.contains("(no room): ask for fewer"), "{message}");
    }
}

/// It is not damaged, so nothing is to be made again.
#[cfg(feature = "fhe")]
#[test]
fn a_half_that_takes_too_much_memory_says_how_much() {
    use fheqat::params::Bytes;

    let circuit = Circuit::from_bytes(include_bytes!("corpus/circuit/small")).unwrap();
    let bytes = circuit.compile(&CompileOptions::default()).unwrap().server().to_bytes();
    let memory = ServerHalf::from_bytes(&bytes).unwrap().plan().memory();
    assert!(ServerHalf::from_bytes_within(&bytes, memory).is_ok());
    let message = ServerHalf::from_bytes_within(&bytes, Bytes(memory.0 - 1)).unwrap_err().to_string();
    assert!(message.ends_with("are allowed: allow more with `ServerHalf::from_bytes_within`"), "{message}");
    assert!(message.starts_with(&format!("a sample of this server half takes {memory}")), "{message}");
}
