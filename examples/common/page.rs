//! The report of an example as a page, which takes the feature `page`.

use fheqat::{prelude::*, train::History};

/// What the page of an example is made of.
#[cfg_attr(not(feature = "page"), allow(dead_code, reason = "what a build with pages reads"))]
pub(crate) struct Shown<'a> {
    pub(crate) compiled: &'a Compiled,
    pub(crate) history: &'a History,
    /// Samples that were not trained on.
    pub(crate) test: &'a Dataset,
    /// What was decrypted, and what the circuit gives in the clear for the same samples.
    pub(crate) results: [&'a [Logits]; 2],
}

/// Refuses `--html` before anything is trained, where this build writes no pages.
pub(crate) fn check(html: Option<&str>) -> Result<(), MainError> {
    if html.is_some() && !cfg!(feature = "page") {
        return Err("this build writes no pages: run it with `--features page`, as in `cargo run --release --features page --example NAME -- --html report.html`".into());
    }
    Ok(())
}

/// Writes the page, where there is to be one.
#[cfg(feature = "page")]
pub(crate) fn write(html: Option<&str>, shown: &Shown<'_>) -> Result<(), MainError> {
    let Some(path) = html else { return Ok(()) };
    let [decrypted, clear] = shown.results;
    fheqat::page::Page::new(&shown.compiled.circuit().name)
        .compiled(shown.compiled)
        .history(shown.history)
        .data(shown.test, "held-out samples")
        .measured(decrypted, clear)
        .save(path)?;
    println!("{path}: the report as a page");
    Ok(())
}

/// The same of a build without pages, which [`check`] refused.
#[cfg(not(feature = "page"))]
pub(crate) fn write(html: Option<&str>, _: &Shown<'_>) -> Result<(), MainError> {
    check(html)
}
