//! Whether a network can run with the numbers that it has learned.

use std::collections::BTreeMap;

use super::{
    error::Unusable,
    ops::{Op, operation::Context},
    program::Program,
    quantized::Decoder,
    usable::{Bad, infinite, no_unit},
};
use crate::quant::{Transform, transition::decode};

impl Program {
    /// Asks every op for numbers that cannot be, and every sum for what follows from them.
    ///
    /// # Errors
    /// Names the first that is found, or encoders behind one layer of the client that do not agree. A network without such numbers has a circuit, once it is calibrated, and gives finite
    /// outputs.
    pub(crate) fn check(&self) -> Result<(), Unusable> {
        for (index, node) in self.nodes.iter().enumerate() {
            let of_state = || node.op.state().unusable();
            if let Some((part, value)) = of_state().or_else(|| self.unusable_sums(index)) {
                return Err(Unusable::Number { field: node.name.to_owned(), part, value });
            }
        }
        self.check_transforms()
    }

    /// Each encoder keeps what the features go through, and a layer of the client in front of several reads them once.
    fn check_transforms(&self) -> Result<(), Unusable> {
        let transform = |encoder: usize| match (&self.nodes[encoder].op, self.reading(encoder)) {
            (_, Some(reading)) => Some(&reading.transform),
            (Op::Quantizer(state), None) if state.step.is_some() => Some(&Transform::AsIs),
            _ => None,
        };
        let behind = (0..self.nodes.len())
            .filter_map(|encoder| Some((encoder, *self.client_path(encoder).first()?, transform(encoder)?)));
        let mut known: BTreeMap<usize, (usize, &Transform)> = BTreeMap::new();
        for (encoder, layer, transform) in behind {
            let (first, expected) = *known.entry(layer).or_insert((encoder, transform));
            if transform != expected {
                let [layer, first, second] =
                    [layer, first, encoder].map(|index| self.nodes[index].name.to_owned());
                return Err(Unusable::Transforms { layer, first, second });
            }
        }
        Ok(())
    }

    /// Of the units of the sums at `index`, of the staircases that read sums there, and of the outputs; nothing where the layer, or
    /// what it reads, is not calibrated.
    fn unusable_sums(&self, index: usize) -> Option<Bad> {
        let node = &self.nodes[index];
        if let (Op::Linear(_), Ok(units)) = (&node.op, self.units(index)) {
            let units: Vec<f32> = units.collect();
            if let Some(bad) = no_unit("unit of its sums", &units) {
                return Some(bad);
            }
        }
        if let (Op::Quantizer(_), Some(from), Ok((step, levels))) = (&node.op, node.from, self.levels(index))
            && let Ok(sums) = self.dequantized(from)
        {
            // A normalisation or a constant may take a channel away.
            let is_normed = matches!(self.nodes[from].op, Op::Norm(_) | Op::Constant(_));
            let staircases = sums.iter().map(|sum| sum.requantize(step, levels, self.function(index)));
            let bad = staircases.map(|staircase| {
                let rise = staircase.gain / staircase.divisor;
                let size = if is_normed { 1.0 } else { rise.abs() };
                let of_gain = infinite("gain", [&rise]).or_else(|| no_unit("gain", [&size]));
                of_gain.or_else(|| infinite("offset", [&staircase.offset]))
            });
            if let Some(bad) = bad.flatten().next() {
                return Some(bad);
            }
        }
        if self.is_last(index)
            && let Ok(Decoder { scale, bias, .. }) = self.decoder()
        {
            let range = self.facts()[index].range.get()?;
            let outputs = scale
                .iter()
                .zip(&bias)
                .flat_map(|(&scale, &bias)| [range.lo, range.hi].map(|end| decode(end as f32, scale, bias)));
            return infinite("largest output", &outputs.collect::<Vec<_>>());
        }
        None
    }
}
