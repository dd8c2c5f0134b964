//! What `main` returns, so that a program that fails prints a sentence.

use std::{
    error::Error,
    fmt::{self, Debug, Formatter},
};

use crate::explained;

/// Any error, for the result of `main`: a program that fails prints the message and the causes behind it, where returning the
/// error itself would print its fields.
///
/// ```no_run
/// use fheqat::prelude::*;
///
/// fn main() -> Result<(), MainError> {
///     let circuit = Circuit::from_bytes(&fheqat::file::load("circuit.bin")?)?;
///     println!("{} bits", circuit.accumulator_bits());
///     Ok(())
/// }
/// ```
///
/// prints, where there is no such file,
///
/// ```text
/// Error: cannot read `circuit.bin`: No such file or directory (os error 2)
/// ```
///
/// and behind it the address of the page of the error index about it, and ends with exit code 1. It is not an [`Error`] itself, which is why every error converts to it.
pub struct MainError(Box<dyn Error>);

impl<E: Into<Box<dyn Error>>> From<E> for MainError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl MainError {
    /// The error.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + 'static) {
        &*self.0
    }

    /// The message and the causes behind it, a line each.
    #[must_use]
    pub fn message(&self) -> String {
        let mut message = self.0.to_string();
        let mut lines = message.clone();
        let mut source = self.0.source();
        while let Some(error) = source {
            let cause = error.to_string();
            // Some messages close with their cause.
            if !message.contains(&cause) {
                lines = lines + "\n  because " + &cause;
            }
            message = cause;
            source = error.source();
        }
        lines
    }
}

impl Debug for MainError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())?;
        match explained(self.error()) {
            Some(address) => write!(f, "\n  see {address}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io, num::ParseIntError};

    use super::*;

    #[derive(Debug)]
    struct Outer {
        message: &'static str,
        source: io::Error,
    }

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str(self.message)
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.source)
        }
    }

    fn outer(message: &'static str) -> MainError {
        Outer { message, source: io::Error::other("the disk is full") }.into()
    }

    #[test]
    fn causes_are_printed_once_each() {
        let printed = |error: MainError| format!("{error:?}");
        assert_eq!(printed(outer("cannot save")), "cannot save\n  because the disk is full");
        assert_eq!(printed(outer("cannot save: the disk is full")), "cannot save: the disk is full");
    }

    #[test]
    fn an_error_of_ours_says_where_it_is_explained() {
        use fheqat_runtime::{error::InputError, nn::NetworkError, train::TrainError};

        let error = TrainError::Input(InputError::Empty);
        let printed = format!("{:?}", MainError::from(error));
        assert!(printed.starts_with("there are no samples: give at least one\n  see https://"), "{printed}");
        assert!(printed.ends_with("/docs/book/errors/training.md"), "{printed}");
        let message = format!("broken\n= see: {}", fheqat_runtime::spec::book::address("scale"));
        let law = NetworkError::Law { message: message.clone() };
        assert_eq!(format!("{:?}", MainError::from(law)), message);
    }

    #[test]
    fn every_error_converts() {
        fn number() -> Result<u8, MainError> {
            Ok("300".parse::<u16>().map_err(Box::<dyn Error>::from)?.try_into()?)
        }
        let error: ParseIntError = "x".parse::<u8>().unwrap_err();
        assert_eq!(format!("{:?}", MainError::from(error)), "invalid digit found in string");
        assert_eq!(format!("{:?}", MainError::from("no data")), "no data");
        assert_eq!(format!("{:?}", number().unwrap_err()), "out of range integral type conversion attempted");
    }
}
