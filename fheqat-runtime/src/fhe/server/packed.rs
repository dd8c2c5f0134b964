//! Inputs under the big key: one ciphertext holds N, one in each coefficient of its polynomial. A sum reads the coefficient of an input as
//! if it were a ciphertext of its own; a sum of many is a [product of polynomials](products).

mod products;

use std::sync::OnceLock;

use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, Seed as TorusSeed},
    prelude::{CiphertextModulus, SeededGlweCiphertextList},
};

use self::products::{MASK_DIGITS, Products};
use crate::{
    params::{Parameters, cost::PACKED_PRODUCT},
    vectors::on_vectors,
};

/// Encrypted inputs with their masks.
pub(crate) struct PackedInputs {
    /// `[ciphertexts, k, N]`, the coefficients of each polynomial from the last to the first.
    masks: Vec<u64>,
    /// One an input.
    bodies: Vec<u64>,
    /// N.
    size: usize,
    /// kN.
    dimension: usize,
    /// By [`MASK_DIGITS`]; none until a sum asks for it.
    products: [OnceLock<Products>; MASK_DIGITS.len()],
}

impl PackedInputs {
    pub(crate) fn expand(parameters: &Parameters, bodies: &[u64], seed: u128) -> Self {
        let (size, dimension) = (parameters.polynomial_size.0, parameters.big_dimension().0);
        let ciphertexts = bodies.len().div_ceil(size);
        let list = SeededGlweCiphertextList::from_container(
            vec![0; ciphertexts * size],
            parameters.glwe_dimension.to_glwe_size(),
            parameters.polynomial_size,
            CompressionSeed::from(TorusSeed(seed)),
            CiphertextModulus::new_native(),
        );
        let expanded = if ciphertexts == 0 {
            Vec::new()
        } else {
            list.decompress_into_glwe_ciphertext_list().into_container()
        };
        let masks = expanded
            .chunks_exact(dimension + size)
            .flat_map(|ciphertext| ciphertext[..dimension].chunks_exact(size))
            .flat_map(|polynomial| polynomial.iter().rev().copied())
            .collect();
        Self { masks, bodies: bodies.to_vec(), size, dimension, products: Default::default() }
    }

    /// Adds inputs times weights to a sum `[mask, body]`.
    pub(crate) fn add(&self, terms: impl Iterator<Item = (usize, i64)> + Clone, sum: &mut [u64]) {
        let Some((body, mask)) = sum.split_last_mut() else { return };
        let (mut count, mut squares) = (0, 0.0);
        for (input, weight) in terms.clone() {
            *body = body.wrapping_add(self.bodies[input].wrapping_mul(weight.cast_unsigned()));
            count += 1;
            squares += (weight as f64).powi(2);
        }
        match self.products(count, squares) {
            Some(products) => products.add(terms, mask),
            None => terms.for_each(|(input, weight)| self.add_one(input, weight, mask)),
        }
    }

    /// What multiplies so many weights of a sum, of so large squares together, where that is exact and faster than input by input.
    fn products(&self, count: usize, squares: f64) -> Option<&Products> {
        if count < PACKED_PRODUCT {
            return None;
        }
        let ciphertexts = self.masks.len() / self.dimension;
        let enough = |digits: &products::MaskDigits| digits.are_exact(squares.sqrt(), ciphertexts, self.size);
        let index = MASK_DIGITS.iter().position(enough)?;
        let new = || Products::new(&self.masks, self.size, self.dimension, MASK_DIGITS[index]);
        Some(self.products[index].get_or_init(new))
    }

    /// Adds `factor` times the mask of an input to a mask.
    ///
    /// Coefficient p of the product of a mask A and a key S is `sum A[p - t] S[t]` for t up to p less `sum A[N + p - t] S[t]` for
    /// those behind.
    fn add_one(&self, input: usize, factor: i64, sum: &mut [u64]) {
        let (ciphertext, place) = (input / self.size, input % self.size);
        let factor = factor as u64;
        let masks = &self.masks[ciphertext * self.dimension..(ciphertext + 1) * self.dimension];
        for (mask, sum) in masks.chunks_exact(self.size).zip(sum.chunks_exact_mut(self.size)) {
            let (before, behind) = sum.split_at_mut(place + 1);
            add(before, &mask[self.size - 1 - place..], factor);
            add(behind, mask, factor.wrapping_neg());
        }
    }
}

fn add(sum: &mut [u64], mask: &[u64], factor: u64) {
    on_vectors(
        #[inline(always)]
        || {
            for (sum, mask) in sum.iter_mut().zip(mask) {
                *sum = sum.wrapping_add(mask.wrapping_mul(factor));
            }
        },
    );
}

#[cfg(all(test, feature = "fhe"))]
mod tests {
    use super::*;
    use crate::{
        params::dimension::{GlweDimension, PolynomialSize},
        prices::times::Times,
    };

