//! The blind rotation: one polynomial, or `w` interleaved ones with most of their products left out.
//!
//! The ring of `X^(wN) + 1` is `w` copies of the ring of `Y^N + 1`, `Y = X^w`: a polynomial is
//! `sum_i X^i v_i(Y)`, and `X^a` with `a = q w + r` moves component i to `(i + r) mod w` times `Y^q`, or `Y^(q + 1)`
//! where it wraps. So a step of the rotation, `acc += GGSW(s) * (X^a acc - acc)`, is one external product of size N for
//! each component; keys, levels and noise are those of N, while the phase is read on a grid of 2wN points.
//!
//! Steps commute, and only component 0 is read at the end. Component j of a step with shift a needs components j and
//! `(j - a) mod w` before it. If every step from here on shifts by a multiple of `2^(nu - h)`, component 0 needs only the
//! `2^h` components on multiples of `2^(nu - h)`. So steps are sorted, fine shifts first: one of family h costs `2^h`
//! products. The order depends on the public mask only.

use tfhe::core_crypto::{
    fft_impl::fft64::crypto::{bootstrap::FourierLweBootstrapKeyView, ggsw::FourierGgswCiphertextView},
    prelude::{
        CiphertextModulus, Fft, FftView, GlweCiphertext, LweCiphertext, MonomialDegree,
        extract_lwe_sample_from_glwe_ciphertext,
    },
};

use super::{encoding::half_steps, plan::Rotation, product::Workspace};
use crate::params::{
    Parameters, Slots,
    grid::{MAX_EXTENSION, Rounded, Switching},
};

/// A ciphertext on the grid of a rotation.
pub(crate) struct Switched {
    /// Mask elements with a product to do, by family.
    families: [Vec<(usize, u32)>; MAX_EXTENSION as usize + 1],
    body: u32,
    log_grid: u32,
}

impl Switched {
    fn new() -> Self {
        Self { families: Default::default(), body: 0, log_grid: 0 }
    }

    /// Switches `[mask, body]` of the 32-bit torus.
    ///
    /// Half the sum of the mask's errors goes back into the body, for the key's bits have mean 1/2; so does half a grid
    /// step, so that rounding makes "at least position p" of "phase at least p".
    fn switch(&mut self, ciphertext: &[u32], switching: Switching, log_grid: u32) {
        self.log_grid = log_grid;
        self.families.iter_mut().for_each(Vec::clear);
        let Some((&body, mask)) = ciphertext.split_last() else {
            return;
        };
        let mut errors = 0_i64;
        for (index, &element) in mask.iter().enumerate() {
            let Rounded { value, family, error } = switching.round(element, log_grid);
            errors += i64::from(error);
            if value != 0 {
                self.families[family as usize].push((index, value));
            }
        }
        let half_step = 1_u32 << (31 - log_grid);
        let centred = body.wrapping_add((errors / 2) as u32).wrapping_sub(half_step);
        self.body = Switching::PLAIN.round(centred, log_grid).value;
    }
}

/// What one thread needs to rotate, allocated once.
pub(crate) struct Scratch {
    switched: Switched,
    staircase: Vec<u64>,
    accumulator: Vec<u64>,
    difference: Vec<u64>,
    workspace: Workspace,
}

impl Scratch {
    pub(crate) fn new(parameters: &Parameters, extension: u32, fft: &Fft) -> Self {
        let glwe_size = parameters.glwe_dimension.to_glwe_size();
        let coefficients = parameters.polynomial_size.0 << extension;
        Self {
            switched: Switched::new(),
            staircase: vec![0; coefficients],
            accumulator: vec![0; glwe_size.0 * coefficients],
            difference: vec![0; glwe_size.0 * coefficients],
            workspace: Workspace::new(parameters, fft),
        }
    }
}

