//! Results packed into one ciphertext: the trace that brings them together, and the switch to a short key.
//!
//! A sum `[mask, body]` is the constant coefficient of a ciphertext of `kN / 256` polynomials of 256 coefficients. Two ciphertexts whose
//! results lie on multiples of 2s become one with results on multiples of s: `(even + X^s odd) + turn(even - X^s odd)`, where the turn is
//! `X -> X^(256 / s + 1)`, which leaves `X^(2s)` as it is and changes the sign of `X^s`. Each step doubles the results, so sums are divided
//! by 256 first; whatever else the coefficients hold cancels. See docs/engine.md.

use std::fmt;

use aligned_vec::{AVec, ConstAlign};
use pulp::c64;
use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, Seed as TorusSeed},
    fft_impl::fft64::math::polynomial::FourierPolynomialMutView,
    prelude::{CiphertextModulus, Fft, Polynomial, SeededGlweCiphertextList},
};

use super::product::{Digits, Gadget};
use crate::{
    fhe::{
        packing_keys::{SeededPackingKeys, SeededRingSwitch, exponent, turned},
        rounded,
    },
    params::{Packing, Parameters, packing::RingSwitch},
    vectors::on_vectors,
};

const SIZE: usize = Packing::SIZE.0;

/// The keys that pack results, in the Fourier domain.
pub(crate) struct PackingKeys {
    /// One for each step.
    trace: Vec<SwitchingKey>,
    ring_switch: SwitchingKey,
    fft: Fft,
}

/// Switches ciphertexts of polynomials of 256 coefficients from one key to another.
struct SwitchingKey {
    gadget: Gadget,
    levels: usize,
    /// Where `X -> X^exponent` moves each coefficient, and all ones where it changes sign.
    places: Vec<(usize, u64)>,
    /// `[masks, levels, polynomials, 128]`, levels from the last.
    rows: AVec<c64, ConstAlign<128>>,
    /// Polynomials of what it gives, the body among them.
    polynomials: usize,
}

impl PackingKeys {
    pub(super) fn expand(parameters: &Parameters, packing: &Packing, keys: &SeededPackingKeys) -> Self {
        let fft = Fft::new(Packing::SIZE);
        let trace = expand(&parameters.trace(packing), &keys.trace, &fft, (0..Packing::STEPS).map(exponent));
        let mut ring_switch =
            expand(&parameters.ring_switch(packing), &keys.ring_switch, &fft, std::iter::once(1));
        Self { trace, ring_switch: ring_switch.remove(0), fft }
    }

    /// What packing takes to work in.
    pub(in crate::fhe) fn workspace(&self) -> Workspace {
        let polynomials = self.trace[0].polynomials;
        Workspace {
            digits: Digits::new(SIZE, polynomials.max(self.ring_switch.polynomials), &self.fft),
            halves: vec![0; SIZE],
            body: vec![0; SIZE],
            rounded: vec![0; SIZE],
            masks: vec![0; (polynomials - 1) * SIZE],
            odd: Vec::new(),
        }
    }

    /// So many results, at most 256, under the key of packed results: `[k' + 1, 256]`. `sum` writes one into a buffer
    /// `[kN + 1]`.
    pub(in crate::fhe) fn pack(
        &self,
        results: usize,
        buffer: &mut [u64],
        workspace: &mut Workspace,
        sum: &mut dyn FnMut(usize, &mut [u64]),
    ) -> Vec<u64> {
        let sum = &mut |result: usize| {
            sum(result, buffer);
            constant_coefficient(buffer)
        };
        let places = results.next_power_of_two();
        let merged = places.ilog2() as usize;
        let mut ciphertext = self.join(0, 1, (results, places), workspace, sum);
        for key in &self.trace[merged..] {
            workspace.turn(key, &ciphertext);
            workspace.add(key, &self.fft, &mut ciphertext);
        }
        let mut packed = vec![0; self.ring_switch.polynomials * SIZE];
        workspace.turn(&self.ring_switch, &ciphertext);
        workspace.add(&self.ring_switch, &self.fft, &mut packed);
        packed
    }

