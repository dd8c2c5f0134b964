//! How long a struct takes to compile. Prints times and asserts none:
//! `cargo test -p fheqat-ui --test compile_time -- --ignored --nocapture`.

use std::{
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// A network of `layers` layers: a quantizer, then dense layers and `QuantReLU`s in turn. What is a constant, only const
/// evaluation can read.
fn network(layers: usize, width: &str) -> String {
    let mut text = format!("use fheqat::prelude::*;\npub const WIDTH: usize = {WIDTH};\n");
    if layers > 0 {
        text += "#[quant_net(bits = 3, max_nonzero = 8)]\npub struct Net {\n    quant_inp: QuantIdentity,\n";
        for index in 1..layers {
            let layer = if index % 2 == 1 {
                format!("QuantLinear<{width}, {width}>")
            } else {
                "QuantReLU".to_owned()
            };
            writeln!(text, "    f{index}: {layer},").expect("it is text");
        }
        text += "}\n";
    }
    text
}

const WIDTH: usize = 16;

struct Package {
    root: PathBuf,
    target: PathBuf,
}

impl Package {
    fn new() -> Self {
        let test = env::current_exe().expect("a test is a file");
        let target = test.ancestors().nth(3).expect("a test is in `target/debug/deps`").join("tests");
        let root = target.join("compile_time");
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        fs::create_dir_all(root.join("src")).expect("the target directory can be written");
        let manifest = format!(
            "[package]
            name = \"compile_time\"
            version = \"0.0.0\"
            edition = \"2024\"
            [dependencies]
            fheqat = {{ path = \"{}\", default-features = false }}
            [workspace]",
            workspace.display()
        );
        fs::write(root.join("Cargo.toml"), manifest).expect("the target directory can be written");
        fs::copy(workspace.join("Cargo.lock"), root.join("Cargo.lock"))
            .expect("the workspace has a lock file");
        Self { root, target: target.join("target") }
    }

    fn check(&self, text: &str) -> Duration {
        fs::write(self.root.join("src/lib.rs"), text).expect("the target directory can be written");
        let start = Instant::now();
        let output = Command::new(env!("CARGO"))
            .args(["check", "--offline", "--quiet"])
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_INCREMENTAL", "0")
            .current_dir(&self.root)
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        start.elapsed()
    }
}

#[test]
#[ignore = "prints how long structs of 10, 100 and 500 layers take to compile"]
fn structs_of_many_layers() {
    let package = Package::new();
    package.check("// What it depends on is compiled.");
    let empty = package.check(&network(0, "WIDTH"));
    for layers in [10, 100, 500] {
        for (written, width) in [("literals", "16"), ("constants", "WIDTH")] {
            let time = package.check(&network(layers, width)).saturating_sub(empty);
            println!("{layers} layers of {written}: {:.2} s", time.as_secs_f64());
        }
    }
}
