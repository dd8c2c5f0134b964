//! Crates that `fheqat new` and `fheqat import` write: they compile, and one of each runs.

#![allow(clippy::unwrap_used)]

mod shared;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use fheqat::{
    fhe::{ClientHalf, ServerHalf},
    prelude::*,
};
use shared::{fheqat, folder, spawn};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const IRIS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/iris.csv");

/// Some lines of a table.
fn table(header: &str, rows: usize, line: impl Fn(usize) -> String) -> String {
    let lines: String = (0..rows).map(|row| line(row) + "\n").collect();
    if header.is_empty() { lines } else { format!("{header}\n{lines}") }
}

/// A crate in a folder, of fheqat's sources here.
fn new(at: &Path, name: &str, csv: &str, options: &[&str]) -> PathBuf {
    let line = [&["new", name, "--csv", csv, "--fheqat", ROOT][..], options].concat();
    fheqat(at, &line).done();
    at.join(name)
}

/// Cargo in a crate. It takes versions and profiles of the workspace, and so its builds of other crates.
fn cargo(folder: &Path, command: &str) -> String {
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    let start = manifest.find("[profile.dev]").unwrap();
    let end = start + manifest[start..].find("[package]").unwrap();
    fs::write(folder.join("profiles.toml"), &manifest[start..end]).unwrap();
    fs::copy(Path::new(ROOT).join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .current_dir(folder)
        .args([command, "--quiet", "--offline", "--config", "profiles.toml", "--target-dir"])
        .arg(target)
        .output()
        .unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success() && !stderr.contains("warning"), "{stderr}");
    stdout
}

#[test]
fn crates_of_all_kinds_of_tables_compile() {
    let folder = folder();
    let at = folder.path();
    let houses = table("id;size;town;price;rent", 40, |row| {
        let size = if row % 7 == 0 { String::new() } else { format!("{},5", row + 20) };
        format!("h{row};{size};{};{};{},25", ["\u{e5}rhus", "oslo", "\"a; \"\"b\""][row % 3], 1000 * row, row)
    });
    fs::write(at.join("houses.csv"), houses).unwrap();
    fs::write(at.join("bare.csv"), table("", 30, |row| format!("{row},{},{}", row * row, row % 2))).unwrap();
    let quoted =
        table("\"a \"\"x\"\"\",\"b\\n{{SEED}}\",class", 24, |row| format!("{row},{},c{}", row % 5, row % 3));
    fs::write(at.join("quoted.csv"), quoted).unwrap();
    fs::write(at.join("many.csv"), table("x,y", 60, |row| format!("{row},{}.5", 3 * row))).unwrap();

    let houses = new(
        at,
        "houses",
        "houses.csv",
        &["--regression", "--target", "price", "--target", "rent", "--ignore", "id", "--decimal-comma"],
    );
    let bare = new(
        at,
        "bare-table",
        "bare.csv",
        &["--no-header", "--target", "2", "--category", "0", "--seed", "9"],
    );
    let quoted = new(at, "quoted", "quoted.csv", &["--delimiter", ","]);
    let many = new(at, "many", "many.csv", &[]);
    for folder in [&houses, &bare, &quoted, &many] {
        let main = fs::read_to_string(folder.join("src/main.rs")).unwrap();
        assert!(main.lines().count() < 100, "{main}");
        cargo(folder, "build");
    }
    let has = |folder: &Path, text: &str| {
        let main = fs::read_to_string(folder.join("src/main.rs")).unwrap();
        assert!(main.contains(text), "{text} is not in {main}");
    };
    has(
        &houses,
        "target: Target::Values(vec![\"price\".into(), \"rent\".into()]),\n        ignore: vec![\"id\".into()],\n        decimal_comma: true,\n",
    );
    has(
        &bare,
        "target: Target::Class(Column::Index(2)),\n        header: false,\n        categories: vec![Column::Index(0)],\n",
    );
    has(&bare, "const SEED: Seed = Seed(9);");
    has(&quoted, "const OUTPUTS: usize = 3; // c0, c1, c2\n");
    has(&many, "target: Target::Values(vec![Column::Last]),\n");
}

