//! Every number with a name: what an option may be, and its default.

use crate::{Known, Text, book::LANGUAGE};

/// The values an option may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The option as the user writes it.
    pub name: &'static str,
    /// Smallest value allowed.
    pub least: i64,
    /// Largest value allowed.
    pub most: i64,
}

/// `bits`: the width of weights and activations.
pub const BITS: Limit = Limit { name: "bits", least: 2, most: 8 };
/// `weight_bits`: one bit would leave no weight but zero.
pub const WEIGHT_BITS: Limit = Limit { name: "weight_bits", least: 2, most: 8 };
/// `act_bits`, and `bits` on a quantizer.
pub const ACT_BITS: Limit = Limit { name: "act_bits", least: 1, most: 8 };
/// `bits` on a quantizer.
pub const QUANTIZER_BITS: Limit = Limit { name: "bits", least: 1, most: 8 };
/// `acc_bits`; of a sum that a table reads at most [`MAX_TABLE_BITS`].
pub const ACC_BITS: Limit = Limit { name: "acc_bits", least: 2, most: MAX_CLIENT_BITS };
/// `max_nonzero`.
pub const MAX_NONZERO: Limit = Limit { name: "max_nonzero", least: 1, most: MAX_DIMENSION };
/// `max_l1`.
pub const MAX_L1: Limit = Limit { name: "max_l1", least: 1, most: MAX_DIMENSION };
/// `max_bootstraps`.
pub const MAX_BOOTSTRAPS: Limit = Limit { name: "max_bootstraps", least: 0, most: 1 << 32 };
/// A dimension of a tensor. Products of it with two eight-bit operands stay far inside an `i64`.
pub const DIMENSION: Limit = Limit { name: "dimension", least: 1, most: MAX_DIMENSION };

/// A dimension of `input`.
pub const INPUT: Limit = Limit { name: "input", ..DIMENSION };
/// A dimension of `shape`.
pub const SHAPE: Limit = Limit { name: "shape", ..DIMENSION };
/// An axis in `axes`.
pub const AXES: Limit = Limit { name: "axes", least: 0, most: MAX_RANK as i64 - 1 };
/// `IN` of `QuantLinear<IN, OUT>`, and of convolutions.
pub const INPUTS: Limit = Limit { name: "IN", ..DIMENSION };
/// `OUT` of `QuantLinear<IN, OUT>`, and of convolutions.
pub const OUTPUTS: Limit = Limit { name: "OUT", ..DIMENSION };

/// `K` of a `Thermometer`.
pub const THERMOMETER: Limit = Limit { name: "K", least: 1, most: 1 << 10 };
/// `K` of a convolution or a pool.
pub const KERNEL: Limit = Limit { name: "K", least: 1, most: MAX_WINDOW };
/// `START` of a `Slice`.
pub const START: Limit = Limit { name: "START", least: 0, most: MAX_DIMENSION };
/// `END` of a `Slice`.
pub const END: Limit = Limit { name: "END", ..DIMENSION };
/// `axis` of a `Slice`.
pub const AXIS: Limit = Limit { name: "axis", ..AXES };
/// `FACTOR` of an `Upsample`.
pub const FACTOR: Limit = Limit { name: "FACTOR", least: 1, most: MAX_WINDOW };
/// `stride`.
pub const STRIDE: Limit = Limit { name: "stride", least: 1, most: MAX_WINDOW };
/// `dilation`.
pub const DILATION: Limit = Limit { name: "dilation", least: 1, most: MAX_WINDOW };
/// `padding`, and each side of it.
pub const PADDING: Limit = Limit { name: "padding", least: 0, most: MAX_WINDOW };
/// `groups`.
pub const GROUPS: Limit = Limit { name: "groups", ..DIMENSION };

/// The most steps of an activation that `tolerance` may be: half of the levels that three bits give.
pub const MAX_TOLERANCE: i64 = 4;

/// The most numbers that one tensor holds: as many as one dimension may be, so that any tensor can be flattened. Each is a
/// ciphertext of its own when a network runs encrypted, and of kilobytes.
pub const MAX_ELEMENTS: i64 = MAX_DIMENSION;

