use std::str::FromStr;

use fheqat_spec::Range;

use super::TextError;
use crate::circuit::ir::{Term, Tolerance, Wire};

const fn is_digit(next: char) -> bool {
    next.is_ascii_digit()
}

/// A line, read up to a byte.
pub(super) struct Line<'t> {
    text: &'t str,
    /// From 1.
    pub(super) number: usize,
    pub(super) at: usize,
}

impl<'t> Line<'t> {
    pub(super) const fn new(text: &'t str, number: usize) -> Self {
        Self { text, number, at: 0 }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Whether nothing is left but a comment.
    pub(super) fn is_done(&mut self) -> bool {
        self.space();
        self.rest().is_empty() || self.starts_with("#")
    }

    pub(super) fn end(&mut self) -> Result<(), TextError> {
        if self.is_done() { Ok(()) } else { Err(self.unexpected("the end of the line")) }
    }

    pub(super) fn starts_with(&self, symbol: &str) -> bool {
        self.rest().starts_with(symbol)
    }

    pub(super) fn take(&mut self, symbol: &str) -> bool {
        self.space();
        let found = self.starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    pub(super) fn expect(&mut self, symbol: &str, expected: &str) -> Result<(), TextError> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        self.space();
        let found = self.rest().strip_prefix(word);
        let is_whole = found.is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()));
        if is_whole {
            self.at += word.len();
        }
        is_whole
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), TextError> {
        if self.take_word(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"))) }
    }

    pub(super) fn comma(&mut self, word: &str) -> Result<(), TextError> {
        self.expect(",", &format!("`, {word}`"))?;
        self.expect_word(word)
    }

    /// What starts here and consists of such characters.
    fn run(&self, part: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        rest.split_once(|next| !part(next)).map_or(rest, |(run, _)| run)
    }

    fn number<T: FromStr>(&mut self, digits: &str, expected: &str) -> Result<T, TextError> {
        let number = digits.parse().map_err(|_| self.unexpected(expected))?;
        self.at += digits.len();
        Ok(number)
    }

    pub(super) fn index(&mut self) -> Result<usize, TextError> {
        self.number(self.run(is_digit), "an index")
    }

    /// The index that is to come, and no other.
    pub(super) fn take_index(&mut self, index: usize) -> Result<(), TextError> {
        self.space();
        let start = self.at;
        if self.index().is_ok_and(|found| found == index) {
            return Ok(());
        }
        self.at = start;
        Err(self.unexpected(&format!("index {index}")))
    }

    /// The wire that is to come, and no other.
    pub(super) fn take_wire(&mut self, wire: Wire) -> Result<(), TextError> {
        self.space();
        let start = self.at;
        if self.wire().is_ok_and(|found| found == Some(wire)) {
            return Ok(());
        }
        self.at = start;
        Err(self.unexpected(&format!("`{wire}`")))
    }

    pub(super) fn integer(&mut self) -> Result<i64, TextError> {
        self.space();
        let rest = self.rest();
        let behind = rest.strip_prefix('-').unwrap_or(rest).trim_start_matches(is_digit);
        self.number(rest.strip_suffix(behind).unwrap_or(rest), "an integer of 64 bits")
    }

    /// An integer without a sign.
    pub(super) fn magnitude(&mut self) -> Result<i64, TextError> {
        self.space();
        self.number(self.run(is_digit), "an integer of 63 bits without a sign")
    }

    pub(super) fn range(&mut self) -> Result<Range, TextError> {
        let lo = self.integer()?;
        self.expect("..=", "`..=`")?;
        let start = self.at;
        let hi = self.integer()?;
        if lo > hi {
            self.at = start;
            return Err(self.unexpected(&format!("an integer from {lo} on")));
        }
        Ok(Range { lo, hi })
    }

    pub(super) fn tolerance(&mut self, expected: &str) -> Result<Tolerance, TextError> {
        if !self.take_word("tolerance") {
            return Err(self.unexpected(expected));
        }
        self.space();
        let start = self.at;
        let digits = self.run(|next| next.is_ascii_alphanumeric() || matches!(next, '.' | '-' | '+'));
        let deviation: f64 = self.number(digits, "a number")?;
        if deviation.is_finite() && deviation >= 0.0 {
            return Ok(Tolerance(deviation));
        }
        self.at = start;
        Err(self.unexpected("a number that is finite and not below zero"))
    }

    /// A wire, where one starts here.
    fn wire(&mut self) -> Result<Option<Wire>, TextError> {
        if self.take("x") {
            return Ok(Some(Wire::Input(self.index()?)));
        }
        if self.take("t") {
            let accumulator = self.index()?;
            if !self.starts_with(".") {
                return Err(self.unexpected("`.` and the index of a table"));
            }
            self.at += 1;
            return Ok(Some(Wire::Table { accumulator, table: self.index()? }));
        }
        Ok(None)
    }

    pub(super) fn terms(&mut self) -> Result<Vec<Term>, TextError> {
        self.space();
        if self.rest().strip_prefix('0').is_some_and(|rest| rest.trim_start().starts_with(',')) {
            self.at += 1;
            return Ok(Vec::new());
        }
        let mut terms = Vec::new();
        let mut is_negative = self.take("-");
        loop {
            self.space();
            let magnitude = if self.rest().starts_with(is_digit) { self.magnitude()? } else { 1 };
            let Some(wire) = self.wire()? else { return Err(self.unexpected("a wire, as `x0` or `t0.0`")) };
            terms.push(Term { wire, weight: if is_negative { -magnitude } else { magnitude } });
            is_negative = self.take("-");
            if !is_negative && !self.take("+") {
                return Ok(terms);
            }
        }
    }

    pub(super) fn name(&mut self) -> Result<String, TextError> {
        self.expect("\"", "a name in quotes")?;
        let mut name = String::new();
        loop {
            let mut characters = self.rest().chars();
            match characters.next() {
                Some('"') => {
                    self.at += 1;
                    return Ok(name);
                }
                Some('\\') => name.push(self.escaped()?),
                Some(next) => {
                    self.at += next.len_utf8();
                    name.push(next);
                }
                None => return Err(self.unexpected("`\"`")),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, TextError> {
        const SHORT: [(&str, char); 7] = [
            ("\\\"", '"'),
            ("\\\\", '\\'),
            ("\\n", '\n'),
            ("\\r", '\r'),
            ("\\t", '\t'),
            ("\\0", '\0'),
            ("\\'", '\''),
        ];
        for (escape, meant) in SHORT {
            if self.starts_with(escape) {
                self.at += escape.len();
                return Ok(meant);
            }
        }
        let hex = self.rest().strip_prefix("\\u{").and_then(|rest| rest.split_once('}')).map(|(hex, _)| hex);
        let meant =
            hex.filter(|hex| hex.len() <= 6 && hex.bytes().all(|digit| digit.is_ascii_hexdigit())).and_then(
                |hex| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32).map(|meant| (hex, meant)),
            );
        let Some((hex, meant)) = meant else {
            return Err(self.unexpected("an escape, as `\\\"` or `\\u{7f}`"));
        };
        self.at += "\\u{}".len() + hex.len();
        Ok(meant)
    }

    /// The column of a byte.
    pub(super) fn column(&self, at: usize) -> usize {
        1 + self.text.get(..at).map_or(0, |before| before.chars().count())
    }

    pub(super) fn unexpected(&self, expected: &str) -> TextError {
        const MOST: usize = 20;
        let rest = self.rest().trim_start();
        let at = self.text.len() - rest.len();
        let printable = |next: char| if next.is_control() { char::REPLACEMENT_CHARACTER } else { next };
        let shown: String = rest.chars().take(MOST).map(printable).collect();
        let dots = if rest.chars().nth(MOST).is_some() { "..." } else { "" };
        let found =
            if rest.is_empty() { "the end of the line".to_owned() } else { format!("`{shown}{dots}`") };
        TextError::Unexpected {
            line: self.number,
            column: self.column(at),
            expected: expected.to_owned(),
            found,
        }
    }
}
