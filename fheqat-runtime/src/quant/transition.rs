//! Where the levels of a quantizer lie on the accumulator in front of it: gain and offset, in one place.

use fheqat_spec::{Bias, Range};

use super::Requantize;

/// The middle of a range; exact in `f32`, for it is half an integer.
#[must_use]
pub fn middle(range: Range) -> f32 {
    (range.lo + range.hi) as f32 / 2.0
}

/// A linear layer, its input and the quantizer behind it: all that gain and offset depend on.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    /// The float weight of one integer unit.
    pub scale: f32,
    /// How the bias is held.
    pub bias: Bias,
    /// The step of the layer's input.
    pub step_in: f32,
    /// The levels of the layer's input.
    pub levels_in: Range,
    /// The step of the quantizer behind.
    pub step_out: f32,
    /// The levels of the quantizer behind.
    pub levels_out: Range,
}

impl Transition {
    /// Levels for one unit of the accumulator: `scale * step_in / step_out`.
    #[must_use]
    pub fn gain(&self) -> f32 {
        (self.scale * self.step_in) / self.step_out
    }

    /// The level at accumulator zero, for a neuron with float bias `bias` whose integer weights sum to `weights`.
    ///
    /// Free: `bias / step_out`. Centred: the accumulator `sum_i q_i a_i` over all inputs `a_i` in `lo..=hi` lies symmetric
    /// about `sum_i q_i (lo + hi) / 2`, and that point takes the middle of the levels.
    #[must_use]
    pub fn offset(&self, bias: f32, weights: f32) -> f32 {
        match self.bias {
            Bias::Free => bias / self.step_out,
            Bias::None => 0.0,
            Bias::Centred => middle(self.levels_out) - self.gain() * (weights * middle(self.levels_in)),
        }
    }

    /// The staircase of one neuron.
    #[must_use]
    pub fn requantize(&self, bias: f32, weights: f32) -> Requantize {
        Requantize { gain: self.gain(), offset: self.offset(bias, weights), levels: self.levels_out }
    }
}

/// Accumulator units for one level of the quantizer behind a layer whose rows sum to at most `max_l1`.
///
/// As tried: one unit at a budget of 8, two at 16, with equal levels on both sides. The accumulator spans
/// `max_l1 * span(levels_in)` units, and an eighth of that is given to the transition, never less than a unit a level.
#[must_use]
pub fn units_per_level(max_l1: usize, levels_in: Range, levels_out: Range) -> f32 {
    let span = |range: Range| (range.hi - range.lo) as f32;
    (max_l1 as f32 * span(levels_in) / (8.0 * span(levels_out))).round().max(1.0)
}
