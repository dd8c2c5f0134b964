//! What a rotation would take with other keys: bits in blocks of two or three of which at most one is 1 (Lee, Min, Seo and Song, *Faster TFHE
//! bootstrapping with block binary keys*, Asiacrypt 2023), and two uniform bits unrolled; beside the steps of today, on real ciphertexts.
//!
//! `cargo bench -p fheqat-runtime --bench blocks`. All ways take turns in one run, with the same transforms and vector code, so that their
//! ratios mean something. It prints core-time of a rotation, alone and in a block of eight, and the variance of what is extracted.
//!
//! A step with shifts a and b is `acc += G_a (X^a - 1) acc + G_b (X^b - 1) acc`: one decomposition and one transform of acc, and of the
//! sum, for both; powers of X are multiplied in the Fourier domain. Unrolled, three keys of `s t`, `s (1 - t)` and `(1 - s) t` take the
//! shifts a + b, a and b.

#![expect(
    clippy::inline_always,
    reason = "only what is inlined into a dispatch is compiled for its instructions"
)]

use std::{hint::black_box, time::Duration};

use aligned_vec::{AVec, ConstAlign};
use fheqat_runtime::params::{modulus_switch::ModulusSwitch, noise::glwe_encryption};
use pulp::{Arch, Simd, WithSimd, c64};
use tfhe::core_crypto::{
    commons::{generators::DeterministicSeeder, math::random::Seed},
    fft_impl::fft64::{crypto::ggsw::FourierGgswCiphertextView, math::polynomial::FourierPolynomialMutView},
    prelude::*,
};

use self::clock::clock;

#[allow(dead_code, reason = "criterion's half of it is for the other benches")]
mod clock;

const ROUNDS: usize = 7;
const BLOCK: usize = 8;

/// What parameters of the golden tables rotate by.
struct Subject {
    slots: u32,
    log2_p: i32,
    dimension: usize,
    glwe_dimension: usize,
    size: usize,
    decomposition: (usize, usize),
    modulus_switch: ModulusSwitch,
}

/// M, log2 of p, n, k, N, base and levels, nu and lambda.
type Row = (u32, i32, usize, usize, usize, (usize, usize), u32, f64);

#[rustfmt::skip]
const SUBJECTS: [Row; 8] = [
    (16, -40, 752, 2, 1024, (21, 1), 0, 0.0),
    (64, -40, 872, 1, 2048, (23, 1), 2, 0.291),
    (128, -40, 932, 1, 2048, (23, 1), 5, 0.049),
    (256, -40, 948, 1, 2048, (13, 2), 5, 0.364),
    (16, -128, 812, 2, 1024, (23, 1), 1, 0.020),
    (64, -128, 924, 1, 2048, (23, 1), 2, 2.711),
    (128, -128, 960, 1, 2048, (23, 1), 4, 2.711),
    (256, -128, 1000, 1, 2048, (15, 2), 5, 2.168),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Today,
    Unrolled,
    Blocks(usize),
}

impl Way {
    const ALL: [Self; 4] = [Self::Today, Self::Unrolled, Self::Blocks(2), Self::Blocks(3)];

    /// Bits of the small key that one step takes.
    const fn bits(self) -> usize {
        match self {
            Self::Today => 1,
            Self::Unrolled => 2,
            Self::Blocks(bits) => bits,
        }
    }

    /// Of the error of a mask element, squared, what reaches the phase: the variance of a bit.
    fn variance_of_a_bit(self) -> f64 {
        let mean = match self {
            Self::Today | Self::Unrolled => 0.5,
            Self::Blocks(bits) => 1.0 / (bits + 1) as f64,
        };
        mean * (1.0 - mean)
    }

    /// Whole steps of bits, at most so many.
    fn draw(
        self,
        dimension: usize,
        generator: &mut SecretRandomGenerator<DefaultRandomGenerator>,
    ) -> Vec<u64> {
        let uniform: LweSecretKeyOwned<u64> =
            allocate_and_generate_new_binary_lwe_secret_key(LweDimension(4 * dimension), generator);
        let steps = uniform.as_ref().chunks_exact(self.bits());
        let is_allowed = |step: &&[u64]| !matches!(self, Self::Blocks(_)) || step.iter().sum::<u64>() <= 1;
        steps.filter(is_allowed).take(dimension / self.bits()).flatten().copied().collect()
    }