    /// The results `first`, `first + step` and so on in one ciphertext.
    fn join(
        &self,
        first: usize,
        step: usize,
        (results, places): (usize, usize),
        workspace: &mut Workspace,
        sum: &mut dyn FnMut(usize) -> Vec<u64>,
    ) -> Vec<u64> {
        if step == places {
            return sum(first);
        }
        let mut even = self.join(first, 2 * step, (results, places), workspace, sum);
        let key = &self.trace[(places / step).ilog2() as usize - 1];
        if first + step < results {
            let odd = self.join(first + step, 2 * step, (results, places), workspace, sum);
            let mut difference = std::mem::take(&mut workspace.odd);
            difference.clear();
            difference.extend_from_slice(&even);
            add_and_subtract(&mut even, &mut difference, &odd, SIZE * step / places);
            workspace.turn(key, &difference);
            workspace.odd = difference;
        } else {
            workspace.turn(key, &even);
        }
        workspace.add(key, &self.fft, &mut even);
        even
    }
}

/// A sum divided by 256 as a ciphertext `[kN / 256 + 1, 256]` that has it in its constant coefficient.
///
/// `(A S)_0 = A_0 S_0 - sum over t > 0 of A_(256 - t) S_t`.
fn constant_coefficient(sum: &[u64]) -> Vec<u64> {
    let divided = |number: u64| (number >> Packing::STEPS).wrapping_add(number >> (Packing::STEPS - 1) & 1);
    let mut ciphertext = vec![0; sum.len() - 1 + SIZE];
    let dimension = sum.len() - 1;
    for (polynomial, mask) in ciphertext.chunks_exact_mut(SIZE).zip(sum[..dimension].chunks_exact(SIZE)) {
        polynomial[0] = divided(mask[0]);
        for (coefficient, &number) in polynomial[1..].iter_mut().rev().zip(&mask[1..]) {
            *coefficient = divided(number).wrapping_neg();
        }
    }
    ciphertext[dimension] = divided(sum[dimension]);
    ciphertext
}

/// `even + X^shift odd` and, in `difference`, which is `even` before, `even - X^shift odd`.
fn add_and_subtract(even: &mut [u64], difference: &mut [u64], odd: &[u64], shift: usize) {
    on_vectors(
        #[inline(always)]
        || {
            let polynomials = even.chunks_exact_mut(SIZE).zip(difference.chunks_exact_mut(SIZE));
            for ((even, difference), odd) in polynomials.zip(odd.chunks_exact(SIZE)) {
                let (wrapped, moved) = odd.split_at(SIZE - shift);
                let (even_low, even_high) = even.split_at_mut(shift);
                let (low, high) = difference.split_at_mut(shift);
                for ((even, difference), odd) in even_low.iter_mut().zip(low).zip(moved) {
                    *even = even.wrapping_sub(*odd);
                    *difference = difference.wrapping_add(*odd);
                }
                for ((even, difference), odd) in even_high.iter_mut().zip(high).zip(wrapped) {
                    *even = even.wrapping_add(*odd);
                    *difference = difference.wrapping_sub(*odd);
                }
            }
        },
    );
}

/// What packing works in, allocated once for each result.
pub(in crate::fhe) struct Workspace {
    digits: Digits,
    /// Half of what rounding added to the masks, summed over them.
    halves: Vec<u64>,
    rounded: Vec<u64>,
    /// What is switched: masks rounded to the digits that are kept, and the body.
    masks: Vec<u64>,
    body: Vec<u64>,
    odd: Vec<u64>,
}

