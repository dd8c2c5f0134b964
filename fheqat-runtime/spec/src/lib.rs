//! The laws a quantized network must keep to run under TFHE.
//!
//! Three places ask the same questions: the macro (where the user's tokens are), rustc's const evaluator (when a
//! number is a path to a constant) and the runtime (with the trained integers). Every law is one `const fn` here, so
//! their answers cannot differ. A number that the macro cannot read yet is [`Known::Later`]; a law that depends on one
//! stays silent, and const evaluation asks it again.
//!
//! A [`Net`] is data. [`judge_all`] turns each field of it into a [`Verdict`]: the [`Fact`] known about the field's output,
//! and the [`Issue`] of each [`Law`] it breaks. A broken field keeps what is still known about its output and nothing else,
//! so one defect gives one error.
//!
//! `layers` has a file for each layer, which answers what the laws ask; `rules` has a file for each law.
#![no_std]

extern crate alloc;

mod asked;
pub mod blame;
pub mod book;
pub mod fact;
mod judge;
pub mod known;
pub mod layers;
pub mod limits;
pub mod net;
pub mod numbers;
pub mod range;
pub mod rules;
pub mod shape;
mod suggest;
pub mod sums;
mod text;
mod window;

pub use blame::{Blame, Cause};
pub use fact::{Fact, Form, Source};
pub use judge::{Verdict, judge, judge_all, judge_each};
pub use known::Known;
pub use layers::*;
pub use net::{Field, Net};
pub use range::Range;
pub use rules::{Issue, Law};
pub use shape::{Axes, Shape};
pub use suggest::closest;
pub use sums::{Products, Sums};
pub use text::{HELP, NOTE, SEE, Text};
pub use window::{Padding, Sides, Window};
