//! Results packed into one ciphertext: what the keys for it are, and the noise that it adds.
//!
//! A sum under the big key is read as a ciphertext of `kN / 256` polynomials of 256 coefficients. It is divided by 256; then eight steps
//! add to it what it becomes under `X -> X^(2^i + 1)`, which doubles the coefficients that hold results and takes out all others; and a
//! switch leads to a key of few polynomials of 256 coefficients. docs/engine.md derives it.

use serde::{Deserialize, Serialize};

use super::{
    Bytes, Decomposition, Parameters, TorusBits,
    dimension::{GlweDimension, LweDimension, PolynomialSize, Variance},
    noise::{KEY_SPREAD, glwe_encryption, transforms},
    rounding::{result_bits, result_rounding},
};

/// How results are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Results {
    /// Each in a ciphertext of its own, rounded to as few bits as its noise allows.
    #[default]
    Rounded,
    /// 256 in one ciphertext under a key of its own, rounded too.
    Packed,
}

/// The keys that pack results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packing {
    /// k': mask polynomials of a packed result, of [`SIZE`](Self::SIZE) coefficients each.
    pub glwe_dimension: GlweDimension,
    /// Decomposition in the steps that bring results together.
    pub trace: Decomposition,
    /// Decomposition in the switch to the packed results' key.
    pub ring_switch: Decomposition,
}

/// k', and log2 of the base and the levels of the trace and of the ring switch.
type Choice = (usize, (usize, usize), (usize, usize));

/// Of these the search takes the smallest result that an output has room for.
///
/// With kN = 2048 they add a deviation of 2^-14.5, 2^-19.7, 2^-20.8 and 2^-23.0, and an exact output of M slots that fails with a
/// probability of 2^-128 is allowed 2^-4.7 / M. Longer keys of the trace would take more than the 0.6 MB that a result is worth.
const CHOICES: [Choice; 4] =
    [(4, (15, 2), (3, 6)), (5, (15, 2), (3, 8)), (5, (11, 3), (3, 9)), (6, (11, 3), (3, 10))];

/// The keys that the search tries, and whose noise was measured.
pub(super) fn choices() -> Vec<Packing> {
    let decomposition = |(base_log, levels)| Decomposition::new(base_log, levels);
    let packing = |&(k, trace, ring_switch): &Choice| Packing {
        glwe_dimension: GlweDimension(k),
        trace: decomposition(trace),
        ring_switch: decomposition(ring_switch),
    };
    CHOICES.iter().map(packing).collect()
}

/// A key that switches ciphertexts of polynomials of [`Packing::SIZE`] coefficients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RingSwitch {
    /// Mask polynomials of what it reads.
    pub(crate) masks: usize,
    /// Mask polynomials of what it gives.
    pub(crate) glwe_dimension: GlweDimension,
    pub(crate) decomposition: Decomposition,
}

impl Packing {
    /// Coefficients of a polynomial, and so the most results of one ciphertext.
    pub const SIZE: PolynomialSize = PolynomialSize(256);

    /// Steps of the trace, and so keys for it: log2 of [`SIZE`](Self::SIZE).
    pub const STEPS: usize = Self::SIZE.0.ilog2() as usize;

    /// k'N': dimension of the packed results' key read as an LWE key.
    #[must_use]
    pub fn dimension(&self) -> LweDimension {
        self.glwe_dimension.to_equivalent_lwe_dimension(Self::SIZE)
    }

    /// The least secure noise of an encryption under the packed results' key.
    #[must_use]
    pub fn encryption(&self) -> Variance {
        glwe_encryption(self.dimension())
    }

    /// The coefficient that holds a result of so many.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) const fn place(result: usize, results: usize) -> usize {
        result * (Self::SIZE.0 / results.next_power_of_two())
    }

    /// Steps of the trace that so many results take: one for each pair of halves that becomes one ciphertext, and those behind.
    pub(super) fn steps(results: usize) -> usize {
        let of_one = |results: usize| {
            let places = results.next_power_of_two();
            places - 1 + Self::STEPS - places.ilog2() as usize
        };
        let (whole, rest) = (results / Self::SIZE.0, results % Self::SIZE.0);
        whole * of_one(Self::SIZE.0) + if rest == 0 { 0 } else { of_one(rest) }
    }

    /// What rounding packed results to so many bits a number adds: as much as to [a result by itself](Parameters::result_rounding), of
    /// this dimension.
    #[must_use]
    pub fn rounding(&self, bits: TorusBits) -> Variance {
        result_rounding(self.dimension(), bits)
    }

    /// The bits of a number of packed results, for one of them with so much noise where so much is allowed.
    pub(super) fn result_bits(&self, noise: Variance, allowed: Variance) -> TorusBits {
        result_bits(self.dimension(), noise, allowed)
    }

    /// Bytes of so many packed results.
    #[must_use]
    pub fn result_bytes(&self, bits: TorusBits, results: usize) -> usize {
        let of_one = |results: usize| bits.bytes(self.dimension().0 + results);
        let (whole, rest) = (results / Self::SIZE.0, results % Self::SIZE.0);
        whole * of_one(Self::SIZE.0) + if rest == 0 { 0 } else { of_one(rest) }
    }
}

