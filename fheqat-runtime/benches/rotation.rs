//! One encrypted neuron by slots: with the usual rotation, and with interleaved polynomials.
//!
//! `cargo bench -p fheqat-runtime --bench rotation`

use std::{hint::black_box, num::NonZeroUsize};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fheqat_runtime::fhe::CompileOptions;

use self::chain::chain;

mod chain;

fn rotations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chain of two neurons");
    group.sample_size(10);
    for slots in [16, 32, 64, 128, 256] {
        for (name, extension) in [("usual", 0), ("interleaved", 5)] {
            let options = CompileOptions::default().max_extension(extension).threads(NonZeroUsize::new(1));
            let Ok(compiled) = chain(slots).compile(&options) else { continue };
            let Ok((client, server)) = compiled.keygen() else { continue };
            let Ok(input) = client.encrypt(&[3.0]) else { continue };
            group.bench_with_input(BenchmarkId::new(name, slots), &input, |bencher, input| {
                bencher.iter(|| black_box(server.run(input)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, rotations);
criterion_main!(benches);
