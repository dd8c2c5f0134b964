//! Results that share a ciphertext.

use fheqat_spec::Range;

use super::{
    graphs::{RandomNetwork, mixed, random, samples},
    linear::linear,
};
use crate::{
    Seed,
    circuit::Circuit,
    compile::{CompileError, CompileOptions, Compiled},
    fhe::{Client, EvaluationKeys, Server, ServerHalf, ServerKey},
    params::{Bytes, Log2Probability, Packing, Parameters, Results, search::Infeasible},
    plan::Decoding,
};

fn options() -> CompileOptions {
    CompileOptions::default().results(Results::Packed)
}

/// Encrypts, runs and decrypts samples, by halves and keys that were bytes.
fn agrees(circuit: &Circuit, options: &CompileOptions, samples: &[Vec<f32>]) -> Compiled {
    let compiled = circuit.compile(options).unwrap();
    let prediction = compiled.prediction();
    assert!(prediction.p_fail <= options.p_fail);
    let (key, keys) = compiled.client().keygen();
    let keys = keys.to_bytes();
    assert_eq!(keys.len() as u64, prediction.server_key_seeded.0);
    let key = crate::fhe::ClientKey::from_bytes(&key.to_bytes()).unwrap();
    let client = Client::new(compiled.client(), key).unwrap();
    let half = ServerHalf::from_bytes(&compiled.server().to_bytes()).unwrap();
    let keys = ServerKey::from(EvaluationKeys::from_bytes(&keys).unwrap());
    assert_eq!(keys.memory(), prediction.server_key);
    let server = Server::new(half, keys, None).unwrap();
    let outputs = server.run_batch(&client.encrypt_batch(samples).unwrap()).unwrap();
    for (sample, output) in samples.iter().zip(outputs) {
        assert_eq!(output.to_bytes().len() as u64, prediction.output.0);
        assert_eq!(client.decrypt(&output).unwrap(), circuit.simulate(sample).unwrap(), "{sample:?}");
    }
    compiled
}

fn agrees_in(circuit: &Circuit, most_bytes: u64) -> Compiled {
    let compiled = agrees(circuit, &options(), &samples(circuit, 3, Seed(5)));
    let prediction = compiled.prediction();
    assert!(prediction.output.0 <= most_bytes, "{} of {:?}", prediction.output, prediction.parameters);
    compiled
}

#[test]
fn any_number_of_sums_of_inputs_is_one_small_result() {
    for outputs in [1, 2, 3, 10, 100] {
        let compiled = agrees_in(&linear(20, Range::unsigned(1), outputs, 3), 2_200);
        let sent = compiled.prediction().server_key_seeded.0;
        assert!((150_000..600_000).contains(&sent), "{sent}");
    }
}

#[test]
fn wide_sums_take_larger_results() {
    for (features, outputs, most_bytes) in [(30, 100, 2_500), (200, 100, 3_500), (30, 300, 5_500)] {
        agrees_in(&linear(features, Range::unsigned(2), outputs, 3), most_bytes);
    }
}

#[test]
fn outputs_behind_rotations_are_packed() {
    let network = RandomNetwork {
        features: 3,
        inputs: Range { lo: 0, hi: 7 },
        widths: &[3],
        l1: 3,
        tables: 3,
        outputs: 10,
    };
    agrees_in(&random(network, Seed(2)), 2_200);
    agrees_in(&random(RandomNetwork { outputs: 2, ..network }, Seed(3)), 2_200);
    agrees_in(&mixed(), 2_200);
}

#[test]
fn a_constant_output_is_not_sent() {
    let mut circuit = linear(20, Range::unsigned(1), 3, 3);
    circuit.graph.outputs[1].terms.clear();
    circuit.graph.outputs[1].range = Range::new(0, 0);
    circuit.graph.outputs[1].constant = 7;
    let compiled = agrees_in(&circuit, 2_200);
    assert!(matches!(compiled.plan().client.outputs[1], Decoding::Constant(7)));
}

#[test]
fn keys_that_pack_serve_models_that_do_not() {
    let circuit = linear(20, Range::unsigned(1), 2, 3);
    let packed = circuit.compile(&options()).unwrap();
    let parameters = *packed.client().parameters();
    assert!(parameters.packing.is_some());
    let rounded = CompileOptions::default().parameters(parameters);
    let samples = samples(&circuit, 2, Seed(6));
    let compiled = agrees(&circuit, &rounded, &samples);
    assert!(compiled.prediction().output.0 > packed.prediction().output.0);
    agrees(&circuit, &options().parameters(parameters), &samples);
    let without = Parameters { packing: None, ..parameters };
    let error = circuit.compile(&options().parameters(without)).unwrap_err();
    assert!(matches!(error, CompileError::Parameters { .. }), "{error}");
    assert!(error.to_string().contains("none that pack results"), "{error}");
    let usual = circuit.compile(&CompileOptions::default()).unwrap();
    assert_eq!(usual.client().parameters().packing, None);
}

#[test]
fn sums_too_wide_to_be_packed_are_refused_with_what_helps() {
    let circuit = linear(516, Range::signed(8), 2, 127);
    let error = circuit.compile(&options()).unwrap_err();
    assert!(matches!(error, CompileError::Infeasible { reason: Infeasible::Packing { .. }, .. }), "{error}");
    assert!(error.to_string().contains("Results::Rounded"), "{error}");
    let circuit = linear(30, Range::unsigned(2), 2, 3);
    assert!(circuit.compile(&options().p_fail(Log2Probability(-40.0))).is_ok());
    let error = circuit.compile(&options().max_server_key(Bytes(1_000_000))).unwrap_err();
    assert!(
        matches!(error, CompileError::Infeasible { reason: Infeasible::ServerKey { .. }, .. }),
        "{error}"
    );
}

#[test]
fn damaged_keys_and_plans_are_refused() {
    let circuit = linear(20, Range::unsigned(1), 2, 3);
    let compiled = circuit.compile(&options()).unwrap();
    let (_, keys) = compiled.client().keygen_insecure_for_tests(Seed(1));
    let refused = |change: &dyn Fn(&mut EvaluationKeys), what: &str| {
        let mut keys = keys.clone();
        change(&mut keys);
        let error = EvaluationKeys::from_bytes(&keys.to_bytes()).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    refused(&|keys| keys.packing = None, "keys to pack results");
    refused(&|keys| keys.parameters.packing = None, "keys to pack results");
    refused(&|keys| keys.packing.as_mut().unwrap().trace.bodies.truncate(9), "trace key has 9 bytes");
    refused(&|keys| keys.packing.as_mut().unwrap().ring_switch.bodies.clear(), "ring-switching key has 0");
    let longer = |keys: &mut EvaluationKeys| {
        let packing = keys.parameters.packing.unwrap();
        keys.parameters.packing = Some(Packing { trace: crate::params::Decomposition::new(1, 1), ..packing });
    };
    refused(&longer, "keys to pack results");
    let mut half = compiled.server();
    half.plan.parameters.packing = None;
    let error = ServerHalf::from_bytes(&half.to_bytes()).unwrap_err().to_string();
    assert!(error.contains("keys that it does not have"), "{error}");
    let mut half = compiled.client();
    if let Decoding::Sum { bits, .. } = &mut half.plan.outputs[1] {
        bits.0 += 1;
    }
    let error = crate::fhe::ClientHalf::from_bytes(&half.to_bytes()).unwrap_err().to_string();
    assert!(error.contains("different numbers of bits"), "{error}");
}