impl Workspace {
    /// Turns a ciphertext and rounds its masks; the mean of what that adds is put into the body before it is turned.
    fn turn(&mut self, key: &SwitchingKey, ciphertext: &[u64]) {
        let Self { halves, rounded, masks, body, .. } = self;
        let gadget = key.gadget;
        halves.fill(0);
        let (inputs, input_body) = ciphertext.split_at(ciphertext.len() - SIZE);
        for (mask, input) in masks.chunks_exact_mut(SIZE).zip(inputs.chunks_exact(SIZE)) {
            on_vectors(
                #[inline(always)]
                || {
                    for ((rounded, half), &value) in rounded.iter_mut().zip(&mut *halves).zip(input) {
                        *rounded = gadget.round(value);
                        let error = gadget.error(value, *rounded).cast_signed();
                        *half = half.wrapping_add((error >> 1).cast_unsigned());
                    }
                },
            );
            key.turn(rounded, mask);
        }
        rounded.copy_from_slice(input_body);
        rounded::add_mean(halves, rounded);
        key.turn(rounded, body);
    }

    /// Adds what was turned to a ciphertext, under the key that it is switched to.
    fn add(&mut self, key: &SwitchingKey, fft: &Fft, output: &mut [u64]) {
        let Self { digits, masks, body, .. } = self;
        digits.start();
        let rows = key.rows.chunks_exact(key.levels * key.polynomials * SIZE / 2);
        for (mask, rows) in masks.chunks_exact_mut(SIZE).zip(rows) {
            for row in rows.chunks_exact(key.polynomials * SIZE / 2) {
                digits.multiply_one(key.gadget, mask, row, fft.as_view());
            }
        }
        let from = output.len() - SIZE;
        for (output, body) in output[from..].iter_mut().zip(&*body) {
            *output = output.wrapping_add(*body);
        }
        digits.add_to(output, fft.as_view());
    }
}

impl SwitchingKey {
    fn turn(&self, input: &[u64], output: &mut [u64]) {
        for (&value, &(place, sign)) in input.iter().zip(&self.places) {
            output[place] = (value ^ sign).wrapping_sub(sign);
        }
    }
}

impl fmt::Debug for PackingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackingKeys").finish_non_exhaustive()
    }
}

/// One key for each exponent.
fn expand(
    switch: &RingSwitch,
    keys: &SeededRingSwitch,
    fft: &Fft,
    exponents: impl ExactSizeIterator<Item = usize>,
) -> Vec<SwitchingKey> {
    let polynomials = switch.glwe_dimension.0 + 1;
    let ciphertexts = switch.ciphertexts() * exponents.len();
    let list = SeededGlweCiphertextList::from_container(
        rounded::unpack(&keys.bodies, switch.body_bits(), ciphertexts * SIZE),
        switch.glwe_dimension.to_glwe_size(),
        Packing::SIZE,
        CompressionSeed::from(TorusSeed(keys.seed)),
        CiphertextModulus::new_native(),
    );
    let numbers = list.decompress_into_glwe_ciphertext_list().into_container();
    let mut digits = Digits::new(SIZE, 1, fft);
    numbers
        .chunks_exact(switch.ciphertexts() * polynomials * SIZE)
        .zip(exponents)
        .map(|(numbers, exponent)| {
            let zeros = std::iter::repeat_n(c64::new(0.0, 0.0), numbers.len() / 2);
            let mut rows = AVec::from_iter(128, zeros);
            for (row, polynomial) in rows.chunks_exact_mut(SIZE / 2).zip(numbers.chunks_exact(SIZE)) {
                let fourier = FourierPolynomialMutView { data: row };
                fft.as_view().forward_as_torus(
                    fourier,
                    Polynomial::from_container(polynomial),
                    digits.buffers().stack(),
                );
            }
            SwitchingKey {
                gadget: Gadget::new(switch.decomposition),
                levels: switch.decomposition.levels.0,
                places: turned(exponent)
                    .map(|(place, negate)| (place, u64::from(negate).wrapping_neg()))
                    .collect(),
                rows,
                polynomials,
            }
        })
        .collect()
}
