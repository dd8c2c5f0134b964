//! The examples' networks encrypted: what a sample takes of one core, and what a second core brings.
//!
//! `cargo bench --bench inference`; a filter such as `cores` keeps one group.

use std::{cell::LazyCell, hint::black_box, num::NonZeroUsize, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fheqat::{
    data::csv::{self, CsvOptions},
    fhe::EncryptedInput,
    prelude::*,
    train::Validation,
};

use self::clock::{CoreTime, core_time};

#[path = "../fheqat-runtime/benches/clock/mod.rs"]
mod clock;

macro_rules! checkerboard {
    ($name:ident $($options:tt)*) => {
        #[quant_net(bits = 3, max_nonzero = 30, max_l1 = 8 $($options)*)]
        struct $name {
            #[layer(bits = 2, signed = false, scale = 0.333)]
            quant_inp: QuantIdentity,
            fc1: QuantLinear<2, 100>,
            relu1: QuantReLU,
            fc2: QuantLinear<100, 100>,
            relu2: QuantReLU,
            fc3: QuantLinear<100, 2>,
        }
    };
}

checkerboard!(Checkerboard);
checkerboard!(TolerantCheckerboard, tolerance = 0.2);

#[quant_net(bits = 3, max_l1 = 16)]
struct Digits {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<64, 64>,
    relu1: QuantReLU,
    #[layer(max_l1 = 32)]
    fc2: QuantLinear<64, 10>,
}

#[quant_net(bits = 3, tolerance = 0.2)]
struct TolerantDigits {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<64, 32>,
    relu1: QuantReLU,
    fc2: QuantLinear<32, 10>,
}

type Train = fn() -> Circuit;

fn checkerboard<N: Network>() -> Circuit {
    let (train, _) = fheqat::data::checkerboard(Seed(0));
    trained::<N>(&train, TrainConfig::declared())
}

fn digits<N: Network>() -> Circuit {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/digits.csv.gz");
    let digits =
        csv::read(file, &CsvOptions { header: false, ..CsvOptions::default() }).expect("the file is there");
    let config = TrainConfig {
        epochs: Some(100),
        rate: 0.03,
        smoothing: 0.2,
        validation: Validation::None,
        ..TrainConfig::declared()
    };
    trained::<N>(&digits, config)
}

fn trained<N: Network>(data: &Dataset, config: TrainConfig) -> Circuit {
    let mut net = N::new(Seed(0));
    net.train(data, &TrainConfig { progress: false, ..config }).expect("samples fit");
    net.circuit().expect("a trained network has a circuit")
}

/// A server on so many threads, and encrypted samples.
fn parties(circuit: &Circuit, threads: usize, samples: usize) -> (Server, Vec<EncryptedInput>) {
    let options = CompileOptions::default().threads(NonZeroUsize::new(threads));
    let compiled = circuit.compile(&options).expect("parameters exist");
    let (client, server) = compiled.keygen().expect("threads start");
    let samples = vec![vec![0.5; circuit.codec.features]; samples];
    (server, client.encrypt_batch(&samples).expect("samples fit"))
}

fn networks(criterion: &mut Criterion<CoreTime>) {
    let mut group = criterion.benchmark_group("a sample on one core");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(5));
    let networks: [(&str, Train); 4] = [
        ("checkerboard as declared", checkerboard::<Checkerboard>),
        ("checkerboard, tolerance 0.2", checkerboard::<TolerantCheckerboard>),
        ("digits", digits::<Digits>),
        ("digits, tolerance 0.2", digits::<TolerantDigits>),
    ];
    for (name, circuit) in networks {
        let parties = LazyCell::new(|| parties(&circuit(), 1, 1));
        group.bench_function(name, |bencher| {
            let (server, samples) = &*parties;
            bencher.iter(|| black_box(server.run_batch(samples)));
        });
    }
    group.finish();
}

/// Wall time: a second core is to halve it.
fn cores(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cores");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(10));
    let jobs: [(&str, Train, usize); 2] = [
        ("16 samples of the checkerboard", checkerboard::<Checkerboard>, 16),
        ("a sample of digits, 64 neurons", digits::<Digits>, 1),
    ];
    for (name, circuit, samples) in jobs {
        let circuit = LazyCell::new(circuit);
        group.throughput(Throughput::Elements(samples as u64));
        for threads in [1, 2] {
            let parties = LazyCell::new(|| parties(&circuit, threads, samples));
            group.bench_function(BenchmarkId::new(name, format!("threads {threads}")), |bencher| {
                let (server, samples) = &*parties;
                bencher.iter(|| black_box(server.run_batch(samples)));
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = core_seconds;
    config = core_time();
    targets = networks
}
criterion_group!(wall_time, cores);
criterion_main!(core_seconds, wall_time);
