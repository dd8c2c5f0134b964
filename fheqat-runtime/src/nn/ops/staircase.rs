//! From sums to levels, and slopes back from levels to sums.
//!
//! A level is `clamp(round(z))` with `z = gain * sum / divisor + offset`; its derivative by `z` is taken as 1 where the rounded `z` is a
//! level and 0 outside, as if there were no rounding.

#![expect(
    clippy::inline_always,
    reason = "only what is inlined into a dispatch is compiled for its instructions"
)]

use fheqat_spec::{Bias, Range};

use super::route::Route;
use crate::{
    quant::{Lookup, Requantize, transition::middle},
    vectors::on_vectors,
};

/// The staircases of a layer's neurons.
#[derive(Clone, Debug)]
pub(crate) struct Staircase {
    /// One for each neuron.
    pub(crate) gains: Vec<f32>,
    /// Of all neurons; see [`Requantize::divisor`].
    pub(crate) divisor: f32,
    /// The gains over the divisor, where that is not 1.
    pub(crate) shares: Vec<f32>,
    /// One for each neuron.
    pub(crate) offsets: Vec<f32>,
    pub(crate) lookup: Option<Lookup>,
    pub(crate) levels: Range,
    /// The step, where the levels are the network's output; else 1.
    pub(crate) unit: f32,
}

impl Staircase {
    pub(super) fn new(width: usize, levels: Range) -> Self {
        let (gains, offsets) = (vec![1.0; width], vec![0.0; width]);
        Self { gains, divisor: 1.0, shares: Vec::new(), offsets, lookup: None, levels, unit: 1.0 }
    }

    pub(super) fn set(&mut self, channels: impl ExactSizeIterator<Item = Requantize>) {
        let positions = self.gains.len() / channels.len().max(1);
        let numbers = self.gains.chunks_exact_mut(positions).zip(self.offsets.chunks_exact_mut(positions));
        self.lookup = None;
        for ((gains, offsets), channel) in numbers.zip(channels) {
            gains.fill(channel.gain);
            offsets.fill(channel.offset);
            (self.divisor, self.lookup) = (channel.divisor, channel.lookup);
        }
        if self.is_average() {
            self.shares.clear();
            self.shares.extend(self.gains.iter().map(|gain| gain / self.divisor));
        }
    }

    /// From rows of sums to rows of levels.
    pub(crate) fn run(&self, sums: &[f32], to: &mut [f32]) {
        let Self { levels, divisor, lookup, .. } = *self;
        match lookup {
            None if self.is_average() => on_vectors(|| {
                let neuron = move |gain, offset| Requantize { gain, divisor, offset, lookup: None, levels };
                self.each(sums, to, neuron);
            }),
            None => on_vectors(|| {
                let neuron =
                    move |gain, offset| Requantize { gain, divisor: 1.0, offset, lookup: None, levels };
                self.each(sums, to, neuron);
            }),
            lookup => {
                self.each(sums, to, |gain, offset| Requantize { gain, divisor, offset, lookup, levels });
            }
        }
    }

    fn is_average(&self) -> bool {
        self.divisor > 1.0
    }

    /// What one unit of the sum of each neuron adds to `z`.
    pub(crate) fn rises(&self) -> &[f32] {
        if self.is_average() { &self.shares } else { &self.gains }
    }

    /// One loop for each kind of staircase, so that the one without a function runs on vectors, and only averages are divided.
    #[inline(always)]
    fn each(&self, sums: &[f32], to: &mut [f32], neuron: impl Fn(f32, f32) -> Requantize) {
        let (width, unit) = (self.gains.len(), self.unit);
        for (to, sums) in to.chunks_exact_mut(width).zip(sums.chunks_exact(width)) {
            let neurons = self.gains.iter().zip(&self.offsets);
            for ((level, sum), (&gain, &offset)) in to.iter_mut().zip(sums).zip(neurons) {
                *level = neuron(gain, offset).level(*sum) * unit;
            }
        }
    }
}

/// Where the rounded value is a level.
#[derive(Clone, Copy)]
pub(super) struct Inside {
    lo: f32,
    hi: f32,
}

impl Inside {
    pub(super) fn of(levels: Range) -> Self {
        Self { lo: levels.lo as f32 - 0.5, hi: levels.hi as f32 + 0.5 }
    }

    #[inline(always)]
    pub(super) fn keep(self, z: f32, slope: f32) -> f32 {
        if self.lo <= z && z <= self.hi { slope } else { 0.0 }
    }
}

