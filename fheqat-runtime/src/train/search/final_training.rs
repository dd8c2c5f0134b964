//! The last training, with every sample.

use super::{Candidate, Search, Tried, best_of, remove};
use crate::train::{config::TrainConfig, error::TrainError, trainer::train_once};

/// Lengths of the last training, in those of any other. Which is better depends on how long that is: of networks for digits,
/// short trainings left some that need two, long ones some that two make worse.
const LENGTHS: [usize; 2] = [1, 2];
/// What the last training may make of the price. What was removed stays away, but rows that shared a rotation may part.
const DEARER: f64 = 1.02;

impl Search<'_> {
    /// Trains the network that was found on, with the validation data, which were lost to it while they judged.
    ///
    /// Nothing is left to judge the result, so the same training is rehearsed without the validation data and judged by them.
    /// What was found is the best of many by those data, luck included, and a rehearsal is one of two: it is refused when it is
    /// clearly behind, and so is a last training that is clearly behind on samples which both networks have seen.
    pub(super) fn final_training(&mut self, found: Candidate) -> Result<Candidate, TrainError> {
        let configs = LENGTHS.map(|length| TrainConfig {
            epochs: Some(self.config.epochs_of(self.train.len()).saturating_mul(length)),
            ramp: 0.0,
            warmup: 0.0,
            patience: None,
            restore_best: false,
            progress: false,
            ..self.config.clone()
        });
        let frozen = remove::frozen(&found.program);
        // Out of time it gives what was found: a training that was cut short is judged by nothing.
        let (configs, tried) = match self.train_all(&configs, |config| (&found.program, config, &frozen)) {
            Err(TrainError::OutOfTime { .. }) => return Ok(found),
            tried => tried?,
        };
        let chosen = best_of(&tried);
        let mut last = tried[chosen].clone();
        let mut is_accepted = !self.is_clearly_behind(&last.score) && self.is_as_cheap(&last, &found);
        if is_accepted {
            last.program = found.program.clone();
            match train_once(&mut last.program, self.whole, None, configs[chosen], &frozen) {
                Err(TrainError::OutOfTime { .. }) => is_accepted = false,
                history => last.history = history?,
            }
            last.price = self.price(&last.program)?;
            is_accepted &= !self.deadline.is_over()
                && self.is_as_cheap(&last, &found)
                && self.has_kept(&last, &found)?;
        }
        for (index, (config, rehearsed)) in configs.iter().zip(&tried).enumerate() {
            let tried = Tried::FinalTraining { epochs: config.epochs_of(self.train.len()) };
            self.note(tried, rehearsed, is_accepted && index == chosen);
        }
        Ok(if is_accepted { last } else { found })
    }

    fn is_as_cheap(&self, trained: &Candidate, found: &Candidate) -> bool {
        !self.is_over(trained) && trained.price.core_seconds <= DEARER * found.price.core_seconds
    }

    /// Whether a network does on training samples what `found` does there.
    fn has_kept(&self, trained: &Candidate, found: &Candidate) -> Result<bool, TrainError> {
        let before = self.measure(&found.program, &self.weighed)?;
        let after = self.measure(&trained.program, &self.weighed)?;
        Ok(!after.is_clearly_behind(&before, self.options.margin))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayView1};
    use rand::RngExt;

    use super::*;
    use crate::{
        Seed,
        data::Dataset,
        fixture::Chain,
        network::Network,
        nn::program::Program,
        train::{CostSearch, deadline::Deadline},
    };

    /// Points that a plane parts. Rows of so many inputs share no rotation, so the price stays.
    fn points(seed: u64) -> Dataset {
        let mut rng = Seed(seed).rng(0);
        let features = Array2::from_shape_fn((1500, 12), |_| rng.random::<f32>());
        let is_above = |row: ArrayView1<'_, f32>| row.sum() > 6.0;
        let labels = features.rows().into_iter().map(|row| usize::from(is_above(row))).collect();
        Dataset::classes(features, labels, 2).unwrap()
    }

    fn flipped(data: &Dataset) -> Dataset {
        let labels = data.labels().iter().map(|label| 1 - label).collect();
        Dataset::classes(data.features().to_owned(), labels, 2).unwrap()
    }

    /// A network trained on `first`, and what the last training on `[train, whole]` makes of it.
    fn finished(first: &Dataset, [train, whole]: [&Dataset; 2]) -> (Program, Program, bool) {
        let config = TrainConfig { epochs: Some(10), progress: false, ..TrainConfig::default() };
        let net = Chain::<12, 6, 2, 8, 8, true>::new(Seed(0));
        let program = Program::of(&net).unwrap();
        let (held, options) = (points(2), CostSearch::default());
        let mut search = Search::new(
            &program,
            [whole, first, &held],
            &config,
            &options,
            Deadline::in_seconds(f64::INFINITY),
        );
        let found = search.train_one(&program, &config, &[]).unwrap();
        search.consider([&found]);
        search.train = train;
        let last = search.final_training(found.clone()).unwrap();
        (found.program, last.program, search.trials.iter().any(|trial| trial.is_kept))
    }

    #[test]
    fn a_rehearsal_that_is_worse_is_refused() {
        let (found, last, is_kept) = finished(&points(1), [&flipped(&points(1)), &points(1)]);
        assert!(!is_kept && found == last);
    }

    /// Its rehearsal sees none of the wrong labels.
    #[test]
    fn a_last_training_that_is_worse_is_refused() {
        let (found, last, is_kept) = finished(&points(1), [&points(1), &flipped(&points(1))]);
        assert!(!is_kept && found == last);
        let (found, last, is_kept) = finished(&points(1), [&points(1), &points(1)]);
        assert!(is_kept && found != last);
    }
}