/// Rotates the staircase of `rotation` by `ciphertext`, `[n + 1]` on the 32-bit torus, and gives component 0.
pub(crate) fn rotate<'s>(
    rotation: &Rotation,
    ciphertext: &[u32],
    key: FourierLweBootstrapKeyView<'_>,
    fft: &Fft,
    scratch: &'s mut Scratch,
) -> GlweCiphertext<&'s [u64]> {
    let Scratch { switched, staircase, accumulator, difference, workspace } = scratch;
    let extension = rotation.switching.extension;
    let width = 1_usize << extension;
    let size = key.polynomial_size();
    let glwe_length = key.glwe_size().0 * size.0;
    let accumulator = &mut accumulator[..glwe_length * width];
    let difference = &mut difference[..glwe_length * width];
    let staircase = &mut staircase[..size.0 * width];

    switched.switch(ciphertext, rotation.switching, rotation.log_grid);
    let shift = switched.body.wrapping_sub(rotation.origin) & ((1 << rotation.log_grid) - 1);
    fill(staircase, &rotation.stairs, rotation.slots, shift as usize);
    accumulator.fill(0);
    for (component, glwe) in accumulator.chunks_exact_mut(glwe_length).enumerate() {
        let body = &mut glwe[glwe_length - size.0..];
        for (coefficient, value) in body.iter_mut().zip(staircase[component..].iter().step_by(width)) {
            *coefficient = *value;
        }
    }

    let ggsws: Vec<_> = key.into_ggsw_iter().collect();
    let mut ring = Ring { glwe_length, extension, fft: fft.as_view(), workspace };
    for (family, steps) in switched.families.iter().enumerate().rev() {
        for &(index, shift) in steps {
            ring.step(ggsws[index], shift, family as u32, accumulator, difference);
        }
    }
    GlweCiphertext::from_container(&accumulator[..glwe_length], size, CiphertextModulus::new_native())
}

/// Reads one coefficient of a component.
pub(crate) fn extract(glwe: &GlweCiphertext<&[u64]>, coefficient: usize, output: &mut [u64]) {
    let mut output = LweCiphertext::from_container(output, CiphertextModulus::new_native());
    extract_lwe_sample_from_glwe_ciphertext(glwe, &mut output, MonomialDegree(coefficient));
}

/// `X^-shift` times the staircase.
fn fill(staircase: &mut [u64], stairs: &[(u32, i64)], slots: Slots, shift: usize) {
    let half_turn = staircase.len();
    let total: i64 = stairs.iter().map(|&(_, rise)| rise).sum();
    let mut level = -total;
    let mut from = 0;
    let ends = stairs.iter().map(|&(position, rise)| (position as usize, rise)).chain([(half_turn, 0)]);
    for (position, rise) in ends {
        let value = half_steps(level, slots);
        for phase in from..position.min(half_turn) {
            let (index, negate) = match phase + 2 * half_turn - shift {
                index if index >= 2 * half_turn => (index - 2 * half_turn, false),
                index if index >= half_turn => (index - half_turn, true),
                index => (index, false),
            };
            staircase[index] = if negate { value.wrapping_neg() } else { value };
        }
        level += 2 * rise;
        from = position;
    }
}

struct Ring<'a> {
    glwe_length: usize,
    extension: u32,
    fft: FftView<'a>,
    workspace: &'a mut Workspace,
}

impl Ring<'_> {
    /// One step of the rotation on the components of a family.
    fn step(
        &mut self,
        ggsw: FourierGgswCiphertextView<'_>,
        shift: u32,
        family: u32,
        accumulator: &mut [u64],
        difference: &mut [u64],
    ) {
        let width = 1_usize << self.extension;
        let stride = 1_usize << (self.extension - family);
        let (turns, moved) = (shift as usize >> self.extension, shift as usize & (width - 1));
        let component = |index: usize| index * self.glwe_length..(index + 1) * self.glwe_length;
        for target in (0..width).step_by(stride) {
            let source = (target + width - moved) % width;
            let degree = turns + usize::from(target < moved);
            self.workspace.prepare(
                &ggsw,
                &mut difference[component(target)],
                &accumulator[component(source)],
                &accumulator[component(target)],
                degree,
            );
        }
        for target in (0..width).step_by(stride) {
            let (output, rounded) = (&mut accumulator[component(target)], &mut difference[component(target)]);
            self.workspace.add_product(ggsw, output, rounded, self.fft);
        }
    }
}

/// Decrypts what a rotation sees.
#[cfg(test)]
pub(crate) fn phase_on_grid(ciphertext: &[u32], switching: Switching, log_grid: u32, key: &[u32]) -> u32 {
    let mut switched = Switched::new();
    switched.switch(ciphertext, switching, log_grid);
    let mask = switched.families.iter().flatten();
    let sum = mask.fold(0_u32, |sum, &(index, value)| sum.wrapping_add(value.wrapping_mul(key[index])));
    switched.body.wrapping_sub(sum) & ((1 << log_grid) - 1)
}