/// Slopes on their way from levels to sums.
pub(crate) struct Passage<'a> {
    /// How the bias of the sums is held.
    pub(crate) hold: Bias,
    pub(crate) slopes: &'a [f32],
    pub(crate) sums: &'a [f32],
    /// The sums with noise, which stays as many steps whatever the gain.
    pub(crate) read: &'a [f32],
    pub(crate) to: &'a mut [f32],
    pub(crate) route: Route,
}

/// Passes slopes from levels to sums; adds those by the logarithm of each number's gain to `log_gains`, unless it is empty.
///
/// With `rise = gain / divisor`, free, `z = rise * sum + offset` moves by `z - offset`; centred, `z = rise * (sum - centre) + middle`
/// by `z - middle`.
pub(super) fn back_through_steps(staircase: &Staircase, passage: Passage<'_>, log_gains: &mut [f32]) {
    on_vectors(|| requantize(staircase, passage, log_gains));
}

#[inline(always)]
fn requantize(staircase: &Staircase, passage: Passage<'_>, log_gains: &mut [f32]) {
    let Passage { hold, slopes, sums, read, to, route } = passage;
    let Staircase { offsets, levels, unit, .. } = staircase;
    let rises = staircase.rises();
    let (width, unit) = (offsets.len(), *unit);
    let inside = Inside::of(*levels);
    let rows = || slopes.chunks_exact(width).zip(read.chunks_exact(width));
    for ((slopes, read), to) in rows().zip(to.chunks_exact_mut(width)) {
        let numbers = slopes.iter().zip(read).zip(rises).zip(offsets);
        let slopes = numbers
            .map(|(((slope, read), rise), offset)| inside.keep(read * rise + offset, slope * unit) * rise);
        match route {
            Route::Nothing => {}
            Route::Write => to.iter_mut().zip(slopes).for_each(|(to, slope)| *to = slope),
            Route::Add => to.iter_mut().zip(slopes).for_each(|(to, slope)| *to += slope),
        }
    }
    if log_gains.is_empty() {
        return;
    }
    for ((slopes, read), sums) in rows().zip(sums.chunks_exact(width)) {
        let numbers = slopes.iter().zip(sums.iter().zip(read)).zip(rises).zip(offsets);
        for ((((slope, (sum, read)), rise), offset), log_gain) in numbers.zip(&mut *log_gains) {
            let z = sum * rise + offset;
            let anchor = if hold.has_centre() { middle(*levels) } else { *offset };
            *log_gain += inside.keep(read * rise + offset, slope * unit) * (z - anchor);
        }
    }
}

/// Passes slopes from levels through `clamp(round(f(x) / step))` of `x = sum * rise + offset` to sums; adds those by the
/// logarithm of each number's gain to `log_gains`, unless it is empty, and gives that by the logarithm of `1 / step`.
pub(crate) fn back_through_function(
    staircase: &Staircase,
    lookup: &Lookup,
    passage: Passage<'_>,
    log_gains: &mut [f32],
) -> f32 {
    let Passage { hold, slopes, sums, read, to, route } = passage;
    let Staircase { offsets, levels, unit, .. } = staircase;
    let rises = staircase.rises();
    let width = offsets.len();
    let inside = Inside::of(*levels);
    let mut log_rise = 0.0;
    let rows = slopes.chunks_exact(width).zip(sums.chunks_exact(width)).zip(read.chunks_exact(width));
    for (((slopes, sums), read), to) in rows.zip(to.chunks_exact_mut(width)) {
        let numbers = slopes.iter().zip(sums.iter().zip(read)).zip(rises).zip(offsets).zip(to).enumerate();
        for (number, ((((slope, (sum, read)), rise), offset), to)) in numbers {
            let x = sum * rise + offset;
            let seen = read * rise + offset;
            let steps = lookup.steps(seen);
            let passed = inside.keep(steps, slope * unit);
            let by_x = passed * lookup.function.slope(seen) / lookup.step;
            // Beyond the levels `steps` may be infinite.
            log_rise += inside.keep(steps, slope * unit * steps) - by_x * (seen - x);
            route.pass(to, by_x * rise);
            if let Some(log_gain) = log_gains.get_mut(number) {
                let anchor = if hold.has_centre() { 0.0 } else { *offset };
                *log_gain += by_x * (x - anchor);
            }
        }
    }
    log_rise
}
