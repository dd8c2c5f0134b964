//! The external product: tfhe's transforms, with a decomposition whose rounding error has its mean taken out.
//!
//! A product drops the digits below the last: each mask polynomial `a_j` becomes `a_j + r_j`, so the phase moves by
//! `-sum_j r_j S_j`. The bits of `S_j` have mean 1/2, so the mean of that is `-1/2 R J` with `R = sum_j r_j` and
//! `J = 1 + X + ... + X^(N - 1)`, and `R J` has coefficients `sum_(l <= i) R_l - sum_(l > i) R_l`. The `r_j` are public: half
//! of `R J` goes into the body before it is decomposed, which halves the error and takes the correlation out of it.

#![expect(
    clippy::inline_always,
    reason = "only what is inlined into a dispatch is compiled for its instructions"
)]

use aligned_vec::{AVec, ConstAlign};
use pulp::{Arch, Simd, WithSimd, c64};
use tfhe::core_crypto::{
    fft_impl::fft64::{
        crypto::ggsw::FourierGgswCiphertextView,
        math::{fft::FftView, polynomial::FourierPolynomialMutView},
    },
    prelude::{ComputationBuffers, Fft, FourierGgswLevelMatrix, Polynomial},
};

use super::blocks::{MoveMultiplyAdd, Powers};
use crate::params::{Decomposition, Parameters};

/// What one thread needs to multiply, allocated once.
pub(crate) struct Workspace {
    errors: Vec<u64>,
    digits: Digits,
}

/// Digits of polynomials, transformed and multiplied, and the sums of that.
pub(super) struct Digits {
    arch: Arch,
    last: Vec<u64>,
    transformed: AVec<c64, ConstAlign<128>>,
    sums: AVec<c64, ConstAlign<128>>,
    buffers: ComputationBuffers,
    first: bool,
}

impl Workspace {
    pub(crate) fn new(parameters: &Parameters, fft: &Fft) -> Self {
        let size = parameters.polynomial_size.0;
        let polynomials = parameters.glwe_dimension.to_glwe_size().0;
        Self { errors: vec![0; size], digits: Digits::new(size, polynomials, fft) }
    }

    /// `output += ggsw * (Y^degree * moved - kept)` over GLWE ciphertexts `[k + 1, N]`, in two halves so that `output` may
    /// be `moved` of another product: this one writes the difference, rounded to the digits that `ggsw` multiplies.
    pub(crate) fn prepare(
        &mut self,
        ggsw: &FourierGgswCiphertextView<'_>,
        rounded: &mut [u64],
        moved: &[u64],
        kept: &[u64],
        degree: usize,
    ) {
        let gadget = Gadget::of(ggsw);
        let size = ggsw.polynomial_size().0;
        let errors = &mut self.errors[..];
        self.digits.arch.dispatch(Prepare { gadget, size, degree, errors, rounded, moved, kept });
    }

    /// Rounds a ciphertext to the digits that a GGSW multiplies, and writes their transforms: `[levels, polynomials, N / 2]`.
    pub(super) fn transform(
        &mut self,
        ggsw: &FourierGgswCiphertextView<'_>,
        (rounded, input): (&mut [u64], &[u64]),
        transformed: &mut [c64],
        fft: FftView<'_>,
    ) {
        let gadget = Gadget::of(ggsw);
        let size = ggsw.polynomial_size().0;
        rounded.copy_from_slice(input);
        self.digits.arch.dispatch(RoundAll { gadget, errors: &mut self.errors, rounded });
        for level in transformed.chunks_exact_mut(rounded.len() / 2) {
            for (transformed, rounded) in level.chunks_exact_mut(size / 2).zip(rounded.chunks_exact_mut(size))
            {
                self.digits.transform_one(gadget, rounded, transformed, fft);
            }
        }
    }

    /// `output += sum of ggsw * (X^exponent * moved - kept)` over GGSWs with exponents, where `moved` and `kept` were
    /// [transformed](Self::transform).
    pub(super) fn add_moved<'m>(
        &mut self,
        products: impl Iterator<Item = (FourierGgswCiphertextView<'m>, &'m [c64], usize)>,
        kept: &[c64],
        output: &mut [u64],
        (powers, fft): (&Powers, FftView<'_>),
    ) {
        self.digits.start();
        for (ggsw, moved, exponent) in products {
            let half = ggsw.polynomial_size().0 / 2;
            let rows = ggsw.into_levels().flat_map(FourierGgswLevelMatrix::into_rows);
            let digits = moved.chunks_exact(half).zip(kept.chunks_exact(half));
            for (row, digits) in rows.zip(digits) {
                self.digits.add_moved(row.data(), digits, (powers, exponent));
            }
        }
        self.digits.add_to(output, fft);
    }

