//! Files of every kind that an earlier build wrote: each is read, means what it meant, and is written again bit for bit. A change of a
//! dependency that would make garbage of old files (its encoding, or what its generators draw from a seed) fails here.
//!
//! `cargo test --test formats -- --ignored write` writes the files of a new format. Those of older formats stay, as long as they are read.
#![cfg(feature = "fhe")]
#![allow(clippy::unwrap_used)]

use std::{fs, path::PathBuf};

use fheqat::{data, prelude::*};

/// Rotations, and inputs under the small key.
#[quant_net(bits = 3, max_l1 = 6)]
struct Deep {
    #[layer(signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 6>,
    relu1: QuantReLU,
    fc2: QuantLinear<6, 2>,
}

/// No rotation, and inputs under the big key: evaluation keys that take bytes where those of [`Deep`] take megabytes, and those that pack
/// results a quarter of one.
#[quant_net(bits = 3)]
struct Flat {
    bits: Thermometer<3>,
    fc: QuantLinear<6, 2>,
}

/// No rotation either, with names of features, categories and classes.
#[quant_net(bits = 3)]
struct Table {
    bits: Thermometer<4>,
    fc: QuantLinear<8, 2>,
}

const SAMPLE: [f32; 2] = [0.2, 0.7];

/// The last is [`Flat`] with packed results.
const MODELS: [&str; 3] = ["deep", "flat", "packed"];

/// Cells that [`Table`] reads. Clients in other languages compare with what `table.json` has for them.
const CELLS: [[&str; 2]; 6] =
    [["1.5", "red"], ["9", "green"], ["4.5", "red"], ["4.5", "green"], ["", "blue"], ["9.5", "violet"]];

/// Cells, and the sums, values and class that they give.
type Answer = (Vec<String>, Vec<i64>, Vec<f32>, String);

fn path(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/8")).join(file)
}

fn read(file: &str) -> Vec<u8> {
    fs::read(path(file)).unwrap()
}

fn read_client(model: &str) -> Client {
    let half = ClientHalf::from_bytes(&read(&format!("{model}.client"))).unwrap();
    Client::new(half, ClientKey::from_bytes(&read(&format!("{model}.key"))).unwrap()).unwrap()
}

#[test]
fn results_of_earlier_builds_decrypt_to_what_their_circuits_give() {
    for model in MODELS {
        let circuit = Circuit::from_bytes(&read(&format!("{model}.circuit"))).unwrap();
        let result = EncryptedOutput::from_bytes(&read(&format!("{model}.output"))).unwrap();
        let logits = read_client(model).decrypt(&result).unwrap();
        assert_eq!(logits, circuit.simulate(&SAMPLE).unwrap(), "{model}");
        let expected: Vec<i64> = serde_json::from_slice(&read(&format!("{model}.json"))).unwrap();
        assert_eq!(logits.accumulators, expected, "{model}");
    }
}

#[test]
fn cells_are_encoded_as_in_earlier_builds() {
    let circuit = Circuit::from_bytes(&read("table.circuit")).unwrap();
    let half = ClientHalf::from_bytes(&read("table.client")).unwrap();
    let expected: Vec<Answer> = serde_json::from_slice(&read("table.json")).unwrap();
    assert_eq!(expected.len(), CELLS.len());
    for (cells, accumulators, values, class) in expected {
        let logits = circuit.simulate(&half.codec().parse(&cells).unwrap()).unwrap();
        let found = (&logits.accumulators, &logits.values, logits.class_name());
        assert_eq!(found, (&accumulators, &values, Some(class.as_str())), "{cells:?}");
    }
}

#[test]
fn inputs_of_earlier_builds_run() {
    let half = ServerHalf::from_bytes(&read("flat.server")).unwrap();
    let keys = EvaluationKeys::from_bytes(&read("flat.keys")).unwrap();
    let server = Server::new(half, ServerKey::from(keys), None).unwrap();
    let result = server.run(&EncryptedInput::from_bytes(&read("flat.input")).unwrap()).unwrap();
    assert_eq!(result.to_bytes(), read("flat.output"));
}

