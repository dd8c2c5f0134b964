//! What networks and epochs are compared by.

use serde::{Deserialize, Serialize};

/// What networks and epochs are compared by, on validation data.
///
/// ```
/// use fheqat_runtime::train::{SelectBy, TrainConfig};
///
/// let config = TrainConfig { select_by: SelectBy::F1, ..TrainConfig::default() };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SelectBy {
    /// Of classes the accuracy, or the balanced accuracy where there are class weights; of labels and numbers the loss.
    #[default]
    Auto,
    /// The fraction that is right, of classes or of all labels.
    Accuracy,
    /// The mean recall of the classes.
    BalancedAccuracy,
    /// The mean F1 of classes or labels.
    F1,
    /// The area under the ROC curve, the mean of each class or label against the rest.
    Auc,
    /// The mean loss, without class weights and smoothing.
    Loss,
    /// The mean R2 of numbers.
    R2,
}
