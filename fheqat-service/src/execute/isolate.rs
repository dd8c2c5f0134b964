//! Samples of several jobs run together; what is wrong with one job is not the others' fault.

use crate::engine::EngineError;

/// Runs the samples of all parts together, and gives what became of each part. A part whose sample cannot run is left out; if the engine
/// itself fails, each part runs alone, so that only those fail that make it fail.
pub(super) fn run_apart<P, I: Clone, O>(
    parts: Vec<(P, Vec<I>)>,
    mut run: impl FnMut(&[I]) -> Result<Vec<O>, EngineError>,
) -> Vec<(P, Result<Vec<O>, EngineError>)> {
    let mut waiting = vec![parts];
    let mut ended = Vec::new();
    while let Some(mut parts) = waiting.pop() {
        if parts.is_empty() {
            continue;
        }
        let samples: Vec<I> = parts.iter().flat_map(|(_, inputs)| inputs.iter().cloned()).collect();
        match run(&samples) {
            Ok(outputs) => {
                let mut outputs = outputs.into_iter();
                for (part, inputs) in parts {
                    let of_part = outputs.by_ref().take(inputs.len()).collect();
                    ended.push((part, Ok(of_part)));
                }
            }
            Err(EngineError::Sample { index, mismatch }) => {
                let at = position(&parts, index).min(parts.len() - 1);
                let (part, _) = parts.remove(at);
                ended.push((part, Err(EngineError::Sample { index, mismatch })));
                waiting.push(parts);
            }
            Err(EngineError::Fault(reason)) if parts.len() > 1 => {
                tracing::error!(reason, "a batch failed: its jobs run one by one");
                waiting.extend(parts.into_iter().rev().map(|part| vec![part]));
            }
            Err(error) => ended.extend(parts.into_iter().map(|(part, _)| (part, Err(error.clone())))),
        }
    }
    ended
}

/// The part that a sample belongs to.
fn position<P, I>(parts: &[(P, Vec<I>)], sample: usize) -> usize {
    let ends = parts.iter().scan(0, |end, (_, inputs)| {
        *end += inputs.len();
        Some(*end)
    });
    ends.take_while(|&end| end <= sample).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An engine that panics at 13, and cannot finish once it saw 99.
    fn engine(samples: &[u32]) -> Result<Vec<u32>, EngineError> {
        if samples.contains(&99) {
            return Err(EngineError::Cancelled);
        }
        if samples.contains(&13) {
            return Err(EngineError::Fault("13".to_owned()));
        }
        Ok(samples.iter().map(|sample| sample * 10).collect())
    }

    #[test]
    fn a_sample_that_panics_fails_its_own_job_only() {
        let parts = vec![('a', vec![1, 2]), ('b', vec![3, 13, 4]), ('c', vec![5]), ('d', vec![13])];
        let mut runs = 0;
        let ended = run_apart(parts, |samples| {
            runs += 1;
            engine(samples)
        });
        let shown: Vec<(char, Option<Vec<u32>>)> =
            ended.into_iter().map(|(part, outputs)| (part, outputs.ok())).collect();
        assert_eq!(shown, [('a', Some(vec![10, 20])), ('b', None), ('c', Some(vec![50])), ('d', None)]);
        assert_eq!(runs, 5);
    }

    #[test]
    fn jobs_that_run_well_run_once() {
        let mut runs = 0;
        let ended = run_apart(vec![('a', vec![1]), ('b', vec![2, 3])], |samples| {
            runs += 1;
            engine(samples)
        });
        assert!(ended.iter().all(|(_, outputs)| outputs.is_ok()) && runs == 1);
    }

    #[test]
    fn a_run_that_is_stopped_is_not_repeated() {
        let ended = run_apart(vec![('a', vec![1]), ('b', vec![99])], engine);
        assert!(ended.iter().all(|(_, outputs)| matches!(outputs, Err(EngineError::Cancelled))));
    }
}