    /// What the bootstrap key encrypts, for the bits of one step.
    fn encrypted(self, bits: &[u64]) -> Vec<u64> {
        match (self, bits) {
            (Self::Unrolled, &[one, other]) => vec![one * other, one * (1 - other), (1 - one) * other],
            _ => bits.to_vec(),
        }
    }

    /// The shifts of one step, in the order of [`encrypted`](Self::encrypted).
    fn shifts(self, shifts: &[u32], points: u32) -> Vec<u32> {
        match (self, shifts) {
            (Self::Unrolled, &[one, other]) => vec![(one + other) % points, one, other],
            _ => shifts.to_vec(),
        }
    }
}

/// A step on the grid: its number, family and shifts.
struct Step {
    number: usize,
    family: u32,
    shifts: Vec<u32>,
}

/// Mask elements rounded together: the family that is cheapest for all of a step, and their errors in coarse steps, squared.
fn round(elements: &[u32], modulus_switch: ModulusSwitch, log_grid: u32) -> (u32, Vec<u32>, f64) {
    let step = 32 - log_grid;
    let nearest = |element: u32, family: u32| {
        let stride = step + modulus_switch.extension - family;
        let value = (u64::from(element) + (1_u64 << (stride - 1))) >> stride << stride;
        let error = (value as i64 - i64::from(element)) as f64 / f64::from(1_u32 << step);
        ((value >> step) as u32 & ((1 << log_grid) - 1), error * error)
    };
    let of_family = |family: u32| {
        let rounded: Vec<(u32, f64)> = elements.iter().map(|&element| nearest(element, family)).collect();
        let error: f64 = rounded.iter().map(|(_, error)| error).sum();
        (family, rounded.into_iter().map(|(value, _)| value).collect::<Vec<u32>>(), error)
    };
    let price = |(family, _, error): &(u32, Vec<u32>, f64)| {
        f64::from(1_u32 << family) + modulus_switch.error_weight * error
    };
    let (family, shifts, error) = (0..=modulus_switch.extension)
        .map(of_family)
        .min_by(|one, other| price(one).total_cmp(&price(other)))
        .expect("family 0 at least");
    (family, shifts, error * 4.0_f64.powi(-(modulus_switch.extension as i32)))
}

fn elements(count: usize, seed: u64) -> Vec<u32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    (0..count).map(|_| next()).collect()
}

impl Subject {
    fn all() -> impl Iterator<Item = Self> {
        SUBJECTS.into_iter().map(
            |(slots, log2_p, dimension, glwe_dimension, size, decomposition, extension, error_weight)| Self {
                slots,
                log2_p,
                dimension,
                glwe_dimension,
                size,
                decomposition,
                modulus_switch: ModulusSwitch { extension, error_weight },
            },
        )
    }

    fn log_grid(&self) -> u32 {
        (2 * self.size).ilog2() + self.modulus_switch.extension
    }

    /// Variance that rounding the mask adds, in coarse steps, for a weight of errors.
    fn rounding(&self, way: Way, error_weight: f64) -> f64 {
        let modulus_switch = ModulusSwitch { error_weight, ..self.modulus_switch };
        let elements = elements(20_000, 9);
        let errors =
            elements.chunks_exact(way.bits()).map(|step| round(step, modulus_switch, self.log_grid()).2);
        errors.sum::<f64>() / elements.len() as f64 * way.variance_of_a_bit() * self.dimension as f64
    }

    /// With the weight of errors at which a way has the noise of today's.
    fn modulus_switch(&self, way: Way) -> ModulusSwitch {
        let today = self.rounding(Way::Today, self.modulus_switch.error_weight);
        let (mut low, mut high) = (1e-6_f64, 1e6_f64);
        for _ in 0..40 {
            let middle = (low * high).sqrt();
            if self.rounding(way, middle) > today { low = middle } else { high = middle }
        }
        let error_weight = if way == Way::Today { self.modulus_switch.error_weight } else { high };
        ModulusSwitch { error_weight, ..self.modulus_switch }
    }

