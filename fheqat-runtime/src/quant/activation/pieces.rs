//! Functions made of straight or bent pieces, as `PyTorch` defines them.
//!
//! A const parameter of a type is an integer, so slopes and bounds are ratios: `LeakyReLU<1, 5>` falls by 0.2, and
//! `Clip<-5, 15, 10>` keeps -0.5 to 1.5. Every `f32` from `2^-39` to `2^39` is such a ratio exactly, of a power of two if need be.

use super::{Activation, ratio};

/// `x` above zero, `slope * x` below, with `slope = SLOPE / PER`, 0.01 by default. `LeakyReLU<1, 5>` has a slope of 0.2.
///
/// It also stands for a `PReLU` whose slope has been trained elsewhere and is one for all channels; the slope stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct LeakyReLU<const SLOPE: i64 = 1, const PER: i64 = 100>;

/// `x` from `LO / PER` to `HI / PER`, and those bounds beyond; `PER` is one by default. `Clip<-5, 15, 10>` keeps -0.5 to 1.5.
///
/// Its levels are signed where the lower bound is below zero. A lower bound that is not less than the upper one does not compile.
#[derive(Clone, Copy, Debug)]
pub struct Clip<const LO: i64, const HI: i64, const PER: i64 = 1>;

/// `x` from 0 to 6. A `QuantReLU` has an end of its own, its largest level, wherever that comes to lie; this one ends at 6.
pub type ReLU6 = Clip<0, 6>;

/// `x` from -1 to 1. Other bounds are those of a [`Clip`].
pub type HardTanh = Clip<-1, 1>;

/// `x` above `AT / PER`, and `VALUE / PER` elsewhere; `PER` is one by default.
///
/// Its levels are signed where it gives anything below zero.
#[derive(Clone, Copy, Debug)]
pub struct Threshold<const AT: i64, const VALUE: i64, const PER: i64 = 1>;

/// `slope * x + 1 / 2`, held from 0 to 1, with `slope = SLOPE / PER`, one sixth by default: `PyTorch`'s, and that of Keras 3.
///
/// Where nothing is given, ONNX has `0.2 * x + 0.5`, and so had Keras 2: that is `HardSigmoid<1, 5>`. The slope must be above zero.
#[derive(Clone, Copy, Debug)]
pub struct HardSigmoid<const SLOPE: i64 = 1, const PER: i64 = 6>;

/// `x * (x / 6 + 1 / 2)` from -3 to 3, `x` above, 0 below: `x` times a [`HardSigmoid`], as `PyTorch` and ONNX have it.
///
/// It falls to -0.375 below zero; `signed = false` cuts that off. Source: Howard and others, arXiv 1905.02244.
#[derive(Clone, Copy, Debug)]
pub struct HardSwish;

impl<const SLOPE: i64, const PER: i64> LeakyReLU<SLOPE, PER> {
    const SLOPE: f32 = ratio(SLOPE, PER);
}

impl<const SLOPE: i64, const PER: i64> Activation for LeakyReLU<SLOPE, PER> {
    const SIGNED: bool = Self::SLOPE > 0.0;

    fn apply(x: f32) -> f32 {
        leaky(x, Self::SLOPE)
    }

    fn slope(x: f32) -> f32 {
        slope_of_leaky(x, Self::SLOPE)
    }
}

pub(super) fn leaky(x: f32, slope: f32) -> f32 {
    if x < 0.0 { slope * x } else { x }
}

pub(super) fn slope_of_leaky(x: f32, slope: f32) -> f32 {
    if x < 0.0 { slope } else { 1.0 }
}

impl<const LO: i64, const HI: i64, const PER: i64> Clip<LO, HI, PER> {
    const BOUNDS: (f32, f32) = {
        assert!(LO < HI, "the first bound of a `Clip` must be less than the second");
        (ratio(LO, PER), ratio(HI, PER))
    };
}

impl<const LO: i64, const HI: i64, const PER: i64> Activation for Clip<LO, HI, PER> {
    const SIGNED: bool = Self::BOUNDS.0 < 0.0;

    fn apply(x: f32) -> f32 {
        let (lo, hi) = Self::BOUNDS;
        x.clamp(lo, hi)
    }

    fn slope(x: f32) -> f32 {
        let (lo, hi) = Self::BOUNDS;
        f32::from(lo < x && x < hi)
    }
}

impl<const AT: i64, const VALUE: i64, const PER: i64> Threshold<AT, VALUE, PER> {
    const AT: f32 = ratio(AT, PER);
    const VALUE: f32 = ratio(VALUE, PER);
}

impl<const AT: i64, const VALUE: i64, const PER: i64> Activation for Threshold<AT, VALUE, PER> {
    const SIGNED: bool = Self::AT < 0.0 || Self::VALUE < 0.0;

    fn apply(x: f32) -> f32 {
        if x > Self::AT { x } else { Self::VALUE }
    }

    fn slope(x: f32) -> f32 {
        f32::from(x > Self::AT)
    }
}

impl<const SLOPE: i64, const PER: i64> HardSigmoid<SLOPE, PER> {
    const SLOPE: f32 = {
        assert!(SLOPE > 0, "the slope of a `HardSigmoid` must be above zero");
        ratio(SLOPE, PER)
    };
}

impl<const SLOPE: i64, const PER: i64> Activation for HardSigmoid<SLOPE, PER> {
    // It reads the slope, so that one below zero does not compile.
    const SIGNED: bool = Self::SLOPE < 0.0;

    fn apply(x: f32) -> f32 {
        hard(x, Self::SLOPE)
    }

    fn slope(x: f32) -> f32 {
        slope_of_hard(x, Self::SLOPE)
    }
}

pub(super) fn hard(x: f32, slope: f32) -> f32 {
    (slope * x + 0.5).clamp(0.0, 1.0)
}

pub(super) fn slope_of_hard(x: f32, slope: f32) -> f32 {
    if (slope * x).abs() < 0.5 { slope } else { 0.0 }
}

impl HardSwish {
    const END: f32 = 3.0;
}

impl Activation for HardSwish {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        if x < -Self::END { 0.0 } else { x * <HardSigmoid>::apply(x) }
    }

    fn slope(x: f32) -> f32 {
        match x {
            _ if x <= -Self::END => 0.0,
            _ if x >= Self::END => 1.0,
            _ => x / 3.0 + 0.5,
        }
    }
}
