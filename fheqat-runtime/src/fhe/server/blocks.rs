//! Steps of a rotation under a small key whose bits are in blocks of which at most one is 1.
//!
//! With `G_i` the keys of a block's bits and `a_i` its shifts, a step is `acc += sum_i G_i (X^(a_i) - 1) acc`. All of them multiply the
//! digits of acc itself: one decomposition, one transform of each polynomial of it, and one transform of the sum. Powers of X are multiplied
//! in the Fourier domain, where each is the product of two from short tables.
//!
//! Of interleaved polynomials, component j of the step is `v_j + sum_i G_i (Y^(d_i) v_(j - a_i) - v_j)`, as in [`rotate`](super::rotate).

#![expect(
    clippy::inline_always,
    reason = "only what is inlined into a dispatch is compiled for its instructions"
)]

use std::fmt;

use aligned_vec::{AVec, ConstAlign};
use pulp::{Simd, WithSimd, c64};
use tfhe::core_crypto::{
    fft_impl::fft64::math::polynomial::FourierPolynomialMutView,
    prelude::{ComputationBuffers, Fft, Polynomial, PolynomialSize},
};

use crate::params::SmallKey;

pub(super) type Numbers = AVec<c64, ConstAlign<128>>;

pub(super) fn zeros(length: usize) -> Numbers {
    AVec::from_iter(128, std::iter::repeat_n(c64::new(0.0, 0.0), length))
}

/// Transforms of powers of X: `X^0 ... X^(low - 1)`, and multiples of `low` up to 2N.
pub(crate) struct Powers {
    low: Vec<Numbers>,
    high: Vec<Numbers>,
}

impl Powers {
    pub(crate) fn new(size: PolynomialSize, fft: &Fft) -> Self {
        let fft = fft.as_view();
        let mut buffers = ComputationBuffers::new();
        buffers.resize(fft.forward_scratch().unaligned_bytes_required());
        let mut power = |exponent: usize| {
            let mut polynomial = vec![0_u64; size.0];
            polynomial[exponent % size.0] = if exponent >= size.0 { u64::MAX } else { 1 };
            let mut transformed = zeros(size.0 / 2);
            fft.forward_as_integer(
                FourierPolynomialMutView { data: &mut transformed[..] },
                Polynomial::from_container(&polynomial[..]),
                buffers.stack(),
            );
            transformed
        };
        let [low, high] = SmallKey::powers(size);
        Self {
            low: (0..low).map(&mut power).collect(),
            high: (0..high).map(|high| power(high * low)).collect(),
        }
    }

    /// Two whose product is a power of X, of an exponent below 2N.
    fn of(&self, exponent: usize) -> [&[c64]; 2] {
        [&self.low[exponent % self.low.len()], &self.high[exponent / self.low.len()]]
    }
}

impl fmt::Debug for Powers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Powers").finish_non_exhaustive()
    }
}

/// `sums += row * (X^exponent * source - target)` for each polynomial of the row.
pub(super) struct MoveMultiplyAdd<'a> {
    sums: &'a mut [c64],
    row: &'a [c64],
    source: &'a [c64],
    target: &'a [c64],
    powers: [&'a [c64]; 2],
    first: bool,
}

impl<'a> MoveMultiplyAdd<'a> {
    /// `first` writes the sums instead of adding to them.
    pub(super) fn new(
        (sums, first): (&'a mut [c64], bool),
        row: &'a [c64],
        (source, target): (&'a [c64], &'a [c64]),
        (powers, exponent): (&'a Powers, usize),
    ) -> Self {
        Self { sums, row, source, target, powers: powers.of(exponent), first }
    }
}

impl WithSimd for MoveMultiplyAdd<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // The number of polynomials is known when this is compiled: the loop over them is unrolled.
        match self.row.len() / self.source.len() {
            2 => self.run::<S, 2>(simd),
            3 => self.run::<S, 3>(simd),
            4 => self.run::<S, 4>(simd),
            _ => self.run::<S, 5>(simd),
        }
    }
}

impl MoveMultiplyAdd<'_> {
    #[inline(always)]
    fn run<S: Simd, const POLYNOMIALS: usize>(self, simd: S) {
        let Self { sums, row, source, target, powers: [low, high], first } = self;
        let source = S::as_simd_c64s(source).0;
        let count = source.len();
        let target = &S::as_simd_c64s(target).0[..count];
        let (low, high) = (&S::as_simd_c64s(low).0[..count], &S::as_simd_c64s(high).0[..count]);
        let row = &S::as_simd_c64s(row).0[..POLYNOMIALS * count];
        let sums = &mut S::as_mut_simd_c64s(sums).0[..POLYNOMIALS * count];
        for at in 0..count {
            let power = simd.mul_c64s(low[at], high[at]);
            let factor = simd.sub_c64s(simd.mul_c64s(power, source[at]), target[at]);
            for polynomial in 0..POLYNOMIALS {
                let at = polynomial * count + at;
                sums[at] = if first {
                    simd.mul_c64s(row[at], factor)
                } else {
                    simd.mul_add_c64s(row[at], factor, sums[at])
                };
            }
        }
    }
}