impl Parameters {
    /// `kN / 256`: mask polynomials of a sum under the big key, read as polynomials of 256 coefficients.
    pub(crate) fn polynomials_of_a_sum(&self) -> usize {
        self.big_dimension().0 / Packing::SIZE.0
    }

    /// A step of the trace, under the big key on both sides.
    pub(crate) fn trace(&self, packing: &Packing) -> RingSwitch {
        let masks = self.polynomials_of_a_sum();
        RingSwitch { masks, glwe_dimension: GlweDimension(masks), decomposition: packing.trace }
    }

    /// The switch to the packed results' key.
    pub(crate) fn ring_switch(&self, packing: &Packing) -> RingSwitch {
        RingSwitch {
            masks: self.polynomials_of_a_sum(),
            glwe_dimension: packing.glwe_dimension,
            decomposition: packing.ring_switch,
        }
    }

    /// What packing adds to a result, before it is rounded.
    ///
    /// A step adds the noise of its switch once to each coefficient, and each later step doubles a deviation: `4^7 V1 + V (4^7 - 1) / 3` for
    /// eight, of which the first reads sums that were divided. The division rounds kN + 1 numbers to units of 2^-64, and what that adds
    /// grows as the results do, 256 times. A 16th on top covers keys of more ones, and the fit for the transforms: with 32 polynomials of
    /// 256 coefficients they were up to a half above it, and the whole 3 % above what is predicted without the 16th.
    #[must_use]
    pub fn packing_noise(&self, packing: &Packing) -> Variance {
        let growth = (Packing::SIZE.0 as f64).powi(2);
        let division = growth * (self.big_dimension().0 as f64 / 24.0 + 1.0 / 12.0) * (-128.0_f64).exp2();
        let (step, first) = (self.trace(packing), growth / 4.0);
        let trace = first * step.noise_of_divided() + (first - 1.0) / 3.0 * step.noise();
        Variance((trace + self.ring_switch(packing).noise()) * KEY_SPREAD + division)
    }

    /// The keys that pack results, in the Fourier domain.
    #[must_use]
    pub fn packing_key_bytes(&self) -> Bytes {
        Bytes(self.packing.map_or(0, |packing| {
            let trace = Packing::STEPS * self.trace(&packing).numbers();
            16 * (trace + self.ring_switch(&packing).numbers()) as u64
        }))
    }
}

/// The most of a switch's variance that the rounding of its key adds.
const SHARE_OF_SWITCH: f64 = 0.01;

impl RingSwitch {
    /// Ciphertexts of the key: `[masks, levels]`.
    pub(crate) const fn ciphertexts(&self) -> usize {
        self.masks * self.decomposition.levels.0
    }

    /// Complex numbers of the key: `[masks, levels, polynomials + 1, 128]`.
    const fn numbers(&self) -> usize {
        self.ciphertexts() * (self.glwe_dimension.0 + 1) * Packing::SIZE.0 / 2
    }

    /// The least secure noise of the key.
    pub(crate) fn encryption(&self) -> Variance {
        glwe_encryption(self.glwe_dimension.to_equivalent_lwe_dimension(Packing::SIZE))
    }

    /// How often the noise of a number of the key counts: as often as there are digits, times their mean square.
    fn digits(&self) -> f64 {
        self.digits_of(self.decomposition.levels.0)
    }

    /// The same where only the last so many levels have digits other than zero.
    fn digits_of(&self, levels: usize) -> f64 {
        let digit = (2.0 * self.decomposition.base_log.0 as f64).exp2() / 12.0 + 1.0 / 6.0;
        (self.masks * levels * Packing::SIZE.0) as f64 * digit
    }

