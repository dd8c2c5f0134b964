//! No input drives a sum out of its exact range, nor that out of the laws' bound: networks of every layer, with weights at
//! the ends of what they may be, and the inputs that drive each sum to its ends.

#[cfg(feature = "fhe")]
use std::collections::BTreeSet;

use fheqat_spec::{Range, Transfer, WeightRange};
use rand::{Rng, RngExt};

use crate::{
    Seed,
    circuit::{
        Circuit,
        ir::{Graph, Term, Wire},
    },
    fixture::drawn::{Draw, Drawn, PLAIN, Weights, window},
    quant::Code,
};

/// The sums of a circuit: its accumulators, then its outputs.
fn sums(graph: &Graph) -> impl Iterator<Item = (&[Term], Range)> {
    let accumulators = graph.accumulators.iter().map(|sum| (&sum.terms[..], sum.range));
    accumulators.chain(graph.outputs.iter().map(|output| (&output.terms[..], output.range)))
}

/// What each is for a sample, by a plain walk through the graph.
fn values(graph: &Graph, sample: &[i64]) -> Vec<i64> {
    let mut levels: Vec<Vec<i64>> = Vec::with_capacity(graph.accumulators.len());
    let sum = |terms: &[Term], levels: &[Vec<i64>]| -> i64 {
        let value = |wire| match wire {
            Wire::Input(input) => sample[input],
            Wire::Table { accumulator, table } => levels[accumulator][table],
        };
        terms.iter().map(|term| term.weight * value(term.wire)).sum()
    };
    let mut values = Vec::with_capacity(graph.accumulators.len() + graph.outputs.len());
    for accumulator in &graph.accumulators {
        let value = sum(&accumulator.terms, &levels);
        values.push(value);
        levels.push(accumulator.tables.iter().map(|table| table.level(value)).collect());
    }
    values.extend(graph.outputs.iter().map(|output| sum(&output.terms, &levels)));
    values
}

fn inside(graph: &Graph, sample: &[i64]) -> Vec<i64> {
    let values = values(graph, sample);
    for (index, (&value, (_, range))) in values.iter().zip(sums(graph)).enumerate() {
        assert!(
            range.contains(Range::new(value, value)),
            "sum {index}: {sample:?} gives {value}, outside {range:?}"
        );
    }
    values
}

/// The input that drives a sum of inputs to its end: each to the end that the sign of its weight says.
fn worst(graph: &Graph, terms: &[Term], highest: bool) -> Option<Vec<i64>> {
    let mut sample: Vec<i64> = graph.inputs.iter().map(|range| range.lo).collect();
    for term in terms {
        let Wire::Input(input) = term.wire else { return None };
        let range = graph.inputs[input];
        sample[input] = if (term.weight > 0) == highest { range.hi } else { range.lo };
    }
    Some(sample)
}

/// The same for a sum of levels, as far as climbing gets: one input after the other goes to the end that helps, or to
/// any value, from starts of every kind.
fn climbed(graph: &Graph, sum: usize, highest: bool, rng: &mut impl Rng) -> Vec<i64> {
    let sign = if highest { 1 } else { -1 };
    let mut best: Option<(i64, Vec<i64>)> = None;
    for start in 0..2 {
        let mut sample: Vec<i64> = graph
            .inputs
            .iter()
            .map(|range| match start {
                0 => [range.lo, range.hi][rng.random_range(0..2)],
                _ => rng.random_range(range.lo..=range.hi),
            })
            .collect();
        let mut value = sign * inside(graph, &sample)[sum];
        loop {
            let before = value;
            for input in 0..sample.len() {
                let range = graph.inputs[input];
                for level in [range.lo, range.hi, rng.random_range(range.lo..=range.hi)] {
                    let kept = std::mem::replace(&mut sample[input], level);
                    let moved = sign * inside(graph, &sample)[sum];
                    if moved > value {
                        value = moved;
                    } else {
                        sample[input] = kept;
                    }
                }
            }
            if value == before {
                break;
            }
        }
        if best.as_ref().is_none_or(|(best, _)| value > *best) {
            best = Some((value, sample));
        }
    }
    best.unwrap().1
}

