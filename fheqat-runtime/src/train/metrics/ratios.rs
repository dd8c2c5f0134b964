//! Means and shares.

/// The mean, where there is anything.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Of two counts; 0 where there is nothing.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The harmonic mean of precision and recall: of `found` that are right, `predicted` in all, and `there` to find; `None`
/// where there is nothing of either.
pub(super) fn f1(found: usize, predicted: usize, there: usize) -> Option<f64> {
    (predicted + there > 0).then(|| 2.0 * found as f64 / (predicted + there) as f64)
}
