//! A circuit as a whole, before anything is computed with it: its graph, the client's maps at its ends, and what reports say of it.

use fheqat_spec::Range;
use thiserror::Error;

use super::{
    Circuit, Codec, DeclaredLayer,
    verify::{LARGEST, VerifyError, verify},
};

/// A circuit that breaks a law: a defect of whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CircuitError {
    /// The graph does.
    #[error(transparent)]
    Graph(#[from] VerifyError),
    /// The client's maps do, or they are of another graph.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// What reports and advice read does.
    #[error("a number of `{field}` is beyond what a layer may have")]
    Layer {
        /// The field's name.
        field: String,
    },
}

/// What is wrong with the client's maps.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Features without a description, or the other way round.
    #[error("its codec reads {features} features and describes {described}")]
    Described {
        /// Features of a sample.
        features: usize,
        /// Features that are described.
        described: usize,
    },
    /// An encoder of other features, or with a step, level, threshold, mean or deviation that none has.
    #[error(
        "encoder {encoder} of its codec does not fit {features} features, or has a number that no encoder has: steps and \
         deviations are positive, thresholds rise, and all are finite"
    )]
    Encoder {
        /// Its index.
        encoder: usize,
        /// Features of a sample.
        features: usize,
    },
    /// As many levels as the graph does not take.
    #[error("its codec gives {levels} levels and its graph takes {inputs}")]
    Levels {
        /// Levels of a sample.
        levels: usize,
        /// Inputs of the graph.
        inputs: usize,
    },
    /// Levels that the graph was not bounded for.
    #[error(
        "its codec gives levels in {}..={} where input {input} of its graph takes {}..={}", levels.lo, levels.hi, range.lo, range.hi
    )]
    Range {
        /// The first such input.
        input: usize,
        /// The range of its levels.
        levels: Range,
        /// What the graph was bounded for.
        range: Range,
    },
    /// Scales, biases or names of other outputs, or numbers that are not finite.
    #[error(
        "its codec does not decode {outputs} outputs, one finite scale, one finite bias and at most one name each"
    )]
    Outputs {
        /// Outputs of the graph.
        outputs: usize,
    },
}

impl Circuit {
    /// Checks every law, as [`compile`](Self::compile) and [`from_bytes`](Self::from_bytes) do: in a circuit that keeps them no arithmetic
    /// overflows, whatever the client encodes.
    ///
    /// # Errors
    /// Names the part and the law that it breaks.
    pub fn verify(&self) -> Result<(), CircuitError> {
        verify(&self.graph)?;
        self.codec.verify(&self.graph.inputs, self.graph.outputs.len())?;
        match self.fields.iter().find(|field| !field.is_lawful()) {
            Some(field) => Err(CircuitError::Layer { field: field.name.clone() }),
            None => Ok(()),
        }
    }
}

impl Codec {
    /// Whether it gives the levels that the inputs of a graph may be, and decodes as many outputs.
    fn verify(&self, inputs: &[Range], outputs: usize) -> Result<(), CodecError> {
        self.verify_ends(inputs.len(), outputs)?;
        let levels = self
            .encoders
            .iter()
            .flat_map(|encoder| std::iter::repeat_n(encoder.range(), encoder.outputs(self.features)));
        let differs = |(_, (levels, range)): &(usize, (Range, &Range))| levels != *range;
        match levels.zip(inputs).enumerate().find(differs) {
            Some((input, (levels, &range))) => Err(CodecError::Range { input, levels, range }),
            None => Ok(()),
        }
    }

    /// The same where ranges are not known.
    pub(crate) fn verify_ends(&self, inputs: usize, outputs: usize) -> Result<(), CodecError> {
        let Self { encoders, features, described, scale, bias, task } = self;
        let features = *features;
        if described.len() != features {
            return Err(CodecError::Described { features, described: described.len() });
        }
        if let Some(encoder) = encoders.iter().position(|encoder| !encoder.fits(features)) {
            return Err(CodecError::Encoder { encoder, features });
        }
        if self.inputs() != inputs {
            return Err(CodecError::Levels { levels: self.inputs(), inputs });
        }
        let is_finite = scale.iter().chain(bias).all(|number| number.is_finite());
        if scale.len() != outputs || bias.len() != outputs || !is_finite || !task.fits(outputs) {
            return Err(CodecError::Outputs { outputs });
        }
        Ok(())
    }
}

impl DeclaredLayer {
    /// Whether what the laws say about a layer may be this: reports and advice compute with it.
    fn is_lawful(&self) -> bool {
        let in_size = |number: i64| (-LARGEST..=LARGEST).contains(&number);
        let is_width = |width: Option<i64>| width.is_none_or(|bits| (1..=64).contains(&bits));
        self.shape.iter().chain(&self.row_sum).all(|&number| number >= 0 && in_size(number))
            && is_width(self.weight_bits)
            && is_width(self.level_bits)
            && self.range.is_none_or(|Range { lo, hi }| lo <= hi && in_size(lo) && in_size(hi))
            && self.tolerance.is_finite()
            && self.tolerance >= 0.0
    }
}
