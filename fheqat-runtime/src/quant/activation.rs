//! Functions of one number that `QuantAct` applies.
//!
//! Tables are read off them, so they are computed by the `libm` crate: the standard library's exponentials are those of the platform, which
//! round differently from one to another, and the same weights would lower to other tables there.

mod function;
mod pieces;
mod smooth;

use std::f32::consts::FRAC_2_PI;

use libm::{expf, tanhf};

pub use self::{
    function::Function,
    pieces::{Clip, HardSigmoid, HardSwish, HardTanh, LeakyReLU, ReLU6, Threshold},
    smooth::{ELU, GeluErf, Mish, SELU, SiLU, Softplus, Softsign},
};

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
    note = "fheqat has `Sigmoid`, `Tanh`, `Gelu`, `GeluErf`, `LeakyReLU`, `ELU`, `SELU`, `SiLU`, `Mish`, `Softplus`, `Softsign`, `HardTanh`, `HardSigmoid`, `HardSwish`, `ReLU6`, `Clip` and `Threshold`",
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

/// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`, the tanh form of `x * P(X <= x)` for a standard normal `X`; [`GeluErf`] is
/// that itself.
///
/// It falls to -0.17 below zero; `signed = false` cuts that off and leaves all levels to what is above.
#[derive(Clone, Copy, Debug)]
pub struct Gelu;

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