    /// Steps, fine shifts first.
    fn steps(&self, way: Way, seed: u64) -> Vec<Step> {
        let modulus_switch = self.modulus_switch(way);
        let elements = elements(self.dimension / way.bits() * way.bits(), seed);
        let mut steps: Vec<Step> = elements
            .chunks_exact(way.bits())
            .enumerate()
            .map(|(number, step)| {
                let (family, shifts, _) = round(step, modulus_switch, self.log_grid());
                Step { number, family, shifts: way.shifts(&shifts, 1 << self.log_grid()) }
            })
            .collect();
        steps.sort_by_key(|step| std::cmp::Reverse(step.family));
        steps
    }
}

/// A bootstrap key of one way, and the secrets behind it.
struct Keys {
    way: Way,
    bits: Vec<u64>,
    big: GlweSecretKeyOwned<u64>,
    bootstrap: FourierLweBootstrapKeyOwned,
}

impl Keys {
    fn new(subject: &Subject, way: Way, seed: u128) -> Self {
        let mut seeder = DeterministicSeeder::<DefaultRandomGenerator>::new(Seed(seed));
        let mut secret = SecretRandomGenerator::new(seeder.seed());
        let mut encryption =
            EncryptionRandomGenerator::<DefaultRandomGenerator>::new(seeder.seed(), &mut seeder);
        let bits = way.draw(subject.dimension, &mut secret);
        let (k, size) = (GlweDimension(subject.glwe_dimension), PolynomialSize(subject.size));
        let big = allocate_and_generate_new_binary_glwe_secret_key(k, size, &mut secret);
        let encrypted: Vec<u64> =
            bits.chunks_exact(way.bits()).flat_map(|bits| way.encrypted(bits)).collect();
        let dimension = LweDimension(encrypted.len());
        let base_log = DecompositionBaseLog(subject.decomposition.0);
        let levels = DecompositionLevelCount(subject.decomposition.1);
        let variance = glwe_encryption(k.to_equivalent_lwe_dimension(size));
        let standard = par_allocate_and_generate_new_lwe_bootstrap_key(
            &LweSecretKey::from_container(encrypted),
            &big,
            base_log,
            levels,
            Gaussian::from_dispersion_parameter(variance, 0.0),
            CiphertextModulus::new_native(),
            &mut encryption,
        );
        let mut bootstrap = FourierLweBootstrapKey::new(dimension, k.to_glwe_size(), size, base_log, levels);
        par_convert_standard_lwe_bootstrap_key_to_fourier(&standard, &mut bootstrap);
        Self { way, bits, big, bootstrap }
    }
}

/// What one thread rotates with.
struct Engine {
    arch: Arch,
    fft: Fft,
    size: usize,
    polynomials: usize,
    gadget: Gadget,
    extension: u32,
    /// Transforms of `X^0 ... X^63`, and of `X^0, X^64 ...` up to `X^(2N - 64)`.
    powers: [Vec<AVec<c64, ConstAlign<128>>>; 2],
    errors: Vec<u64>,
    rounded: Vec<u64>,
    digits: Vec<u64>,
    /// `[components, levels, polynomials, N / 2]`
    transformed: AVec<c64, ConstAlign<128>>,
    sums: AVec<c64, ConstAlign<128>>,
    buffers: ComputationBuffers,
}

const LOW: usize = 64;

fn zeros(length: usize) -> AVec<c64, ConstAlign<128>> {
    AVec::from_iter(128, std::iter::repeat_n(c64::new(0.0, 0.0), length))
}