    /// The other half: multiplies what [`prepare`](Self::prepare) wrote, and overwrites it.
    pub(crate) fn add_product(
        &mut self,
        ggsw: FourierGgswCiphertextView<'_>,
        output: &mut [u64],
        rounded: &mut [u64],
        fft: FftView<'_>,
    ) {
        let gadget = Gadget::of(&ggsw);
        let size = ggsw.polynomial_size().0;
        self.digits.start();
        for matrix in ggsw.into_levels() {
            for (row, polynomial) in matrix.into_rows().zip(rounded.chunks_exact_mut(size)) {
                self.digits.multiply_one(gadget, polynomial, row.data(), fft);
            }
        }
        self.digits.add_to(output, fft);
    }
}

impl Digits {
    /// For polynomials of a size, and sums of so many of them.
    pub(super) fn new(size: usize, polynomials: usize, fft: &Fft) -> Self {
        let fft = fft.as_view();
        let mut buffers = ComputationBuffers::new();
        buffers.resize(fft.forward_scratch().or(fft.backward_scratch()).unaligned_bytes_required());
        let zeros = |length| AVec::from_iter(128, std::iter::repeat_n(c64::new(0.0, 0.0), length));
        Self {
            arch: Arch::new(),
            last: vec![0; size],
            transformed: zeros(size / 2),
            sums: zeros(polynomials * size / 2),
            buffers,
            first: true,
        }
    }

    /// What the transforms work in.
    pub(super) fn buffers(&mut self) -> &mut ComputationBuffers {
        &mut self.buffers
    }

    /// Sums of nothing.
    pub(super) fn start(&mut self) {
        self.first = true;
    }

    /// Adds the product of a rounded polynomial's last digit, which is removed, and a row of polynomials.
    pub(super) fn multiply_one(
        &mut self,
        gadget: Gadget,
        rounded: &mut [u64],
        row: &[c64],
        fft: FftView<'_>,
    ) {
        if gadget.levels == 1 {
            self.multiply(rounded, row, fft);
        } else {
            let mut last = std::mem::take(&mut self.last);
            self.arch.dispatch(TakeDigit { gadget, digits: &mut last, rounded });
            self.multiply(&last, row, fft);
            self.last = last;
        }
    }

    /// Adds the product of a polynomial of integers and a row of polynomials.
    pub(super) fn multiply(&mut self, integers: &[u64], row: &[c64], fft: FftView<'_>) {
        let Self { arch, transformed, sums, buffers, first, .. } = self;
        let fourier = FourierPolynomialMutView { data: &mut transformed[..] };
        fft.forward_as_integer(fourier, Polynomial::from_container(integers), buffers.stack());
        let sums = &mut sums[..row.len()];
        arch.dispatch(MultiplyAdd { sums, row, transformed, first: std::mem::take(first) });
    }

    /// Transforms a rounded polynomial's last digit, which is removed.
    fn transform_one(&mut self, gadget: Gadget, rounded: &mut [u64], output: &mut [c64], fft: FftView<'_>) {
        let Self { arch, last, buffers, .. } = self;
        let digits = if gadget.levels == 1 {
            &*rounded
        } else {
            arch.dispatch(TakeDigit { gadget, digits: last, rounded });
            &last[..]
        };
        let fourier = FourierPolynomialMutView { data: output };
        fft.forward_as_integer(fourier, Polynomial::from_container(digits), buffers.stack());
    }

    /// Adds the product of a row and of one transformed digit times a power of X less another.
    fn add_moved(&mut self, row: &[c64], digits: (&[c64], &[c64]), power: (&Powers, usize)) {
        let sums = (&mut self.sums[..row.len()], std::mem::take(&mut self.first));
        self.arch.dispatch(MoveMultiplyAdd::new(sums, row, digits, power));
    }

    /// Adds the sums to polynomials.
    pub(super) fn add_to(&mut self, output: &mut [u64], fft: FftView<'_>) {
        self.add_some_to(0, output, fft);
    }