#[test]
fn a_crate_trains_and_writes_versions_of_a_model() {
    let folder = folder();
    let at = folder.path();
    let said = fheqat(at, &["new", "iris", "--csv", IRIS, "--fheqat", ROOT]).done();
    assert!(said.contains("predicts the last column, 3 classes, from 4 features of 150 rows"), "{said}");
    let iris = at.join("iris");
    assert_eq!(fs::read(iris.join("data/iris.csv")).unwrap(), fs::read(IRIS).unwrap());
    for version in [1, 2] {
        let said = cargo(&iris, "run");
        assert!(
            said.contains("on the rows held out: ") && said.contains("probability that any value"),
            "{said}"
        );
        let file = |half: &str| fs::read(iris.join(format!("models/iris/{version}.{half}"))).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&file("report.json")).unwrap();
        assert!(report["p_fail"].as_f64().unwrap() <= -128.0, "{report}");
        let client = ClientHalf::from_bytes(&file("client")).unwrap();
        let server = ServerHalf::from_bytes(&file("server")).unwrap();
        assert_eq!((client.model(), client.parameters()), (server.model(), server.parameters()));
        assert_eq!(client.codec().task.names(), ["setosa", "versicolor", "virginica"]);
        let (key, keys) = client.keygen();
        let server = Server::new(server, ServerKey::from(keys), None).unwrap();
        let client = Client::new(client, key).unwrap();
        let input = client.encrypt_text(&["5.1", "3.5", "1.4", "0.2"]).unwrap();
        let answer = client.decrypt(&server.run(&input).unwrap()).unwrap();
        assert_eq!(answer.class_name(), Some("setosa"));
    }
}