impl Engine {
    fn new(subject: &Subject) -> Self {
        let (size, polynomials) = (subject.size, subject.glwe_dimension + 1);
        let fft = Fft::new(PolynomialSize(size));
        let view = fft.as_view();
        let mut buffers = ComputationBuffers::new();
        buffers.resize(view.forward_scratch().or(view.backward_scratch()).unaligned_bytes_required());
        let mut power = |exponent: usize| {
            let mut polynomial = vec![0_u64; size];
            polynomial[exponent % size] = if exponent >= size { u64::MAX } else { 1 };
            let mut transformed = zeros(size / 2);
            view.forward_as_integer(
                FourierPolynomialMutView { data: &mut transformed[..] },
                Polynomial::from_container(&polynomial[..]),
                buffers.stack(),
            );
            transformed
        };
        let low = (0..LOW).map(&mut power).collect();
        let high = (0..2 * size / LOW).map(|high| power(high * LOW)).collect();
        let width = 1 << subject.modulus_switch.extension;
        let (base_log, levels) = subject.decomposition;
        Self {
            arch: Arch::new(),
            size,
            polynomials,
            gadget: Gadget::new(base_log as u32, levels),
            extension: subject.modulus_switch.extension,
            powers: [low, high],
            errors: vec![0; size],
            rounded: vec![0; width * polynomials * size],
            digits: vec![0; size],
            transformed: zeros(width * levels * polynomials * size / 2),
            sums: zeros(polynomials * size / 2),
            buffers,
            fft,
        }
    }

    /// Rotates accumulators `[components, polynomials, N]`, which go through the key together.
    fn rotate(&mut self, keys: &Keys, steps: &[Vec<Step>], accumulators: &mut [Vec<u64>]) {
        let ggsws: Vec<_> = keys.bootstrap.as_view().into_ggsw_iter().collect();
        let each = ggsws.len() / (keys.bits.len() / keys.way.bits());
        let mut next = vec![0; steps.len()];
        for family in (0..=self.extension).rev() {
            for (number, ggsws) in ggsws.chunks_exact(each).enumerate() {
                for ((steps, next), accumulator) in steps.iter().zip(&mut next).zip(&mut *accumulators) {
                    if let Some(step) = steps.get(*next)
                        && (step.family, step.number) == (family, number)
                    {
                        if keys.way == Way::Today {
                            self.step(ggsws[0], step.shifts[0], family, accumulator);
                        } else {
                            self.step_of_several(ggsws, &step.shifts, family, accumulator);
                        }
                        *next += 1;
                    }
                }
            }
        }
    }

    fn targets(&self, family: u32) -> impl Iterator<Item = usize> + use<> {
        (0..1 << self.extension).step_by(1 << (self.extension - family))
    }

    /// The component that a shift moves to `target`, and by how much.
    const fn source(&self, target: usize, shift: u32) -> (usize, usize) {
        let width = 1_usize << self.extension;
        let moved = shift as usize & (width - 1);
        let wraps = if target < moved { 1 } else { 0 };
        ((target + width - moved) % width, ((shift as usize >> self.extension) + wraps) % (2 * self.size))
    }

    fn step(
        &mut self,
        ggsw: FourierGgswCiphertextView<'_>,
        shift: u32,
        family: u32,
        accumulator: &mut [u64],
    ) {
        let length = self.polynomials * self.size;
        let component = |index: usize| index * length..(index + 1) * length;
        for target in self.targets(family) {
            let (source, degree) = self.source(target, shift);
            let (size, gadget, errors) = (self.size, self.gadget, &mut self.errors[..]);
            let rounded = &mut self.rounded[component(target)];
            let (moved, kept) = (&accumulator[component(source)], &accumulator[component(target)]);
            for ((rounded, moved), kept) in
                rounded.chunks_exact_mut(size).zip(moved.chunks_exact(size)).zip(kept.chunks_exact(size))
            {
                self.arch.dispatch(Difference { rounded, moved, kept, degree });
            }
            self.arch.dispatch(RoundAll { rounded, errors, gadget });
        }
        for target in self.targets(family) {
            let mut first = true;
            for matrix in ggsw.into_levels() {
                for (polynomial, row) in matrix.into_rows().enumerate() {
                    self.transform(target, polynomial, 0);
                    let transformed = &self.transformed[..self.size / 2];
                    let sums = &mut self.sums[..];
                    self.arch.dispatch(MultiplyAdd { sums, row: row.data(), transformed, first });
                    first = false;
                }
            }
            self.add(&mut accumulator[component(target)]);
        }
    }