/// `numerator / per`, rounded to an `f32`.
const fn ratio(numerator: i64, per: i64) -> f32 {
    assert!(per > 0, "`PER`, which the numbers of a function are divided by, must be at least 1");
    (numerator as f64 / per as f64) as f32
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

    fn first() -> [Function; 4] {
        [
            Function::of::<Sigmoid>(),
            Function::of::<Tanh>(),
            Function::of::<Gelu>(),
            Function::of::<LeakyReLU>(),
        ]
    }

    fn later() -> [Function; 16] {
        [
            Function::of::<LeakyReLU<1, 5>>(),
            Function::of::<ELU>(),
            Function::of::<ELU<7, 10>>(),
            Function::of::<SELU>(),
            Function::of::<SiLU>(),
            Function::of::<Mish>(),
            Function::of::<Softplus>(),
            Function::of::<Softsign>(),
            Function::of::<HardTanh>(),
            Function::of::<HardSigmoid>(),
            Function::of::<HardSigmoid<1, 5>>(),
            Function::of::<HardSwish>(),
            Function::of::<ReLU6>(),
            Function::of::<Clip<-5, 15, 10>>(),
            Function::of::<Threshold<1, -20, 10>>(),
            Function::of::<Threshold<-1, 0>>(),
        ]
    }

    #[test]
    fn slopes_are_central_differences() {
        for function in first().into_iter().chain(later()).chain([Function::of::<GeluErf>()]) {
            for x in [-30.0, -3.1, -1.2, -0.2, 0.3, 1.7, 4.0, 50.0f32] {
                let near = (function.apply(x + 1e-2) - function.apply(x - 1e-2)) / 2e-2;
                assert!((function.slope(x) - near).abs() < 1e-3, "{function:?} at {x}: {near}");
            }
        }
    }

    /// `torch.nn.functional` in double precision, but for those that are computed by hand.
    #[test]
    fn values_are_those_of_pytorch() {
        let near = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        near(Sigmoid::apply(1.5), 0.817_574_5);
        near(Gelu::apply(1.0), 0.841_192);
        near(Gelu::apply(-0.5), -0.154_286);
        near(GeluErf::apply(1.0), 0.841_344_7);
        near(GeluErf::apply(-0.5), -0.154_268_8);
        near(GeluErf::apply(-4.0), -0.000_126_685);
        near(<LeakyReLU>::apply(-2.0), -0.02);
        near(LeakyReLU::<1, 4>::apply(-2.0), -0.5);
        near(<ELU>::apply(-1.0), -0.632_120_6);
        near(ELU::<1, 2>::apply(-1.0), -0.316_060_3);
        near(SELU::apply(-1.0), -1.111_330_7);
        near(SELU::apply(2.0), 2.101_402);
        near(SiLU::apply(1.0), 0.731_058_6);
        near(SiLU::apply(-1.0), -0.268_941_4);
        near(Mish::apply(1.0), 0.865_098_4);
        near(Mish::apply(-1.0), -0.303_401_5);
        near(Softplus::apply(1.0), 1.313_261_7);
        near(Softplus::apply(25.0), 25.0);
        near(Softsign::apply(-3.0), -0.75);
        near(HardTanh::apply(-1.5), -1.0);
        near(<HardSigmoid>::apply(1.0), 0.666_666_7);
        near(<HardSigmoid>::apply(-3.5), 0.0);
        near(HardSigmoid::<1, 5>::apply(1.0), 0.7);
        near(HardSwish::apply(1.0), 0.666_666_7);
        near(HardSwish::apply(-1.5), -0.375);
        near(HardSwish::apply(7.0), 7.0);
        near(ReLU6::apply(7.5), 6.0);
        near(Clip::<-5, 15, 10>::apply(-2.0), -0.5);
        near(Threshold::<1, -20, 10>::apply(0.1), -2.0);
        near(Threshold::<1, -20, 10>::apply(0.2), 0.2);
    }

    /// Levels without a sign for a function that falls below zero would lose what is there.
    #[test]
    fn signs_are_those_of_the_values() {
        fn is_right<F: Activation>() -> bool {
            let falls = (-4000..4000i16).any(|index| F::apply(f32::from(index) / 100.0) < 0.0);
            falls == F::SIGNED
        }
        assert!(is_right::<Sigmoid>() && is_right::<Tanh>() && is_right::<Gelu>());
        assert!(is_right::<LeakyReLU>() && is_right::<LeakyReLU<0>>() && is_right::<LeakyReLU<-1, 2>>());
        assert!(is_right::<ELU>() && is_right::<ELU<-1>>() && is_right::<SELU>() && is_right::<SiLU>());
        assert!(
            is_right::<GeluErf>() && is_right::<Mish>() && is_right::<Softplus>() && is_right::<Softsign>()
        );
        assert!(is_right::<HardTanh>() && is_right::<HardSigmoid<1, 5>>() && is_right::<HardSwish>());
        assert!(is_right::<ReLU6>() && is_right::<Clip<-5, 15, 10>>() && is_right::<Clip<1, 3>>());
        assert!(is_right::<Threshold<1, -20, 10>>() && is_right::<Threshold<-1, 0>>());
        assert!(is_right::<Threshold<1, 0>>());
    }

    #[test]
    fn numbers_are_the_nearest_floats() {
        assert_eq!(ratio(1, 100).to_bits(), 0.01f32.to_bits());
        assert_eq!(ratio(3, 10).to_bits(), 0.3f32.to_bits());
        let slope = f32::from_bits(0x3e7a_bcde);
        assert_eq!(ratio((slope * 2f32.powi(30)) as i64, 1 << 30).to_bits(), slope.to_bits());
    }

    /// Every level that the functions give at some steps, every value, and every slope: nothing of them may depend on the platform, on
    /// the compiler or on a version.
    #[test]
    fn tables_are_those_of_every_platform() {
        let of_erf = [Function::of::<GeluErf>()];
        for (functions, expected) in [
            (&first()[..], 0x30ec_8cdc_32ee_9b8d),
            (&later()[..], 0xb2c0_ebec_647b_d434),
            (&of_erf[..], 0xef78_22f6_c75a_f79f),
        ] {
            let found = digest(functions);
            assert_eq!(found, expected, "{found:#018x}");
        }
    }

    fn digest(functions: &[Function]) -> u64 {
        let mut digest = Sha256::new();
        for &function in functions {
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
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
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
