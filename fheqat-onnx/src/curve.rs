//! Functions that a quantizer applies.

use fheqat_runtime::quant::activation::{
    ELU, Function, Gelu, HardSigmoid, HardSwish, LeakyReLU, Mish, SELU, SiLU, Sigmoid, Softplus, Softsign,
    Tanh,
};

use crate::ratio::Ratio;

/// A function that a quantizer applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Curve {
    ReLU,
    Sigmoid,
    Tanh,
    Gelu,
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

/// Functions of a type whose parameters are known, by ratio.
macro_rules! functions {
    ($type:ident, $per:literal: $($numerator:literal)*) => {
        [$((Ratio::reduced($numerator, $per), Function::of::<
            $type<{ Ratio::reduced($numerator, $per).numerator }, { Ratio::reduced($numerator, $per).per }>,
        >)),*]
    };
}

type Known = (Ratio, fn() -> Function);
type Table<const N: usize> = [Known; N];

/// Slopes of hundredths.
const LEAKS: Table<100> = functions!(LeakyReLU, 100:
    1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43
    44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83
    84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99 100);
/// Alphas of tenths.
const ALPHAS: Table<20> = functions!(ELU, 10: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);
/// Those of `PyTorch` and of ONNX.
const HARD: Table<2> = functions!(HardSigmoid, 30: 5 6);

impl Curve {
    /// The function, where it is known without compiling the type; `None` of a `ReLU`, which is a layer of its own, and where its
    /// numbers are none of those that are kept here.
    pub(crate) fn function(self) -> Option<Function> {
        let of = |table: &[Known], ratio: Ratio| {
            table
                .iter()
                .find(|(of, _)| *of == Ratio::reduced(ratio.numerator, ratio.per))
                .map(|(_, function)| function())
        };
        Some(match self {
            Self::ReLU => return None,
            Self::Sigmoid => Function::of::<Sigmoid>(),
            Self::Tanh => Function::of::<Tanh>(),
            Self::Gelu => Function::of::<Gelu>(),
            Self::LeakyReLU(slope) => return of(&LEAKS, slope),
            Self::Elu(alpha) => return of(&ALPHAS, alpha),
            Self::Selu => Function::of::<SELU>(),
            Self::SiLU => Function::of::<SiLU>(),
            Self::Mish => Function::of::<Mish>(),
            Self::Softplus => Function::of::<Softplus>(),
            Self::Softsign => Function::of::<Softsign>(),
            Self::HardSigmoid(slope) => return of(&HARD, slope),
            Self::HardSwish => Function::of::<HardSwish>(),
        })
    }

    /// Its type, and a parameter with what it is by default; `None` of a `ReLU`.
    fn parts(self) -> Option<(&'static str, Option<[Ratio; 2]>)> {
        let with = |ratio: Ratio, numerator: i64, per: i64| Some([ratio, Ratio { numerator, per }]);
        Some(match self {
            Self::ReLU => return None,
            Self::Sigmoid => ("Sigmoid", None),
            Self::Tanh => ("Tanh", None),
            Self::Gelu => ("Gelu", None),
            Self::LeakyReLU(slope) => ("LeakyReLU", with(slope, 1, 100)),
            Self::Elu(alpha) => ("ELU", with(alpha, 1, 1)),
            Self::Selu => ("SELU", None),
            Self::SiLU => ("SiLU", None),
            Self::Mish => ("Mish", None),
            Self::Softplus => ("Softplus", None),
            Self::Softsign => ("Softsign", None),
            Self::HardSigmoid(slope) => ("HardSigmoid", with(slope, 1, 6)),
            Self::HardSwish => ("HardSwish", None),
        })
    }

    /// The type as files of weights name it, without the last parameters that are those by default; `None` of a `ReLU`.
    pub(crate) fn name(self) -> Option<String> {
        self.parts().map(|(name, parameter)| match parameter {
            Some([ratio, default]) if ratio != default && ratio.per == default.per => {
                format!("{name}<{}>", ratio.numerator)
            }
            _ => self.source().unwrap_or_default(),
        })
    }

    /// The type as a struct has it, without a parameter that is the one by default.
    pub(crate) fn source(self) -> Option<String> {
        self.parts().map(|(name, parameter)| match parameter {
            Some([ratio, default]) if ratio != default => {
                format!("{name}<{}, {}>", ratio.numerator, ratio.per)
            }
            _ => name.to_owned(),
        })
    }

    /// Whether its levels have a sign by default.
    pub(crate) fn is_signed(self) -> bool {
        match self {
            Self::ReLU | Self::Sigmoid | Self::Softplus | Self::HardSigmoid(_) => false,
            Self::LeakyReLU(ratio) | Self::Elu(ratio) => ratio.numerator > 0,
            Self::Tanh
            | Self::Gelu
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
            Self::Gelu | Self::SiLU | Self::Mish | Self::HardSwish => false,
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
            Self::Gelu => "Gelu",
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

#[cfg(test)]
mod tests {
    use fheqat_runtime::quant::activation::Activation;

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
        assert_eq!(Curve::LeakyReLU(ratio(-1, 7)).function(), None);
        assert!(!Curve::LeakyReLU(ratio(-1, 7)).is_signed() && !LeakyReLU::<-1, 7>::SIGNED);
        assert_eq!(Curve::LeakyReLU(ratio(1, 100)).source().unwrap(), "LeakyReLU");
    }
}
