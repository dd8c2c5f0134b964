//! Whether a network can run with the numbers that it has learned.

use super::{
    error::Unusable,
    ops::{Op, operation::Context},
    program::Program,
    quantized::Decoder,
    usable::{Bad, infinite, no_unit},
};
use crate::quant::transition::decode;

impl Program {
    /// Asks every op for numbers that cannot be, and every sum for what follows from them.
    ///
    /// # Errors
    /// Names the first that is found. A network without such numbers has a circuit, once it is calibrated, and gives finite
    /// outputs.
    pub(crate) fn check(&self) -> Result<(), Unusable> {
        for (index, node) in self.nodes.iter().enumerate() {
            let of_state = || node.op.state().unusable();
            if let Some((part, value)) = of_state().or_else(|| self.unusable_sums(index)) {
                return Err(Unusable { field: node.name.to_owned(), part, value });
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
            // A normalisation may take a channel away.
            let is_normed = matches!(self.nodes[from].op, Op::Norm(_));
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
