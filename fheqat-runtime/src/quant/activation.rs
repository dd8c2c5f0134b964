//! Functions of one number that `QuantAct` applies.
//!
//! Tables are read off them, so they are computed by the `libm` crate: the standard library's exponentials are those of the platform, which
//! round differently from one to another, and the same weights would lower to other tables there.

use std::{any::TypeId, f32::consts::FRAC_2_PI, fmt};

use libm::{expf, tanhf};

/// The function of a `QuantAct`: any function of one number, for a table under encryption costs the same whatever is in it.
///
/// ```
/// # use fheqat_runtime::quant::activation::Activation;
/// struct Sine;
///
/// impl Activation for Sine {
///     const SIGNED: bool = true;
///     fn apply(x: f32) -> f32 {
///         x.sin()
///     }
/// }
/// assert!((Sine::slope(0.5) - 0.5f32.cos()).abs() < 1e-3);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function that `QuantAct` can apply",
    label = "this does not implement `Activation`",
    note = "fheqat has `Sigmoid`, `Tanh`, `Gelu` and `LeakyReLU`",
    note = "for your own: `impl Activation for {Self} {{ const SIGNED: bool = true; fn apply(x: f32) -> f32 {{ x.sin() }} }}`"
)]
pub trait Activation: 'static {
    /// Whether it is below zero anywhere that matters: its levels are then `-2^(b-1)..=2^(b-1)-1`, else `0..=2^b-1`.
    const SIGNED: bool;

    /// The function: the same for the same `x`, always. `x.exp()`, `x.sin()` and the like are the same on one platform; those of
    /// the `libm` crate are on all, so that the same weights lower to the same tables. Where it is not a number, it counts as zero; where it is infinite, or beyond
    /// `2^64`, as `2^64` of that sign, which is the last level on that side. Calibration leaves such values out.
    fn apply(x: f32) -> f32;

    /// Its derivative, for training; by default the central difference over `x / 256`, or `1 / 256` near zero.
    #[must_use]
    fn slope(x: f32) -> f32 {
        let reach = x.abs().max(1.0) / 256.0;
        (Self::apply(x + reach) - Self::apply(x - reach)) / (2.0 * reach)
    }
}

/// `1 / (1 + exp(-x))`.
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid;

/// `tanh(x)`.
#[derive(Clone, Copy, Debug)]
pub struct Tanh;

/// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`, the tanh form of `x * P(X <= x)` for a standard normal `X`.
///
/// It falls to -0.17 below zero; `signed = false` cuts that off and leaves all levels to what is above.
#[derive(Clone, Copy, Debug)]
pub struct Gelu;

/// `x` above zero, `0.01 * x` below.
#[derive(Clone, Copy, Debug)]
pub struct LeakyReLU;

impl Activation for Sigmoid {
    const SIGNED: bool = false;

    fn apply(x: f32) -> f32 {
        1.0 / (1.0 + expf(-x))
    }

    fn slope(x: f32) -> f32 {
        let y = Self::apply(x);
        y * (1.0 - y)
    }
}

impl Activation for Tanh {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        tanhf(x)
    }

    fn slope(x: f32) -> f32 {
        let y = tanhf(x);
        1.0 - y * y
    }
}

impl Gelu {
    const CUBE: f32 = 0.044_715;

    fn inner(x: f32) -> f32 {
        tanhf(FRAC_2_PI.sqrt() * (x + Self::CUBE * x * x * x))
    }
}

impl Activation for Gelu {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        x / 2.0 * (1.0 + Self::inner(x))
    }

    fn slope(x: f32) -> f32 {
        let y = Self::inner(x);
        let by_x = FRAC_2_PI.sqrt() * (1.0 + 3.0 * Self::CUBE * x * x);
        f32::midpoint(1.0, y) + x / 2.0 * (1.0 - y * y) * by_x
    }
}

impl LeakyReLU {
    const LEAK: f32 = 0.01;
}

impl Activation for LeakyReLU {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        if x < 0.0 { Self::LEAK * x } else { x }
    }

    fn slope(x: f32) -> f32 {
        if x < 0.0 { Self::LEAK } else { 1.0 }
    }
}

/// An [`Activation`] as data.
#[derive(Clone, Copy)]
pub struct Function {
    activation: TypeId,
    name: &'static str,
    apply: fn(f32) -> f32,
    slope: fn(f32) -> f32,
}

