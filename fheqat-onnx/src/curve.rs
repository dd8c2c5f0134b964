//! Functions that a quantizer applies.

use fheqat_runtime::quant::activation::{
    Function, Gelu, GeluErf, HardSwish, Mish, SELU, SiLU, Sigmoid, Softplus, Softsign, Tanh,
};

use crate::ratio::Ratio;

/// A function that a quantizer applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Curve {
    ReLU,
    Sigmoid,
    Tanh,
    Gelu,
    GeluErf,
    /// What is above a number, and zero elsewhere.
    Threshold(Ratio),
    LeakyReLU(Ratio),
    Elu(Ratio),
    Selu,
    SiLU,
    Mish,
    Softplus,
    Softsign,
    HardSigmoid(Ratio),
    HardSwish,
}

impl Curve {
    /// The function; `None` of a `ReLU`, which is a layer of its own.
    pub(crate) fn function(self) -> Option<Function> {
        Some(match self {
            Self::ReLU => return None,
            Self::Sigmoid => Function::of::<Sigmoid>(),
            Self::Tanh => Function::of::<Tanh>(),
            Self::Gelu => Function::of::<Gelu>(),
            Self::GeluErf => Function::of::<GeluErf>(),
            Self::Threshold(at) => return Function::threshold(at.numerator, at.per),
            Self::LeakyReLU(slope) => return Function::leaky_relu(slope.numerator, slope.per),
            Self::Elu(alpha) => return Function::elu(alpha.numerator, alpha.per),
            Self::Selu => Function::of::<SELU>(),
            Self::SiLU => Function::of::<SiLU>(),
            Self::Mish => Function::of::<Mish>(),
            Self::Softplus => Function::of::<Softplus>(),
            Self::Softsign => Function::of::<Softsign>(),
            Self::HardSigmoid(slope) => return Function::hard_sigmoid(slope.numerator, slope.per),
            Self::HardSwish => Function::of::<HardSwish>(),
        })
    }

    /// Its type, with its parameters and the last of those that there are by default; `None` of a `ReLU`.
    fn parts(self) -> Option<(&'static str, Vec<i64>, &'static [i64])> {
        let of = |ratio: Ratio| vec![ratio.numerator, ratio.per];
        let plain = |name| Some((name, Vec::new(), &[][..]));
        match self {
            Self::ReLU => None,
            Self::Sigmoid => plain("Sigmoid"),
            Self::Tanh => plain("Tanh"),
            Self::Gelu => plain("Gelu"),
            Self::GeluErf => plain("GeluErf"),
            Self::Threshold(at) => Some(("Threshold", vec![at.numerator, 0, at.per], &[1])),
            Self::LeakyReLU(slope) => Some(("LeakyReLU", of(slope), &[1, 100])),
            Self::Elu(alpha) => Some(("ELU", of(alpha), &[1, 1])),
            Self::Selu => plain("SELU"),
            Self::SiLU => plain("SiLU"),
            Self::Mish => plain("Mish"),
            Self::Softplus => plain("Softplus"),
            Self::Softsign => plain("Softsign"),
            Self::HardSigmoid(slope) => Some(("HardSigmoid", of(slope), &[1, 6])),
            Self::HardSwish => plain("HardSwish"),
        }
    }

    /// The type as files of weights name it, without the last parameters that are those by default; `None` of a `ReLU`.
    pub(crate) fn name(self) -> Option<String> {
        let (name, numbers, defaults) = self.parts()?;
        let pairs = numbers.iter().rev().zip(defaults.iter().rev());
        let are_default = pairs.take_while(|(number, default)| number == default).count();
        Some(with(name, &numbers[..numbers.len() - are_default]))
    }

    /// The type as a struct has it: without numbers where all are those by default, or where the last is one.
    pub(crate) fn source(self) -> Option<String> {
        let (name, numbers, defaults) = self.parts()?;
        match numbers.split_last() {
            Some((1, first)) if defaults.last() == Some(&1) && first != &defaults[..defaults.len() - 1] => {
                Some(with(name, first))
            }
            _ if numbers == defaults => Some(name.to_owned()),
            _ => Some(with(name, &numbers)),
        }
    }

    /// Whether its levels have a sign by default.
    pub(crate) fn is_signed(self) -> bool {
        match self {
            Self::ReLU | Self::Sigmoid | Self::Softplus | Self::HardSigmoid(_) => false,
            Self::LeakyReLU(ratio) | Self::Elu(ratio) => ratio.numerator > 0,
            Self::Threshold(at) => at.numerator < 0,
            Self::Tanh
            | Self::Gelu
            | Self::GeluErf
            | Self::Selu
            | Self::SiLU
            | Self::Mish
            | Self::Softsign
            | Self::HardSwish => true,
        }
    }

