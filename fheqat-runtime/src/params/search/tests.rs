//! What the search leaves out changes nothing.

use std::num::NonZeroUsize;

use super::{Bounds, Space, cheapest::ParameterSearch};
use crate::params::{
    Log2Probability, Slots, TorusDistance,
    cost::{CiphertextCounts, Prices},
    objective::Objective,
    workload::{KeySwitches, NoiseForm, NoiseLimit, Workload, WorkloadRotation},
};

/// So many rotations of which no two are the same: from 20 slots on, with noise of different kinds, in four depths.
fn workload(rotations: usize) -> Workload {
    let rotation = |index: usize| {
        let scrambled = (index * 7919 + 13) % 1009;
        let slots = Slots(20 + (scrambled % 37) as u32);
        let independent = 1.0 + scrambled as f64 / 16.0;
        let depth = index % 4;
        WorkloadRotation {
            accumulator: index,
            layer: depth,
            depth,
            key_pass_share: 0.125,
            slots,
            gain: 1,
            limit: NoiseLimit { distance: slots.half(), tolerance: None },
            tables: vec![0; 1 + index % 2],
            offsets: vec![0, 1, 2 + (index % 3) as i64],
            first: 0,
            noise: NoiseForm {
                fresh: if depth == 0 { independent } else { 0.0 },
                switched: if depth == 0 { 0.0 } else { 1.0 },
                independent: if depth == 0 { 0.0 } else { independent },
                correlated: if depth == 0 { 0.0 } else { independent * (1.0 + (index % 5) as f64 / 4.0) },
            },
            key_switches: KeySwitches { sum: depth > 0, wires: Vec::new() },
            encoding: TorusDistance(index as f64 * 1e-12),
            operations: CiphertextCounts::default(),
        }
    };
    Workload {
        layers: (0..4).map(|layer| format!("relu{layer}")).collect(),
        inputs_under_small_key: true,
        inputs: Vec::new(),
        rotations: (0..rotations).map(rotation).collect(),
        outputs: Vec::new(),
        io_operations: CiphertextCounts::default(),
    }
}

/// Every parameter of a space asked about every rotation, against what the search asks.
#[test]
fn the_same_is_found_as_by_asking_everything() {
    let whole = Space::default();
    let lwe_dimensions = whole.lwe_dimensions.iter().copied().skip(2).step_by(13).collect();
    let space = Space { lwe_dimensions, ..whole };
    let prices = Prices::shipped();
    let cores = NonZeroUsize::new(3).unwrap();
    for rotations in [3, 40, 300] {
        let workload = workload(rotations);
        for objective in [Objective::CoreSeconds, Objective::Latency { cores }, Objective::ServerKey] {
            let bounds = Bounds { objective, p_fail: Log2Probability(-40.0), ..Bounds::default() };
            let search = ParameterSearch::new(&workload, bounds, &space, &prices);
            let found = search.best(bounds.server_key, f64::INFINITY);
            let expected = search.by_asking_everything(bounds.server_key);
            assert!(found.is_some());
            assert_eq!(found, expected, "{rotations} rotations, {objective:?}");
        }
    }
}
