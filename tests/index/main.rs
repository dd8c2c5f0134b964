//! The examples of the error index, which the pages in `docs/book/errors` show: each is wrong, fails with the message of its error, and is
//! cured behind an empty line. What stands above `// Shown:`, and which variant it is, the pages leave out.
//!
//! `UPDATE_BOOK=1 cargo test -p fheqat-ui --test book` copies them.
#![cfg(feature = "fhe")]
#![allow(clippy::unwrap_used)]

mod compiling;
mod csv;
mod data;
mod encrypted;
mod features;
mod files;
mod images;
mod importing;
mod networks;
mod samples;
mod training;
mod weights;