/// Samples of input levels that drive every sum of inputs to both its ends, and `climbs` of the others at random as near
/// to one as climbing gets.
pub(crate) fn extremes(graph: &Graph, climbs: usize, seed: Seed) -> Vec<Vec<i64>> {
    let mut rng = seed.rng(9);
    let mut samples = Vec::new();
    let share = climbs as f64 / (2 * sums(graph).count()) as f64;
    for (index, (terms, range)) in sums(graph).enumerate() {
        for (highest, end) in [(false, range.lo), (true, range.hi)] {
            if let Some(sample) = worst(graph, terms, highest) {
                assert_eq!(inside(graph, &sample)[index], end, "sum {index} of inputs reaches its end");
                samples.push(sample);
            } else if rng.random_bool(share.min(1.0)) {
                samples.push(climbed(graph, index, highest, &mut rng));
            }
        }
    }
    samples.sort();
    samples.dedup();
    samples
}

/// Exact ranges lie in the laws' bounds, hold for the extremes of every sum, and passes change no output of them.
fn sound(drawn: &Drawn, seed: Seed) {
    let (quantized, plain, circuit) = (drawn.quantized(), drawn.lowered(), drawn.circuit());
    for accumulator in &plain.graph.accumulators {
        let bound = plain.graph.layers[accumulator.layer].bound;
        assert!(bound.contains(accumulator.range), "{:?} is not within {bound:?}", accumulator.range);
    }
    let last = plain.fields.last().and_then(|field| field.range).unwrap();
    assert!(plain.graph.outputs.iter().all(|output| last.contains(output.range)));
    let samples = extremes(&plain.graph, 4, seed).into_iter().chain(extremes(&circuit.graph, 8, seed));
    for levels in samples {
        inside(&plain.graph, &levels);
        inside(&circuit.graph, &levels);
        let sample = features(&circuit, &levels);
        assert!(!rounds(&circuit) || circuit.codec.encode(&sample).unwrap() == levels);
        let expected = quantized.run(&sample).unwrap();
        assert_eq!(plain.simulate(&sample).unwrap().values, expected, "{levels:?}");
        assert_eq!(circuit.simulate(&sample).unwrap().values, expected, "{levels:?}");
    }
}

/// As few of the samples as drive every sum as far down and up as all of them do.
#[cfg(feature = "fhe")]
pub(crate) fn covering(graph: &Graph, samples: &[Vec<i64>]) -> Vec<Vec<i64>> {
    let values: Vec<Vec<i64>> = samples.iter().map(|sample| values(graph, sample)).collect();
    let count = sums(graph).count();
    let ends = |sum: usize| {
        let of_sum = || values.iter().map(move |values| values[sum]);
        (of_sum().min(), of_sum().max())
    };
    let ends: Vec<_> = (0..count).map(ends).collect();
    let reached = |sample: usize| {
        (0..count).flat_map(move |sum| [(sum, false), (sum, true)]).filter({
            let (values, ends) = (&values[sample], &ends);
            move |&(sum, highest)| Some(values[sum]) == if highest { ends[sum].1 } else { ends[sum].0 }
        })
    };
    let mut missing: BTreeSet<(usize, bool)> =
        (0..count).flat_map(|sum| [(sum, false), (sum, true)]).collect();
    let mut chosen = Vec::new();
    while !missing.is_empty() {
        let gain = |&sample: &usize| reached(sample).filter(|end| missing.contains(end)).count();
        let best = (0..samples.len()).max_by_key(gain).unwrap();
        let found: Vec<_> = reached(best).collect();
        missing.retain(|end| !found.contains(end));
        chosen.push(samples[best].clone());
    }
    chosen
}

fn rounds(circuit: &Circuit) -> bool {
    circuit.codec.encoders[0].quantizer().is_some()
}

