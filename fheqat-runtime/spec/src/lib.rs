//! The laws a quantized network must keep to run under TFHE.
//!
//! Three places ask the same questions: the macro (where the user's tokens are), rustc's const evaluator (when a
//! number is a path to a constant) and the runtime (with the trained integers). Every law is one `const fn` here, so
//! their answers cannot differ. A number that the macro cannot read yet is [`Known::Later`]; a law that depends on one
//! stays silent, and const evaluation asks it again.
//!
//! A [`Net`] is data. [`judge`] turns one field of it, and the verdicts on the fields before it, into a [`Verdict`]:
//! the [`Fact`] known about the field's output, and the [`Issue`] of each [`Law`] it breaks. A broken field keeps what
//! is still known about its output and nothing else, so one defect gives one error.
#![no_std]

pub mod fact;
pub mod issue;
pub mod known;
pub mod layer;
pub mod limits;
pub mod net;
pub mod range;
pub mod rules;
pub mod shape;
mod text;

pub use fact::{Fact, Form};
pub use issue::{Issue, Law};
pub use known::Known;
pub use layer::{
    Bias, Conv, Layer, Linear, Pool, Quantizer, Scale, Transfer, WeightRange, WeightScale, Window,
};
pub use net::{Field, Net, Source};
pub use range::Range;
pub use rules::{Verdict, judge, judge_all};
pub use shape::{Axes, Shape};
pub use text::{HELP, NOTE, Text};
