//! Areas under ROC curves.

/// The probability that a score of what is there is above one of what is not, ties by half: of scores, and whether it is there.
/// `None` unless some are there and some are not.
pub(super) fn area(mut scored: Vec<(f64, bool)>) -> Option<f64> {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut there, mut not, mut above) = (0.0, 0.0, 0.0);
    for ties in scored.chunk_by(|a, b| a.0 >= b.0) {
        let count = ties.iter().filter(|(_, is_there)| *is_there).count() as f64;
        let others = ties.len() as f64 - count;
        above += count * (not + 0.5 * others);
        there += count;
        not += others;
    }
    (there > 0.0 && not > 0.0).then(|| above / (there * not))
}

/// The logarithm of the odds of a class by the softmax of logits: it orders samples as its probability does, and does not
/// saturate.
pub(super) fn log_odds(logits: &(impl Iterator<Item = f32> + Clone), class: usize) -> f64 {
    let others = || logits.clone().enumerate().filter(|(other, _)| *other != class);
    let most = others().fold(f64::NEG_INFINITY, |most, (_, logit)| most.max(f64::from(logit)));
    let sum: f64 = others().map(|(_, logit)| (f64::from(logit) - most).exp()).sum();
    let own = logits.clone().nth(class).map_or(0.0, f64::from);
    own - most - sum.ln()
}