/// The features that the client's quantizer reads as these levels, or that its thermometer reads as as many bits, or as missing.
pub(crate) fn features(circuit: &Circuit, levels: &[i64]) -> Vec<f32> {
    let code = match &circuit.codec.encoders[0].code {
        Code::Round(quantizer) => return levels.iter().map(|&level| level as f32 * quantizer.step).collect(),
        Code::Thermometer(code) => code,
    };
    let positions = circuit.codec.features / code.channels().len();
    let feature = |(channel, position)| {
        let bit = |bit| levels[(channel * code.bits() + bit) * positions + position];
        match (0..code.bits()).map(bit).sum::<i64>() {
            count if count as usize == code.bits() => f32::NAN,
            count => count as f32,
        }
    };
    let channels = 0..code.channels().len();
    channels
        .flat_map(|channel| (0..positions).map(move |position| (channel, position)))
        .map(feature)
        .collect()
}

#[test]
fn any_network() {
    for seed in 0..1_000 {
        sound(&Draw::any(Seed(seed)), Seed(seed));
    }
}

#[test]
#[ignore = "minutes: the same on many more networks"]
fn many_networks() {
    for seed in 1_000..50_000 {
        sound(&Draw::any(Seed(seed)), Seed(seed));
    }
}

/// A layer behind the input with every weight at an end of its range: the laws' bound is not only kept but reached, by an
/// input that exists.
fn reaches_the_bound(name: &str, draw: Draw) {
    let plain = draw.finish().lowered();
    let bound = plain.fields.last().and_then(|field| field.range).unwrap();
    let reached = plain.graph.outputs.iter().enumerate().map(|(index, output)| {
        let end = |highest| {
            let sample = worst(&plain.graph, &output.terms, highest).unwrap();
            plain.graph.simulate(&sample)[index]
        };
        Range::new(end(false), end(true))
    });
    assert_eq!(reached.reduce(Range::cover).unwrap(), bound, "{name}");
}

/// Rows of the highest and of the lowest weights of three bits; rounding clamps them to what the layer allows.
fn full(draw: &mut Draw, layer: usize) {
    draw.fill(layer, |row, _| if row % 2 == 0 { 3 } else { -4 });
}

#[test]
fn the_bound_of_every_layer_is_reached() {
    let ends = Weights { range: WeightRange::Full, ..PLAIN };
    for transfer in [Transfer::Signed, Transfer::Unsigned] {
        for weights in [
            PLAIN,
            ends,
            Weights { max_nonzero: Some(2), ..ends },
            Weights { max_l1: Some(5), ..ends },
            Weights { max_l1: Some(1), ..PLAIN },
        ] {
            let mut draw = Draw::new(&[6], Seed(1));
            let levels = draw.input(transfer, 3);
            let layer = draw.linear(levels, 2, weights);
            full(&mut draw, layer);
            reaches_the_bound("linear", draw);

            let mut draw = Draw::new(&[2, 6], Seed(1));
            let levels = draw.input(transfer, 2);
            let layer = draw.conv(levels, 4, window(1, 3, 2, 1), 2, weights);
            full(&mut draw, layer);
            reaches_the_bound("conv1d", draw);

            let mut draw = Draw::new(&[2, 4, 5], Seed(1));
            let levels = draw.input(transfer, 2);
            let layer = draw.conv(levels, 4, window(2, 3, 2, 1), 1, weights);
            full(&mut draw, layer);
            reaches_the_bound("conv2d", draw);
        }
        let mut draw = Draw::new(&[2, 4, 4], Seed(1));
        let levels = draw.input(transfer, 3);
        draw.pool(levels, Some(window(2, 2, 1, 1)));
        reaches_the_bound("pool", draw);

        let mut draw = Draw::new(&[2, 4, 4], Seed(1));
        let levels = draw.input(transfer, 3);
        draw.pool(levels, None);
        reaches_the_bound("global pool", draw);

        let mut draw = Draw::new(&[3], Seed(1));
        let levels = draw.input(transfer, 3);
        draw.add(&[levels, levels, levels]);
        reaches_the_bound("add", draw);

        let mut draw = Draw::new(&[3], Seed(1));
        let levels = draw.input(transfer, 3);
        draw.concat(&[levels, levels]);
        reaches_the_bound("concat", draw);
    }
}