impl Function {
    /// That of a type.
    #[must_use]
    pub fn of<F: Activation>() -> Self {
        Self {
            activation: TypeId::of::<F>(),
            name: std::any::type_name::<F>(),
            apply: F::apply,
            slope: F::slope,
        }
    }

    /// The name of its type, without paths.
    #[must_use]
    pub fn name(&self) -> String {
        let is_of_path = |character: char| character.is_alphanumeric() || "_:".contains(character);
        let mut name = String::new();
        let mut path = String::new();
        for character in self.name.chars().chain(['\0']) {
            if is_of_path(character) {
                path.push(character);
                continue;
            }
            name.push_str(path.rsplit("::").next().unwrap_or_default());
            path.clear();
            name.push(character);
        }
        name.pop();
        name
    }

    /// The largest magnitude of a value: its square is finite, so that what reads it in float is.
    pub const LARGEST: f32 = (1u128 << 64) as f32;

    /// The function; zero where it is not a number, and at most [`Self::LARGEST`] on both sides.
    #[must_use]
    pub fn apply(&self, x: f32) -> f32 {
        let y = (self.apply)(x);
        if y.is_nan() { 0.0 } else { y.clamp(-Self::LARGEST, Self::LARGEST) }
    }

    /// Its derivative; zero where that is no finite number.
    #[must_use]
    pub fn slope(&self, x: f32) -> f32 {
        let slope = (self.slope)(x);
        if slope.is_finite() { slope } else { 0.0 }
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.activation == other.activation
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use fheqat_spec::Range;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::{
        circuit::ir::Table,
        quant::{Lookup, Requantize},
    };

    struct Root;

    impl Activation for Root {
        const SIGNED: bool = false;

        fn apply(x: f32) -> f32 {
            x.sqrt()
        }
    }

    #[test]
    fn slopes_are_central_differences() {
        for function in [
            Function::of::<Sigmoid>(),
            Function::of::<Tanh>(),
            Function::of::<Gelu>(),
            Function::of::<LeakyReLU>(),
        ] {
            for x in [-30.0, -3.1, -1.0, -0.2, 0.3, 1.7, 4.0, 50.0f32] {
                let near = (function.apply(x + 1e-2) - function.apply(x - 1e-2)) / 2e-2;
                assert!((function.slope(x) - near).abs() < 1e-3, "{function:?} at {x}: {near}");
            }
        }
    }

    #[test]
    fn values_are_those_of_pytorch() {
        let near = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        near(Sigmoid::apply(1.5), 0.817_574_5);
        near(Gelu::apply(1.0), 0.841_192);
        near(Gelu::apply(-0.5), -0.154_286);
        near(LeakyReLU::apply(-2.0), -0.02);
    }

    /// Every level that the functions give at some steps, every value, and every slope: nothing of them may depend on the platform, on
    /// the compiler or on a version.
    #[test]
    fn tables_are_those_of_every_platform() {
        let mut digest = Sha256::new();
        for function in [
            Function::of::<Sigmoid>(),
            Function::of::<Tanh>(),
            Function::of::<Gelu>(),
            Function::of::<LeakyReLU>(),
        ] {
            for bits in [2, 3, 4, 8] {
                for (levels, step) in [(Range::unsigned(bits), 0.013), (Range::signed(bits), 0.1)] {
                    let lookup = Some(Lookup { function, step });
                    let read = Requantize { gain: 0.003, divisor: 1.0, offset: 0.21, lookup, levels };
                    let table = Table::tabulate(Range::new(-3000, 3000), |sum| read.level(sum as f32) as i64);
                    digest.update(table.base.to_le_bytes());
                    for jump in &table.jumps {
                        digest.update(jump.at.to_le_bytes());
                        digest.update(jump.rise.to_le_bytes());
                    }
                }
            }
            for index in i16::MIN..=i16::MAX {
                let x = f32::from(index) / 1000.0;
                digest.update(function.apply(x).to_bits().to_le_bytes());
                digest.update(function.slope(x).to_bits().to_le_bytes());
            }
        }
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = digest.finalize().into();
        let found = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        assert_eq!(found, 0x30ec_8cdc_32ee_9b8d, "{found:#018x}");
    }

    #[test]
    fn what_is_no_number_counts_as_zero() {
        let root = Function::of::<Root>();
        let near = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        near(root.apply(4.0), 2.0);
        near(root.slope(4.0), 0.25);
        near(root.apply(-4.0), 0.0);
        near(root.slope(-4.0), 0.0);
    }
}