/// The fan-in of a filter, at most `2^24` channels of a window, times two eight-bit operands stays inside an `i64`.
const MAX_WINDOW: i64 = 1 << 10;
const MAX_DIMENSION: i64 = 1 << 24;

/// The widest sum that a table reads: the limit of TFHE in the guide. It holds where the user gives no `acc_bits`, and where a
/// larger one is given.
pub const MAX_TABLE_BITS: i64 = 16;
/// The widest sum that only the client reads, and what holds where the user gives no `acc_bits`: every integer of 24 bits, with a
/// sign or without, is at most `2^24` in magnitude, and so is each part of a sum. Those an `f32` holds exactly, and training sums
/// in `f32`.
pub const MAX_CLIENT_BITS: i64 = 24;
/// `p` of a `Dropout` where the user gives none, as in `PyTorch`.
pub const DEFAULT_P: f64 = 0.5;
/// The most dimensions a tensor has.
pub const MAX_RANK: usize = 4;

/// Why a number was refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refusal {
    /// It is outside its limits.
    OutOfRange {
        /// The option and its limits.
        limit: Limit,
        /// What the user gave.
        value: i128,
    },
    /// A fixed scale that is not a positive, finite `f32`.
    Scale,
    /// A tolerance that is no standard deviation, or too large a one.
    Tolerance,
    /// A probability that is none, or certainty.
    Probability,
    /// A constant that an `f32` cannot hold.
    Value,
}

impl Refusal {
    /// The message, and where it is explained.
    #[must_use]
    pub const fn render(&self) -> Text {
        self.message().see(LANGUAGE)
    }

    const fn message(&self) -> Text {
        let text = Text::new();
        match *self {
            Self::OutOfRange { limit: Limit { name, least, most }, value } => {
                let (least, most) = (least as i128, most as i128);
                text.code(name)
                    .text(if value == i128::MAX { " is at least " } else { " is " })
                    .number(value)
                    .text(", but must be in ")
                    .number(least)
                    .text("..=")
                    .number(most)
                    .help()
                    .text("the nearest allowed is ")
                    .number(if value < least { least } else { most })
            }
            Self::Scale => text
                .text("`scale` must be a positive, finite number that an `f32` can hold")
                .help()
                .text("give the step between two levels: `scale = 0.25`, or leave it out to train it"),
            Self::Tolerance => text
                .text("`tolerance` must be in 0..=")
                .number(MAX_TOLERANCE as i128)
                .note()
                .text("it is the standard deviation of noise, in steps of the activation")
                .help()
                .text("for example `tolerance = 0.2`, or leave it out for exact results"),
            Self::Probability => text
                .text("`p` must be at least 0 and less than 1")
                .note()
                .text("it is the probability that a level is set to zero while the network trains")
                .help()
                .text("for example `p = 0.1`"),
            Self::Value => text
                .text("`value` must be a finite number that an `f32` can hold")
                .help()
                .text("for example `value = 0.5`; constants of each channel are part of the weights"),
        }
    }

    #[track_caller]
    const fn stop(&self) -> ! {
        let text = self.render();
        panic!("{}", text.as_str())
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.render().as_str())
    }
}

impl core::error::Error for Refusal {}

/// An option's number after its law: what later laws may use, and the issue if it breaks its own.
#[derive(Clone, Copy, Debug)]
pub struct Admitted {
    /// The number, or [`Known::Later`] when it was refused.
    pub number: Known<i64>,
    /// Why it was refused.
    pub issue: Option<Refusal>,
}

impl Admitted {
    /// Stops const evaluation with the issue's message.
    ///
    /// # Panics
    /// When the number was refused: at compile time, that is the error the user reads.
    #[track_caller]
    pub const fn assert(&self) {
        if let Some(issue) = &self.issue {
            issue.stop();
        }
    }
}

