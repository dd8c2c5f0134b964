//! The modulus switch of one rotation: how fine its grid is, and how each mask element is rounded to it.
//!
//! A rotation over `w = 2^extension` interleaved ring polynomials sees a grid of `2wN` points. A mask element on a
//! multiple of `2^(extension - h)` grid steps needs `2^h` external products (see `fhe::server::rotate`), so each element is
//! rounded to the `h` with the least `2^h + lambda * error^2`, error in grid steps. Elements of one step, where the small key's bits are
//! in blocks, have one `h`, with the least `2^h + lambda * (sum of error^2)`. Errors are public and the key's bits have a known mean, so the
//! mean times their sum is put back into the body; what each adds is in [`Parameters::error_weight`](super::Parameters::error_weight).

use serde::{Deserialize, Serialize};

use super::{SmallKey, small_key::OfEachKind};

/// The widest extension searched.
pub const MAX_EXTENSION: u32 = 5;

/// How one rotation switches its modulus.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModulusSwitch {
    /// log2 of the polynomials interleaved.
    pub extension: u32,
    /// lambda: the squared error of one grid step weighs as much as so many external products.
    pub error_weight: f64,
}

/// The mask elements of one step on the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounded<const ELEMENTS: usize> {
    /// In grid steps.
    pub values: [u32; ELEMENTS],
    /// h: log2 of the external products that the step takes.
    pub family: u32,
    /// Rounded minus exact, in 2^-32 turns.
    pub errors: [i32; ELEMENTS],
}

/// What rounding uniform mask elements does on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounding {
    /// External products for each step.
    pub products: f64,
    /// Mean squared error of an element in steps of the coarse grid of 2N points, squared.
    pub error: f64,
}

impl ModulusSwitch {
    /// One polynomial: the usual rotation.
    pub const PLAIN: Self = Self { extension: 0, error_weight: 0.0 };

    /// Whether the search could have chosen it.
    #[cfg(feature = "server")]
    pub(crate) fn is_candidate(self) -> bool {
        let candidates = every_candidate(SmallKey::Uniform).get(self.extension as usize);
        self == Self::PLAIN
            || candidates.is_some_and(|all| all.iter().any(|&(candidate, _)| candidate == self))
    }

    /// The multiple of `2^(extension - family)` grid steps that is nearest, and how far it is off.
    fn nearest(self, element: u32, log_grid: u32, family: u32) -> (u64, i32) {
        let stride = 32 - log_grid + self.extension - family;
        let value = (u64::from(element) + (1_u64 << (stride - 1))) >> stride << stride;
        (value, (value as i64 - i64::from(element)) as i32)
    }

    /// Rounds the mask elements of one step, of the 32-bit torus, to a grid of `2^log_grid` points.
    #[must_use]
    pub fn round<const ELEMENTS: usize>(self, elements: [u32; ELEMENTS], log_grid: u32) -> Rounded<ELEMENTS> {
        let step = 32 - log_grid;
        let of_family = |family: u32| {
            let nearest = elements.map(|element| self.nearest(element, log_grid, family));
            let squares = nearest.map(|(_, error)| (f64::from(error) / f64::from(1_u32 << step)).powi(2));
            (nearest, self.price(family, squares.iter().sum()))
        };
        let mut family = 0;
        let (mut nearest, mut least) = of_family(0);
        for finer in 1..=self.extension {
            let (candidate, price) = of_family(finer);
            if price < least {
                (family, nearest, least) = (finer, candidate, price);
            }
        }
        Rounded {
            values: nearest.map(|(value, _)| (value >> step) as u32 & ((1 << log_grid) - 1)),
            family,
            errors: nearest.map(|(_, error)| error),
        }
    }

    /// What a step of a family takes, with errors squared in grid steps.
    fn price(self, family: u32, squares: f64) -> f64 {
        f64::from(1_u32 << family) + self.error_weight * squares
    }

    /// The average over mask elements, which are uniform: a mean over thousands of steps, which [`every_candidate`] has once and for all.
    #[must_use]
    pub fn rounding(self, small_key: SmallKey) -> Rounding {
        Samples::new(self.extension, small_key).rounding(self)
    }
}

/// Steps that stand for all: their mask elements are spread evenly over one coarse step of the grid, one by itself at equal distances,
/// several by Korobov's lattice, of multipliers 1, a and a^2 modulo a prime.
struct Samples {
    /// By step and family, the squared errors of its elements in grid steps, summed.
    squares: Vec<Vec<f64>>,
    /// Of one step.
    elements: usize,
}

impl Samples {
    fn new(extension: u32, small_key: SmallKey) -> Self {
        const LOG_COARSE: u32 = 8;
        const LATTICE: (u64, u64) = (16_381, 5_693);
        let log_grid = LOG_COARSE + extension;
        let coarse = 1_u32 << (32 - LOG_COARSE);
        let elements = small_key.bits_of_a_step();
        let steps: Vec<Vec<u32>> = if elements == 1 {
            const SAMPLES: u32 = 1 << 12;
            (0..SAMPLES).map(|sample| vec![(2 * sample + 1) * (coarse / (2 * SAMPLES))]).collect()
        } else {
            let (points, multiplier) = LATTICE;
            let place = |sample: u64, power: u32| {
                let residue = sample * (multiplier.pow(power) % points) % points;
                ((residue as f64 + 0.5) / points as f64 * f64::from(coarse)) as u32
            };
            (0..points)
                .map(|sample| (0..elements as u32).map(|power| place(sample, power)).collect())
                .collect()
        };
        let plain = ModulusSwitch { extension, error_weight: 0.0 };
        let squares = |step: &Vec<u32>| {
            let of_family = |family: u32| {
                let error = |&element: &u32| f64::from(plain.nearest(element, log_grid, family).1);
                let scale = f64::from(1_u32 << (32 - log_grid));
                step.iter().map(error).map(|error| (error / scale).powi(2)).sum()
            };
            (0..=extension).map(of_family).collect()
        };
        Self { squares: steps.iter().map(squares).collect(), elements }
    }

