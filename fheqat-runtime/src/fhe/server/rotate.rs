//! The blind rotation of one polynomial, or of `w` interleaved ones without the products that component 0 does not need.
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

use pulp::c64;
use tfhe::core_crypto::{
    fft_impl::fft64::crypto::{bootstrap::FourierLweBootstrapKeyView, ggsw::FourierGgswCiphertextView},
    prelude::{
        CiphertextModulus, Fft, FftView, FourierLweBootstrapKeyOwned, GlweCiphertext, LweCiphertext,
        MonomialDegree, extract_lwe_sample_from_glwe_ciphertext,
    },
};

use super::{
    blocks::{Numbers, Powers, zeros},
    product::Workspace,
};
use crate::{
    params::{
        Parameters, Slots, SmallKey,
        cost::BLOCK,
        modulus_switch::{MAX_EXTENSION, ModulusSwitch, Rounded},
    },
    plan::{Rotation, encoding::half_steps},
};

/// A ciphertext on the grid of a rotation.
struct Switched {
    /// Steps with a product to do, by family: their numbers and shifts, of which uniform bits take the first.
    families: [Vec<(usize, [u32; SmallKey::BLOCK])>; MAX_EXTENSION as usize + 1],
    body: u32,
    log_grid: u32,
}

impl Switched {
    fn new() -> Self {
        Self { families: Default::default(), body: 0, log_grid: 0 }
    }

    /// Switches `[mask, body]` of the 32-bit torus.
    ///
    /// The sum of the mask's errors goes back into the body, times the mean of the key's bits; so does half a grid
    /// step, so that rounding makes "at least position p" of "phase at least p".
    fn switch(
        &mut self,
        ciphertext: &[u32],
        modulus_switch: ModulusSwitch,
        log_grid: u32,
        small_key: SmallKey,
    ) {
        self.log_grid = log_grid;
        self.families.iter_mut().for_each(Vec::clear);
        let Some((&body, mask)) = ciphertext.split_last() else {
            return;
        };
        let mut errors = 0_i64;
        match small_key {
            SmallKey::Uniform => {
                for (number, &element) in mask.iter().enumerate() {
                    let Rounded { values: [value], family, errors: [error] } =
                        modulus_switch.round([element], log_grid);
                    errors += i64::from(error);
                    if value != 0 {
                        self.families[family as usize].push((number, [value, 0, 0]));
                    }
                }
            }
            SmallKey::Blocks => {
                for (number, block) in mask.as_chunks::<{ SmallKey::BLOCK }>().0.iter().enumerate() {
                    let Rounded { values, family, errors: of_block } = modulus_switch.round(*block, log_grid);
                    errors += of_block.map(i64::from).iter().sum::<i64>();
                    if values.iter().any(|&value| value != 0) {
                        self.families[family as usize].push((number, values));
                    }
                }
            }
        }
        let one_over_mean = small_key.bits_of_a_step() as i64 + 1;
        let half_step = 1_u32 << (31 - log_grid);
        let centred = body.wrapping_add((errors / one_over_mean) as u32).wrapping_sub(half_step);
        let Rounded { values: [body], .. } = ModulusSwitch::PLAIN.round([centred], log_grid);
        self.body = body;
    }
}

/// What one thread needs to rotate, allocated once.
pub(crate) struct Scratch {
    rotations: Vec<RotationState>,
    staircase: Vec<u64>,
    difference: Vec<u64>,
    /// Transforms of the digits of all components, where the small key's bits are in blocks.
    transformed: Numbers,
    workspace: Workspace,
}

/// One rotation of a block.
struct RotationState {
    switched: Switched,
    accumulator: Vec<u64>,
    extension: u32,
}

/// A rotation, and the ciphertext whose phase it rotates by: `[n + 1]` on the 32-bit torus.
pub(crate) type Job<'a> = (&'a Rotation, &'a [u32]);

impl Scratch {
    pub(crate) fn new(parameters: &Parameters, extension: u32, fft: &Fft) -> Self {
        let glwe_size = parameters.glwe_dimension.to_glwe_size();
        let coefficients = parameters.polynomial_size.0 << extension;
        let state = || RotationState {
            switched: Switched::new(),
            accumulator: vec![0; glwe_size.0 * coefficients],
            extension: 0,
        };
        Self {
            rotations: std::iter::repeat_with(state).take(BLOCK).collect(),
            staircase: vec![0; coefficients],
            difference: vec![0; glwe_size.0 * coefficients],
            transformed: zeros(match parameters.small_key {
                SmallKey::Uniform => 0,
                SmallKey::Blocks => parameters.rotation.levels.0 * glwe_size.0 * coefficients / 2,
            }),
            workspace: Workspace::new(parameters, fft),
        }
    }
}

/// Blind rotations: where a server spends its time, and all that another device would have to do.
pub(crate) trait Rotate: Sync {
    /// What one thread needs, allocated once.
    type Buffers: Send;

