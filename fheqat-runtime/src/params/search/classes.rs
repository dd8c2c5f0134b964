//! Rotations that ask the same of the parameters. A convolution has as many of one kind as a filter has positions.

use std::collections::HashMap;

use crate::params::workload::{Workload, WorkloadRotation};

/// Rotations with the same limit, noise and operations: under any parameters they take the same modulus switch and the same time.
pub(super) struct Classes {
    /// By rotation, its class.
    of: Vec<u32>,
    all: Vec<Class>,
    /// Classes in the order of their last rotations.
    by_last: Vec<usize>,
}

/// Some equal rotations of a workload.
#[derive(Clone, Copy)]
pub(super) struct Class {
    /// The first of them, by index in the workload.
    pub(super) first: usize,
    last: usize,
    pub(super) count: usize,
}

impl Classes {
    pub(super) fn new(workload: &Workload) -> Self {
        let mut known = HashMap::new();
        let mut classes: Vec<Class> = Vec::new();
        let of = workload.rotations.iter().enumerate().map(|(index, rotation)| {
            let class = *known.entry(key(rotation)).or_insert_with(|| {
                classes.push(Class { first: index, last: index, count: 0 });
                classes.len() - 1
            });
            classes[class].last = index;
            classes[class].count += 1;
            class as u32
        });
        let of = of.collect();
        let mut by_last: Vec<usize> = (0..classes.len()).collect();
        by_last.sort_unstable_by_key(|&class| classes[class].last);
        Self { of, all: classes, by_last }
    }

    /// The class of a rotation.
    pub(super) fn of(&self, rotation: usize) -> usize {
        self.of[rotation] as usize
    }

    /// Each class with its last rotation, in the order of these.
    pub(super) fn by_last(&self) -> impl Iterator<Item = (usize, usize)> {
        self.by_last.iter().map(|&class| (class, self.all[class].last))
    }

    /// In the order of their first rotations.
    pub(super) fn all(&self) -> &[Class] {
        &self.all
    }
}

type Key<'a> = (u32, bool, usize, [u64; 8], &'a [i64]);

/// Everything that the search reads of a rotation but its depth and its layer.
fn key(rotation: &WorkloadRotation) -> Key<'_> {
    let WorkloadRotation { slots, limit, offsets, noise, encoding, key_pass_share, .. } = rotation;
    // No tolerance is negative.
    let tolerance = limit.tolerance.map_or(-1.0, |tolerance| tolerance.0);
    let numbers = [
        limit.distance.0,
        tolerance,
        noise.fresh,
        noise.switched,
        noise.independent,
        noise.correlated,
        encoding.0,
        *key_pass_share,
    ];
    (slots.0, rotation.shared(), rotation.key_switches.count(), numbers.map(f64::to_bits), offsets)
}
