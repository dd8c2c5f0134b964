//! The laws: a file each, with what can be wrong, how it reads, what to blame and the check; and the list of them.
#![expect(clippy::unused_self, reason = "every law answers in the same way, with data or without")]
#![expect(
    clippy::large_types_passed_by_value,
    reason = "const evaluation moves texts, and only where there is one"
)]

mod bootstraps;
pub mod input;
pub mod overflow;
pub mod quantized;
pub mod scale;
pub mod shape;
pub mod tolerance;
pub mod wiring;

pub use self::bootstraps::{Bootstraps, Fewer, TooMany, bootstraps};
use crate::{
    Text,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
};

/// The list of laws, in the order they are asked.
macro_rules! laws {
    ($($(#[$doc:meta])* $law:ident = $file:ident::$issue:ident;)*) => {
        /// The laws a field can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Law {
            $($(#[$doc])* $law,)*
        }

        impl Law {
            /// Every law, in the order they are asked.
            pub const ALL: [Self; COUNT] = [$(Self::$law),*];

            /// The name of its page in the [error index](crate::book).
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$law => stringify!($file),)*
                }
            }

            /// What holds for it whatever breaks it.
            #[must_use]
            pub const fn traits(self) -> LawTraits {
                match self {
                    $(Self::$law => $file::TRAITS,)*
                }
            }
        }

        const COUNT: usize = [$(stringify!($law)),*].len();

        /// How a field breaks a law.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Issue<'a> {
            $($(#[$doc])* $law($file::$issue<'a>),)*
        }

        impl<'a> Issue<'a> {
            /// The law.
            #[must_use]
            pub const fn law(&self) -> Law {
                match self {
                    $(Self::$law(_) => Law::$law,)*
                }
            }

            /// The message: what is wrong, with both sides and their values; `note`: the arithmetic; `help`: the exact text
            /// to type; `see`: where it is explained.
            #[must_use]
            pub const fn render(&self) -> Text {
                let text = match self {
                    $(Self::$law(issue) => issue.render(),)*
                };
                text.see(self.law().page())
            }

            /// Which tokens to underline.
            #[must_use]
            pub const fn blame(&self) -> Blame<'a> {
                match self {
                    $(Self::$law(issue) => issue.blame(),)*
                }
            }

            /// What else may be the cause.
            #[must_use]
            pub const fn cause(&self) -> Cause {
                match self {
                    $(Self::$law(issue) => issue.cause(),)*
                }
            }
        }

        /// How the field breaks each law, if it does.
        pub(crate) const fn issues<'a>(asked: &Asked<'a, '_>) -> [Option<Issue<'a>>; COUNT] {
            [$(match $file::check(asked) {
                Some(issue) => Some(Issue::$law(issue)),
                None => None,
            }),*]
        }
    };
}

laws! {
    /// The first layer that touches the input is a `QuantIdentity`, a `Thermometer` or one of the client; the last two touch nothing else.
    Input = input::Misread;
    /// Every layer but a quantizer takes quantized tensors, never a raw accumulator.
    Quantized = quantized::RawOperand;
    /// The operands of `Add` and `Concat` share one scale.
    Scale = scale::Scales;
    /// Each layer's input shape fits, and no tensor is too large.
    Shape = shape::Misfit;
    /// The worst case of every accumulator over all inputs fits `acc_bits`.
    Overflow = overflow::Overflow;
    /// A layer reads as many fields as it takes, every field but the last is read, and the last is the output.
    Wiring = wiring::Wiring;
    /// One sample needs at most `max_bootstraps` bootstraps. Asked of the last field, about the whole network.
    Bootstraps = bootstraps::TooMany;
    /// `tolerance` is allowed only on a quantizer that runs encrypted, and on the layer with weights that gives the output.
    Tolerance = tolerance::Misplaced;
}

impl Law {
    /// Position in [`Law::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it needs numbers. The others are decided by the macro alone, whatever a path names.
    #[must_use]
    pub const fn is_numeric(self) -> bool {
        self.traits().is_numeric
    }
}

impl Issue<'_> {
    /// Stops const evaluation with the message.
    #[track_caller]
    pub(crate) const fn stop(&self) -> ! {
        let text = self.render();
        panic!("{}", text.as_str())
    }
}

impl core::fmt::Display for Issue<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.render().as_str())
    }
}

impl core::error::Error for Issue<'_> {}
