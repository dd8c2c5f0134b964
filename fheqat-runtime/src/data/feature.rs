//! What the columns of a table are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A feature of the samples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name in the file's header, else its index.
    pub name: String,
    /// What its numbers mean.
    pub kind: FeatureKind,
}

/// What the numbers of a feature mean. NaN is a missing value of either kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeatureKind {
    /// A quantity.
    Number,
    /// An index into the names of categories; a category without a name has the index behind the last.
    Category {
        /// The categories of the training samples, in order.
        names: Vec<String>,
    },
}

impl Feature {
    /// Numbers that are named by their index.
    pub(crate) fn numbered(count: usize) -> Arc<[Self]> {
        (0..count).map(|index| Self { name: index.to_string(), kind: FeatureKind::Number }).collect()
    }
}