    fn step_of_several(
        &mut self,
        ggsws: &[FourierGgswCiphertextView<'_>],
        shifts: &[u32],
        family: u32,
        accumulator: &mut [u64],
    ) {
        let length = self.polynomials * self.size;
        let component = |index: usize| index * length..(index + 1) * length;
        let (levels, polynomials, half) = (self.gadget.levels, self.polynomials, self.size / 2);
        let place = |component: usize, row: usize| (component * levels * polynomials + row) * half;
        for target in self.targets(family) {
            let rounded = &mut self.rounded[component(target)];
            rounded.copy_from_slice(&accumulator[component(target)]);
            self.arch.dispatch(RoundAll { rounded, errors: &mut self.errors, gadget: self.gadget });
            for row in 0..levels * polynomials {
                self.transform(target, row % polynomials, place(target, row));
            }
        }
        for target in self.targets(family) {
            let mut first = true;
            for (ggsw, &shift) in ggsws.iter().zip(shifts) {
                if shift == 0 {
                    continue;
                }
                let (source, degree) = self.source(target, shift);
                let rows = ggsw.into_levels().flat_map(FourierGgswLevelMatrix::into_rows);
                for (number, row) in rows.enumerate() {
                    let at = |component| {
                        let place = place(component, number);
                        &self.transformed[place..place + half]
                    };
                    self.arch.dispatch(MoveMultiplyAdd {
                        sums: &mut self.sums[..],
                        row: row.data(),
                        source: at(source),
                        target: at(target),
                        powers: [&self.powers[0][degree % LOW][..], &self.powers[1][degree / LOW][..]],
                        first,
                    });
                    first = false;
                }
            }
            if !first {
                self.add(&mut accumulator[component(target)]);
            }
        }
    }

    /// The last digit of a rounded polynomial, transformed to a place.
    fn transform(&mut self, component: usize, polynomial: usize, place: usize) {
        let size = self.size;
        let from = (component * self.polynomials + polynomial) * size;
        let rounded = &mut self.rounded[from..from + size];
        let digits = if self.gadget.levels == 1 {
            &*rounded
        } else {
            self.arch.dispatch(TakeDigit { gadget: self.gadget, digits: &mut self.digits, rounded });
            &self.digits[..]
        };
        self.fft.as_view().forward_as_integer(
            FourierPolynomialMutView { data: &mut self.transformed[place..place + size / 2] },
            Polynomial::from_container(digits),
            self.buffers.stack(),
        );
    }

    fn add(&mut self, output: &mut [u64]) {
        let sums = self.sums.chunks_exact_mut(self.size / 2);
        for (output, sum) in output.chunks_exact_mut(self.size).zip(sums) {
            self.fft.as_view().add_backward_in_place_as_torus(
                Polynomial::from_container(output),
                FourierPolynomialMutView { data: sum },
                self.buffers.stack(),
            );
        }
    }
}

#[derive(Clone, Copy)]
struct Gadget {
    base_log: u32,
    dropped: u32,
    levels: usize,
    sign: u64,
}

impl Gadget {
    const fn new(base_log: u32, levels: usize) -> Self {
        let kept = base_log * levels as u32;
        Self { base_log, dropped: 64 - kept, levels, sign: 1 << (kept - 1) }
    }

    #[inline(always)]
    fn round(self, value: u64) -> u64 {
        let half = 1_u64.wrapping_shl(self.dropped - 1);
        (value.wrapping_add(half).wrapping_shr(self.dropped) ^ self.sign).wrapping_sub(self.sign)
    }
}

/// Rounds a ciphertext to its digits; the mean of what that adds to masks goes into the body.
struct RoundAll<'a> {
    rounded: &'a mut [u64],
    errors: &'a mut [u64],
    gadget: Gadget,
}

