//! How large files and keys are, from a client's plan.

use serde::{Deserialize, Serialize};

use super::{EncryptedInput, EncryptedOutput, EvaluationKeys};
use crate::{params::Bytes, plan::ClientPlan};

/// How large the files are that a client has to do with, and what its keys take on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// The file of evaluation keys.
    pub evaluation_keys: Bytes,
    /// Evaluation keys expanded, in a server's memory.
    pub expanded_keys: Bytes,
    /// The file of one encrypted sample.
    pub input: Bytes,
    /// The file of the encrypted outputs of one sample.
    pub output: Bytes,
}

impl ClientPlan {
    /// How large files and keys are.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        let inputs = self.inputs.iter().flatten().count();
        Sizes {
            evaluation_keys: EvaluationKeys::file_size(&self.parameters),
            expanded_keys: self.parameters.server_key_bytes(),
            input: EncryptedInput::file_size(inputs, self.inputs_under_small_key),
            output: EncryptedOutput::file_size(self.result_length()),
        }
    }
}