    /// Adds the sums behind the first so many to polynomials.
    pub(super) fn add_some_to(&mut self, from: usize, output: &mut [u64], fft: FftView<'_>) {
        let size = self.last.len();
        let sums = self.sums.chunks_exact_mut(size / 2).skip(from);
        for (polynomial, sum) in output.chunks_exact_mut(size).zip(sums) {
            let fourier = FourierPolynomialMutView { data: sum };
            fft.add_backward_in_place_as_torus(
                Polynomial::from_container(polynomial),
                fourier,
                self.buffers.stack(),
            );
        }
    }
}

/// Shifts and signs of a decomposition. Its shifts wrap: an overflow check would keep loops from being vectorised.
#[derive(Clone, Copy)]
pub(super) struct Gadget {
    base_log: u32,
    dropped: u32,
    levels: usize,
    half: u64,
    sign: u64,
    digit_sign: u64,
    digit_mask: u64,
    rest_sign: u64,
}

impl Gadget {
    fn of(ggsw: &FourierGgswCiphertextView<'_>) -> Self {
        Self::new(Decomposition {
            base_log: ggsw.decomposition_base_log(),
            levels: ggsw.decomposition_level_count(),
        })
    }

    pub(super) fn new(decomposition: Decomposition) -> Self {
        let base_log = decomposition.base_log.0 as u32;
        let levels = decomposition.levels.0;
        let kept = base_log * levels as u32;
        Self {
            base_log,
            dropped: 64 - kept,
            levels,
            half: 1 << (63 - kept),
            sign: 1 << (kept - 1),
            digit_sign: 1 << (base_log - 1),
            digit_mask: (1 << base_log) - 1,
            rest_sign: 1 << (63 - base_log),
        }
    }

    /// The nearest multiple of the last digit, as a signed count of it.
    #[inline(always)]
    pub(super) fn round(self, value: u64) -> u64 {
        (value.wrapping_add(self.half).wrapping_shr(self.dropped) ^ self.sign).wrapping_sub(self.sign)
    }

    /// What rounding added.
    #[inline(always)]
    pub(super) fn error(self, value: u64, rounded: u64) -> u64 {
        rounded.wrapping_shl(self.dropped).wrapping_sub(value)
    }

    /// Removes the last digit and returns it, in `-B/2..B/2`.
    #[inline(always)]
    fn digit(self, rounded: &mut u64) -> u64 {
        let digit = ((*rounded & self.digit_mask) ^ self.digit_sign).wrapping_sub(self.digit_sign);
        let rest = rounded.wrapping_sub(digit).wrapping_shr(self.base_log);
        *rounded = (rest ^ self.rest_sign).wrapping_sub(self.rest_sign);
        digit
    }
}

struct Prepare<'a> {
    gadget: Gadget,
    size: usize,
    degree: usize,
    errors: &'a mut [u64],
    rounded: &'a mut [u64],
    moved: &'a [u64],
    kept: &'a [u64],
}

impl WithSimd for Prepare<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { gadget, size, degree, errors, rounded, moved, kept } = self;
        let polynomials =
            rounded.chunks_exact_mut(size).zip(moved.chunks_exact(size)).zip(kept.chunks_exact(size));
        for ((rounded, moved), kept) in polynomials {
            rotate_and_subtract(rounded, moved, kept, degree);
        }
        round_all(gadget, errors, rounded);
    }
}

struct RoundAll<'a> {
    gadget: Gadget,
    errors: &'a mut [u64],
    rounded: &'a mut [u64],
}

impl WithSimd for RoundAll<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        round_all(self.gadget, self.errors, self.rounded);
    }
}

/// Rounds masks, and the body with the mean of what that adds.
#[inline(always)]
fn round_all(gadget: Gadget, errors: &mut [u64], rounded: &mut [u64]) {
    let size = errors.len();
    errors.fill(0);
    let (masks, body) = rounded.split_at_mut(rounded.len() - size);
    for mask in masks.chunks_exact_mut(size) {
        for (rounded, error) in mask.iter_mut().zip(errors.iter_mut()) {
            let value = *rounded;
            *rounded = gadget.round(value);
            *error = error.wrapping_add(gadget.error(value, *rounded));
        }
    }
    let total = errors.iter().fold(0_u64, |sum, error| sum.wrapping_add(*error)) as i64;
    let mut sum = (-(total / 2)) as u64;
    for (rounded, error) in body.iter_mut().zip(errors.iter()) {
        sum = sum.wrapping_add(*error);
        *rounded = gadget.round(rounded.wrapping_add(sum));
    }
}

