//! A few rotations that stand for many: whatever the parameters are, each takes no longer than those that it stands for.

use super::{classes::Classes, workload_noise::MaxDeviations};
use crate::params::workload::{NoiseForm, Workload};

/// Of more classes than this some are put together.
const MOST: usize = 64;

/// What is easiest of the classes in it.
pub(super) struct Bucket {
    pub(super) noise: NoiseForm,
    pub(super) max_deviations: Vec<f64>,
    pub(super) key_switches: usize,
    pub(super) key_pass_share: f64,
    /// Rotations.
    pub(super) count: usize,
}

/// Buckets of classes that are about as hard; none where there are few classes.
pub(super) fn buckets(workload: &Workload, classes: &Classes, max_deviations: &MaxDeviations) -> Vec<Bucket> {
    let all = classes.all();
    if all.len() <= 4 * MOST {
        return Vec::new();
    }
    let hardness = |class: usize| {
        let NoiseForm { fresh, switched, independent, .. } = workload.rotations[all[class].first].noise;
        (fresh + switched + independent) / max_deviations.largest(class).max(f64::MIN_POSITIVE).powi(2)
    };
    let mut order: Vec<(usize, f64)> = (0..all.len()).map(|class| (class, hardness(class))).collect();
    order.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let bucket = |classes: &[(usize, f64)]| {
        let mut bucket = Bucket {
            noise: NoiseForm {
                fresh: f64::INFINITY,
                switched: f64::INFINITY,
                independent: f64::INFINITY,
                correlated: f64::INFINITY,
            },
            max_deviations: Vec::new(),
            key_switches: usize::MAX,
            key_pass_share: f64::INFINITY,
            count: 0,
        };
        for &(class, _) in classes {
            let rotation = &workload.rotations[all[class].first];
            bucket.cover(&rotation.noise, max_deviations.of(class));
            bucket.key_switches = bucket.key_switches.min(rotation.key_switches.count());
            bucket.key_pass_share = bucket.key_pass_share.min(rotation.key_pass_share);
            bucket.count += all[class].count;
        }
        bucket
    };
    order.chunks(order.len().div_ceil(MOST)).map(bucket).collect()
}

impl Bucket {
    fn cover(&mut self, noise: &NoiseForm, max_deviations: &[f64]) {
        self.noise = NoiseForm {
            fresh: self.noise.fresh.min(noise.fresh),
            switched: self.noise.switched.min(noise.switched),
            independent: self.noise.independent.min(noise.independent),
            correlated: self.noise.correlated.min(noise.correlated),
        };
        self.max_deviations.resize(max_deviations.len(), f64::NEG_INFINITY);
        for (most, deviation) in self.max_deviations.iter_mut().zip(max_deviations) {
            *most = most.max(*deviation);
        }
    }
}
