//! Where errors are explained.

use alloc::{format, string::String};

/// The folder of the error index. Its pages are in `docs/book/errors` of the sources, and modules of `fheqat::book::errors`.
pub const ERRORS: &str = "https://github.com/fheqat/fheqat/blob/main/docs/book/errors/";

/// The page about what the attribute refuses and no law does: the struct, its layers and options.
pub const LANGUAGE: &str = "language";

/// The address of a page of the error index.
#[must_use]
pub fn address(page: &str) -> String {
    format!("{ERRORS}{page}.md")
}
