//! Errors: every one is collected, none stops the macro.

use std::{cell::RefCell, fmt::Display};

use fheqat_spec::{
    HELP, NOTE, SEE,
    book::{LANGUAGE, address},
};
use quote::ToTokens;

/// Collects errors. Must be [checked](Ctxt::check) before it goes away.
pub(crate) struct Ctxt {
    errors: RefCell<Option<Vec<syn::Error>>>,
}

impl Ctxt {
    pub(crate) fn new() -> Self {
        Self { errors: RefCell::new(Some(Vec::new())) }
    }

    /// Blames `tokens`, all of them. The message says where it is explained: a law's own page, or that of the language.
    pub(crate) fn error(&self, tokens: impl ToTokens, message: impl Display) {
        self.add(syn::Error::new_spanned(tokens, with_address(&message)));
    }

    /// Takes over what the parser says, each of one token.
    pub(crate) fn push(&self, error: syn::Error) {
        for error in error {
            self.add(syn::Error::new(error.span(), with_address(&error)));
        }
    }

    fn add(&self, error: syn::Error) {
        if let Some(errors) = self.errors.borrow_mut().as_mut() {
            errors.push(error);
        }
    }

    /// The errors, if there are any.
    pub(crate) fn check(self) -> Result<(), Vec<syn::Error>> {
        match self.errors.take() {
            Some(errors) if !errors.is_empty() => Err(errors),
            _ => Ok(()),
        }
    }
}

impl Drop for Ctxt {
    fn drop(&mut self) {
        debug_assert!(
            std::thread::panicking() || self.errors.borrow().is_none(),
            "errors were dropped unchecked"
        );
    }
}

/// The message, and where it is explained if it does not say so.
fn with_address(message: &impl Display) -> String {
    let message = message.to_string();
    if message.contains(SEE) { message } else { format!("{message}{SEE}{}", address(LANGUAGE)) }
}

/// A message: what is wrong, then why, then what to type.
pub(crate) struct Message(String);

impl Message {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    pub(crate) fn note(self, why: impl Display) -> Self {
        Self(format!("{}{NOTE}{why}", self.0))
    }

    pub(crate) fn help(self, what_to_type: impl Display) -> Self {
        Self(format!("{}{HELP}{what_to_type}", self.0))
    }

    /// Adds a help line where there is something to suggest.
    pub(crate) fn maybe_help(self, what_to_type: Option<String>) -> Self {
        match what_to_type {
            Some(line) => self.help(line),
            None => self,
        }
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}
