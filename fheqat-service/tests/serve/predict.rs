//! `fheqat predict` against a server.

use std::process::{Command, Output};

use crate::{
    process::{Place, Server, sha256},
    world,
};

fn predict(place: &Place, server: &Server, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fheqat"))
        .args(["--json", "predict", "--url", &server.url, "--keys"])
        .arg(place.file("keys"))
        .args(arguments)
        .env_remove("FHEQAT_TOKEN")
        .output()
        .unwrap()
}

#[test]
fn predictions_of_a_table_are_those_in_the_clear() {
    let place = Place::new();
    let server = place.start(&[]);
    let samples = &world::deep().samples[..4];
    let rows: Vec<String> =
        samples.iter().map(|sample| format!("{},{},left out", sample[0], sample[1])).collect();
    let names: Vec<String> = {
        let client = world::deep().compiled.client();
        client.codec().described.iter().map(|feature| feature.name.clone()).collect()
    };
    let table = place.file("table.csv");
    std::fs::write(&table, format!("{},more\n{}\n", names.join(","), rows.join("\n"))).unwrap();
    for round in ["with new keys", "with the keys of the first time"] {
        let ran = predict(&place, &server, &["--model", "deep", "--csv", table.to_str().unwrap()]);
        assert!(ran.status.success(), "{round}: {}", String::from_utf8_lossy(&ran.stderr));
        let lines = String::from_utf8(ran.stdout).unwrap();
        assert_eq!(lines.lines().count(), samples.len(), "{round}: {lines}");
        for (line, sample) in lines.lines().zip(samples) {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let values = world::deep().circuit.simulate(sample).unwrap().values;
            assert_eq!(line["values"], serde_json::json!(values), "{round}");
        }
    }
}

#[test]
fn what_cannot_be_predicted_says_what_to_type() {
    let place = Place::new();
    let tokens = place.file("tokens");
    std::fs::write(&tokens, format!("somebody = \"{}\"\n", sha256(b"word"))).unwrap();
    let server = place.start(&["--tokens", tokens.to_str().unwrap()]);
    let failed = |arguments: &[&str]| {
        let ran = predict(&place, &server, arguments);
        assert_eq!(ran.status.code(), Some(1));
        String::from_utf8(ran.stderr).unwrap()
    };
    let error = failed(&["--model", "deep", "0.1", "0.2"]);
    assert!(error.contains("token"), "{error}");
    let error = failed(&["--token", "word", "--model", "shallow", "0.1", "0.2"]);
    assert!(error.contains("there is no model `shallow`"), "{error}");
    let error = failed(&["--token", "word", "--model", "deep", "0.1"]);
    assert!(error.contains("1 values are given, but the model reads 2"), "{error}");
}
