//! Bad input: a typed error that names the value, never a panic.

use fheqat_spec::Range;

use super::graphs::{RandomNetwork, random, samples};
use crate::{
    Seed,
    artifact::ArtifactError,
    circuit::Circuit,
    compile::{CompileError, CompileOptions},
    error::InputError,
    fhe::{
        ClientKey, DecryptError, EncryptError, EncryptedInput, EncryptedOutput, Mismatch, RunError, ServerKey,
    },
    params::{Bytes, Log2Probability, search::Infeasible, workload::GraphError},
};

fn small(seed: u64) -> Circuit {
    let network = RandomNetwork {
        features: 2,
        inputs: Range { lo: 0, hi: 3 },
        widths: &[1],
        l1: 2,
        tables: 1,
        outputs: 1,
    };
    random(network, Seed(seed))
}

fn keys(circuit: &Circuit, seed: u64) -> (ClientKey, ServerKey) {
    circuit.compile(&CompileOptions::default()).unwrap().keygen_insecure_for_tests(Seed(seed)).unwrap()
}

#[test]
fn samples_and_batches() {
    let (client, server) = keys(&small(1), 1);
    let input = |sample: &[f32]| client.encrypt(sample).unwrap_err();
    assert_eq!(input(&[1.0]), EncryptError::Input(InputError::Width { found: 1, expected: 2 }));
    assert!(matches!(input(&[0.0, f32::NAN]), EncryptError::Input(InputError::Missing { feature: 1, .. })));
    assert!(matches!(
        input(&[f32::NEG_INFINITY, 0.0]),
        EncryptError::Input(InputError::NotFinite { feature: 0, .. })
    ));
    let nothing: [Vec<f32>; 0] = [];
    assert_eq!(client.encrypt_batch(&nothing).unwrap_err(), EncryptError::Input(InputError::Empty));
    let bad: [&[f32]; 4] = [&[0.5], &[], &[f32::NAN, 0.0], &[0.0, f32::INFINITY]];
    for sample in bad {
        let simulated = EncryptError::Input(small(1).simulate(sample).unwrap_err());
        assert_eq!(format!("{:?}", input(sample)), format!("{simulated:?}"));
        let batch = client.encrypt_batch(&[&[0.5, 0.5], sample]).unwrap_err();
        assert_eq!(batch.to_string(), format!("sample 1: {}", input(sample)));
    }
    assert!(matches!(server.run_batch(&[]).unwrap_err(), RunError::Empty));
    assert_eq!(client.decrypt_batch(&[]).unwrap_err(), DecryptError::Empty);
}

#[test]
fn other_circuits_and_other_keys() {
    let (one, two) = (small(1), small(2));
    let (client, server) = keys(&one, 1);
    let (other_client, other_server) = keys(&two, 1);
    let (same_client, _) = keys(&one, 2);
    let sample = &samples(&one, 1, Seed(1))[0];
    let mismatch = |input: &EncryptedInput| match server.run(input).unwrap_err() {
        RunError::Mismatch { index: 0, mismatch } => mismatch,
        error => panic!("{error}"),
    };
    assert_eq!(mismatch(&other_client.encrypt(sample).unwrap()), Mismatch::Circuit);
    assert_eq!(mismatch(&same_client.encrypt(sample).unwrap()), Mismatch::Key);
    let output = server.run(&client.encrypt(sample).unwrap()).unwrap();
    assert!(client.decrypt(&output).is_ok());
    let refused = |client: &ClientKey| match client.decrypt(&output).unwrap_err() {
        DecryptError::Mismatch { index: 0, mismatch } => mismatch,
        error => panic!("{error}"),
    };
    assert_eq!(refused(&other_client), Mismatch::Circuit);
    assert_eq!(refused(&same_client), Mismatch::Key);
    assert!(other_server.run(&client.encrypt(sample).unwrap()).is_err());
}

#[test]
fn options_and_circuits() {
    let circuit = small(1);
    for found in [0.0, -0.5, -1000.0, f64::NAN] {
        let error = circuit.compile(&CompileOptions::default().p_fail(Log2Probability(found))).unwrap_err();
        assert!(matches!(error, CompileError::Probability { .. }), "{error}");
    }
    let error = circuit.compile(&CompileOptions::default().max_server_key(Bytes(1000))).unwrap_err();
    assert!(
        matches!(error, CompileError::Infeasible { reason: Infeasible::ServerKey { .. }, .. }),
        "{error}"
    );

    let mut wide = circuit.clone();
    wide.graph.layers[0].bound = Range::new(-(1 << 30), 1 << 30);
    wide.graph.outputs[0].range = Range::new(-(1 << 30), 1 << 30);
    let error = wide.compile(&CompileOptions::default()).unwrap_err();
    assert!(matches!(error, CompileError::Graph(GraphError::TooWide { .. })), "{error}");
    let mut wide = circuit;
    wide.graph.layers[0].bound = Range::new(-(1 << 20), 1 << 20);
    wide.graph.accumulators[0].range = Range::new(-(1 << 20), 1 << 20);
    let error = wide.compile(&CompileOptions::default()).unwrap_err();
    assert!(matches!(error, CompileError::Infeasible { reason: Infeasible::Noise { .. }, .. }), "{error}");
}

#[test]
fn bytes_come_back_or_are_refused() {
    let circuit = small(1);
    let (client, server) = keys(&circuit, 1);
    let sample = &samples(&circuit, 1, Seed(1))[0];
    let client_bytes = client.to_bytes();
    let server_bytes = server.to_bytes();
    let seeded = circuit.compile(&CompileOptions::default()).unwrap().prediction().server_key_seeded;
    assert!(
        (server_bytes.len() as f64 / seeded.0 as f64 - 1.0).abs() < 0.01,
        "{} and {seeded}",
        server_bytes.len()
    );
    let client = ClientKey::from_bytes(&client_bytes).unwrap();
    let server = ServerKey::from_bytes(&server_bytes).unwrap();
    let input = EncryptedInput::from_bytes(&client.encrypt(sample).unwrap().to_bytes()).unwrap();
    let output = EncryptedOutput::from_bytes(&server.run(&input).unwrap().to_bytes()).unwrap();
    assert_eq!(client.decrypt(&output).unwrap(), circuit.simulate(sample).unwrap());

    let read = |bytes: &[u8]| ClientKey::from_bytes(bytes).unwrap_err();
    assert!(matches!(read(&[]), ArtifactError::Magic { .. }));
    assert!(matches!(read(&[b'x'; 100]), ArtifactError::Magic { .. }));
    assert!(matches!(read(&server_bytes), ArtifactError::Kind { found: "server key", .. }));
    assert!(matches!(read(&client_bytes[..client_bytes.len() - 1]), ArtifactError::Checksum { .. }));
    let mut bytes = client_bytes.clone();
    bytes[7] += 1;
    assert!(matches!(read(&bytes), ArtifactError::Version { found: 6, expected: 5 }));
    for index in (9..client_bytes.len()).step_by(97) {
        let mut bytes = client_bytes.clone();
        bytes[index] ^= 1;
        assert!(matches!(read(&bytes), ArtifactError::Checksum { .. }));
    }
}