#[test]
fn what_is_read_is_written_again_bit_for_bit() {
    for model in MODELS.into_iter().chain(["table"]) {
        let read = |kind: &str| read(&format!("{model}.{kind}"));
        assert_eq!(Circuit::from_bytes(&read("circuit")).unwrap().to_bytes(), read("circuit"));
        assert_eq!(ClientHalf::from_bytes(&read("client")).unwrap().to_bytes(), read("client"));
        assert_eq!(ServerHalf::from_bytes(&read("server")).unwrap().to_bytes(), read("server"));
        assert_eq!(*ClientKey::from_bytes(&read("key")).unwrap().to_bytes(), read("key"));
        assert_eq!(EncryptedInput::from_bytes(&read("input")).unwrap().to_bytes(), read("input"));
        assert_eq!(EncryptedOutput::from_bytes(&read("output")).unwrap().to_bytes(), read("output"));
    }
    assert_eq!(EvaluationKeys::from_bytes(&read("flat.keys")).unwrap().to_bytes(), read("flat.keys"));
}

#[test]
#[ignore = "writes files"]
fn write() {
    let (train, _) = data::checkerboard(Seed(1));
    let config = TrainConfig { epochs: Some(40), progress: false, ..TrainConfig::declared() };
    let (mut deep, mut flat) = (Deep::new(Seed(0)), Flat::new(Seed(0)));
    deep.train(&train, &config).unwrap();
    flat.train(&train, &config).unwrap();
    fs::create_dir_all(path("")).unwrap();
    let flat = flat.circuit().unwrap();
    for (model, circuit) in MODELS.into_iter().zip([deep.circuit().unwrap(), flat.clone(), flat]) {
        let results = if model == "packed" { Results::Packed } else { Results::Rounded };
        let compiled = circuit.compile(&CompileOptions::default().results(results)).unwrap();
        let plan = &compiled.plan().server;
        assert_eq!((plan.rotations() > 0, plan.outputs.len()), (model == "deep", 2));
        let (key, keys) = compiled.client().keygen_insecure_for_tests(Seed(0));
        let write = |kind: &str, bytes: &[u8]| fs::write(path(&format!("{model}.{kind}")), bytes).unwrap();
        write("circuit", &circuit.to_bytes());
        write("client", &compiled.client().to_bytes());
        write("server", &compiled.server().to_bytes());
        write("key", &key.to_bytes());
        let sums = circuit.simulate(&SAMPLE).unwrap().accumulators;
        write("json", &serde_json::to_vec(&sums).unwrap());
        if model == "flat" {
            write("keys", &keys.to_bytes());
        }
        let client = Client::new(compiled.client(), key).unwrap();
        let server = Server::new(compiled.server(), ServerKey::from(keys), None).unwrap();
        let input = client.encrypt(&SAMPLE).unwrap();
        write("input", &input.to_bytes());
        write("output", &server.run(&input).unwrap().to_bytes());
    }
}

#[test]
#[ignore = "writes files"]
fn write_table() {
    let colours = ["blue", "green", "red"];
    let line = |index: usize| {
        let (width, colour) = ((index * 37 % 100) as f32 / 10.0, colours[index * 7 % 11 % 3]);
        let is_ripe = width > if colour == "red" { 2.0 } else { 7.0 };
        format!("{width},{colour},{}\n", if is_ripe { "ripe" } else { "green" })
    };
    let lines: String = (0..400).map(line).collect();
    let file = format!("width,colour,state\n{lines}");
    let table = data::csv::parse(file.as_bytes(), "table.csv", &data::csv::CsvOptions::default()).unwrap();
    let config = TrainConfig { epochs: Some(40), progress: false, ..TrainConfig::declared() };
    let mut net = Table::new(Seed(0));
    net.train(&table, &config).unwrap();
    let circuit = net.circuit().unwrap();
    let compiled = circuit.compile(&CompileOptions::default()).unwrap();
    let (key, keys) = compiled.client().keygen_insecure_for_tests(Seed(0));
    let half = compiled.client();
    let expected: Vec<_> = CELLS
        .iter()
        .map(|cells| {
            let logits = circuit.simulate(&half.codec().parse(cells).unwrap()).unwrap();
            let class = logits.class_name().unwrap().to_owned();
            (cells, logits.accumulators, logits.values, class)
        })
        .collect();
    let write = |kind: &str, bytes: &[u8]| fs::write(path(&format!("table.{kind}")), bytes).unwrap();
    write("circuit", &circuit.to_bytes());
    write("client", &half.to_bytes());
    write("server", &compiled.server().to_bytes());
    write("key", &key.to_bytes());
    write("json", &serde_json::to_vec(&expected).unwrap());
    let client = Client::new(half, key).unwrap();
    let server = Server::new(compiled.server(), ServerKey::from(keys), None).unwrap();
    let input = client.encrypt_text(&CELLS[0]).unwrap();
    write("input", &input.to_bytes());
    write("output", &server.run(&input).unwrap().to_bytes());
}