/// What another library trained, from its file to an encrypted result.
#[test]
fn an_imported_network_runs_encrypted() {
    let folder = folder();
    let at = folder.path();
    let model = format!("{ROOT}/tests/interop/guide_mlp.qonnx.onnx");
    let said = fheqat(at, &["import", &model, "--out", "guide", "--fheqat", ROOT]).done();
    assert!(
        said.starts_with("guide: a crate with the network `GuideMlp`, from [2] features to 2 outputs"),
        "{said}"
    );
    let crate_ = at.join("guide");
    let main = fs::read_to_string(crate_.join("src/main.rs")).unwrap();
    assert!(
        main.contains("struct GuideMlp {\n    quant_inp: QuantIdentity,") && main.lines().count() < 100,
        "{main}"
    );
    let said = cargo(&crate_, "run");
    assert!(said.contains("probability that any value"), "{said}");
    let file = |half: &str| fs::read(crate_.join(format!("models/guide_mlp/1.{half}"))).unwrap();
    let (client, server) =
        (ClientHalf::from_bytes(&file("client")).unwrap(), ServerHalf::from_bytes(&file("server")).unwrap());
    let (key, keys) = client.keygen();
    let (client, server) =
        (Client::new(client, key).unwrap(), Server::new(server, ServerKey::from(keys), None).unwrap());
    // The first sample of the vectors, and its sums as Brevitas has them.
    let bytes = fs::read(format!("{ROOT}/tests/interop/guide_mlp.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let words = |name: &str| tensors.tensor(name).unwrap().data().as_chunks::<4>().0[..2].to_vec();
    let sample: Vec<f32> = words("input").into_iter().map(f32::from_le_bytes).collect();
    let sums: Vec<i64> = words("sums").into_iter().map(|word| i64::from(i32::from_le_bytes(word))).collect();
    let answer = client.decrypt(&server.run(&client.encrypt(&sample).unwrap()).unwrap()).unwrap();
    assert_eq!(answer.accumulators, sums);
}

#[test]
fn an_import_says_what_it_did_and_what_it_cannot() {
    let folder = folder();
    let at = folder.path();
    let vector = |name: &str| format!("{ROOT}/tests/interop/{name}");
    let tied = fheqat(at, &["import", &vector("pool_ties.qonnx.onnx"), "--out", "a", "--name", "pools"]);
    assert!(tied.stderr.contains("note: `") && tied.stderr.contains("half to even"), "{}", tied.stderr);
    tied.done();
    let json = fheqat(at, &["import", "--json", &vector("pool_ties.qcdq.onnx"), "--out", "b"]).json();
    assert_eq!(
        (&json["crate"], &json["struct"], &json["features"][1]),
        (&"pool_ties".into(), &"PoolTies".into(), &8.into())
    );
    assert_eq!(json["notes"].as_array().map(Vec::len), Some(1), "{json}");
    let manifest = fs::read_to_string(at.join("b/Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"pool_ties\"") && manifest.contains("git = \"https://"), "{manifest}");

    fs::write(at.join("cut.onnx"), &fs::read(vector("cnn.qonnx.onnx")).unwrap()[..4000]).unwrap();
    let hostile = format!("{ROOT}/tests/corpus/onnx/refused_external");
    for (line, expected) in [
        (&["cut.onnx", "--out", "x"][..], "`cut.onnx`: the file is not ONNX, or is damaged"),
        (&["absent.onnx", "--out", "x"], "cannot read `absent.onnx`"),
        (&[hostile.as_str(), "--out", "x", "--name", "y"], "are in another file"),
        (&["cut.onnx", "--out", "a"], "`a` exists"),
        (&["cut.onnx", "--out", "x", "--name", "1st"], "`1st` is no name of a crate"),
        (&["cut.onnx", "--out", "x", "--fheqat", "."], "has no sources of fheqat"),
        (&["cut.onnx", "--out", "x", "--max-file", "0"], "type a larger `--max-file`"),
    ] {
        let error = fheqat(at, &[&["import"][..], line].concat()).failed(1);
        assert!(error.contains(expected), "{line:?}: {error}");
        assert!(!at.join("x").exists());
    }
    let error = fheqat(at, &["import", "cut.onnx", "--out", "x"]).failed(1);
    assert!(error.trim_end().ends_with("/errors/importing.md"), "{error}");
    fheqat(at, &["import", "cut.onnx"]).failed(2);
}

/// The profiles of a new crate are those that README names.
#[test]
fn a_manifest_is_that_of_the_readme() {
    let folder = folder();
    let at = folder.path();
    fheqat(at, &["new", "iris", "--csv", IRIS]).done();
    let manifest = fs::read_to_string(at.join("iris/Cargo.toml")).unwrap();
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let dependency = "fheqat = { git = \"https://github.com/fheqat/fheqat\" }";
    assert!(readme.contains(&format!("\n{dependency} #")) && manifest.contains(&format!("\n{dependency}\n")));
    let profiles = |text: &str| {
        let start = text.find("[profile.dev.package.\"*\"]").unwrap();
        let end = text.find("tfhe-fft.opt-level = 3").unwrap();
        text[start..end].to_owned()
    };
    assert_eq!(profiles(&manifest), profiles(&readme));
}

#[test]
fn what_no_crate_can_be_made_of_is_refused_and_nothing_is_written() {
    let folder = folder();
    let at = folder.path();
    fs::write(at.join("one.csv"), "x,y\n1,a\n2,a\n").unwrap();
    fs::write(at.join("bare.csv"), "1,2\n3,4\n5,6\n").unwrap();
    fs::write(at.join("few.csv"), "x,y\n1,a\n2,b\n").unwrap();
    fs::create_dir(at.join("there")).unwrap();
    for (line, expected) in [
        (&["there", "--csv", IRIS][..], "`there` exists"),
        (&["a/b", "--csv", IRIS], "`a/b` is no name of a crate"),
        (&["1st", "--csv", IRIS], "`1st` is no name of a crate"),
        (&["match", "--csv", IRIS], "`match` means something"),
        (&["x", "--csv", "absent.csv"], "cannot read `absent.csv`"),
        (&["x", "--csv", "one.csv"], "type `--target COLUMN`"),
        (&["x", "--csv", "bare.csv"], "type `--no-header`"),
        (&["x", "--csv", "few.csv"], "`few.csv`: "),
        (&["x", "--csv", IRIS, "--target", "none"], "has no column `none`"),
        (&["x", "--csv", IRIS, "--target", "a", "--target", "b"], "type `--regression` too"),
        (&["x", "--csv", IRIS, "--no-header", "--ignore", "a"], "`a` is none"),
        (&["x", "--csv", IRIS, "--fheqat", "."], "has no sources of fheqat"),
        (&["x", "--csv", IRIS, "--max-file", "0"], "type a larger `--max-file`"),
    ] {
        let error = fheqat(at, &[&["new"][..], line].concat()).failed(1);
        assert!(error.contains(expected), "{line:?}: {error}");
    }
    let mut left: Vec<String> =
        fs::read_dir(at).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["bare.csv", "few.csv", "one.csv", "there"]);
}

#[test]
fn a_killed_process_leaves_a_whole_crate_or_none() {
    let folder = folder();
    let at = folder.path();
    for round in 0..12 {
        let name = format!("crate{round}");
        let mut process = spawn(at, &["new", &name, "--csv", IRIS]);
        thread::sleep(Duration::from_millis(round * 3));
        let _ = process.kill();
        process.wait().unwrap();
        if at.join(&name).exists() {
            for file in ["Cargo.toml", "src/main.rs", ".gitignore", "data/iris.csv"] {
                assert!(at.join(&name).join(file).exists(), "{file}");
            }
        }
    }
    fheqat(at, &["new", "last", "--csv", IRIS]).done();
    let left = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let hidden: Vec<String> = left.filter(|name| name.starts_with('.')).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

/// A newcomer's way: the five commands of the page on deployment, as they stand there, from an empty folder beside the sources. With
/// `FHEQAT_RELEASE=1` in the environment `cargo` does what the page says; otherwise it takes the builds of the tests, which take less time.
#[test]
fn five_commands_lead_to_predictions_over_http() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/book/deployment.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("Over HTTP")).unwrap();
    let block = section.split("```").nth(1).unwrap().strip_prefix("sh\n").unwrap();
    let commands: Vec<&str> = block.lines().collect();
    assert_eq!(commands.len(), 5);
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    for command in &commands {
        assert!(readme.lines().any(|line| line == *command), "README has no line `{command}`");
    }
    let folder = folder();
    let at = folder.path();
    fs::create_dir_all(at.join("examples/data")).unwrap();
    fs::copy(IRIS, at.join("examples/data/iris.csv")).unwrap();
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    let start = manifest.find("[profile.dev]").unwrap();
    let end = start + manifest[start..].find("[package]").unwrap();
    fs::write(at.join("profiles.toml"), &manifest[start..end]).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sources = fs::canonicalize(ROOT).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_fheqat")).parent().unwrap();
    // Where the commands would take port 8080 and the folder of the sources.
    let around = format!(
        r#"set -e
PATH="{bin}:$PATH"
fheqat() {{
    case $1 in
        serve) exec "$(type -P fheqat)" "$@" --listen 127.0.0.1:{port} ;;
        predict) command fheqat "$@" --url http://127.0.0.1:{port} ;;
        new) shift; command fheqat new "$@" --fheqat "{sources}" ;;
        *) command fheqat "$@" ;;
    esac
}}
cargo() {{
    case "$1 ${{FHEQAT_RELEASE:-}}" in
        "install 1") command cargo install --locked --root "$PWD/installed" --path "{sources}/fheqat-service" && PATH="$PWD/installed/bin:$PATH" ;;
        "install "*) ;;
        "run 1") command cargo "$@" ;;
        "run "*)
            cp "{sources}/Cargo.lock" .
            command cargo run --quiet --offline --config ../profiles.toml --target-dir "{target}" ;;
    esac
}}
trap 'kill $! 2>/dev/null || true' EXIT
"#,
        bin = bin.display(),
        sources = sources.display(),
        target = target.display()
    );
    let until = format!(
        "for try in $(seq 100); do (: </dev/tcp/127.0.0.1/{port}) 2>/dev/null && break; sleep 0.2; done"
    );
    let [install, new, train, serve, predict] = commands[..] else { unreachable!() };
    let new = new.replace(" --fheqat .", "");
    let script = format!("{around}{install}\n{new}\n{train}\n{serve}\n{until}\n{predict}\n");
    let output = Command::new("bash").arg("-c").arg(script).current_dir(at).output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{stdout}{stderr}");
    let lines = stdout.lines().filter(|line| line.contains("setosa") || line.contains("versicolor")).count();
    assert!(lines >= 90, "{stdout}{stderr}");
}