impl WithSimd for RoundAll<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { rounded, errors, gadget } = self;
        let size = errors.len();
        errors.fill(0);
        let (masks, body) = rounded.split_at_mut(rounded.len() - size);
        for mask in masks.chunks_exact_mut(size) {
            for (rounded, error) in mask.iter_mut().zip(&mut *errors) {
                let value = *rounded;
                *rounded = gadget.round(value);
                *error = error.wrapping_add(rounded.wrapping_shl(gadget.dropped).wrapping_sub(value));
            }
        }
        let total = errors.iter().fold(0_u64, |sum, error| sum.wrapping_add(*error)) as i64;
        let mut sum = (-(total / 2)) as u64;
        for (rounded, error) in body.iter_mut().zip(errors) {
            sum = sum.wrapping_add(*error);
            *rounded = gadget.round(rounded.wrapping_add(sum));
        }
    }
}

/// `X^degree * moved - kept`.
struct Difference<'a> {
    rounded: &'a mut [u64],
    moved: &'a [u64],
    kept: &'a [u64],
    degree: usize,
}

impl WithSimd for Difference<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { rounded, moved, kept, degree } = self;
        let size = rounded.len();
        let sign = if degree >= size { u64::MAX } else { 0 };
        let degree = degree % size;
        let (low, high) = rounded.split_at_mut(degree);
        let (kept_low, kept_high) = kept.split_at(degree);
        let (moved_low, moved_high) = moved.split_at(size - degree);
        for (output, moved, kept, sign) in
            [(low, moved_high, kept_low, !sign), (high, moved_low, kept_high, sign)]
        {
            for ((output, moved), kept) in output.iter_mut().zip(moved).zip(kept) {
                *output = (moved ^ sign).wrapping_sub(sign).wrapping_sub(*kept);
            }
        }
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
        let base_log = self.gadget.base_log;
        let (sign, mask, rest_sign) =
            (1_u64 << (base_log - 1), (1_u64 << base_log) - 1, 1_u64 << (63 - base_log));
        for (digit, rounded) in self.digits.iter_mut().zip(self.rounded) {
            *digit = ((*rounded & mask) ^ sign).wrapping_sub(sign);
            let rest = rounded.wrapping_sub(*digit).wrapping_shr(base_log);
            *rounded = (rest ^ rest_sign).wrapping_sub(rest_sign);
        }
    }
}

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
        let half = transformed.len();
        let factors = S::as_simd_c64s(transformed).0;
        for (sum, row) in sums.chunks_exact_mut(half).zip(row.chunks_exact(half)) {
            let (sum, row) = (S::as_mut_simd_c64s(sum).0, S::as_simd_c64s(row).0);
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

/// `sums += row * (X^degree * source - target)` for each polynomial of the row.
struct MoveMultiplyAdd<'a> {
    sums: &'a mut [c64],
    row: &'a [c64],
    source: &'a [c64],
    target: &'a [c64],
    powers: [&'a [c64]; 2],
    first: bool,
}

impl WithSimd for MoveMultiplyAdd<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sums, row, source, target, powers: [low, high], first } = self;
        let half = source.len();
        let (source, target) = (S::as_simd_c64s(source).0, S::as_simd_c64s(target).0);
        let (low, high) = (S::as_simd_c64s(low).0, S::as_simd_c64s(high).0);
        let count = source.len();
        let (target, low, high) = (&target[..count], &low[..count], &high[..count]);
        match row.len() / half {
            2 => self::multiply_add::<S, 2>(simd, sums, row, (source, target, low, high), first),
            _ => self::multiply_add::<S, 3>(simd, sums, row, (source, target, low, high), first),
        }
    }
}

type Factors<'a, S> =
    (&'a [<S as Simd>::c64s], &'a [<S as Simd>::c64s], &'a [<S as Simd>::c64s], &'a [<S as Simd>::c64s]);

