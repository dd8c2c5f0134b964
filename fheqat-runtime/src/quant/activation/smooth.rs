//! Functions that bend smoothly, as `PyTorch` defines them.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use libm::{erfcf, expf, expm1f, log1pf, tanhf};

use super::{Activation, Sigmoid, ratio};

/// `x` above zero, `alpha * (exp(x) - 1)` below, with `alpha = ALPHA / PER`, one by default. `ELU<7, 10>` has `alpha = 0.7`.
///
/// Its levels are signed for a positive `alpha`. Source: Clevert, Unterthiner and Hochreiter, arXiv 1511.07289.
#[derive(Clone, Copy, Debug)]
pub struct ELU<const ALPHA: i64 = 1, const PER: i64 = 1>;

/// `x * P(X <= x)` for a standard normal `X`, that is `x / 2 * (1 + erf(x / sqrt(2)))`: GELU as `PyTorch` and ONNX have it where nothing is
/// said. [`Gelu`](super::Gelu) is its tanh form.
///
/// It falls to -0.17 below zero; `signed = false` cuts that off. Source: Hendrycks and Gimpel, arXiv 1606.08415.
#[derive(Clone, Copy, Debug)]
pub struct GeluErf;

/// `scale * x` above zero, `scale * alpha * (exp(x) - 1)` below, with `scale = 1.0507...` and `alpha = 1.6732...`.
///
/// The constants keep a mean of zero and a variance of one: Klambauer, Unterthiner, Mayr and Hochreiter, arXiv 1706.02515.
#[derive(Clone, Copy, Debug)]
pub struct SELU;

/// `x / (1 + exp(-x))`, that is `x * sigmoid(x)`, also called swish.
///
/// It falls to -0.28 below zero; `signed = false` cuts that off. Source: Elfwing, Uchibe and Doya, arXiv 1702.03118.
#[derive(Clone, Copy, Debug)]
pub struct SiLU;

/// `x * tanh(softplus(x))`.
///
/// It falls to -0.31 below zero; `signed = false` cuts that off. Source: Misra, arXiv 1908.08681.
#[derive(Clone, Copy, Debug)]
pub struct Mish;

/// `ln(1 + exp(x))`, and `x` itself above 20, where the two differ by less than an `f32` shows. `PyTorch`'s with `beta = 1`.
#[derive(Clone, Copy, Debug)]
pub struct Softplus;

/// `x / (1 + |x|)`.
#[derive(Clone, Copy, Debug)]
pub struct Softsign;

impl<const ALPHA: i64, const PER: i64> ELU<ALPHA, PER> {
    const ALPHA: f32 = ratio(ALPHA, PER);
}

impl<const ALPHA: i64, const PER: i64> Activation for ELU<ALPHA, PER> {
    const SIGNED: bool = Self::ALPHA > 0.0;

    fn apply(x: f32) -> f32 {
        elu(x, Self::ALPHA)
    }

    fn slope(x: f32) -> f32 {
        slope_of_elu(x, Self::ALPHA)
    }
}

pub(super) fn elu(x: f32, alpha: f32) -> f32 {
    if x > 0.0 { x } else { alpha * expm1f(x) }
}

pub(super) fn slope_of_elu(x: f32, alpha: f32) -> f32 {
    if x > 0.0 { 1.0 } else { alpha * expf(x) }
}

impl GeluErf {
    /// `P(X <= x)`, by the complement, which keeps its digits far below zero.
    fn below(x: f32) -> f32 {
        erfcf(-x * FRAC_1_SQRT_2) / 2.0
    }
}

impl Activation for GeluErf {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        x * Self::below(x)
    }

    /// The density of a standard normal `X` is `exp(-x^2 / 2) / sqrt(2 pi)`.
    fn slope(x: f32) -> f32 {
        Self::below(x) + x * expf(-x * x / 2.0) * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI / 2.0
    }
}

impl SELU {
    const SCALE: f32 = 1.050_701;
    const ALPHA: f32 = 1.673_263_2;
}

impl Activation for SELU {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        Self::SCALE * if x > 0.0 { x } else { Self::ALPHA * expm1f(x) }
    }

    fn slope(x: f32) -> f32 {
        Self::SCALE * if x > 0.0 { 1.0 } else { Self::ALPHA * expf(x) }
    }
}

impl Activation for SiLU {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        x * Sigmoid::apply(x)
    }

    /// With `s = sigmoid(x)`: `s + x * s * (1 - s)`.
    fn slope(x: f32) -> f32 {
        let s = Sigmoid::apply(x);
        s * (1.0 + x * (1.0 - s))
    }
}

impl Activation for Mish {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        x * tanhf(Softplus::apply(x))
    }

    /// With `t = tanh(softplus(x))`, as the derivative of a softplus is a sigmoid: `t + x * (1 - t^2) * sigmoid(x)`.
    fn slope(x: f32) -> f32 {
        let t = tanhf(Softplus::apply(x));
        t + x * (1.0 - t * t) * Sigmoid::apply(x)
    }
}

impl Softplus {
    const LINEAR_ABOVE: f32 = 20.0;
}

impl Activation for Softplus {
    const SIGNED: bool = false;

    fn apply(x: f32) -> f32 {
        if x > Self::LINEAR_ABOVE { x } else { log1pf(expf(x)) }
    }

    fn slope(x: f32) -> f32 {
        Sigmoid::apply(x)
    }
}

impl Activation for Softsign {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        x / (1.0 + x.abs())
    }

    fn slope(x: f32) -> f32 {
        let root = 1.0 + x.abs();
        1.0 / (root * root)
    }
}