    /// For interleaving up to `2^extension` polynomials.
    fn buffers(parameters: &Parameters, extension: u32) -> Self::Buffers;

    /// Component 0, `[k + 1, N]`, of the staircase of each of at most [`BLOCK`] jobs, rotated by its ciphertext.
    fn rotate<'d>(
        &self,
        jobs: &[Job<'_>],
        buffers: &'d mut Self::Buffers,
    ) -> impl Iterator<Item = GlweCiphertext<&'d [u64]>>;
}

/// The cores of this machine, with a bootstrap key.
pub(crate) struct Cpu {
    pub(crate) key: FourierLweBootstrapKeyOwned,
    pub(crate) fft: Fft,
    /// Where the small key's bits are in blocks.
    pub(crate) powers: Option<Powers>,
}

/// The same, borrowed.
#[derive(Clone, Copy)]
pub(crate) struct BootstrapKey<'a> {
    pub(crate) ggsws: FourierLweBootstrapKeyView<'a>,
    pub(crate) fft: &'a Fft,
    pub(crate) powers: Option<&'a Powers>,
}

impl Rotate for Cpu {
    type Buffers = Scratch;

    fn buffers(parameters: &Parameters, extension: u32) -> Scratch {
        Scratch::new(parameters, extension, &Fft::new(parameters.polynomial_size))
    }

    fn rotate<'d>(
        &self,
        jobs: &[Job<'_>],
        buffers: &'d mut Scratch,
    ) -> impl Iterator<Item = GlweCiphertext<&'d [u64]>> {
        let Self { key, fft, powers } = self;
        rotate(jobs, BootstrapKey { ggsws: key.as_view(), fft, powers: powers.as_ref() }, buffers)
    }
}

/// Rotates the staircase of each of at most [`BLOCK`] jobs by its ciphertext, and gives component 0 of each.
///
/// A block goes through the key together: each part is brought from memory once, and multiplies all that need it. Steps
/// of one family commute, so each family goes through the key in order.
pub(crate) fn rotate<'s>(
    jobs: &[Job<'_>],
    key: BootstrapKey<'_>,
    scratch: &'s mut Scratch,
) -> impl Iterator<Item = GlweCiphertext<&'s [u64]>> {
    let BootstrapKey { ggsws, fft, powers } = key;
    let Scratch { rotations, staircase, difference, transformed, workspace } = scratch;
    let rotations = &mut rotations[..jobs.len()];
    let size = ggsws.polynomial_size();
    let glwe_length = ggsws.glwe_size().0 * size.0;
    let small_key = if powers.is_some() { SmallKey::Blocks } else { SmallKey::Uniform };
    for (state, &(rotation, ciphertext)) in rotations.iter_mut().zip(jobs) {
        state.start(rotation, ciphertext, staircase, small_key, (glwe_length, size.0));
    }
    let mut steps = Steps { glwe_length, fft: fft.as_view(), powers, difference, transformed, workspace };
    for family in (0..=MAX_EXTENSION).rev() {
        let mut next = [0; BLOCK];
        let mut ggsws = ggsws.into_ggsw_iter();
        let mut number = 0;
        while let Some(first) = ggsws.next() {
            let mut of_step = [first; SmallKey::BLOCK];
            for ggsw in &mut of_step[1..small_key.bits_of_a_step()] {
                *ggsw = ggsws.next().unwrap_or(first);
            }
            for (state, next) in rotations.iter_mut().zip(&mut next) {
                if let Some(&(step, shifts)) = state.switched.families[family as usize].get(*next)
                    && step == number
                {
                    steps.take(of_step, shifts, (family, state.extension), &mut state.accumulator);
                    *next += 1;
                }
            }
            number += 1;
        }
    }
    rotations.iter().map(move |state| {
        let component = &state.accumulator[..glwe_length];
        GlweCiphertext::from_container(component, size, CiphertextModulus::new_native())
    })
}

impl RotationState {
    /// Switches the ciphertext's modulus and puts the staircase, rotated by the body, into the interleaved components.
    fn start(
        &mut self,
        rotation: &Rotation,
        ciphertext: &[u32],
        staircase: &mut [u64],
        small_key: SmallKey,
        (glwe_length, size): (usize, usize),
    ) {
        self.extension = rotation.modulus_switch.extension;
        self.switched.switch(ciphertext, rotation.modulus_switch, rotation.log_grid, small_key);
        let width = 1_usize << self.extension;
        let staircase = &mut staircase[..size * width];
        let shift = self.switched.body.wrapping_sub(rotation.origin) & ((1 << rotation.log_grid) - 1);
        fill(staircase, &rotation.stairs, rotation.slots, shift as usize);
        let accumulator = &mut self.accumulator[..glwe_length * width];
        accumulator.fill(0);
        for (component, glwe) in accumulator.chunks_exact_mut(glwe_length).enumerate() {
            let body = &mut glwe[glwe_length - size..];
            for (coefficient, value) in body.iter_mut().zip(staircase[component..].iter().step_by(width)) {
                *coefficient = *value;
            }
        }
    }
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

/// The steps of rotations under one key.
struct Steps<'a> {
    glwe_length: usize,
    fft: FftView<'a>,
    powers: Option<&'a Powers>,
    difference: &'a mut [u64],
    transformed: &'a mut [c64],
    workspace: &'a mut Workspace,
}