/// `Y^degree * moved - kept`, degree in `0..=2N`.
#[inline(always)]
fn rotate_and_subtract(output: &mut [u64], moved: &[u64], kept: &[u64], degree: usize) {
    let size = output.len();
    let degree = degree % (2 * size);
    let sign = if degree >= size { u64::MAX } else { 0 };
    let degree = degree % size;
    let (low, high) = output.split_at_mut(degree);
    let (kept_low, kept_high) = kept.split_at(degree);
    let (moved_low, moved_high) = moved.split_at(size - degree);
    subtract(low, moved_high, kept_low, !sign);
    subtract(high, moved_low, kept_high, sign);
}

/// `moved - kept`, or `-moved - kept` where `sign` is all ones.
#[inline(always)]
fn subtract(output: &mut [u64], moved: &[u64], kept: &[u64], sign: u64) {
    for ((output, moved), kept) in output.iter_mut().zip(moved).zip(kept) {
        *output = (moved ^ sign).wrapping_sub(sign).wrapping_sub(*kept);
    }
}

struct TakeDigit<'a> {
    gadget: Gadget,
    digits: &'a mut [u64],
    rounded: &'a mut [u64],
}

impl WithSimd for TakeDigit<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (digit, rounded) in self.digits.iter_mut().zip(self.rounded) {
            *digit = self.gadget.digit(rounded);
        }
    }
}

/// `sums += row * transformed` for each polynomial of the row.
struct MultiplyAdd<'a> {
    sums: &'a mut [c64],
    row: &'a [c64],
    transformed: &'a [c64],
    first: bool,
}

impl WithSimd for MultiplyAdd<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sums, row, transformed, first } = self;
        let size = transformed.len();
        let factors = S::as_simd_c64s(transformed).0;
        for (sum, row) in sums.chunks_exact_mut(size).zip(row.chunks_exact(size)) {
            let sum = S::as_mut_simd_c64s(sum).0;
            let row = S::as_simd_c64s(row).0;
            if first {
                for ((sum, row), factor) in sum.iter_mut().zip(row).zip(factors) {
                    *sum = simd.mul_c64s(*row, *factor);
                }
            } else {
                for ((sum, row), factor) in sum.iter_mut().zip(row).zip(factors) {
                    *sum = simd.mul_add_c64s(*row, *factor, *sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tfhe::core_crypto::prelude::{
        FourierLweBootstrapKey, GlweSize, LweDimension, PolynomialSize, SignedDecomposer,
    };

    use super::*;

    /// Digits are small, and sum to what tfhe rounds to.
    #[test]
    fn digits_recompose() {
        for Decomposition { base_log, levels } in
            [Decomposition::new(23, 1), Decomposition::new(13, 2), Decomposition::new(9, 3)]
        {
            let key = FourierLweBootstrapKey::new(
                LweDimension(1),
                GlweSize(2),
                PolynomialSize(512),
                base_log,
                levels,
            );
            let decomposer = SignedDecomposer::<u64>::new(base_log, levels);
            let half = 1_i64 << (base_log.0 - 1);
            for gadget in key.as_view().into_ggsw_iter().map(|ggsw| Gadget::of(&ggsw)) {
                for index in 1..2000_u64 {
                    let value = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    let expected = decomposer.closest_representable(value);
                    let mut rounded = gadget.round(value);
                    assert_eq!(value.wrapping_add(gadget.error(value, rounded)), expected);
                    let mut sum = 0_u64;
                    for level in (1..=levels.0).rev() {
                        let digit = if levels.0 == 1 { rounded } else { gadget.digit(&mut rounded) };
                        assert!((-half..half).contains(&(digit as i64)));
                        sum = sum.wrapping_add(digit << (64 - level * base_log.0));
                    }
                    assert_eq!(sum, expected);
                }
            }
        }
    }

    #[test]
    fn a_rotation_wraps_with_a_sign() {
        let moved = [1, 2, 3, 4];
        let kept = [10, 20, 30, 40];
        let expect = |degree: usize, expected: [i64; 4]| {
            let mut output = [0; 4];
            rotate_and_subtract(&mut output, &moved, &kept, degree);
            assert_eq!(output.map(|value| value as i64), expected);
        };
        expect(0, [-9, -18, -27, -36]);
        expect(1, [-14, -19, -28, -37]);
        expect(4, [-11, -22, -33, -44]);
        expect(7, [-8, -17, -26, -41]);
        expect(8, [-9, -18, -27, -36]);
    }
}