    /// The sums of many inputs by products and one by one, for weights up to `most`.
    fn agree(shape: (usize, usize), inputs: usize, most: u64, masks: impl Fn(u64) -> u64) {
        let (polynomials, size) = shape;
        let dimension = polynomials * size;
        let word = |index: usize| (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        let packed = PackedInputs {
            masks: (0..inputs.div_ceil(size) * dimension).map(|index| masks(word(index))).collect(),
            bodies: (0..inputs).map(word).collect(),
            size,
            dimension,
            products: Default::default(),
        };
        let weight = |input: usize| (word(input + 7) % (2 * most + 1)).cast_signed() - most.cast_signed();
        let terms = (0..inputs).filter(|input| input % 5 != 3).map(|input| (input, weight(input)));
        let squares = terms.clone().map(|(_, weight)| (weight as f64).powi(2)).sum();
        assert!(packed.products(terms.clone().count(), squares).is_some(), "{shape:?}, {inputs} inputs");
        let before: Vec<u64> = (0..=dimension).map(word).collect();
        let (mut found, mut expected) = (before.clone(), before);
        packed.add(terms.clone(), &mut found);
        let (mask, body) = expected.split_at_mut(dimension);
        for (input, weight) in terms {
            packed.add_one(input, weight, mask);
            body[0] = body[0].wrapping_add(packed.bodies[input].wrapping_mul(weight as u64));
        }
        assert!(found == expected, "{shape:?}, {inputs} inputs up to {most}");
    }

    #[test]
    fn products_are_the_sums_one_by_one() {
        for shape in [(2, 512), (5, 256), (3, 512), (7, 256), (1, 2048), (1, 4096)] {
            for (inputs, most) in [(100, 3), (450, 3), (512, 1), (516, 127), (2352, 3), (1300, 2047)] {
                agree(shape, inputs, most, |word| word);
            }
        }
    }

    /// Microseconds that this thread computes for.
    fn time(mut work: impl FnMut()) -> f64 {
        let mut times = Times::default();
        (0..25).for_each(|_| times.time(20.0, || (0..20).for_each(|_| work())));
        1e6 * times.typical().0
    }

    #[test]
    #[ignore = "prints what sums of packed inputs take"]
    fn what_sums_take() {
        let networks = [
            (450, 2, 3, (2, 512)),
            (450, 2, 31, (3, 512)),
            (2352, 10, 3, (2, 512)),
            (516, 10, 127, (2, 1024)),
        ];
        for (inputs, outputs, most, (k, size)) in networks {
            let parameters = Parameters::without_rotations(GlweDimension(k), PolynomialSize(size));
            let bodies: Vec<u64> = (0..inputs as u64).collect();
            let packed = PackedInputs::expand(&parameters, &bodies, 5);
            let weight = |input: usize, output: usize| {
                ((input * 7919 + output * 104_729 + 13) as i64) % (2 * most + 1) - most
            };
            let terms =
                |output| (0..inputs).map(move |input| (input, weight(input, output))).collect::<Vec<_>>();
            let terms: Vec<_> = (0..outputs).map(terms).collect();
            let mut sum = vec![0; k * size + 1];
            let expansion = time(|| drop(PackedInputs::expand(&parameters, &bodies, 5)));
            let each = time(|| {
                for &(input, weight) in terms.iter().flatten() {
                    packed.add_one(input, weight, &mut sum);
                }
            });
            let transforms = time(|| drop(Products::new(&packed.masks, size, k * size, MASK_DIGITS[0])));
            let products =
                time(|| terms.iter().for_each(|terms| packed.add(terms.iter().copied(), &mut sum)));
            println!(
                "{inputs} inputs, {outputs} outputs, weights up to {most}, ({k}, {size}): masks from the seed {expansion:.0} us; sums one \
                 by one {each:.0} us; transforms of masks {transforms:.0} us, products {products:.0} us, {:.1} times less",
                each / (transforms + products)
            );
        }
    }

    /// A sum may read an input twice.
    #[test]
    fn weights_that_cancel_leave_the_sum() {
        let packed = PackedInputs {
            masks: (1..=1024).map(|word: u64| word.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect(),
            bodies: vec![1; 512],
            size: 512,
            dimension: 1024,
            products: Default::default(),
        };
        let mut sum = vec![7; 1025];
        packed.add((0..512).map(|input| (input, 3)), &mut sum);
        let before = sum.clone();
        packed.add((0..512).flat_map(|input| [(input, 5), (input, -5)]), &mut sum);
        assert!(sum == before);
    }

    /// Masks at the ends of digits, and all with one sign.
    #[test]
    fn products_are_exact_at_the_ends_of_digits() {
        let ends = [1 << 31, (1 << 31) - 1, 1 << 63, (1 << 63) - 1, u64::MAX, 0x8000_0000_8000_0000, 1 << 21];
        for end in ends {
            for most in [3, 127, 4095] {
                agree((2, 512), 1100, most, |_| end);
                agree((2, 512), 1100, most, |word| if word % 2 == 0 { end } else { word });
            }
        }
    }

    #[test]
    fn weights_too_large_for_transforms_are_added_one_by_one() {
        let packed = PackedInputs {
            masks: vec![u64::MAX; 512],
            bodies: vec![1; 512],
            size: 512,
            dimension: 512,
            products: Default::default(),
        };
        let products = |count: usize, weight: i64| {
            packed.products(count, count as f64 * (weight as f64).powi(2)).is_some()
        };
        assert!(products(512, 1) && !products(3, 1));
        assert!(!products(512, 1 << 40) && !products(512, i64::MIN));
    }
}
