//! Bad input: a typed error that names the value, never a panic.

use fheqat_spec::Range;

use super::graphs::{RandomNetwork, random, samples};
use crate::{
    Seed,
    artifact::ArtifactError,
    circuit::Circuit,
    compile::{CompileError, CompileOptions, Prediction},
    error::InputError,
    fhe::{
        Client, ClientHalf, ClientKey, DecryptError, EncryptError, EncryptedInput, EncryptedOutput,
        EvaluationKeys, Mismatch, RunError, Server, ServerError, ServerHalf, ServerKey, ciphertexts::Bodies,
    },
    params::{
        Bytes, Decomposition, Log2Probability, Parameters, SmallKey, TorusBits,
        dimension::{GlweDimension, LweDimension, PolynomialSize},
        search::Infeasible,
        workload::GraphError,
    },
    plan::Decoding,
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

fn keys(circuit: &Circuit, seed: u64) -> (Client, Server) {
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
fn other_models_and_other_keys() {
    let compiled = [1, 2].map(|seed| small(seed).compile(&CompileOptions::default()).unwrap());
    let [one, two] = compiled.each_ref().map(|compiled| compiled.keygen_insecure_for_tests(Seed(1)).unwrap());
    let (client, server) = &one;
    let (same_model, _) = compiled[0].keygen_insecure_for_tests(Seed(2)).unwrap();
    let sample = &samples(&small(1), 1, Seed(1))[0];
    let mismatch = |input: &EncryptedInput| match server.run(input).unwrap_err() {
        RunError::Mismatch { index: 0, mismatch } => mismatch,
        error => panic!("{error}"),
    };
    let models = (two.0.half().model(), client.half().model());
    let is_model = |mismatch: &Mismatch| matches!(mismatch, Mismatch::Model { .. });
    assert!(models.0 != models.1 && client.id() != same_model.id());
    assert_eq!(
        mismatch(&two.0.encrypt(sample).unwrap()),
        Mismatch::Model { found: models.0, expected: models.1 }
    );
    let keys = Mismatch::Key { found: same_model.id(), expected: client.id() };
    assert_eq!(mismatch(&same_model.encrypt(sample).unwrap()), keys);
    let output = server.run(&client.encrypt(sample).unwrap()).unwrap();
    assert!(client.decrypt(&output).is_ok());
    let refused = |client: &Client| match client.decrypt(&output).unwrap_err() {
        DecryptError::Mismatch { index: 0, mismatch } => mismatch,
        error => panic!("{error}"),
    };
    assert!(is_model(&refused(&two.0)));
    assert!(matches!(refused(&same_model), Mismatch::Key { .. }));
    assert!(two.1.run(&client.encrypt(sample).unwrap()).is_err());
}

/// Well sealed, but of another length than the plan says.
#[test]
fn ciphertexts_of_another_length() {
    let (client, server) = keys(&small(1), 1);
    let input = client.encrypt(&samples(&small(1), 1, Seed(1))[0]).unwrap();
    let output = server.run(&input).unwrap();
    let expected = output.sums.len();
    for found in [0, expected - 1, expected + 1] {
        let mut cut = output.clone();
        cut.sums.resize(found, 0);
        let mismatch = Mismatch::Shape { found, expected };
        assert_eq!(client.decrypt(&cut).unwrap_err(), DecryptError::Mismatch { index: 0, mismatch });
    }
    let Bodies::Small(bodies) = &input.bodies else { panic!("the small key") };
    let wide = bodies.iter().map(|&body| body.into()).collect();
    for (bodies, found) in [
        (Bodies::Small(bodies[1..].to_vec()), 4 * bodies.len() - 4),
        (Bodies::Big(wide), 8 * bodies.len()),
        (Bodies::Big(vec![0; bodies.len() / 2]), 4 * bodies.len()),
    ] {
        let error = server.run(&EncryptedInput { bodies, ..input.clone() }).unwrap_err();
        let RunError::Mismatch { index: 0, mismatch: Mismatch::Shape { found: seen, .. } } = error else {
            panic!("{error}")
        };
        assert_eq!(seen, found);
    }
}

/// Files may ask for any number of bits.
#[test]
fn plans_of_impossible_bits() {
    let compiled = small(1).compile(&CompileOptions::default()).unwrap();
    let (client, server) = (compiled.client(), compiled.server());
    for bits in [0, 65, u32::MAX].map(TorusBits) {
        let mut client = client.clone();
        for output in &mut client.plan.outputs {
            if let Decoding::Sum { bits: own, .. } = output {
                *own = bits;
            }
        }
        let error = ClientHalf::from_bytes(&client.to_bytes()).unwrap_err();
        assert!(matches!(error, ArtifactError::Malformed { .. }), "{error}");
        let mut server = server.clone();
        server.plan.outputs[0].bits = bits;
        let error = ServerHalf::from_bytes(&server.to_bytes()).unwrap_err();
        assert!(matches!(error, ArtifactError::Malformed { .. }), "{error}");
    }
}

/// The same circuit with keys of another kind.
#[test]
fn keys_of_other_parameters() {
    let narrow = small(1).compile(&CompileOptions::default()).unwrap();
    let wide = small(1).compile(&CompileOptions::default().small_key(SmallKey::Uniform)).unwrap();
    assert_ne!(narrow.client().parameters(), wide.client().parameters());
    let (key, evaluation) = narrow.client().keygen_insecure_for_tests(Seed(1));
    let error = Client::new(wide.client(), key).unwrap_err();
    assert!(matches!(error, Mismatch::Parameters { .. }), "{error}");
    let error = Server::new(wide.server(), ServerKey::from(evaluation), None).unwrap_err();
    assert!(matches!(error, ServerError::Mismatch(Mismatch::Parameters { .. })), "{error}");
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
    let compiled = circuit.compile(&CompileOptions::default()).unwrap();
    let (key, evaluation) = compiled.client().keygen_insecure_for_tests(Seed(1));
    let sample = &samples(&circuit, 1, Seed(1))[0];
    let client_half = compiled.client().to_bytes();
    let server_half = compiled.server().to_bytes();
    let (key, evaluation) = (key.to_bytes(), evaluation.to_bytes());
    let Prediction { server_key_seeded, input, output, .. } = compiled.prediction();
    let predicted = [server_key_seeded, input, output].map(|bytes| bytes.0 as usize);
    assert!(key.len() <= 2000 && client_half.len() <= 20_000, "{} and {}", key.len(), client_half.len());
    let client =
        Client::new(ClientHalf::from_bytes(&client_half).unwrap(), ClientKey::from_bytes(&key).unwrap())
            .unwrap();
    let server_key = ServerKey::from(EvaluationKeys::from_bytes(&evaluation).unwrap());
    let server = Server::new(ServerHalf::from_bytes(&server_half).unwrap(), server_key, None).unwrap();
    let input = client.encrypt(sample).unwrap().to_bytes();
    let result = server.run(&EncryptedInput::from_bytes(&input).unwrap()).unwrap().to_bytes();
    assert_eq!([evaluation.len(), input.len(), result.len()], predicted);
    let bodies = 4 * compiled.plan().server.inputs;
    assert!(
        compiled.plan().client.inputs_under_small_key && input.len() - bodies <= 64,
        "{}",
        input.len() - bodies
    );
    let output = EncryptedOutput::from_bytes(&result).unwrap();
    assert_eq!(client.decrypt(&output).unwrap(), circuit.simulate(sample).unwrap());

    let read = |bytes: &[u8]| ClientKey::from_bytes(bytes).unwrap_err();
    let says = |bytes: &[u8], text: &str| assert!(read(bytes).to_string().contains(text), "{}", read(bytes));
    says(&[], "these bytes are no client key: there are none, give those");
    says(b"PK\x03\x04 and so on", "they start with `PK\\x03\\x04 a` where `fheqat` belongs");
    says(b"fhe", "they start with `fhe` where");
    says(&key[..10], "the client key is cut off after 10 bytes: copy it again");
    says(&evaluation, "another kind of file (set of evaluation keys): give those of the client key");
    assert!(matches!(read(&evaluation), ArtifactError::Kind { found: "set of evaluation keys", .. }));
    assert!(matches!(read(&key[..key.len() - 1]), ArtifactError::Checksum { .. }));
    let with_format = |format: u16| {
        let mut bytes = key.to_vec();
        bytes[7..9].copy_from_slice(&format.to_le_bytes());
        read(&bytes)
    };
    assert!(matches!(with_format(7), ArtifactError::Older { found: 7, oldest: 8, .. }));
    let newer = with_format(9);
    assert!(matches!(newer, ArtifactError::Newer { found: 9, newest: 8, .. }));
    assert!(newer.to_string().contains(concat!("fheqat ", env!("CARGO_PKG_VERSION"), " wrote")), "{newer}");
    for index in 9..key.len() {
        let mut bytes = key.to_vec();
        bytes[index] ^= 1;
        assert!(matches!(read(&bytes), ArtifactError::Checksum { .. }));
    }
}

type Read = fn(&[u8]) -> Option<ArtifactError>;

/// Every kind of file, read as every kind.
#[test]
fn kinds_are_told_apart() {
    let mut circuit = small(1);
    // The bound of a drawn circuit is wider than a file may have.
    circuit.graph.layers.iter_mut().for_each(|layer| layer.bound = Range::new(-1000, 1000));
    let compiled = circuit.compile(&CompileOptions::default()).unwrap();
    let (client, server) = compiled.keygen_insecure_for_tests(Seed(1)).unwrap();
    let (key, evaluation) = compiled.client().keygen_insecure_for_tests(Seed(1));
    let input = client.encrypt(&samples(&circuit, 1, Seed(1))[0]).unwrap();
    let files = [
        circuit.to_bytes(),
        compiled.client().to_bytes(),
        compiled.server().to_bytes(),
        key.to_bytes().to_vec(),
        evaluation.to_bytes(),
        input.to_bytes(),
        server.run(&input).unwrap().to_bytes(),
    ];
    let readers: [Read; 7] = [
        |bytes| Circuit::from_bytes(bytes).err(),
        |bytes| ClientHalf::from_bytes(bytes).err(),
        |bytes| ServerHalf::from_bytes(bytes).err(),
        |bytes| ClientKey::from_bytes(bytes).err(),
        |bytes| EvaluationKeys::from_bytes(bytes).err(),
        |bytes| EncryptedInput::from_bytes(bytes).err(),
        |bytes| EncryptedOutput::from_bytes(bytes).err(),
    ];
    for (kind, file) in files.iter().enumerate() {
        for (reader, read) in readers.iter().enumerate() {
            let error = read(file);
            let is_right = if kind == reader {
                error.is_none()
            } else {
                matches!(error, Some(ArtifactError::Kind { .. }))
            };
            assert!(is_right, "file {kind} as {reader}: {error:?}");
        }
    }
}

/// One key runs two models, and a model that was compiled again for it.
#[test]
fn keys_belong_to_parameters() {
    let first = small(1).compile(&CompileOptions::default()).unwrap();
    let (key, evaluation) = first.client().keygen();
    let key = std::sync::Arc::new(key);
    let server_key = std::sync::Arc::new(ServerKey::from(evaluation));
    for seed in 1..4 {
        let circuit = small(seed);
        let options = CompileOptions::default().parameters(*key.parameters());
        let compiled = circuit.compile(&options).unwrap();
        assert_eq!(compiled.client().parameters(), key.parameters());
        assert!(compiled.prediction().p_fail <= options.p_fail);
        let client = Client::new(compiled.client(), key.clone()).unwrap();
        let server = Server::new(compiled.server(), server_key.clone(), None).unwrap();
        for sample in samples(&circuit, 4, Seed(seed)) {
            let output = server.run(&client.encrypt(&sample).unwrap()).unwrap();
            assert_eq!(client.decrypt(&output).unwrap(), circuit.simulate(&sample).unwrap());
        }
    }
}

#[test]
fn parameters_that_cannot_serve_are_refused() {
    let circuit = small(1);
    let bare = Parameters::without_rotations(GlweDimension(2), PolynomialSize(512));
    let own = *circuit.compile(&CompileOptions::default()).unwrap().client().parameters();
    let outside = Parameters { lwe_dimension: LweDimension(551), ..own };
    for (parameters, what) in [(bare, "no bootstrap key"), (outside, "a small key of dimension 551")] {
        let error = circuit.compile(&CompileOptions::default().parameters(parameters)).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
    let smallest =
        Parameters { lwe_dimension: LweDimension(582), rotation: Decomposition::new(14, 1), ..own };
    let error = circuit.compile(&CompileOptions::default().parameters(smallest)).unwrap_err();
    assert!(matches!(error, CompileError::Infeasible { reason: Infeasible::Noise { .. }, .. }), "{error}");
}
