//! What cannot be imported, and what an import has to say beside its result.

use std::fmt;

use fheqat_runtime::nn::NetworkError;
use thiserror::Error;

/// A file that cannot be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A larger file than is allowed.
    #[error(
        "the file has {found} bytes, but at most {most} are read: allow more with `ImportOptions::max_bytes`"
    )]
    Size {
        /// Bytes of the file.
        found: usize,
        /// Bytes allowed.
        most: usize,
    },
    /// Bytes that are no protocol buffer of ONNX, or are cut off.
    #[error("the file is not ONNX, or is damaged: {0}")]
    Format(#[from] prost::DecodeError),
    /// More entries than any network of fheqat needs.
    #[error(
        "the file has more than {most} entries (nodes, attributes, tensors): it is no network that runs encrypted"
    )]
    Entries {
        /// The most that are read.
        most: usize,
    },
    /// No graph, or none with an input and an output.
    #[error("{reason}")]
    Graph {
        /// What is missing.
        reason: String,
    },
    /// Nodes that have no counterpart, and laws that the network breaks: all of them.
    #[error("the network cannot be imported:{}", listed(.0))]
    Unsupported(Vec<Problem>),
    /// What was imported does not run: a defect of fheqat.
    #[error("what was imported cannot run: {0}")]
    Network(#[from] NetworkError),
    /// What was imported cannot be loaded.
    #[error("what was imported cannot be loaded: {0}")]
    Weights(#[from] fheqat_runtime::nn::tensors::WeightsError),
}

/// One thing that cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The node's name, the tensor that it gives where it has none, or the name of the field that it became.
    pub node: String,
    /// Its operation, or `law`.
    pub op: String,
    /// What is wrong, and what to do.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}): {}", self.node, self.op, self.reason.replace('\n', "\n    "))
    }
}

/// What an import did that may surprise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The field of the network.
    pub field: String,
    /// What was done, and why.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.text)
    }
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |list, problem| list + "\n  " + &problem.to_string())
}