    /// The bits of a body of the key: the fewest that add at most a hundredth of the rest.
    pub(crate) fn body_bits(&self) -> TorusBits {
        TorusBits::fewest(self.digits(), SHARE_OF_SWITCH * self.unrounded_noise(self.digits()))
    }

    /// What the switch adds: the key's noise and rounding, what its digits drop, and what the transforms round.
    ///
    /// A mask is off by an error that is uniform over `B^-l`, times key bits whose mean is taken out: `B^-2l / 12 * 1/4` for each number. Of
    /// the transforms, tfhe's fit for an external product, `l (k + 1)` products for each polynomial that it gives, here `l * masks`.
    pub(crate) fn noise(&self) -> f64 {
        self.unrounded_noise(self.digits()) + self.digits() * self.body_bits().rounding().0
    }

    /// What the switch adds where its masks were divided by 256: they lie within `2^-8` of zero, so that their first digit, of `log2 B - 8`
    /// bits, has `2^-14` of the others' mean square and is left out.
    fn noise_of_divided(&self) -> f64 {
        let digits = self.digits_of(self.decomposition.levels.0 - 1);
        self.unrounded_noise(digits) + digits * self.body_bits().rounding().0
    }

    fn unrounded_noise(&self, digits: f64) -> f64 {
        let Decomposition { base_log, levels } = self.decomposition;
        let size = Packing::SIZE.0 as f64;
        let last = (-2.0 * (base_log.0 * levels.0) as f64).exp2();
        let dropped = self.masks as f64 * size * last / 48.0;
        let (masks, k) = (self.masks as f64, self.glwe_dimension.0 as f64);
        let transforms = transforms(base_log.0 as f64, levels.0 as f64, masks, k, size);
        digits * self.encryption().0 + dropped + transforms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::search::Space;

    fn parameters(k: usize, size: usize, packing: Packing) -> Parameters {
        let bare = Parameters::without_rotations(GlweDimension(k), PolynomialSize(size));
        Parameters { packing: Some(packing), ..bare }
    }

    #[test]
    fn steps_are_those_of_a_tree_and_what_is_left_of_eight() {
        for (results, steps) in
            [(0, 0), (1, 8), (2, 8), (3, 9), (10, 19), (100, 128), (256, 255), (257, 263), (512, 510)]
        {
            assert_eq!(Packing::steps(results), steps, "{results}");
        }
    }

    #[cfg(any(feature = "client", feature = "server"))]
    #[test]
    fn results_have_places_of_their_own_on_multiples() {
        for results in [1_usize, 2, 3, 10, 100, 256] {
            let places: Vec<usize> = (0..results).map(|result| Packing::place(result, results)).collect();
            assert!(places.is_sorted_by(|one, other| one < other) && places[results - 1] < Packing::SIZE.0);
            let step = Packing::SIZE.0 / results.next_power_of_two();
            assert!(places.iter().all(|place| place % step == 0));
        }
    }

    /// What docs/engine.md and docs/book/prices.md say of them.
    #[test]
    fn keys_and_noise_are_as_documented() {
        let deviation = |variance: f64| variance.log2() / 2.0;
        let packings = choices();
        let growth = f64::from((1_u32 << 16) - 1) / 3.0;
        let usual = |packing: Packing| parameters(1, 2048, packing);
        let trace = packings.iter().map(|packing| usual(*packing).trace(packing).noise() * growth);
        let ring_switch = packings.iter().map(|packing| usual(*packing).ring_switch(packing).noise());
        for ((trace, ring_switch), expected) in
            trace.zip(ring_switch).zip([(-20.0, -14.5), (-20.0, -20.6), (-23.0, -20.9), (-23.0, -26.7)])
        {
            assert!((deviation(trace) - expected.0).abs() < 0.06, "{}", deviation(trace));
            assert!((deviation(ring_switch) - expected.1).abs() < 0.06, "{}", deviation(ring_switch));
        }
        for &(GlweDimension(k), PolynomialSize(size)) in &Space::default().shapes {
            for packing in &packings {
                let parameters = parameters(k, size, *packing);
                let bytes = |switch: RingSwitch, keys: usize| {
                    switch.body_bits().bytes(keys * switch.ciphertexts() * Packing::SIZE.0)
                };
                let sent = bytes(parameters.trace(packing), Packing::STEPS)
                    + bytes(parameters.ring_switch(packing), 1);
                let most = if k * size > 3072 { 1_600_000 } else { 600_000 };
                assert!(sent <= most && sent > 100_000, "{k} {size} {packing:?}: {sent}");
            }
        }
    }
}
