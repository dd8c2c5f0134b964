//! Sums of many packed inputs, as products of polynomials.
//!
//! With the coefficients of a mask A from the last to the first, `R[i] = A[N - 1 - i]`, the mask of the coefficient at p is `-Y^(p + 1) R`
//! modulo `Y^N + 1`. So a sum over the inputs of one ciphertext has the mask `W R`, with `W = -sum_p w_p Y^(p + 1)`: a transform of the
//! weights and one back, however many inputs there are.
//!
//! Nothing is rounded. Masks are cut into digits so short that floating-point transforms give each coefficient of a product to less than a
//! half, which is then rounded to an integer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pulp::c64;
use tfhe::core_crypto::{
    fft_impl::fft64::math::polynomial::FourierPolynomialMutView,
    prelude::{Fft, Polynomial, PolynomialSize},
};

use crate::fhe::server::product::Digits;

/// A number in balanced digits of as many bits; the last has the rest, and is as short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MaskDigits {
    count: usize,
    bits: u32,
}

/// Two digits do for weights of a few bits, three for nearly all others.
pub(super) const MASK_DIGITS: [MaskDigits; 2] =
    [MaskDigits { count: 2, bits: 32 }, MaskDigits { count: 3, bits: 22 }];

impl MaskDigits {
    /// Whether products are exact, of weights of this norm in so many ciphertexts of N inputs.
    ///
    /// In units of `u = 2^-53` times the product of the Euclidean norms of both factors over all ciphertexts c: a transform of radix 2 of
    /// t = log2 N - 1 stages errs by at most `6.7 t` of its norm (Higham, *Accuracy and Stability of Numerical Algorithms*, theorem 24.2) and
    /// the twist before it by 4, for both factors; their product adds 3 and the sum over ciphertexts c; of the transform back each
    /// coefficient errs by at most `4.9 t + 4`, as `sum |W R|` is at most the product of norms. Together less than `24 log2 N + c`.
    pub(super) fn are_exact(self, norm: f64, ciphertexts: usize, size: usize) -> bool {
        let masks = ((ciphertexts * size) as f64).sqrt() * f64::from(self.bits - 1).exp2();
        let units = 24.0 * f64::from(size.ilog2()) + ciphertexts as f64;
        let error = units * f64::EPSILON / 2.0 * norm * masks;
        error < 0.5
    }

    /// The digits of a number, the lowest first.
    fn of(self, mut number: u64) -> impl Iterator<Item = i64> {
        let Self { count, bits } = self;
        (0..count).map(move |index| {
            let unused = 64 - bits.min(64 - bits * index as u32);
            let digit = (number << unused).cast_signed() >> unused;
            // What is above the last digit is a multiple of 2^64, and never read.
            number = number.wrapping_sub(digit.cast_unsigned()) >> bits;
            digit
        })
    }
}

/// Transformed masks of one sample.
pub(super) struct Products {
    fft: Fft,
    digits: MaskDigits,
    /// N.
    size: usize,
    /// k.
    polynomials: usize,
    /// `[ciphertexts, digits, k, N/2]`, a digit in turns.
    masks: Vec<c64>,
    /// What threads that are done with a sum worked in.
    spare: Mutex<Vec<Workspace>>,
}

struct Workspace {
    /// `[ciphertexts, N]`, all zero between sums.
    weights: Vec<u64>,
    products: Digits,
    /// `[k, N]`.
    product: Vec<u64>,
}

impl Products {
    /// Of masks `[ciphertexts, k, N]`, the coefficients of each polynomial from the last to the first.
    pub(super) fn new(masks: &[u64], size: usize, dimension: usize, digits: MaskDigits) -> Self {
        let fft = Fft::new(PolynomialSize(size));
        let mut buffers = Digits::new(size, 0, &fft);
        let mut transformed = Vec::with_capacity(masks.len() / 2 * digits.count);
        let mut integers = vec![0; size];
        for ciphertext in masks.chunks_exact(dimension) {
            for index in 0..digits.count {
                let turns = (f64::from(digits.bits * index as u32) - 64.0).exp2();
                for polynomial in ciphertext.chunks_exact(size) {
                    for (integer, &number) in integers.iter_mut().zip(polynomial) {
                        *integer = digits.of(number).nth(index).map_or(0, i64::cast_unsigned);
                    }
                    let from = transformed.len();
                    transformed.resize(from + size / 2, c64::new(0.0, 0.0));
                    fft.as_view().forward_as_integer(
                        FourierPolynomialMutView { data: &mut transformed[from..] },
                        Polynomial::from_container(&integers[..]),
                        buffers.buffers().stack(),
                    );
                    for number in &mut transformed[from..] {
                        *number *= turns;
                    }
                }
            }
        }
        let polynomials = dimension / size;
        Self { fft, digits, size, polynomials, masks: transformed, spare: Mutex::default() }
    }

    /// Adds the mask of a sum of inputs to a mask.
    pub(super) fn add(&self, terms: impl Iterator<Item = (usize, i64)>, sum: &mut [u64]) {
        let spare = self.spare().pop();
        let mut workspace = spare.unwrap_or_else(|| self.workspace());
        self.add_in(&mut workspace, terms, sum);
        self.spare().push(workspace);
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Workspace>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers of a ciphertext's transforms.
    fn row(&self) -> usize {
        self.digits.count * self.polynomials * self.size / 2
    }

    fn workspace(&self) -> Workspace {
        Workspace {
            weights: vec![0; self.masks.len() / self.row() * self.size],
            products: Digits::new(self.size, self.digits.count * self.polynomials, &self.fft),
            product: vec![0; self.polynomials * self.size],
        }
    }

    fn add_in(
        &self,
        Workspace { weights, products, product }: &mut Workspace,
        terms: impl Iterator<Item = (usize, i64)>,
        sum: &mut [u64],
    ) {
        let (size, fft) = (self.size, self.fft.as_view());
        // A power of two.
        let last = size - 1;
        for (input, weight) in terms {
            let (from, place) = (input & !last, input & last);
            let (place, weight) =
                if place == last { (0, weight) } else { (place + 1, weight.wrapping_neg()) };
            weights[from + place] = weights[from + place].wrapping_add(weight.cast_unsigned());
        }
        // Weights may cancel, and what a workspace summed before is not to be read.
        if weights.iter().all(|&weight| weight == 0) {
            return;
        }
        products.start();
        for (weights, row) in weights.chunks_exact_mut(size).zip(self.masks.chunks_exact(self.row())) {
            if weights.iter().any(|&weight| weight != 0) {
                products.multiply(weights, row, fft);
                weights.fill(0);
            }
        }
        for index in 0..self.digits.count {
            product.fill(0);
            products.add_some_to(index * self.polynomials, product, fft);
            let shift = self.digits.bits * index as u32;
            let half = (1_u64 << shift) >> 1;
            for (sum, &product) in sum.iter_mut().zip(&*product) {
                *sum = sum.wrapping_add(product.wrapping_add(half) >> shift << shift);
            }
        }
    }
}
