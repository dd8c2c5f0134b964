//! What the engine's operations take on this machine: each is timed on keys as large as real ones, filled with random numbers.

use std::num::NonZeroUsize;

use aligned_vec::{AVec, ConstAlign};
use indicatif::{ProgressBar, ProgressStyle};
use pulp::c64;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tfhe::core_crypto::{
    commons::{generators::DeterministicSeeder, math::random::Seed as TorusSeed},
    prelude::{
        CiphertextModulus, DefaultRandomGenerator, Fft, FourierLweBootstrapKey, GlweCiphertext,
        GlweDimension, LweDimension, LweKeyswitchKey, PolynomialSize,
    },
};

use super::times::Times;
use crate::{
    fhe::{
        ThreadError,
        secrets::Secrets,
        server::{
            blocks::Powers,
            key_switch,
            packed::PackedInputs,
            rotate::{self, BootstrapKey, Scratch},
            running::{add_scaled, expand},
        },
    },
    params::{
        Decomposition, Parameters, Seconds, SmallKey,
        cost::{self, BLOCK, Prices, ShapePrices, StepPrice},
        modulus_switch::ModulusSwitch,
    },
    plan::Rotation,
};

/// Bytes of the key that rotations read: those of a server key, and more than a processor caches.
const KEY: usize = 1 << 27;

/// Parts of it, each the key of one measurement: before it is used again, the caches have forgotten it.
const WINDOWS: usize = 8;

/// All is measured in several rounds: a disturbance spoils one.
const ROUNDS: usize = 3;

/// Kinds of small keys, by place in [`ShapeTimes::steps`].
const KINDS: [SmallKey; 2] = [SmallKey::Uniform, SmallKey::Blocks];

/// The rotation whose further products are measured.
const EXTENDED: ModulusSwitch = ModulusSwitch { extension: 3, error_weight: 1e9 };