    /// Whether it never falls, so that the largest of its values is that of the largest number.
    pub(crate) fn is_monotone(self) -> bool {
        match self {
            Self::LeakyReLU(ratio) | Self::Elu(ratio) => ratio.numerator >= 0,
            Self::Threshold(at) => at.numerator >= 0,
            Self::Gelu | Self::GeluErf | Self::SiLU | Self::Mish | Self::HardSwish => false,
            Self::ReLU
            | Self::Sigmoid
            | Self::Tanh
            | Self::Selu
            | Self::Softplus
            | Self::Softsign
            | Self::HardSigmoid(_) => true,
        }
    }

    /// Whether it is zero at zero.
    pub(crate) const fn keeps_zero(self) -> bool {
        !matches!(self, Self::Sigmoid | Self::Softplus | Self::HardSigmoid(_))
    }

    /// Its operation in ONNX.
    pub(crate) const fn op(self) -> &'static str {
        match self {
            Self::ReLU => "Relu",
            Self::Sigmoid => "Sigmoid",
            Self::Tanh => "Tanh",
            Self::Gelu | Self::GeluErf => "Gelu",
            Self::Threshold(_) => "ThresholdedRelu",
            Self::LeakyReLU(_) => "LeakyRelu",
            Self::Elu(_) => "Elu",
            Self::Selu => "Selu",
            Self::SiLU => "x * Sigmoid(x)",
            Self::Mish => "Mish",
            Self::Softplus => "Softplus",
            Self::Softsign => "Softsign",
            Self::HardSigmoid(_) => "HardSigmoid",
            Self::HardSwish => "HardSwish",
        }
    }
}

/// A type with parameters.
fn with(name: &str, numbers: &[i64]) -> String {
    if numbers.is_empty() {
        return name.to_owned();
    }
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("{name}<{}>", numbers.join(", "))
}

#[cfg(test)]
mod tests {
    use fheqat_runtime::quant::activation::{Activation, ELU, HardSigmoid, LeakyReLU, Threshold};

    use super::*;

    fn check<F: Activation>(curve: Curve) {
        assert_eq!(curve.is_signed(), F::SIGNED, "{curve:?}");
        assert_eq!(curve.function(), Some(Function::of::<F>()), "{curve:?}");
        assert_eq!(curve.name(), Some(Function::of::<F>().name()));
        assert_eq!(curve.keeps_zero(), F::apply(0.0) == 0.0, "{curve:?}");
        let mut values = (-400..400i16).map(|x| F::apply(f32::from(x) / 64.0));
        let mut last = f32::NEG_INFINITY;
        let rises = values.all(|value| std::mem::replace(&mut last, value) <= value);
        assert_eq!(curve.is_monotone(), rises, "{curve:?}");
    }

    #[test]
    fn names_and_signs_are_those_of_the_types() {
        let ratio = Ratio::reduced;
        check::<Sigmoid>(Curve::Sigmoid);
        check::<Tanh>(Curve::Tanh);
        check::<Gelu>(Curve::Gelu);
        check::<LeakyReLU>(Curve::LeakyReLU(ratio(1, 100)));
        check::<LeakyReLU<1, 5>>(Curve::LeakyReLU(ratio(1, 5)));
        check::<LeakyReLU<37>>(Curve::LeakyReLU(ratio(37, 100)));
        check::<ELU>(Curve::Elu(ratio(1, 1)));
        check::<ELU<2>>(Curve::Elu(ratio(2, 1)));
        check::<ELU<7, 10>>(Curve::Elu(ratio(7, 10)));
        check::<SELU>(Curve::Selu);
        check::<SiLU>(Curve::SiLU);
        check::<Mish>(Curve::Mish);
        check::<Softplus>(Curve::Softplus);
        check::<Softsign>(Curve::Softsign);
        check::<HardSigmoid>(Curve::HardSigmoid(ratio(1, 6)));
        check::<HardSigmoid<1, 5>>(Curve::HardSigmoid(ratio(1, 5)));
        check::<HardSwish>(Curve::HardSwish);
        check::<GeluErf>(Curve::GeluErf);
        check::<LeakyReLU<-1, 7>>(Curve::LeakyReLU(ratio(-1, 7)));
        check::<HardSigmoid<2, 9>>(Curve::HardSigmoid(ratio(2, 9)));
        check::<Threshold<1, 0>>(Curve::Threshold(ratio(1, 1)));
        check::<Threshold<-3, 0, 10>>(Curve::Threshold(ratio(-3, 10)));
        let source = |curve: Curve| curve.source().unwrap();
        assert_eq!(source(Curve::Threshold(ratio(2, 1))), "Threshold<2, 0>");
        assert_eq!(source(Curve::Elu(ratio(1, 1))), "ELU");
        assert!(!Curve::LeakyReLU(ratio(-1, 7)).is_signed() && !LeakyReLU::<-1, 7>::SIGNED);
        assert_eq!(Curve::LeakyReLU(ratio(1, 100)).source().unwrap(), "LeakyReLU");
    }
}
