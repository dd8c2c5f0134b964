//! The numbers that keys are made of: tfhe's types, or without it those of the same names.

#[cfg(any(feature = "client", feature = "server"))]
pub use tfhe::core_crypto::prelude::{
    DecompositionBaseLog, DecompositionLevelCount, GlweDimension, LweDimension, PolynomialSize, Variance,
};

#[cfg(not(any(feature = "client", feature = "server")))]
pub use without_tfhe::{
    DecompositionBaseLog, DecompositionLevelCount, GlweDimension, LweDimension, PolynomialSize, Variance,
};

#[cfg(not(any(feature = "client", feature = "server")))]
mod without_tfhe {
    use serde::{Deserialize, Serialize};

    macro_rules! counts {
        ($($(#[$doc:meta])* $name:ident;)*) => {
            $(
                $(#[$doc])*
                #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
                pub struct $name(pub usize);
            )*
        };
    }

    counts! {
        /// log2 of the base of a decomposition.
        DecompositionBaseLog;
        /// Digits of a decomposition.
        DecompositionLevelCount;
        /// Mask polynomials of a ciphertext.
        GlweDimension;
        /// Mask polynomials of a ciphertext, and its body.
        GlweSize;
        /// Mask elements of a ciphertext.
        LweDimension;
        /// Mask elements of a ciphertext, and its body.
        LweSize;
        /// Coefficients of a polynomial.
        PolynomialSize;
    }

    /// A variance, in turns squared.
    #[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
    pub struct Variance(pub f64);

    impl LweDimension {
        /// One more, for the body.
        #[must_use]
        pub const fn to_lwe_size(self) -> LweSize {
            LweSize(self.0 + 1)
        }
    }

    impl GlweDimension {
        /// One more, for the body.
        #[must_use]
        pub const fn to_glwe_size(self) -> GlweSize {
            GlweSize(self.0 + 1)
        }

        /// The elements of its polynomials.
        #[must_use]
        pub const fn to_equivalent_lwe_dimension(self, polynomial_size: PolynomialSize) -> LweDimension {
            LweDimension(self.0 * polynomial_size.0)
        }
    }
}
