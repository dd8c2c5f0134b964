//! Accuracy on samples that are held out, once or on several splits.

use fheqat::prelude::*;
use serde_json::json;

use crate::common::Clear;

/// Prints what `on_split` gives with each seed from 0, and the mean.
pub(crate) fn evaluate(
    splits: u64,
    json: bool,
    on_split: impl Fn(Seed) -> Result<Clear, MainError>,
) -> Result<(), MainError> {
    let (mut of_float, mut of_quantized, mut prices) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..splits {
        let Clear { float, quantized, points, core_seconds, .. } = on_split(Seed(seed))?;
        println!(
            "split {seed}: float {float:.4}, quantized {quantized:.4} on {points} samples, about {core_seconds:.2} core-seconds"
        );
        prices.push(core_seconds);
        of_float.push(float);
        of_quantized.push(quantized);
    }
    let mean = |accuracies: &[f64]| accuracies.iter().sum::<f64>() / accuracies.len() as f64;
    let (mean_float, mean_quantized, price) = (mean(&of_float), mean(&of_quantized), mean(&prices));
    println!(
        "mean of {splits} splits: float {mean_float:.4}, quantized {mean_quantized:.4}, about {price:.2} core-seconds"
    );
    if json {
        let line = json!({
            "accuracy_fp32": mean_float,
            "accuracy_clear": mean_quantized,
            "splits_fp32": of_float,
            "splits_clear": of_quantized,
            "core_s_by_the_curve": prices,
        });
        println!("{line}");
    }
    Ok(())
}
