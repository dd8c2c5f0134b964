//! What the user chooses of the cryptography.

use std::num::NonZeroUsize;

use crate::params::{
    Bytes, Log2Probability, Parameters, Results, SmallKey, cost::Prices, modulus_switch::MAX_EXTENSION,
    objective::Objective, search::Bounds,
};

/// What the user chooses of the cryptography.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CompileOptions {
    /// The probability that any value of a whole inference is wrong, 2^-256 to 1/2. Default: 2^-128, at which nobody ever sees a wrong
    /// result, which would say something of the key. 2^-40 is cheaper, but only for results that stay with the key's owner.
    pub p_fail: Log2Probability,
    /// The most memory that a server key may take. Default: 250 MB.
    pub max_server_key: Bytes,
    /// The base-2 logarithm of the most polynomials that a rotation may interleave; 0 is the usual rotation, of one. Default:
    /// [`MAX_EXTENSION`], which is 5.
    pub max_extension: u32,
    /// What parameters minimise. Default: [`Objective::CoreSeconds`].
    pub objective: Objective,
    /// The parameters to use: those of keys that clients already have, for another model or the same one retrained. Default: none,
    /// which means the best by `objective`.
    pub parameters: Option<Parameters>,
    /// How the bits of the small key are drawn. Default: [`SmallKey::Blocks`]. [`SmallKey::Uniform`] keys are those that tfhe's security
    /// curve was made for; a rotation under them takes 1.3 to 1.5 times as long.
    pub small_key: SmallKey,
    /// How results are sent. Default: [`Results::Rounded`], each by itself: 3.8 kB an output of 64 slots, no more keys and hardly any
    /// time. [`Results::Packed`] is for many outputs, or little bandwidth: 1.9 kB at 64 slots and 3.5 kB at 2,048, for any number of
    /// outputs up to 100, for keys of 0.2 to 0.6 MB more (1.6 MB at most, where the big key has 8,192 bits) and about a third of a millisecond.
    pub results: Results,
    /// Threads of [`Compiled::keygen`](super::Compiled::keygen) and its server. Default: none, which means one a core.
    pub threads: Option<NonZeroUsize>,
    /// How long operations take, by which parameters are chosen and times predicted. Default: [`Prices::shipped`], which gives the
    /// same parameters everywhere; with [`Prices::of_this_machine`] the predicted times are those of this machine.
    pub prices: Prices,
}

impl Default for CompileOptions {
    fn default() -> Self {
        let Bounds { p_fail, server_key, objective, results } = Bounds::default();
        Self {
            p_fail,
            max_server_key: server_key,
            max_extension: MAX_EXTENSION,
            objective,
            parameters: None,
            small_key: SmallKey::default(),
            results,
            threads: None,
            prices: Prices::shipped(),
        }
    }
}

impl CompileOptions {
    /// Sets [`p_fail`](Self::p_fail).
    #[must_use]
    pub const fn p_fail(mut self, p_fail: Log2Probability) -> Self {
        self.p_fail = p_fail;
        self
    }

    /// Sets [`max_server_key`](Self::max_server_key).
    #[must_use]
    pub const fn max_server_key(mut self, bytes: Bytes) -> Self {
        self.max_server_key = bytes;
        self
    }

    /// Sets [`small_key`](Self::small_key).
    #[must_use]
    pub const fn small_key(mut self, small_key: SmallKey) -> Self {
        self.small_key = small_key;
        self
    }

    /// Sets [`max_extension`](Self::max_extension).
    #[must_use]
    pub const fn max_extension(mut self, extension: u32) -> Self {
        self.max_extension = extension;
        self
    }

    /// Sets [`objective`](Self::objective).
    #[must_use]
    pub const fn objective(mut self, objective: Objective) -> Self {
        self.objective = objective;
        self
    }

    /// Sets [`parameters`](Self::parameters).
    #[must_use]
    pub const fn parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = Some(parameters);
        self
    }

    /// Sets [`results`](Self::results).
    #[must_use]
    pub const fn results(mut self, results: Results) -> Self {
        self.results = results;
        self
    }

    /// Sets [`threads`](Self::threads).
    #[must_use]
    pub const fn threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// Sets [`prices`](Self::prices).
    #[must_use]
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = prices;
        self
    }
}
