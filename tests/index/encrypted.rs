//! Keys, models and ciphertexts that do not belong together.

use fheqat::{data, prelude::*, train::PtqConfig};

#[quant_net(bits = 2)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
}

#[quant_net(bits = 2)]
struct Deep {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
    relu1: QuantReLU,
    fc2: QuantLinear<2, 2>,
}

/// `Mismatch::Parameters`
#[test]
fn mismatch_parameters() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let compiled = circuit.compile(&options).unwrap();
    let mut deep = Deep::new(Seed(0));
    deep.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let deep = deep.circuit().unwrap().compile(&options).unwrap();
    // Shown:
    let (key, _) = compiled.client().keygen();
    let error = Client::new(deep.client(), key).unwrap_err(); // of another circuit
    assert!(matches!(error, Mismatch::Parameters { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the keys are for models with n = 0, k = 3, N = 256, and this one has n = 582 in blocks of 3, k = 3, N = 512, bootstrap key 14 x 1: make keys with the client half of this model, or compile it for these keys with `CompileOptions::parameters`"
    );

    let (key, _) = deep.client().keygen();
    Client::new(deep.client(), key).unwrap();
}

/// `Mismatch::Model`
#[test]
fn mismatch_model() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let compiled = circuit.compile(&options).unwrap();
    let (_, server) = compiled.keygen().unwrap();
    // Shown:
    let again = circuit.compile(&options).unwrap();
    let (client, _) = again.keygen().unwrap();
    let error = server.run(&client.encrypt(&[0.5, 0.5]).unwrap()).unwrap_err();
    let RunError::Mismatch { mismatch: error, .. } = error else { unreachable!() };
    assert!(matches!(error, Mismatch::Model { .. }), "{error:?}");
    assert!(error.to_string().starts_with("the ciphertext belongs to model "));

    let (client, server) = again.keygen().unwrap();
    server.run(&client.encrypt(&[0.5, 0.5]).unwrap()).unwrap();
}

/// `Mismatch::Key`
#[test]
fn mismatch_key() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let compiled = circuit.compile(&options).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    // Shown:
    let (other, _) = compiled.keygen().unwrap();
    let error = server.run(&other.encrypt(&[0.5, 0.5]).unwrap()).unwrap_err();
    let RunError::Mismatch { mismatch: error, .. } = error else { unreachable!() };
    assert!(matches!(error, Mismatch::Key { .. }), "{error:?}");
    assert!(error.to_string().starts_with("the ciphertext was made under key "));

    server.run(&client.encrypt(&[0.5, 0.5]).unwrap()).unwrap();
}

/// `EncryptError::Input`
#[test]
fn encrypt_error_input() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let compiled = circuit.compile(&options).unwrap();
    let (client, _) = compiled.keygen().unwrap();
    // Shown:
    let error = client.encrypt(&[0.5]).unwrap_err();
    assert!(matches!(error, EncryptError::Input { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "samples have 1 features, but the network takes 2: give one number for each input of its first layer"
    );

    client.encrypt(&[0.5, 0.5]).unwrap();
}

/// `ServerError::Mismatch`
#[test]
fn server_error_mismatch() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let compiled = circuit.compile(&options).unwrap();
    let mut deep = Deep::new(Seed(0));
    deep.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let deep = deep.circuit().unwrap().compile(&options).unwrap();
    // Shown:
    let (_, evaluation) = compiled.client().keygen();
    let error = Server::new(deep.server(), ServerKey::from(evaluation), None).unwrap_err();
    assert!(matches!(error, ServerError::Mismatch { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the keys are for models with n = 0, k = 3, N = 256, and this one has n = 582 in blocks of 3, k = 3, N = 512, bootstrap key 14 x 1: make keys with the client half of this model, or compile it for these keys with `CompileOptions::parameters`"
    );

    let (_, evaluation) = deep.client().keygen();
    Server::new(deep.server(), ServerKey::from(evaluation), None).unwrap();
}

/// `RunError::Empty`
#[test]
fn run_error_empty() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let compiled = circuit.compile(&options).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    // Shown:
    let error = server.run_batch(&[]).unwrap_err();
    assert!(matches!(error, RunError::Empty), "{error:?}");
    assert_eq!(error.to_string(), "there are no ciphertexts: give at least one");

    server.run_batch(&[client.encrypt(&[0.5, 0.5]).unwrap()]).unwrap();
}

/// `RunError::Mismatch`
#[test]
fn run_error_mismatch() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let compiled = circuit.compile(&options).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    // Shown:
    let (other, _) = compiled.keygen().unwrap();
    let inputs = [&client, &other].map(|client| client.encrypt(&[0.5, 0.5]).unwrap());
    let error = server.run_batch(&inputs).unwrap_err();
    assert!(matches!(error, RunError::Mismatch { .. }), "{error:?}");
    assert!(error.to_string().starts_with("ciphertext 1: the ciphertext was made under key "));

    server.run_batch(&inputs[..1]).unwrap();
}

/// `RunError::Cancelled`
#[test]
fn run_error_cancelled() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let mut deep = Deep::new(Seed(0));
    deep.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let deep = deep.circuit().unwrap().compile(&options).unwrap();
    // Shown:
    let (client, server) = deep.keygen().unwrap();
    let input = client.encrypt(&[0.5, 0.5]).unwrap();
    let control = Control::new();
    control.cancel(); // another thread may do so
    let error = server.run_watched(std::slice::from_ref(&input), &control).unwrap_err();
    assert!(matches!(error, RunError::Cancelled), "{error:?}");
    assert_eq!(error.to_string(), "the run was cancelled");

    server.run_watched(&[input], &Control::new()).unwrap();
}

/// `DecryptError::Empty`
#[test]
fn decrypt_error_empty() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let compiled = circuit.compile(&options).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    // Shown:
    let error = client.decrypt_batch(&[]).unwrap_err();
    assert!(matches!(error, DecryptError::Empty), "{error:?}");
    assert_eq!(error.to_string(), "there are no ciphertexts: give at least one");

    let result = server.run(&client.encrypt(&[0.5, 0.5]).unwrap()).unwrap();
    client.decrypt_batch(&[result]).unwrap();
}

/// `DecryptError::Mismatch`
#[test]
fn decrypt_error_mismatch() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let compiled = circuit.compile(&options).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    // Shown:
    let (other, _) = compiled.keygen().unwrap();
    let result = server.run(&client.encrypt(&[0.5, 0.5]).unwrap()).unwrap();
    let error = other.decrypt(&result).unwrap_err();
    assert!(matches!(error, DecryptError::Mismatch { .. }), "{error:?}");
    assert!(error.to_string().starts_with("ciphertext 0: the ciphertext was made under key "));

    client.decrypt(&result).unwrap();
}
