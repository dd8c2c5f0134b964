//! The commands that work on files, as processes of their own.

#![allow(clippy::unwrap_used)]

mod shared;

use std::{fs, path::Path, thread, time::Duration};

use fheqat::{
    data::csv::{self, CsvOptions},
    fhe::{ClientHalf, ClientKey, EncryptedInput, EncryptedOutput, EvaluationKeys},
    prelude::*,
};
use fheqat_client::frames;
use serde_json::Value;
use shared::{Ran, command, fheqat, folder, models, spawn};

const IRIS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/iris.csv");

/// A folder with both halves of the first model and keys for it.
fn ready() -> tempfile::TempDir {
    let folder = folder();
    for half in ["client", "server"] {
        fs::copy(models().path(half), folder.path().join(format!("iris.{half}"))).unwrap();
    }
    fs::copy(IRIS, folder.path().join("iris.csv")).unwrap();
    for name in ["client.key", "evaluation.keys"] {
        fs::copy(models().path(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// So many first lines of the flowers, with the header.
fn flowers(lines: usize) -> String {
    let text = fs::read_to_string(IRIS).unwrap();
    let lines: Vec<&str> = text.lines().step_by(150 / lines).take(lines + 1).collect();
    lines.join("\n")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_table_is_predicted_encrypted_as_simulated() {
    let folder = folder();
    let at = folder.path();
    let samples = csv::read(IRIS, &CsvOptions::default()).unwrap();
    let features: Vec<&str> = samples.described().iter().map(|feature| feature.name.as_str()).collect();
    let rows = [3, 60, 110];
    // In another order, with a column that the model does not read.
    let mut table = features.iter().rev().copied().collect::<Vec<_>>().join(";") + ";species\n";
    for row in rows {
        let cells: Vec<String> = samples.features().row(row).iter().rev().map(ToString::to_string).collect();
        table += &(cells.join(";") + ";x\n");
    }
    fs::write(at.join("flowers.csv"), table).unwrap();
    let client = models().path("client");
    let client = client.to_str().unwrap();
    fheqat(at, &["keygen", "--client", client]).done();
    let said = fheqat(at, &["encrypt", "--client", client, "--csv", "flowers.csv", "--output", "in"]).done();
    assert!(said.contains("left out: `species`") && said.contains("3 encrypted samples"), "{said}");
    let server = models().path("server");
    let server = server.to_str().unwrap();
    let run = fheqat(at, &["run", "--json", "--server", server, "in", "--output", "out", "--threads", "1"]);
    assert_eq!(run.json()["samples"], 3);
    assert_eq!(run.stderr, "", "no bar where there is no terminal");
    let lines = fheqat(at, &["decrypt", "--json", "--client", client, "out"]).done();
    for (line, row) in lines.lines().zip(rows) {
        let line: Value = serde_json::from_str(line).unwrap();
        let expected = models().circuit.simulate(&samples.features().row(row).to_vec()).unwrap();
        let values: Vec<f32> = serde_json::from_value(line["values"].clone()).unwrap();
        assert_eq!(values, expected.values);
        assert_eq!(line["class"], expected.class_name().unwrap());
    }
    assert_eq!(lines.lines().count(), 3);

    let said = fheqat(at, &["decrypt", "--client", client, "out", "--csv", "out.csv"]).done();
    assert_eq!(said, "out.csv: 3 results\n");
    let printed = fheqat(at, &["decrypt", "--client", client, "out"]).done();
    assert_eq!(printed, fs::read_to_string(at.join("out.csv")).unwrap());
    let mut printed = printed.lines();
    assert_eq!(printed.next(), Some("class,setosa,versicolor,virginica"));
    assert!(printed.next().unwrap().starts_with("setosa,"));
}

#[test]
fn one_sample_and_files_of_the_library_work_too() {
    let folder = ready();
    let at = folder.path();
    let line = ["encrypt", "--client", "iris.client", "--output", "in", "5.1", "-3.5", "", "2e-1"];
    fheqat(at, &line).done();
    let framed = fs::read(at.join("in")).unwrap();
    let items = frames::split(&framed, 9).unwrap();
    let input = EncryptedInput::from_bytes(items[0]).unwrap();
    assert_eq!((items.len(), input.key()), (1, models().client.id()));
    fs::write(at.join("alone"), items[0]).unwrap();
    fheqat(at, &["run", "--server", "iris.server", "alone", "--output", "alone.out"]).done();
    let output = EncryptedOutput::from_bytes(&fs::read(at.join("alone.out")).unwrap()).unwrap();
    let sample = [5.1, -3.5, f32::NAN, 0.2];
    let expected = models().circuit.simulate(&sample).unwrap();
    assert_eq!(models().client.decrypt(&output).unwrap(), expected);
    let line = fheqat(at, &["decrypt", "--json", "--client", "iris.client", "alone.out"]).json();
    assert_eq!(line["class"], expected.class_name().unwrap());

    let few = fheqat(at, &["encrypt", "--client", "iris.client", "--output", "in", "5.1"]).failed(1);
    assert!(few.contains("1 values are given, but the model reads 4"), "{few}");
    let word =
        fheqat(at, &["encrypt", "--client", "iris.client", "--output", "in", "1", "a", "2", "3"]).failed(1);
    assert!(word.contains("is `a`, which is no number"), "{word}");
}

#[cfg(unix)]
#[test]
fn the_secret_key_is_for_its_owner_and_stays() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let at = folder.path();
    let client = models().path("client");
    let client = client.to_str().unwrap();
    let first = fheqat(at, &["keygen", "--json", "--client", client]).json();
    let mode = fs::metadata(at.join("client.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = fs::read(at.join("client.key")).unwrap();
    let evaluation = fs::read(at.join("evaluation.keys")).unwrap();
    assert_eq!(first["key_id"], ClientKey::from_bytes(&key).unwrap().id().to_string());
    assert_eq!(first["key_id"], EvaluationKeys::from_bytes(&evaluation).unwrap().id().to_string());

    for existing in [&["--evaluation", "other"][..], &["--key", "other"]] {
        let line = [&["keygen", "--client", client][..], existing].concat();
        let refused = fheqat(at, &line).failed(1);
        assert!(
            refused.contains("exists: keys cannot be made again") && refused.contains("--force"),
            "{refused}"
        );
    }
    let onto = fheqat(at, &["keygen", "--client", client, "--key", "k", "--evaluation", "k"]).failed(1);
    assert!(onto.contains("type another `--evaluation`"), "{onto}");
    let values = ["encrypt", "--client", client, "--output", "client.key", "1", "2", "3", "4"];
    let refused = fheqat(at, &values).failed(1);
    assert!(refused.contains("it is a client key, which nothing is written over"), "{refused}");
    assert_eq!(names(at), ["client.key", "evaluation.keys"]);
    assert_eq!(fs::read(at.join("client.key")).unwrap(), key);
    assert_eq!(fs::read(at.join("evaluation.keys")).unwrap(), evaluation);

    fheqat(at, &["keygen", "--client", client, "--force"]).done();
    assert_ne!(fs::read(at.join("client.key")).unwrap(), key);
}

#[test]
fn files_that_do_not_belong_together_are_named() {
    let folder = ready();
    let at = folder.path();
    fs::write(at.join("few.csv"), flowers(3)).unwrap();
    let encrypt = ["encrypt", "--client", "iris.client", "--csv", "few.csv", "--output", "in"];
    fheqat(at, &encrypt).done();
    fheqat(at, &["run", "--server", "iris.server", "in", "--output", "out"]).done();
    fs::copy(models().path("other.server"), at.join("other.server")).unwrap();
    fs::copy(models().path("other.client"), at.join("other.client")).unwrap();
    let half = ClientHalf::from_bytes(&fs::read(models().path("client")).unwrap()).unwrap();
    fs::write(at.join("other.key"), half.keygen_insecure_for_tests(Seed(7)).0.to_bytes()).unwrap();
    let input = fs::read(at.join("in")).unwrap();
    fs::write(at.join("cut"), &input[..input.len() - 1]).unwrap();
    let server = fs::read(at.join("iris.server")).unwrap();
    fs::write(at.join("cut.server"), &server[..server.len() / 2]).unwrap();
    let mut damaged = input.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(at.join("damaged"), damaged).unwrap();

    let run = |server, input| vec!["run", "--server", server, input, "--output", "new"];
    let decrypt = |key, output| vec!["decrypt", "--client", "iris.client", "--key", key, output];
    for (line, expected) in [
        (
            run("iris.client", "in"),
            "`iris.client`: these bytes are those of another kind of file (client half): give those of the server half",
        ),
        (run("iris.server", "iris.csv"), "`iris.csv`: these bytes are no encrypted input: they start with `"),
        (
            run("iris.server", "out"),
            "`out`, item 0: these bytes are those of another kind of file (encrypted output): give those of the encrypted input",
        ),
        (run("other.server", "in"), "`in`: ciphertext 0: the ciphertext belongs to model"),
        (run("iris.server", "cut"), "`cut`: item 2 has"),
        (run("cut.server", "in"), "`cut.server`: the server half is damaged"),
        (run("iris.server", "damaged"), "`damaged`, item 2: the encrypted input is damaged"),
        (run("iris.server", "absent"), "cannot read `absent`: No such file"),
        (decrypt("other.key", "out"), "`out`: ciphertext 0: the ciphertext was made under key"),
        (
            decrypt("evaluation.keys", "out"),
            "`evaluation.keys`: these bytes are those of another kind of file (set of evaluation keys): give those of the client key",
        ),
        (
            decrypt("client.key", "in"),
            "`in`, item 0: these bytes are those of another kind of file (encrypted input): give those of the encrypted output",
        ),
    ] {
        let error = fheqat(at, &line).failed(1);
        assert!(error.starts_with(&format!("Error: {expected}")), "{line:?}: {error}");
        let line = [&line[..], &["--json"]].concat();
        let error: Value = serde_json::from_str(&fheqat(at, &line).failed(1)).unwrap();
        assert!(error["error"].as_str().unwrap().starts_with(expected), "{line:?}: {error}");
    }
    assert!(!at.join("new").exists());
    let limited = [&run("iris.server", "in")[..], &["--max-file", "0"]].concat();
    let limited = fheqat(at, &limited).failed(1);
    assert!(limited.contains("`iris.server` has more than the 0 bytes that are read"), "{limited}");
}

#[test]
fn tables_that_do_not_fit_say_what_to_type() {
    let folder = ready();
    let at = folder.path();
    for (text, options, expected) in [
        ("a,b\n1,2\n", &[][..], "has no column `sepal"),
        ("5.1,3.5,1.4,0.2\n", &[], "type `--no-header`"),
        ("1;2,3;4\n", &["--no-header", "--delimiter", "tab"], "has no column"),
    ] {
        fs::write(at.join("table.csv"), text).unwrap();
        let line = ["encrypt", "--client", "iris.client", "--csv", "table.csv", "--output", "in"];
        let error = fheqat(at, &[&line[..], options].concat()).failed(1);
        assert!(error.starts_with("Error: `table.csv`") && error.contains(expected), "{error}");
    }
    fs::write(at.join("table.csv"), "5.1,3.5,1.4,0.2\n4.1,3,1,0.1\n").unwrap();
    let line = ["encrypt", "--client", "iris.client", "--csv", "table.csv", "--no-header", "--output", "in"];
    assert!(fheqat(at, &line).done().contains("2 encrypted samples"));
}

#[test]
fn what_is_typed_wrongly_ends_with_two() {
    let folder = folder();
    let at = folder.path();
    assert!(fheqat(at, &["encrypt", "--client", "a", "--output", "b"]).failed(2).contains("required"));
    let error = fheqat(at, &["--json", "run", "--no-such-option"]).failed(2);
    let error: Value = serde_json::from_str(&error).unwrap();
    assert!(error["error"].as_str().unwrap().contains("--no-such-option"), "{error}");
    assert!(fheqat(at, &["keygen", "--help"]).done().contains("--evaluation"));
}

#[test]
fn every_kind_of_file_is_described_without_its_secrets() {
    let folder = ready();
    let at = folder.path();
    fs::write(at.join("few.csv"), flowers(3)).unwrap();
    fheqat(at, &["encrypt", "--client", "iris.client", "--csv", "few.csv", "--output", "in"]).done();
    fheqat(at, &["run", "--server", "iris.server", "in", "--output", "out"]).done();
    fs::copy(models().path("circuit"), at.join("circuit")).unwrap();
    fs::copy(models().path("weights"), at.join("weights")).unwrap();
    let files =
        ["circuit", "iris.client", "iris.server", "client.key", "evaluation.keys", "in", "out", "weights"];
    let lines = fheqat(at, &[&["inspect", "--json"][..], &files].concat()).done();
    let found: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds = [
        "circuit",
        "client half",
        "server half",
        "client key",
        "set of evaluation keys",
        "encrypted input",
        "encrypted output",
        "weights",
    ];
    for ((found, file), kind) in found.iter().zip(files).zip(kinds) {
        let bytes = fs::metadata(at.join(file)).unwrap().len();
        assert_eq!((&found["file"], &found["kind"]), (&file.into(), &kind.into()));
        assert_eq!(found["size"]["bytes"], bytes, "{file}");
    }
    let half = models().client.half();
    assert_eq!(found[1]["model"], half.model().to_string());
    assert_eq!(found[1]["names"], serde_json::json!(["setosa", "versicolor", "virginica"]));
    assert_eq!(found[1]["features"].as_array().unwrap().len(), 4);
    let keys = fs::metadata(at.join("evaluation.keys")).unwrap().len();
    assert_eq!(found[1]["evaluation_keys"]["bytes"], keys);
    let item = |file: &str| {
        let bytes = fs::read(at.join(file)).unwrap();
        frames::split(&bytes, 9).unwrap()[0].len()
    };
    assert_eq!(
        (&found[1]["input"]["bytes"], &found[1]["output"]["bytes"]),
        (&item("in").into(), &item("out").into())
    );
    assert!(found[2]["rotations"].as_u64().unwrap() > 0);
    let said: Vec<&String> = found[3].as_object().unwrap().keys().collect();
    let mut expected =
        ["file", "format", "has", "key", "kind", "parameters", "size", "writer"].map(str::to_owned);
    expected.sort();
    assert!(said.iter().copied().eq(&expected), "{said:?}");
    assert_eq!((&found[5]["items"], &found[6]["items"]), (&3.into(), &3.into()));
    assert_eq!((&found[5]["key"], &found[6]["key"]), (&found[3]["key"], &found[4]["key"]));

    let text = fheqat(at, &["inspect", "iris.client"]).done();
    for line in ["kind             client half", "sepal", "names            setosa, versicolor, virginica"] {
        assert!(text.contains(line), "{text}");
    }
    let csv = fheqat(at, &["inspect", "few.csv"]).failed(1);
    assert!(csv.starts_with("Error: `few.csv`: these bytes are no file of fheqat"), "{csv}");
}

#[test]
fn files_of_one_model_make_a_page() {
    let folder = ready();
    let at = folder.path();
    fs::copy(models().path("circuit"), at.join("circuit")).unwrap();
    let report = models().circuit.compile(&CompileOptions::default()).unwrap().report();
    fs::write(at.join("report.json"), report.to_json()).unwrap();
    let found = fheqat(at, &["inspect", "--json", "report.json"]).json();
    assert_eq!((&found["kind"], &found["network"]), (&"report".into(), &"Flowers".into()));

    let files = ["circuit", "iris.client", "iris.server", "client.key", "report.json"];
    let line = [&["inspect", "--html", "page.html"][..], &files].concat();
    let said = fheqat(at, &line).done();
    assert!(said.starts_with("page.html: a page of 5 files, "), "{said}");
    let page = fs::read_to_string(at.join("page.html")).unwrap();
    for part in ["network", "layers", "encodings", "noise", "sizes", "files"] {
        assert!(page.contains(&format!("<section id=\"{part}\">")), "{part}");
    }
    assert!(page.contains("secret keys, which are not printed") && page.contains("sepal"));
    fheqat(at, &line).done();
    assert_eq!(page, fs::read_to_string(at.join("page.html")).unwrap(), "the same files, the same bytes");

    let judged = [&line[..], &["--csv", "iris.csv"]].concat();
    fheqat(at, &judged).done();
    let page = fs::read_to_string(at.join("page.html")).unwrap();
    assert!(
        page.contains("<section id=\"predictions\">") && page.contains("the samples of iris.csv"),
        "{page}"
    );

    let refused =
        |files: &[&str]| fheqat(at, &[&["inspect", "--html", "x.html"][..], files].concat()).failed(1);
    let error = refused(&["iris.client", "--csv", "iris.csv"]);
    assert!(error.contains("no circuit is among the files"), "{error}");
    let error = refused(&["circuit", "--csv", "iris.csv", "--target", "colour"]);
    assert!(error.contains("has no column `colour`"), "{error}");
    let other = models().path("other.server");
    let error = refused(&["iris.client", other.to_str().unwrap()]);
    assert!(error.contains("is of another model than the files before it"), "{error}");
    let error = refused(&["circuit", "circuit"]);
    assert!(error.contains("`circuit` is a second circuit, but a page is of one model"), "{error}");
    let error = fheqat(at, &["inspect", "circuit", "--html", "client.key"]).failed(1);
    assert!(error.contains("it is a client key, which nothing is written over"), "{error}");
    assert!(!at.join("x.html").exists());
}

/// A killed process leaves whole files or none, and the next one removes what it left behind.
#[test]
fn killed_processes_leave_nothing_half_written() {
    let folder = ready();
    let at = folder.path();
    let client = "iris.client";
    let lines = [
        vec!["keygen", "--client", client, "--force"],
        vec!["encrypt", "--client", client, "--csv", "iris.csv", "--output", "in"],
    ];
    for (round, line) in lines.iter().cycle().take(16).enumerate() {
        let mut process = spawn(at, line);
        thread::sleep(Duration::from_millis(round as u64 * 37));
        let _ = process.kill();
        process.wait().unwrap();
        let key = ClientKey::from_bytes(&fs::read(at.join("client.key")).unwrap()).unwrap();
        let evaluation = EvaluationKeys::from_bytes(&fs::read(at.join("evaluation.keys")).unwrap()).unwrap();
        assert_eq!(key.parameters(), evaluation.parameters());
        if let Ok(bytes) = fs::read(at.join("in")) {
            assert_eq!(frames::split(&bytes, 999).unwrap().len(), 150);
        }
    }
    for line in &lines {
        fheqat(at, line).done();
    }
    let left: Vec<String> = names(at).into_iter().filter(|name| name.starts_with(".fheqat")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = ready();
    let mut process = command(folder.path(), &["inspect", "iris.client"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stdout.take());
    let ran = Ran::of(process.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

/// The commands of README, as they stand there, on models that are there already.
#[test]
fn the_commands_of_the_readme_work() {
    let folder = folder();
    let at = folder.path();
    let models_folder = at.join("iris/models/iris");
    fs::create_dir_all(&models_folder).unwrap();
    fs::create_dir_all(at.join("examples/data")).unwrap();
    fs::copy(IRIS, at.join("examples/data/iris.csv")).unwrap();
    for half in ["client", "server"] {
        fs::copy(models().path(half), models_folder.join(format!("1.{half}"))).unwrap();
    }
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let section = readme.split("\n## ").find(|section| section.starts_with("From your CSV")).unwrap();
    let block = section.split("```").nth(1).unwrap();
    let lines: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("fheqat ")).collect();
    let commands: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(commands, ["new", "keygen", "encrypt", "run", "decrypt"]);
    for line in &lines[1..] {
        fheqat(at, &line.split(' ').collect::<Vec<_>>()).done();
    }
    assert_eq!(fs::read_to_string(at.join("flowers.csv")).unwrap().lines().count(), 151);
}
