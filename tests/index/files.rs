//! Files that are none of fheqat, or damaged, or malformed.

use fheqat::{
    artifact::ArtifactError,
    circuit::{
        CircuitError, CodecError, Graph,
        text::{MAX_BYTES, TextError},
        verify::{VerifyError, verify},
    },
    data,
    file::{self, FileError},
    params::Bytes,
    prelude::*,
    quant::{Code, Quantizer},
    spec::Range,
    train::PtqConfig,
};

#[quant_net(bits = 2)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
}

/// `FileError`
#[test]
fn file_error() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    // Shown:
    let error = file::load("none.circuit").unwrap_err();
    assert!(matches!(error, FileError { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot read `none.circuit`: "));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.circuit");
    file::save(&path, &circuit.to_bytes()).unwrap();
    file::load(&path).unwrap();
}

/// `ArtifactError::Magic`
#[test]
fn artifact_error_magic() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let bytes = circuit.to_bytes();
    // Shown:
    let error = Circuit::from_bytes(b"<!DOCTYPE html>").unwrap_err();
    assert!(matches!(error, ArtifactError::Magic { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "these bytes are no circuit: they start with `<!DOCT` where `fheqat` belongs, give those that `to_bytes` gave, neither packed nor encoded"
    );

    Circuit::from_bytes(&bytes).unwrap();
}

/// `ArtifactError::Cut`
#[test]
fn artifact_error_cut() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let bytes = circuit.to_bytes();
    // Shown:
    let error = Circuit::from_bytes(&bytes[..10]).unwrap_err();
    assert!(matches!(error, ArtifactError::Cut { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the circuit is cut off after 10 bytes: copy it again");

    Circuit::from_bytes(&bytes).unwrap();
}

/// `ArtifactError::Kind`
#[test]
fn artifact_error_kind() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    // Shown:
    let compiled = circuit.compile(&CompileOptions::default()).unwrap();
    let error = ServerHalf::from_bytes(&compiled.client().to_bytes()).unwrap_err();
    assert!(matches!(error, ArtifactError::Kind { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "these bytes are those of another kind of file (client half): give those of the server half"
    );

    ServerHalf::from_bytes(&compiled.server().to_bytes()).unwrap();
}

/// `ArtifactError::Older`
#[test]
fn artifact_error_older() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let bytes = circuit.to_bytes();
    // Shown:
    let mut old = bytes.clone();
    old[7] = 1; // where the format is
    let error = Circuit::from_bytes(&old).unwrap_err();
    assert!(matches!(error, ArtifactError::Older { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the circuit has format 1, and this build reads format 6 and newer: make it again, or read it with the version of fheqat that wrote it"
    );

    Circuit::from_bytes(&bytes).unwrap();
}

/// `ArtifactError::Newer`
#[test]
fn artifact_error_newer() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let bytes = circuit.to_bytes();
    // Shown:
    let mut new = bytes.clone();
    new[7] = 200; // where the format is
    let error = Circuit::from_bytes(&new).unwrap_err();
    assert!(matches!(error, ArtifactError::Newer { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the circuit has format 200, which fheqat 0.1.0 wrote, and this build is fheqat 0.1.0 and reads formats up to 6: update fheqat"
    );

    Circuit::from_bytes(&bytes).unwrap();
}

/// `ArtifactError::Checksum`
#[test]
fn artifact_error_checksum() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let bytes = circuit.to_bytes();
    // Shown:
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let error = Circuit::from_bytes(&damaged).unwrap_err();
    assert!(matches!(error, ArtifactError::Checksum { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the circuit is damaged: its checksum differs, copy it again");

    Circuit::from_bytes(&bytes).unwrap();
}

/// `ArtifactError::Memory`
#[test]
fn artifact_error_memory() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    // Shown:
    let server = circuit.compile(&CompileOptions::default()).unwrap().server().to_bytes();
    let error = ServerHalf::from_bytes_within(&server, Bytes(100)).unwrap_err();
    assert!(matches!(error, ArtifactError::Memory { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "a sample of this server half takes 18.5 kB, and 100 B are allowed: allow more with `ServerHalf::from_bytes_within`"
    );

    ServerHalf::from_bytes_within(&server, Bytes(1 << 30)).unwrap();
}

/// `ArtifactError::Malformed`
#[test]
fn artifact_error_malformed() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.graph.outputs[0].range = Range::new(0, 0); // its sums can be more
    let error = Circuit::from_bytes(&circuit.to_bytes()).unwrap_err();
    assert!(matches!(error, ArtifactError::Malformed { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the circuit is malformed (output 0: a sum can be -4..=2, but its range says 0..=0): make it again"
    );

    let circuit = net.circuit().unwrap();
    Circuit::from_bytes(&circuit.to_bytes()).unwrap();
}

/// `CircuitError::Graph`
#[test]
fn circuit_error_graph() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.graph.outputs[0].range = Range::new(0, 0); // its sums can be more
    let error = circuit.verify().unwrap_err();
    assert!(matches!(error, CircuitError::Graph { .. }), "{error:?}");
    assert_eq!(error.to_string(), "output 0: a sum can be -4..=2, but its range says 0..=0");

    net.circuit().unwrap().verify().unwrap();
}

/// `CircuitError::Codec`
#[test]
fn circuit_error_codec() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.codec.features = 3;
    let error = circuit.verify().unwrap_err();
    assert!(matches!(error, CircuitError::Codec { .. }), "{error:?}");
    assert_eq!(error.to_string(), "its codec reads 3 features and describes 2");

    net.circuit().unwrap().verify().unwrap();
}

/// `CircuitError::Layer`
#[test]
fn circuit_error_layer() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.fields[1].tolerance = -1.0;
    let error = circuit.verify().unwrap_err();
    assert!(matches!(error, CircuitError::Layer { .. }), "{error:?}");
    assert_eq!(error.to_string(), "a number of `fc1` is beyond what a layer may have");

    net.circuit().unwrap().verify().unwrap();
}

/// `CodecError::Described`
#[test]
fn codec_error_described() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.codec.described.pop();
    let CircuitError::Codec(error) = circuit.verify().unwrap_err() else { unreachable!() };
    assert!(matches!(error, CodecError::Described { .. }), "{error:?}");
    assert_eq!(error.to_string(), "its codec reads 2 features and describes 1");

    net.circuit().unwrap().verify().unwrap();
}

/// `CodecError::Encoder`
#[test]
fn codec_error_encoder() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.codec.encoders[0].code = Code::Round(Quantizer { step: -1.0, levels: Range::new(-2, 1) });
    let CircuitError::Codec(error) = circuit.verify().unwrap_err() else { unreachable!() };
    assert!(matches!(error, CodecError::Encoder { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "encoder 0 of its codec does not fit 2 features, or has a number that no encoder has: steps and deviations are positive, thresholds rise, and all are finite"
    );

    net.circuit().unwrap().verify().unwrap();
}

/// `CodecError::Levels`
#[test]
fn codec_error_levels() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.codec.encoders.clear();
    let CircuitError::Codec(error) = circuit.verify().unwrap_err() else { unreachable!() };
    assert!(matches!(error, CodecError::Levels { .. }), "{error:?}");
    assert_eq!(error.to_string(), "its codec gives 0 levels and its graph takes 2");

    net.circuit().unwrap().verify().unwrap();
}

/// `CodecError::Range`
#[test]
fn codec_error_range() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.graph.inputs[0] = Range::new(-8, 7); // levels of `quant_inp` have 2 bits
    circuit.graph.outputs.iter_mut().for_each(|output| output.range = Range::new(-100, 100));
    let CircuitError::Codec(error) = circuit.verify().unwrap_err() else { unreachable!() };
    assert!(matches!(error, CodecError::Range { .. }), "{error:?}");
    assert_eq!(error.to_string(), "its codec gives levels in -2..=1 where input 0 of its graph takes -8..=7");

    net.circuit().unwrap().verify().unwrap();
}

/// `CodecError::Outputs`
#[test]
fn codec_error_outputs() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.codec.scale[0] = f32::NAN;
    let CircuitError::Codec(error) = circuit.verify().unwrap_err() else { unreachable!() };
    assert!(matches!(error, CodecError::Outputs { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "its codec does not decode 2 outputs, one finite scale, one finite bias and at most one name each"
    );

    net.circuit().unwrap().verify().unwrap();
}

/// `VerifyError`
#[test]
fn verify_error() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.graph.outputs[0].range = Range::new(0, 0); // its sums can be more
    let error = verify(&circuit.graph).unwrap_err();
    assert!(matches!(error, VerifyError { .. }), "{error:?}");
    assert_eq!(error.to_string(), "output 0: a sum can be -4..=2, but its range says 0..=0");

    verify(&net.circuit().unwrap().graph).unwrap();
}

/// `TextError::Unexpected`
#[test]
fn text_error_unexpected() {
    // Shown:
    let error = "input x0, range 0..3\noutput 0 = x0, range 0..=3".parse::<Graph>().unwrap_err();
    assert!(matches!(error, TextError::Unexpected { .. }), "{error:?}");
    assert_eq!(error.to_string(), "line 1, column 18: expected `..=`, but found `..3`");

    "input x0, range 0..=3\noutput 0 = x0, range 0..=3".parse::<Graph>().unwrap();
}

/// `TextError::Inputs`
#[test]
fn text_error_inputs() {
    // Shown:
    let error = "input x0..=x5000000, range 0..=1".parse::<Graph>().unwrap_err();
    assert!(matches!(error, TextError::Inputs { .. }), "{error:?}");
    assert_eq!(error.to_string(), "line 1, column 12: expected at most 4194304 inputs, but found 5000001");

    "input x0..=x5, range 0..=1".parse::<Graph>().unwrap();
}

/// `TextError::Length`
#[test]
fn text_error_length() {
    // Shown:
    let error = "#".repeat(MAX_BYTES + 1).parse::<Graph>().unwrap_err();
    assert!(matches!(error, TextError::Length { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the text has 67108865 bytes, but at most 67108864 are read");

    "#".repeat(MAX_BYTES).parse::<Graph>().unwrap();
}

/// `TextError::Law`
#[test]
fn text_error_law() {
    // Shown:
    let error = "input x0, range 0..=3\noutput 0 = 2 x0, range 0..=3".parse::<Graph>().unwrap_err();
    assert!(matches!(error, TextError::Law { .. }), "{error:?}");
    assert_eq!(error.to_string(), "line 2: output 0: a sum can be 0..=6, but its range says 0..=3");

    "input x0, range 0..=3\noutput 0 = 2 x0, range 0..=6".parse::<Graph>().unwrap();
}
