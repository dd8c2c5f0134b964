//! What tests of the commands share: processes, and models for them.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

use fheqat::{
    data::csv::{self, CsvOptions},
    prelude::*,
};
use serde_json::Value;

/// What a process did.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        Self { code: output.status.code(), stdout, stderr }
    }

    /// What it printed, where it is done.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }

    /// The one line of JSON that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// What it said when it ended with a code.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        self.stderr
    }
}

/// `fheqat` in a folder.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fheqat"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

pub(crate) fn fheqat(folder: &Path, arguments: &[&str]) -> Ran {
    Ran::of(command(folder, arguments).output().unwrap())
}

pub(crate) fn spawn(folder: &Path, arguments: &[&str]) -> Child {
    command(folder, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Two models of flowers, with keys for the first.
pub(crate) struct Models {
    folder: PathBuf,
    pub(crate) circuit: Circuit,
    pub(crate) client: Client,
}

impl Models {
    /// `client`, `server`, `client.key`, `evaluation.keys`, `circuit` or `weights` of the first, `other.client` or `other.server`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

#[quant_net(bits = 2, max_l1 = 4)]
struct Flowers {
    bits: Thermometer<4>,
    fc1: QuantLinear<16, 4>,
    relu1: QuantReLU,
    fc2: QuantLinear<4, 3>,
}

/// Made once a process.
pub(crate) fn models() -> &'static Models {
    static MODELS: OnceLock<Models> = OnceLock::new();
    MODELS.get_or_init(|| {
        // Of one name, so that runs of the tests do not fill the disk.
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("flowers");
        fs::create_dir_all(&folder).unwrap();
        let iris = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/iris.csv");
        let data = csv::read(iris, &CsvOptions::default()).unwrap();
        let mut net = Flowers::new(Seed(0));
        net.train(&data, &TrainConfig { epochs: Some(30), ..TrainConfig::declared() }).unwrap();
        let circuit = net.circuit().unwrap();
        let compiled = circuit.compile(&CompileOptions::default()).unwrap();
        let half = compiled.client();
        let (key, evaluation) = half.keygen_insecure_for_tests(Seed(1));
        let same = CompileOptions::default().parameters(*half.parameters());
        let other = circuit.compile(&same).unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
        write("client", &half.to_bytes());
        write("server", &compiled.server().to_bytes());
        write("client.key", &key.to_bytes());
        write("evaluation.keys", &evaluation.to_bytes());
        write("circuit", &circuit.to_bytes());
        write("other.client", &other.client().to_bytes());
        write("other.server", &other.server().to_bytes());
        net.save(folder.join("weights")).unwrap();
        let client = Client::new(half, key).unwrap();
        Models { folder, circuit, client }
    })
}
