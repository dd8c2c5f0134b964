//! A graph as text that a person can read, printed by [`Display`](std::fmt::Display) and read back by [`FromStr`](std::str::FromStr).
//!
//! ```
//! use fheqat_runtime::circuit::Graph;
//!
//! let text = r#"
//! input x0..=x1, range 0..=3
//! layer 0 "relu1" reads "fc1", bound -9..=9
//! accumulator 0 = x0 - 2 x1, range -6..=3, layer 0
//!   t0.0 = 0 [+1 at 1, +2 at 3]
//! output 0 = 3 t0.0, range 0..=9, constant -5
//! "#;
//! let graph: Graph = text.parse()?;
//! assert_eq!(graph.simulate(&[3, 1]), [3 * 1 - 5]);
//! assert_eq!(graph.to_string(), text.trim_start());
//! # Ok::<(), fheqat_runtime::circuit::text::TextError>(())
//! ```
//!
//! # Grammar
//! A line is an input range, a layer, an accumulator, a table of the accumulator above it, or an output, in this order. Empty
//! lines and what follows a `#` are passed over.
//!
//! ```text
//! graph       = { input } { layer } { accumulator { table } } { output }
//! input       = "input" x [ "..=" x ] "," "range" range
//! layer       = "layer" index name "reads" name "," "bound" range
//! accumulator = "accumulator" index "=" terms "," "range" range "," "layer" index [ tolerance ]
//! table       = t "=" integer [ "[" jump { "," jump } "]" ]
//! jump        = ( "+" | "-" ) number "at" integer
//! output      = "output" index "=" terms "," "range" range [ "," "constant" integer ] [ tolerance ]
//! tolerance   = "," "tolerance" float
//! terms       = "0" | [ "-" ] term { ( "+" | "-" ) term }
//! term        = [ number ] ( x | t )
//! range       = integer "..=" integer
//! x           = "x" index                  an input
//! t           = "t" index "." index        an accumulator and one of its tables
//! number      = digits                     an integer without a sign
//! name        = '"' { any but '"' and '\' | '\"' | '\\' | '\n' | '\r' | '\t' | '\0' | '\'' | '\u{' hex '}' } '"'
//! ```
//!
//! Indices count from 0 and have no gaps. A table is its lowest level and its jumps: `0 [+1 at 3]` is 0 below 3 and 1 from 3 on. A
//! range of an output is that of its terms, without the constant. A constant of 0 and a tolerance of 0 are left out. A
//! tolerance is printed so that it is read back to the same bits.
//!
//! What is read keeps every law of [`verify`](super::verify::verify), or is refused with the line; printing and reading is the
//! identity on what keeps them and these limits.

mod error;
mod line;
mod parse;
mod print;

pub use error::TextError;

/// The most bytes that are read as a graph: 64 MiB.
pub const MAX_BYTES: usize = 1 << 26;
/// The most inputs that a graph is read with: four million.
pub const MAX_INPUTS: usize = 1 << 22;