/// A multiplicative sequence: its numbers are uniform, and no two cache lines are equal.
const fn scramble(index: usize) -> u64 {
    (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// One thread, and a key that does not fit its caches.
struct Bench {
    key: AVec<c64, ConstAlign<128>>,
    workers: ThreadPool,
}

/// Times of a step by levels, for one external product and for several.
#[derive(Default)]
struct StepTimes {
    single: [Times; 2],
    extended: [Times; 2],
}

/// One shape's times.
struct ShapeTimes {
    shape: (GlweDimension, PolynomialSize),
    /// Of uniform bits and of blocks.
    steps: [StepTimes; 2],
    bootstrap_key: Times,
}

impl Prices {
    /// Measures this machine: a few seconds, with a bar on a terminal.
    ///
    /// # Errors
    /// When a thread cannot start.
    pub fn measure() -> Result<Self, ThreadError> {
        let bench = Bench::new()?;
        let mut shapes: Vec<ShapeTimes> = cost::shapes().into_iter().map(ShapeTimes::new).collect();
        let mut other = OtherTimes::new();
        let bar = bar(ROUNDS * (shapes.len() + 1));
        for round in 0..ROUNDS {
            for shape in &mut shapes {
                bench.workers.install(|| shape.measure(&bench, round));
                bar.inc(1);
            }
            bench.workers.install(|| other.measure());
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(Self {
            shapes: shapes.into_iter().map(ShapeTimes::prices).collect(),
            key_switch: other.key_switch_price(),
            addition: other.addition.typical(),
            packed_addition: other.packed_addition.typical(),
            extraction: other.extraction.typical(),
            expansion: other.expansion.typical(),
            key_switching_key: other.key_switching_key.typical(),
        })
    }
}

fn bar(steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("measuring this machine {bar:32} {eta}");
    ProgressBar::new(steps as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl Bench {
    fn new() -> Result<Self, ThreadError> {
        let value = |index| (scramble(index) >> 40) as f64 * 2.0_f64.powi(-24) - 0.5;
        let numbers =
            (0..KEY / size_of::<c64>()).map(|index| c64::new(value(2 * index), value(2 * index + 1)));
        let threads = Some(NonZeroUsize::MIN);
        let workers = ThreadPoolBuilder::new().num_threads(1).build();
        let workers = workers.map_err(|error| ThreadError { threads, reason: error.to_string() })?;
        Ok(Self { key: AVec::from_iter(128, numbers), workers })
    }
}

/// Parameters of a shape whose bootstrap key is one window.
fn parameters(
    (glwe_dimension, polynomial_size): (GlweDimension, PolynomialSize),
    levels: usize,
    small_key: SmallKey,
) -> Parameters {
    let one = Parameters {
        lwe_dimension: LweDimension(small_key.bits_of_a_step()),
        small_key,
        glwe_dimension,
        polynomial_size,
        rotation: Decomposition::new(22 / levels, levels),
        key_switch: None,
        packing: None,
    };
    let steps = KEY / WINDOWS / one.bootstrap_key_bytes().0 as usize;
    Parameters { lwe_dimension: LweDimension(steps * small_key.bits_of_a_step()), ..one }
}

impl ShapeTimes {
    fn new(shape: (GlweDimension, PolynomialSize)) -> Self {
        Self { shape, steps: Default::default(), bootstrap_key: Times::default() }
    }

    fn measure(&mut self, bench: &Bench, round: usize) {
        let fft = Fft::new(self.shape.1);
        let powers = Powers::new(self.shape.1, &fft);
        for (kind, (small_key, powers)) in KINDS.into_iter().zip([None, Some(&powers)]).enumerate() {
            for (index, levels) in [1, 2].into_iter().enumerate() {
                let parameters = parameters(self.shape, levels, small_key);
                let mut scratch = Scratch::new(&parameters, EXTENDED.extension, &fft);
                let StepTimes { single, extended } = &mut self.steps[kind];
                for window in 0..WINDOWS / 2 {
                    let window = (2 * window + round) % WINDOWS;
                    let key = bench.window(&parameters, window, &fft, powers);
                    rotate(key, &parameters, ModulusSwitch::PLAIN, &mut scratch, &mut single[index]);
                }
                for window in 0..WINDOWS / 4 {
                    let window = (4 * window + round) % WINDOWS;
                    let key = bench.window(&parameters, window, &fft, powers);
                    rotate(key, &parameters, EXTENDED, &mut scratch, &mut extended[index]);
                }
            }
        }
        self.generate();
    }

    /// Keys of a few ciphertexts.
    fn generate(&mut self) {
        let small = self.shape.0.to_equivalent_lwe_dimension(self.shape.1).0 <= 4096;
        let (elements, takes) = if small { (2, 4) } else { (1, 1) };
        let parameters = Parameters {
            lwe_dimension: LweDimension(elements),
            ..parameters(self.shape, 1, SmallKey::Uniform)
        };
        let mut seeder = seeder();
        let secrets = Secrets::new(&parameters, &mut seeder);
        let ciphertexts = elements * parameters.glwe_dimension.to_glwe_size().0;
        for _ in 0..takes {
            self.bootstrap_key.time(ciphertexts as f64, || {
                let (seed, bodies) = secrets.bootstrap_key(&parameters, &mut seeder);
                parameters.expand_bootstrap_key(seed, bodies)
            });
        }
    }

    fn prices(self) -> ShapePrices {
        let [of_bits, of_blocks] = self.steps;
        let (uniform, blocks) = (of_bits.prices(SmallKey::Uniform), of_blocks.prices(SmallKey::Blocks));
        let (glwe_dimension, polynomial_size) = (self.shape.0.0, self.shape.1.0);
        ShapePrices {
            glwe_dimension,
            polynomial_size,
            one_level: uniform[0],
            further_level: uniform[1],
            block: blocks[0],
            further_level_of_block: blocks[1],
            bootstrap_key: self.bootstrap_key.typical(),
        }
    }
}

impl StepTimes {
    /// Of one level, and what a further one adds.
    fn prices(self, small_key: SmallKey) -> [StepPrice; 2] {
        let products = products(EXTENDED, 1 << 12, small_key);
        let [single_one, single_two] = self.single.map(Times::typical);
        let [extended_one, extended_two] = self.extended.map(Times::typical);
        let further =
            |single: Seconds, extended: Seconds| Seconds((extended.0 - single.0) / (products - 1.0));
        let (further_one, further_two) =
            (further(single_one, extended_one), further(single_two, extended_two));
        [
            StepPrice { first: single_one, further: further_one },
            StepPrice {
                first: Seconds(single_two.0 - single_one.0),
                further: Seconds(further_two.0 - further_one.0),
            },
        ]
    }
}

impl Bench {
    /// A part of the key as a bootstrap key.
    fn window<'a>(
        &'a self,
        parameters: &Parameters,
        window: usize,
        fft: &'a Fft,
        powers: Option<&'a Powers>,
    ) -> BootstrapKey<'a> {
        let numbers = parameters.bootstrap_key_bytes().0 as usize / size_of::<c64>();
        let start = window * (self.key.len() / WINDOWS);
        let ggsws = FourierLweBootstrapKey::from_container(
            &self.key[start..start + numbers],
            parameters.lwe_dimension,
            parameters.glwe_dimension.to_glwe_size(),
            parameters.polynomial_size,
            parameters.rotation.base_log,
            parameters.rotation.levels,
        );
        BootstrapKey { ggsws, fft, powers }
    }
}

/// One rotation over one window of the key.
fn rotate(
    key: BootstrapKey<'_>,
    parameters: &Parameters,
    modulus_switch: ModulusSwitch,
    scratch: &mut Scratch,
    times: &mut Times,
) {
    let rotation = Rotation::of_one_jump(parameters, modulus_switch);
    let n = parameters.lwe_dimension.0;
    let ciphertext: Vec<u32> = (0..=n).map(|index| (scramble(index) >> 32) as u32).collect();
    times.time(parameters.steps() as f64, || {
        let component = rotate::rotate(&[(&rotation, &ciphertext)], key, scratch).next();
        component.map(|component| component.as_ref()[0])
    });
}

/// Times of operations whose price does not depend on the big key's shape, over memory that the caches have forgotten.
struct OtherTimes {
    key: Vec<u32>,
    wires: Vec<u64>,
    key_switch: [Times; 2],
    addition: Times,
    packed_addition: Times,
    extraction: Times,
    expansion: Times,
    key_switching_key: Times,
}

impl OtherTimes {
    fn key_switch_price(&mut self) -> StepPrice {
        let [single, block] = std::mem::take(&mut self.key_switch).map(Times::typical);
        StepPrice { first: single, further: Seconds((block.0 - single.0) / (BLOCK - 1) as f64) }
    }

    fn new() -> Self {
        Self {
            key: (0..KEY / 2 / size_of::<u32>()).map(|index| (scramble(index) >> 32) as u32).collect(),
            wires: (0..KEY / 2 / size_of::<u64>()).map(scramble).collect(),
            key_switch: Default::default(),
            addition: Times::default(),
            packed_addition: Times::default(),
            extraction: Times::default(),
            expansion: Times::default(),
            key_switching_key: Times::default(),
        }
    }

    /// With a big key of dimension 2048 and a small one of about 1000.
    fn measure(&mut self) {
        const BIG: usize = 2048;
        const WIRE: usize = BIG + 1;
        const INPUTS: usize = 16;
        let decomposition = Decomposition::new(4, 4);
        let part = self.key.len() / 4;
        let n = part / (BIG * decomposition.levels.0) - 1;
        let modulus = CiphertextModulus::new_native();
        let inputs: Vec<Vec<u64>> = self.wires.chunks_exact(WIRE).take(BLOCK).map(<[u64]>::to_vec).collect();
        let mut outputs = vec![vec![0; LweDimension(n).to_lwe_size().0]; BLOCK];
        for key in self.key.chunks_exact(part) {
            let key = LweKeyswitchKey::from_container(
                &key[..BIG * decomposition.levels.0 * (n + 1)],
                decomposition.base_log,
                decomposition.levels,
                LweDimension(n).to_lwe_size(),
                CiphertextModulus::new_native(),
            );
            let integers = (BIG * decomposition.levels.0 * (n + 1)) as f64;
            for (times, block) in self.key_switch.iter_mut().zip([1, BLOCK]) {
                times.time(integers, || key_switch::switch(&key, &inputs[..block], &mut outputs));
            }
        }

        let mut sum = vec![0; WIRE];
        for wires in self.wires.chunks_exact(64 * WIRE) {
            self.addition.time(size_of_val(wires) as f64, || {
                wires.chunks_exact(WIRE).for_each(|wire| add_scaled(&mut sum, wire, 3));
            });
        }

        let one_key = Parameters::without_rotations(GlweDimension(1), PolynomialSize(BIG));
        let packed = PackedInputs::expand(&one_key, &self.wires[..64], 0);
        for _ in 0..16 {
            self.packed_addition.time((64 * 8 * WIRE) as f64, || {
                (0..64).for_each(|input| packed.add(std::iter::once((input, 3)), &mut sum));
            });
        }

        let glwe = GlweCiphertext::from_container(&self.wires[..2 * BIG], PolynomialSize(BIG), modulus);
        for tap in 0..32_usize {
            let mut wire = |index: usize| rotate::extract(&glwe, (31 * tap + 64 * index) % BIG, &mut sum);
            self.extraction.time((8 * 8 * WIRE) as f64, || (0..8).for_each(&mut wire));
        }

        for seed in 0..8 {
            let bodies = self.wires[..INPUTS].to_vec();
            let bytes = 8 * INPUTS * WIRE;
            self.expansion.time(bytes as f64, || expand(bodies, LweDimension(BIG), seed));
        }

        let parameters = Parameters {
            lwe_dimension: LweDimension(n),
            small_key: SmallKey::Uniform,
            glwe_dimension: GlweDimension(1),
            polynomial_size: PolynomialSize(256),
            rotation: Decomposition::new(22, 1),
            key_switch: Some(Decomposition::new(4, 1)),
            packing: None,
        };
        let mut seeder = seeder();
        let secrets = Secrets::new(&parameters, &mut seeder);
        for _ in 0..4 {
            self.key_switching_key.time(parameters.key_switching_key_bytes().0 as f64 / 4.0, || {
                let (seed, bodies) = secrets.key_switching_key(&parameters, &mut seeder);
                parameters.expand_key_switching_key(seed, bodies)
            });
        }
    }
}

fn seeder() -> DeterministicSeeder<DefaultRandomGenerator> {
    DeterministicSeeder::new(TorusSeed(0))
}

/// External products an element of a rotation over as many elements.
fn products(modulus_switch: ModulusSwitch, elements: usize, small_key: SmallKey) -> f64 {
    let log_grid = 12 + modulus_switch.extension;
    let element = |index| (scramble(index) >> 32) as u32;
    let of_step = |step: usize| match small_key {
        SmallKey::Uniform => modulus_switch.round([element(step)], log_grid).family,
        SmallKey::Blocks => {
            let first = step * SmallKey::BLOCK;
            modulus_switch
                .round(std::array::from_fn::<_, { SmallKey::BLOCK }, _>(|bit| element(first + bit)), log_grid)
                .family
        }
    };
    let steps = elements / small_key.bits_of_a_step();
    (0..steps).map(|step| 1_u64 << of_step(step)).sum::<u64>() as f64 / steps as f64
}
