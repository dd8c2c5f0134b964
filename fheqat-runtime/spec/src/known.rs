//! Numbers that may not be readable yet.

/// A value the user wrote as a literal, or named by a path that only const evaluation can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// The value.
    Now(T),
    /// Const evaluation will tell, or a law already refused it.
    Later,
}

impl<T: Copy> Known<T> {
    /// The value where it is known.
    #[must_use]
    pub const fn get(self) -> Option<T> {
        match self {
            Self::Now(value) => Some(value),
            Self::Later => None,
        }
    }

    /// The value where it is known, `other` where it is not.
    #[must_use]
    pub const fn or(self, other: T) -> T {
        match self {
            Self::Now(value) => value,
            Self::Later => other,
        }
    }
}