impl Limit {
    /// The bits law: is the number one the option may take?
    #[must_use]
    pub const fn admit(self, value: i128) -> Admitted {
        if value < self.least as i128 || value > self.most as i128 {
            return Admitted {
                number: Known::Later,
                issue: Some(Refusal::OutOfRange { limit: self, value }),
            };
        }
        Admitted { number: Known::Now(value as i64), issue: None }
    }
}

/// A type that an option's constant may have.
#[diagnostic::on_unimplemented(
    message = "the value must be an integer, but is a `{Self}`",
    label = "this is a `{Self}`"
)]
pub trait Integer: Copy {
    /// Itself: where a type is refused, no cast of it is.
    type Same;
}

macro_rules! integers {
    ($($integer:ty),*) => {
        $(#[diagnostic::do_not_recommend] impl Integer for $integer { type Same = Self; })*
    };
}
integers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

/// Lets only integers through, so that the cast behind it loses nothing.
#[must_use]
pub const fn integer<T: Integer<Same = T>>(value: T) -> T::Same {
    value
}

/// An integer from its 128 bits and its size: the largest or smallest `i128` where it fits none.
#[must_use]
pub const fn saturated(bits: i128, size: f64) -> i128 {
    if bits < 0 && size > 0.0 { i128::MAX } else { bits }
}

/// A type that a fixed scale or a tolerance may have.
#[diagnostic::on_unimplemented(
    message = "the value must be a number, but is a `{Self}`",
    label = "this is a `{Self}`"
)]
pub trait Number: Copy {
    /// Itself: where a type is refused, no cast of it is.
    type Same;
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(#[diagnostic::do_not_recommend] impl Number for $number { type Same = Self; })*
    };
}
numbers!(f32, f64, i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

/// Lets only numbers through.
#[must_use]
pub const fn number<T: Number<Same = T>>(value: T) -> T::Same {
    value
}

/// A fixed scale, or a tolerance, after its law.
#[derive(Clone, Copy, Debug)]
pub struct AdmittedFloat {
    /// The number, or [`Known::Later`] when it was refused.
    pub number: Known<f64>,
    /// Why it was refused.
    pub issue: Option<Refusal>,
}

impl AdmittedFloat {
    /// Stops const evaluation with the issue's message.
    ///
    /// # Panics
    /// When the number was refused.
    #[track_caller]
    pub const fn assert(&self) {
        if let Some(issue) = &self.issue {
            issue.stop();
        }
    }
}

/// `scale` must be a positive, finite step that `f32` can hold.
#[must_use]
pub const fn admit_scale(step: f64) -> AdmittedFloat {
    if step >= f32::MIN_POSITIVE as f64 && step <= f32::MAX as f64 {
        AdmittedFloat { number: Known::Now(step), issue: None }
    } else {
        AdmittedFloat { number: Known::Later, issue: Some(Refusal::Scale) }
    }
}

/// `tolerance` must be a standard deviation of at most [`MAX_TOLERANCE`] steps.
#[must_use]
pub const fn admit_tolerance(steps: f64) -> AdmittedFloat {
    if steps >= 0.0 && steps <= MAX_TOLERANCE as f64 {
        AdmittedFloat { number: Known::Now(steps), issue: None }
    } else {
        AdmittedFloat { number: Known::Later, issue: Some(Refusal::Tolerance) }
    }
}

/// `value` must be a number that `f32` can hold.
#[must_use]
pub const fn admit_value(value: f64) -> AdmittedFloat {
    if value >= f32::MIN as f64 && value <= f32::MAX as f64 {
        AdmittedFloat { number: Known::Now(value), issue: None }
    } else {
        AdmittedFloat { number: Known::Later, issue: Some(Refusal::Value) }
    }
}

/// `p` must be a probability below one.
#[must_use]
pub const fn admit_probability(p: f64) -> AdmittedFloat {
    if p >= 0.0 && p < 1.0 {
        AdmittedFloat { number: Known::Now(p), issue: None }
    } else {
        AdmittedFloat { number: Known::Later, issue: Some(Refusal::Probability) }
    }
}