#[inline(always)]
fn multiply_add<S: Simd, const POLYNOMIALS: usize>(
    simd: S,
    sums: &mut [c64],
    row: &[c64],
    (source, target, low, high): Factors<'_, S>,
    first: bool,
) {
    let count = source.len();
    let row = S::as_simd_c64s(row).0;
    let sums = S::as_mut_simd_c64s(sums).0;
    let row = &row[..POLYNOMIALS * count];
    let sums = &mut sums[..POLYNOMIALS * count];
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

/// One mark in each component.
fn start(engine: &Engine) -> Vec<u64> {
    let mut accumulator = vec![0; engine.rounded.len()];
    for component in accumulator.chunks_exact_mut(engine.polynomials * engine.size) {
        component[(engine.polynomials - 1) * engine.size] = MARK;
    }
    accumulator
}

const MARK: u64 = 1 << 60;

/// The variance of what component 0 is off.
fn variance(engine: &Engine, keys: &Keys, steps: &[Step], accumulator: &[u64]) -> f64 {
    let (size, width) = (engine.size, 1_usize << engine.extension);
    let encrypted: Vec<Vec<u64>> =
        keys.bits.chunks_exact(keys.way.bits()).map(|bits| keys.way.encrypted(bits)).collect();
    let turned: usize = steps
        .iter()
        .map(|step| {
            let bits = &encrypted[step.number];
            step.shifts.iter().zip(bits).map(|(&shift, &bit)| shift as usize * bit as usize).sum::<usize>()
        })
        .sum();
    let component = &accumulator[..engine.polynomials * size];
    let ciphertext =
        GlweCiphertext::from_container(component, PolynomialSize(size), CiphertextModulus::new_native());
    let mut phases = PlaintextList::new(0_u64, PlaintextCount(size));
    decrypt_glwe_ciphertext(&keys.big, &ciphertext, &mut phases);
    let mut phases = phases.into_container();
    let at = turned.div_ceil(width) % (2 * size);
    let mark = &mut phases[at % size];
    *mark = if at < size { mark.wrapping_sub(MARK) } else { mark.wrapping_add(MARK) };
    let squares = phases.iter().map(|&phase| (phase.cast_signed() as f64 * (-64.0_f64).exp2()).powi(2));
    squares.sum::<f64>() / size as f64
}

fn main() {
    // `cargo test` runs benches too, to see whether they start.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("   M     p  way        products  alone, ms  ratio  of eight, ms  ratio  log2 variance");
    for subject in Subject::all() {
        let mut engine = Engine::new(&subject);
        let ways: Vec<(Keys, Vec<Vec<Step>>)> = Way::ALL
            .into_iter()
            .map(|way| {
                let steps = (0..BLOCK as u64).map(|seed| subject.steps(way, seed)).collect();
                (Keys::new(&subject, way, 5), steps)
            })
            .collect();
        let mut times = vec![[const { Vec::new() }; 2]; ways.len()];
        let mut variances = vec![Vec::new(); ways.len()];
        for _ in 0..ROUNDS {
            for (((keys, steps), times), variances) in ways.iter().zip(&mut times).zip(&mut variances) {
                for (count, times) in [1, BLOCK].into_iter().zip(times) {
                    let mut accumulators = vec![start(&engine); count];
                    let began = clock();
                    engine.rotate(keys, &steps[..count], black_box(&mut accumulators));
                    times.push(clock().saturating_sub(began) / count as u32);
                    if variances.len() < BLOCK && count == BLOCK {
                        let errors = steps.iter().zip(&accumulators);
                        variances.extend(
                            errors.map(|(steps, accumulator)| variance(&engine, keys, steps, accumulator)),
                        );
                    }
                }
            }
        }
        let quartile = |times: &Vec<Duration>| {
            let mut times = times.clone();
            times.sort();
            times[ROUNDS / 4].as_secs_f64() * 1e3
        };
        let today = [quartile(&times[0][0]), quartile(&times[0][1])];
        for (((keys, steps), times), variances) in ways.iter().zip(&times).zip(&variances) {
            let [alone, eight] = [quartile(&times[0]), quartile(&times[1])];
            let products = steps.iter().flatten().map(|step| f64::from(1_u32 << step.family)).sum::<f64>();
            let variance = variances.iter().sum::<f64>() / variances.len() as f64;
            assert!(variance < (-20.0_f64).exp2(), "{:?} does not decrypt", keys.way);
            println!(
                "{:>4}  {:>4}  {:<9} {:>9.0} {alone:>10.2} {:>6.2} {eight:>13.2} {:>6.2} {:>14.2}",
                subject.slots,
                subject.log2_p,
                format!("{:?}", keys.way),
                products / BLOCK as f64,
                today[0] / alone,
                today[1] / eight,
                variance.log2(),
            );
        }
    }
}
