//! Every line ended by one line feed, however the file ends them, so that lines can be counted.

use std::io::{self, Read};

/// Turns `\r\n` and `\r` into `\n`, and ends the last line.
pub(super) struct Lines<R> {
    source: R,
    was_return: bool,
    last: u8,
    is_done: bool,
}

impl<R> Lines<R> {
    pub(super) const fn new(source: R) -> Self {
        Self { source, was_return: false, last: b'\n', is_done: false }
    }

    /// Of the bytes in front, how many are left.
    fn mend(&mut self, bytes: &mut [u8]) -> usize {
        let mut kept = 0;
        for index in 0..bytes.len() {
            let byte = bytes[index];
            let is_second = self.was_return && byte == b'\n';
            self.was_return = byte == b'\r';
            if !is_second {
                bytes[kept] = if self.was_return { b'\n' } else { byte };
                kept += 1;
            }
        }
        kept
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while !self.is_done && !to.is_empty() {
            let read = self.source.read(to)?;
            if read == 0 {
                self.is_done = true;
                if self.last != b'\n' {
                    to[0] = b'\n';
                    return Ok(1);
                }
                break;
            }
            let kept = if self.was_return || to[..read].contains(&b'\r') {
                self.mend(&mut to[..read])
            } else {
                read
            };
            if kept > 0 {
                self.last = to[kept - 1];
                return Ok(kept);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Gives so many bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(to.len());
            self.0.read(&mut to[..most])
        }
    }

    proptest! {
        #[test]
        fn lines_are_ended_alike(
            parts in vec(prop::sample::select(vec!["a", "\r", "\n", "\r\n", "\"", "\u{e9}"]), 0..30),
            step in 1usize..5,
        ) {
            let text = parts.concat();
            let mut expected = text.replace("\r\n", "\n").replace('\r', "\n");
            if !expected.is_empty() && !expected.ends_with('\n') {
                expected.push('\n');
            }
            let mut read = String::new();
            Lines::new(Slow(text.as_bytes(), step)).read_to_string(&mut read).unwrap();
            prop_assert_eq!(read, expected);
        }
    }
}
