//! Two encrypted neurons, the second behind a key switch: as this crate runs them, and as they are run elsewhere. And results, by themselves
//! and packed, and networks without tables.
//!
//! `cargo bench --workspace --bench rotation`; a filter such as `'64 slots'` keeps one size.

use std::{cell::LazyCell, hint::black_box, num::NonZeroUsize, time::Duration};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fheqat_runtime::{
    circuit::Circuit,
    compile::CompileOptions,
    fhe::{Client, Server},
    params::{
        Bytes, Log2Probability, Parameters, Results,
        dimension::{GlweDimension, PolynomialSize},
        search::Space,
    },
    spec::Range,
};

use tfhe::core_crypto::prelude::LweCiphertextOwned;

use self::{
    chain::chain,
    clock::{CoreTime, core_time},
    published::{Bootstraps, Set},
};

mod chain;
mod clock;
mod published;

/// A chain of two neurons on ranges of as many values each, in `slots` slots.
fn neurons(slots: i64) -> Circuit {
    let mut circuit = chain(slots);
    widen(&mut circuit, slots);
    circuit
}

/// The same neurons on twice the next power of two of their values: the top bit of a slot stays 0.
fn padded(slots: i64) -> Circuit {
    let mut circuit = chain(slots);
    let values = slots - 6;
    widen(&mut circuit, 2 * values.cast_unsigned().next_power_of_two().cast_signed());
    circuit
}

/// Makes each neuron's range that of `slots` slots; what it computes stays.
fn widen(circuit: &mut Circuit, slots: i64) {
    let half = slots / 2 - 3;
    for accumulator in &mut circuit.graph.accumulators {
        accumulator.range = Range::new(-half, half - 1);
    }
}

fn keys(circuit: &Circuit, options: &CompileOptions) -> (Client, Server) {
    let compiled = circuit.compile(options).expect("parameters exist");
    compiled.keygen().expect("one thread starts")
}

fn rotations(criterion: &mut Criterion<CoreTime>) {
    let mut group = criterion.benchmark_group("two neurons");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    let interleaved = CompileOptions::default().threads(NonZeroUsize::new(1));
    let usual = interleaved.clone().max_extension(0).max_server_key(Bytes(5_000_000_000));
    for slots in [16, 24, 32, 48, 64, 96, 128, 192, 256] {
        let ways = [
            ("this crate", neurons(slots), &interleaved),
            ("one polynomial", neurons(slots), &usual),
            ("padding bit", padded(slots), &usual),
        ];
        for (name, circuit, options) in ways {
            let parties = LazyCell::new(|| keys(&circuit, options));
            group.bench_function(BenchmarkId::new(name, format!("{slots} slots")), |bencher| {
                let (client, server) = &*parties;
                let input = client.encrypt(&[3.0]).expect("a feature for the only input");
                bencher.iter(|| black_box(server.run(&input)));
            });
        }
        let values = (slots - 6).cast_unsigned().next_power_of_two();
        let weight = chain::weight(slots) as f64;
        let p_fail = Log2Probability(-40.0).share(EVENTS);
        let tfhe = LazyCell::new(|| {
            Bootstraps::new(Set::cheapest(values, weight, p_fail).expect("parameters exist"))
        });
        group.bench_function(BenchmarkId::new("tfhe", format!("{slots} slots")), |bencher| {
            let input = tfhe.encrypt(3);
            bencher.iter(|| black_box(two(&tfhe, &input)));
            assert_eq!(tfhe.decrypt(&two(&tfhe, &input)), 3);
        });
    }
    group.finish();
}

/// Of a chain: two rotations and a decryption.
const EVENTS: usize = 3;

/// Two bootstraps, with a key switch between them.
fn two(tfhe: &Bootstraps, input: &LweCiphertextOwned<u64>) -> LweCiphertextOwned<u64> {
    tfhe.rotate(tfhe.switch(&tfhe.rotate(input.clone())))
}

/// Sixteen values, as tfhe's sets for two bits of message and two of carry hold.
fn published(criterion: &mut Criterion<CoreTime>) {
    let mut group = criterion.benchmark_group("two neurons of sixteen values, 2^-128");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    let options = CompileOptions::default().threads(NonZeroUsize::new(1)).p_fail(Log2Probability(-128.0));
    let parties = LazyCell::new(|| keys(&neurons(22), &options));
    group.bench_function("this crate", |bencher| {
        let (client, server) = &*parties;
        let input = client.encrypt(&[3.0]).expect("a feature for the only input");
        bencher.iter(|| black_box(server.run(&input)));
    });
    let tfhe = LazyCell::new(|| Bootstraps::new(Set::published()));
    group.bench_function("bootstraps of tfhe", |bencher| {
        let input = tfhe.encrypt(3);
        bencher.iter(|| black_box(two(&tfhe, &input)));
        assert_eq!(tfhe.decrypt(&two(&tfhe, &input)), 3);
    });
    group.finish();
}

/// Sums of inputs under a key of 2048 bits: nearly all of the time is that of their results.
fn results(criterion: &mut Criterion<CoreTime>) {
    let mut group = criterion.benchmark_group("results of kN = 2048");
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    let bare = Parameters::without_rotations(GlweDimension(1), PolynomialSize(2048));
    let packing = Space::default().packings.first().copied();
    for outputs in [1, 2, 10, 100] {
        let circuit = chain::sums(outputs);
        for (name, results) in [("rounded", Results::Rounded), ("packed", Results::Packed)] {
            let options = CompileOptions::default().threads(NonZeroUsize::new(1));
            let options = options.parameters(Parameters { packing, ..bare }).results(results);
            let parties = LazyCell::new(|| keys(&circuit, &options));
            group.bench_function(BenchmarkId::new(name, outputs), |bencher| {
                let (client, server) = &*parties;
                let input = client.encrypt(&[3.0]).expect("a feature for the only input");
                bencher.iter(|| black_box(server.run(&input)));
            });
        }
    }
    group.finish();
}

/// Networks without tables: of 30 features in 15 bits each, and of 784 pixels in three.
fn linear(criterion: &mut Criterion<CoreTime>) {
    let mut group = criterion.benchmark_group("linear");
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    for (bits, outputs) in [(450, 2), (2352, 10)] {
        let circuit = chain::linear(bits, outputs);
        let options = CompileOptions::default().threads(NonZeroUsize::new(1));
        let parties = LazyCell::new(|| keys(&circuit, &options));
        group.bench_function(format!("{bits} bits, {outputs} sums"), |bencher| {
            let (client, server) = &*parties;
            let input = client.encrypt(&vec![1.0; bits]).expect("a number for each bit");
            bencher.iter(|| black_box(server.run(&input)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = core_time();
    targets = rotations, published, results, linear
}
criterion_main!(benches);
