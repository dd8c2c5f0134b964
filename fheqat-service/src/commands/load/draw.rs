//! Random samples that a model takes.

use fheqat::{
    circuit::Codec,
    data::{Feature, FeatureKind},
    error::InputError,
    quant::{ChannelCode, Code, Transform},
};
use rand::{RngExt, rngs::StdRng};

/// A sample from the text of its cells: numbers from where training had them, categories by name and now and then an unknown one, and
/// missing values where the model takes them.
pub(super) fn sample(codec: &Codec, random: &mut StdRng) -> Result<Vec<f32>, InputError> {
    let cells: Vec<String> = codec
        .described
        .iter()
        .enumerate()
        .map(|(index, feature)| cell(codec, index, feature, random))
        .collect();
    codec.parse(&cells)
}

fn cell(codec: &Codec, index: usize, feature: &Feature, random: &mut StdRng) -> String {
    const MISSING: f64 = 0.05;
    if codec.takes_missing() && random.random_bool(MISSING) {
        return String::new();
    }
    match &feature.kind {
        FeatureKind::Number => {
            let (low, high) = range(codec, index);
            (low + (high - low) * random.random_range(0.0..1.0_f32)).to_string()
        }
        FeatureKind::Category { names } => {
            let name = names.get(random.random_range(0..=names.len()));
            name.cloned().unwrap_or_else(|| format!("none of {}", names.len()))
        }
    }
}

/// Where the numbers of a feature were in training, as far as the client half says: else from 0 to 1.
fn range(codec: &Codec, index: usize) -> (f32, f32) {
    let ranges = codec.encoders.iter().filter_map(|encoder| match (&encoder.transform, &encoder.code) {
        (Transform::Standardize(measured), _) => {
            let (mean, deviation) = (measured.mean().get(index)?, measured.deviation().get(index)?);
            Some((mean - 2.0 * deviation, mean + 2.0 * deviation))
        }
        (Transform::AsIs, Code::Thermometer(code)) if encoder.layers.is_empty() => {
            let channels = code.channels();
            let positions = codec.features / channels.len().max(1);
            let ChannelCode::Quantity { thresholds, .. } = channels.get(index / positions.max(1))? else {
                return None;
            };
            let used = || thresholds.iter().copied().filter(|&threshold| threshold < f32::MAX);
            let (first, last) = (used().next()?, used().next_back()?);
            let around = if last > first { (last - first) / 4.0 } else { 1.0 };
            Some((first - around, last + around))
        }
        _ => None,
    });
    ranges
        .reduce(|(low, high), (other_low, other_high)| (low.min(other_low), high.max(other_high)))
        .filter(|(low, high)| low.is_finite() && high.is_finite() && (high - low).is_finite())
        .unwrap_or((0.0, 1.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use fheqat::{data::csv, prelude::*};
    use rand::SeedableRng;

    use super::*;

    #[quant_net(bits = 2, max_l1 = 4)]
    struct Fruit {
        bits: Thermometer<4>,
        fc: QuantLinear<8, 2>,
    }

    #[test]
    fn samples_have_categories_numbers_and_missing_values() {
        let row = |row: usize| {
            format!("{},{},{}", 100 + row, ["red", "green", ""][row % 3], ["ripe", "raw"][row % 2])
        };
        let rows = (0..40).map(row).collect::<Vec<_>>().join("\n");
        let table = format!("width,colour,class\n{rows}");
        let data = csv::parse(table.as_bytes(), "fruit.csv", &csv::CsvOptions::default()).unwrap();
        let mut net = Fruit::new(Seed(0));
        net.train(&data, &TrainConfig { epochs: Some(2), progress: false, ..TrainConfig::declared() })
            .unwrap();
        let circuit = net.circuit().unwrap();
        let codec = &circuit.codec;
        let mut random = StdRng::seed_from_u64(0);
        let samples: Vec<Vec<f32>> = (0..200).map(|_| sample(codec, &mut random).unwrap()).collect();
        for sample in &samples {
            circuit.simulate(sample).unwrap();
            assert!(sample[0].is_nan() || (80.0..160.0).contains(&sample[0]), "{sample:?}");
        }
        for colour in [0.0_f32, 1.0, 2.0] {
            assert!(
                samples.iter().any(|sample| sample[1].to_bits() == colour.to_bits()),
                "no category {colour}"
            );
        }
        assert!(samples.iter().any(|sample| sample[1].is_nan()));
    }
}