    fn rounding(&self, modulus_switch: ModulusSwitch) -> Rounding {
        let (mut products, mut error) = (0.0, 0.0);
        for squares in &self.squares {
            let (mut family, mut least) = (0, f64::INFINITY);
            for (candidate, &squares) in squares.iter().enumerate() {
                let price = modulus_switch.price(candidate as u32, squares);
                if price < least {
                    (family, least) = (candidate, price);
                }
            }
            products += f64::from(1_u32 << family);
            error += squares[family];
        }
        let count = self.squares.len() as f64;
        let grid_steps = 4.0_f64.powi(modulus_switch.extension as i32);
        Rounding { products: products / count, error: error / grid_steps / count / self.elements as f64 }
    }
}

/// The modulus switches that the search tries, by extension and falling error.
#[must_use]
pub fn every_candidate(small_key: SmallKey) -> &'static [Vec<(ModulusSwitch, Rounding)>] {
    static CANDIDATES: OfEachKind<Vec<Vec<(ModulusSwitch, Rounding)>>> = OfEachKind::new();
    let of_every_extension =
        || (0..=MAX_EXTENSION).map(|extension| candidates(extension, small_key)).collect();
    CANDIDATES.get_or_init(small_key, of_every_extension)
}

/// The modulus switches of one extension that the search tries, by falling error.
#[must_use]
pub fn candidates(extension: u32, small_key: SmallKey) -> Vec<(ModulusSwitch, Rounding)> {
    let samples = Samples::new(extension, small_key);
    let with_rounding = |modulus_switch| (modulus_switch, samples.rounding(modulus_switch));
    if extension == 0 {
        return vec![with_rounding(ModulusSwitch::PLAIN)];
    }
    (0..=48)
        .map(|step| ModulusSwitch { extension, error_weight: 0.02 * 1.25_f64.powi(step) })
        .map(with_rounding)
        .collect()
}

#[cfg(all(test, feature = "fhe"))]
mod tests {
    use tfhe::core_crypto::prelude::*;

    use super::*;

    #[test]
    fn a_plain_rounding_has_the_variance_of_a_uniform_error() {
        let rounding = ModulusSwitch::PLAIN.rounding(SmallKey::Uniform);
        assert!((rounding.products - 1.0).abs() < 1e-12);
        assert!((rounding.error - 1.0 / 12.0).abs() < 1e-6);
    }

    #[test]
    fn a_heavy_error_uses_the_whole_grid() {
        let rounding = ModulusSwitch { extension: 3, error_weight: 1e9 }.rounding(SmallKey::Uniform);
        assert!((rounding.error - 1.0 / 12.0 / 64.0).abs() < 1e-5);
        assert!((rounding.products - (4.0 + 2.0 + 1.0 + 0.5 + 0.5 - 1.0 + 0.5 - 2.0)).abs() < 10.0);
    }

    /// Elements of a block that share a family, against as many drawn ones.
    #[test]
    fn what_rounding_blocks_does_on_average_is_what_is_seen() {
        let mut state = 7_u64;
        let mut element = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 32) as u32
        };
        let blocks: Vec<[u32; SmallKey::BLOCK]> =
            (0..100_000).map(|_| std::array::from_fn(|_| element())).collect();
        for (extension, error_weight) in [(0, 0.0), (2, 0.3), (4, 2.7), (5, 31.0)] {
            let modulus_switch = ModulusSwitch { extension, error_weight };
            let (mut products, mut error) = (0.0, 0.0);
            for block in &blocks {
                let rounded = modulus_switch.round(*block, 12 + extension);
                products += f64::from(1_u32 << rounded.family);
                error += rounded
                    .errors
                    .map(|error| (f64::from(error) / f64::from(1_u32 << 20)).powi(2))
                    .iter()
                    .sum::<f64>();
            }
            let count = blocks.len() as f64;
            let predicted = modulus_switch.rounding(SmallKey::Blocks);
            assert!((products / count / predicted.products - 1.0).abs() < 0.01, "{modulus_switch:?}");
            let error = error / count / SmallKey::BLOCK as f64;
            assert!((error / predicted.error - 1.0).abs() < 0.01, "{modulus_switch:?}");
        }
    }

    #[test]
    fn products_rise_as_errors_fall() {
        for small_key in [SmallKey::Uniform, SmallKey::Blocks] {
            for extension in 1..=MAX_EXTENSION {
                for pair in candidates(extension, small_key).windows(2) {
                    assert!(pair[1].1.error <= pair[0].1.error);
                    assert!(pair[1].1.products >= pair[0].1.products);
                }
            }
        }
    }

    #[test]
    fn plain_mask_is_the_standard_modulus_switch() {
        let elements: Vec<u32> = (0..1000_u32).map(|i| i.wrapping_mul(0x9e37_79b9)).collect();
        let lwe = LweCiphertext::from_container(elements.clone(), CiphertextModulus::new_native());
        let switched =
            lwe_ciphertext_centered_binary_modulus_switch::<u32, u32, _>(lwe, CiphertextModulusLog(12));
        for (element, expected) in elements.iter().zip(switched.mask()) {
            assert_eq!(ModulusSwitch::PLAIN.round([*element], 12).values, [expected % (1 << 12)]);
        }
    }
}