/// A component that a step moves to another, and the power of Y that it is multiplied by.
fn source(target: usize, shift: u32, extension: u32) -> (usize, usize) {
    let width = 1_usize << extension;
    let (degrees, moved) = (shift as usize >> extension, shift as usize & (width - 1));
    ((target + width - moved) % width, degrees + usize::from(target < moved))
}

impl Steps<'_> {
    /// One step of a rotation, on the components of a family.
    fn take(
        &mut self,
        ggsws: [FourierGgswCiphertextView<'_>; SmallKey::BLOCK],
        shifts: [u32; SmallKey::BLOCK],
        (family, extension): (u32, u32),
        accumulator: &mut [u64],
    ) {
        let targets = (0..1_usize << extension).step_by(1 << (extension - family));
        match self.powers {
            None => {
                self.take_bit(ggsws[0], |target| source(target, shifts[0], extension), targets, accumulator);
            }
            Some(powers) => {
                let sources = |target| shifts.map(|shift| source(target, shift, extension));
                self.take_block(powers, (ggsws, shifts), sources, targets, accumulator);
            }
        }
    }

    fn take_bit(
        &mut self,
        ggsw: FourierGgswCiphertextView<'_>,
        source: impl Fn(usize) -> (usize, usize),
        targets: impl Iterator<Item = usize> + Clone,
        accumulator: &mut [u64],
    ) {
        let Self { glwe_length, fft, difference, workspace, .. } = self;
        let component = |index: usize| index * *glwe_length..(index + 1) * *glwe_length;
        for target in targets.clone() {
            let (source, degree) = source(target);
            workspace.prepare(
                &ggsw,
                &mut difference[component(target)],
                &accumulator[component(source)],
                &accumulator[component(target)],
                degree,
            );
        }
        for target in targets {
            let (output, rounded) = (&mut accumulator[component(target)], &mut difference[component(target)]);
            workspace.add_product(ggsw, output, rounded, *fft);
        }
    }

    fn take_block(
        &mut self,
        powers: &Powers,
        (ggsws, shifts): ([FourierGgswCiphertextView<'_>; SmallKey::BLOCK], [u32; SmallKey::BLOCK]),
        sources: impl Fn(usize) -> [(usize, usize); SmallKey::BLOCK],
        targets: impl Iterator<Item = usize> + Clone,
        accumulator: &mut [u64],
    ) {
        let Self { glwe_length, fft, difference, transformed, workspace, .. } = self;
        let size = ggsws[0].polynomial_size().0;
        let component = |index: usize| index * *glwe_length..(index + 1) * *glwe_length;
        let digits = ggsws[0].decomposition_level_count().0 * *glwe_length / 2;
        let digits = |index: usize| index * digits..(index + 1) * digits;
        for target in targets.clone() {
            let input = &accumulator[component(target)];
            let rounded = &mut difference[..*glwe_length];
            workspace.transform(&ggsws[0], (rounded, input), &mut transformed[digits(target)], *fft);
        }
        for target in targets {
            let transformed = &*transformed;
            let products = ggsws.into_iter().zip(shifts).zip(sources(target));
            let products =
                products.filter(|((_, shift), _)| *shift != 0).map(|((ggsw, _), (source, degree))| {
                    (ggsw, &transformed[digits(source)], degree % (2 * size))
                });
            let output = &mut accumulator[component(target)];
            workspace.add_moved(products, &transformed[digits(target)], output, (powers, *fft));
        }
    }
}

/// The phase that a rotation reads, decrypted.
#[cfg(test)]
pub(crate) fn phase_on_grid(
    ciphertext: &[u32],
    modulus_switch: ModulusSwitch,
    log_grid: u32,
    (small_key, key): (SmallKey, &[u32]),
) -> u32 {
    let mut switched = Switched::new();
    switched.switch(ciphertext, modulus_switch, log_grid, small_key);
    let bits = small_key.bits_of_a_step();
    let mask = switched.families.iter().flatten().flat_map(|&(number, shifts)| {
        shifts.into_iter().zip(&key[number * bits..(number + 1) * bits]).collect::<Vec<_>>()
    });
    let sum = mask.fold(0_u32, |sum, (value, bit)| sum.wrapping_add(value.wrapping_mul(*bit)));
    switched.body.wrapping_sub(sum) & ((1 << log_grid) - 1)
}
