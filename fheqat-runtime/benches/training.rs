//! One epoch of the guide's network: 9,500 samples through 2-100-100-2.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fheqat_runtime::{
    Seed, data,
    nn::{
        layer::{LayerMut, LayerRef, Module, QuantIdentity, QuantLinear, QuantReLU},
        network::{Init, Network},
    },
    spec::{
        Bias, Field, Known, Layer, Linear, Net, Quantizer, Scale, Source, Transfer, WeightRange, WeightScale,
    },
    train::{TrainConfig, Validation},
};

#[derive(Clone)]
struct Guide {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    fc2: QuantLinear<100, 100>,
    relu2: QuantReLU,
    fc3: QuantLinear<100, 2>,
}

const fn linear(inputs: i64, outputs: i64, bias: Bias) -> Layer {
    Layer::Linear(Linear {
        inputs: Known::Now(inputs),
        outputs: Known::Now(outputs),
        weight_bits: Known::Now(3),
        weight_range: WeightRange::Narrow,
        weight_scale: WeightScale::PerTensor,
        max_nonzero: Some(Known::Now(30)),
        max_l1: Some(Known::Now(8)),
        acc_bits: Known::Now(16),
        bias,
        tolerance: None,
    })
}

const RELU: Layer = Layer::Quantizer(Quantizer {
    transfer: Transfer::ReLU,
    bits: Known::Now(3),
    scale: Scale::Learned,
    tolerance: None,
});

const INPUT: Layer = Layer::Quantizer(Quantizer {
    transfer: Transfer::Unsigned,
    bits: Known::Now(2),
    scale: Scale::Fixed(Known::Now(0.333)),
    tolerance: None,
});

impl Network for Guide {
    const SPEC: Net<'static> = Net {
        name: "Guide",
        input: None,
        max_bootstraps: None,
        tolerance: None,
        fields: &[
            Field { name: "quant_inp", layer: INPUT, from: &[Source::Input] },
            Field { name: "fc1", layer: linear(2, 100, Bias::Centred), from: &[Source::Field(0)] },
            Field { name: "relu1", layer: RELU, from: &[Source::Field(1)] },
            Field { name: "fc2", layer: linear(100, 100, Bias::Centred), from: &[Source::Field(2)] },
            Field { name: "relu2", layer: RELU, from: &[Source::Field(3)] },
            Field { name: "fc3", layer: linear(100, 2, Bias::Free), from: &[Source::Field(4)] },
        ],
    };

    fn init(init: &mut Init) -> Self {
        Self {
            quant_inp: init.layer(),
            fc1: init.layer(),
            relu1: init.layer(),
            fc2: init.layer(),
            relu2: init.layer(),
            fc3: init.layer(),
        }
    }

    fn layers(&self) -> Vec<LayerRef<'_>> {
        vec![
            self.quant_inp.layer(),
            self.fc1.layer(),
            self.relu1.layer(),
            self.fc2.layer(),
            self.relu2.layer(),
            self.fc3.layer(),
        ]
    }

    fn layers_mut(&mut self) -> Vec<LayerMut<'_>> {
        vec![
            self.quant_inp.layer_mut(),
            self.fc1.layer_mut(),
            self.relu1.layer_mut(),
            self.fc2.layer_mut(),
            self.relu2.layer_mut(),
            self.fc3.layer_mut(),
        ]
    }
}

fn epoch(criterion: &mut Criterion) {
    let (train, _) = data::checkerboard(Seed(1));
    let mut group = criterion.benchmark_group("epoch of the guide's network");
    group.throughput(Throughput::Elements(train.len() as u64)).sample_size(20);
    for batch in [32, 64] {
        let config = TrainConfig {
            epochs: 1,
            batch,
            validation: Validation::None,
            progress: false,
            ..TrainConfig::declared()
        };
        group.bench_function(format!("batch {batch}"), |bencher| {
            bencher.iter_batched(
                || Guide::new(Seed(0)),
                |mut net| net.train(&train, &config),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, epoch);
criterion_main!(benches);
