//! Text that a `const fn` can write.

use crate::book::ERRORS;

const CAPACITY: usize = 2048;

/// Starts a line that says why. rustc indents what follows the first line of a message.
pub const NOTE: &str = "\n= note: ";
/// Starts a line that says what to type.
pub const HELP: &str = "\n= help: ";
/// Starts the line that says where the error is explained.
pub const SEE: &str = "\n= see: ";

/// A message rendered without allocation, so that const evaluation can panic with it.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Text {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }
    }

    /// The text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "a message was cut inside a character",
        }
    }

    /// Appends `text`, as far as it fits, never cutting a character.
    pub(crate) const fn text(mut self, text: &str) -> Self {
        if self.len + text.len() <= CAPACITY {
            let from = text.as_bytes();
            let mut index = 0;
            while index < from.len() {
                self.bytes[self.len + index] = from[index];
                index += 1;
            }
            self.len += from.len();
        }
        self
    }

    /// Appends `text` in backticks.
    pub(crate) const fn code(self, text: &str) -> Self {
        self.text("`").text(text).text("`")
    }

    /// Appends a number in decimal.
    pub(crate) const fn number(self, value: i128) -> Self {
        const DIGITS: usize = 40;
        let mut digits = [0u8; DIGITS];
        let mut start = DIGITS;
        let mut rest = value.unsigned_abs();
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            start -= 1;
            digits[start] = b'-';
        }
        match core::str::from_utf8(digits.split_at(start).1) {
            Ok(text) => self.text(text),
            Err(_) => self,
        }
    }

    /// Appends `lo..=hi`.
    pub(crate) const fn range(self, range: crate::Range) -> Self {
        self.number(range.lo as i128).text("..=").number(range.hi as i128)
    }

    /// Appends `a` or `an`, as the layer's name sounds, and the name.
    pub(crate) const fn layer(self, kind: &str) -> Self {
        let text = match kind.as_bytes() {
            [b'A' | b'U', ..] => self.text("an "),
            _ => self.text("a "),
        };
        text.code(kind)
    }

    /// Starts a line that says why.
    pub(crate) const fn note(self) -> Self {
        self.text(NOTE)
    }

    /// Starts a line that says what to type.
    pub(crate) const fn help(self) -> Self {
        self.text(HELP)
    }

    /// The line that says where the error is explained, as [`address`](crate::book::address) has it.
    pub(crate) const fn see(self, page: &str) -> Self {
        self.text(SEE).text(ERRORS).text(page).text(".md")
    }
}

impl core::fmt::Debug for Text {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::fmt::Display for Text {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}
