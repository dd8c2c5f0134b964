//! The search against a table of what it found before, and against a search without any cleverness.
#![cfg(feature = "fhe")]
#![allow(clippy::unwrap_used)]

use std::{fmt::Write, fs, num::NonZeroUsize, path::Path};

use fheqat_runtime::params::{
    Bytes, Decomposition, Log2Probability, Parameters, Slots, SmallKey, TorusDistance,
    constraint::{deviations, failure},
    cost::{CiphertextCounts, Prices},
    modulus_switch::{self, ModulusSwitch, Rounding},
    objective::Objective,
    search::{Bounds, Infeasible, Solution, Space, search},
    workload::{KeySwitches, NoiseForm, NoiseLimit, Workload, WorkloadRotation},
};
use tfhe::core_crypto::prelude::{LweDimension, Variance};

/// One rotation of `slots` slots behind a dot product of norm 8 of bootstrapped wires, with a staircase of 7 steps.
fn rotation(slots: u32, norm2: f64) -> WorkloadRotation {
    WorkloadRotation {
        accumulator: 0,
        layer: 0,
        depth: 1,
        key_pass_share: 1.0,
        slots: Slots(slots),
        gain: 1,
        limit: NoiseLimit { distance: Slots(slots).half(), tolerance: None },
        tables: vec![0],
        offsets: (0..7.min(i64::from(slots) / 4)).collect(),
        first: 0,
        noise: NoiseForm { fresh: 0.0, switched: 1.0, independent: norm2, correlated: norm2 },
        key_switches: KeySwitches { sum: true, wires: Vec::new() },
        encoding: TorusDistance(0.0),
        operations: CiphertextCounts::default(),
    }
}

/// The same on a sum of `values` that may carry noise of `tolerance` units.
fn tolerant(values: u32, tolerance: f64, p_fail: f64, norm2: f64) -> WorkloadRotation {
    let slots = f64::from(values) - 1.0 + 2.0 * deviations(Log2Probability(p_fail)).0 * tolerance;
    let slots = slots.ceil();
    let distance = TorusDistance((1.0 - f64::from(values - 1) / slots) / 2.0);
    let limit = NoiseLimit { distance, tolerance: Some(TorusDistance(tolerance / slots)) };
    WorkloadRotation { slots: Slots(slots as u32), limit, ..rotation(values, norm2) }
}

fn workload(rotations: Vec<WorkloadRotation>) -> Workload {
    Workload {
        layers: vec!["fc1".to_owned()],
        inputs_under_small_key: true,
        inputs: Vec::new(),
        rotations,
        outputs: Vec::new(),
        io_operations: CiphertextCounts::default(),
    }
}

fn bounds(p_fail: f64) -> Bounds {
    Bounds { p_fail: Log2Probability(p_fail), ..Bounds::default() }
}

fn row(rotation: WorkloadRotation, bounds: Bounds, small_key: SmallKey) -> String {
    let (slots, p_fail) = (rotation.slots.0, bounds.p_fail.0);
    let found = search(&workload(vec![rotation]), bounds, &Space::of(small_key), &Prices::shipped());
    let Ok(Solution { parameters, rotations, p_fail: predicted, cost, .. }) = found else {
        return format!("{:<7} {slots:>4} {p_fail:>5} infeasible\n", format!("{small_key:?}"));
    };
    let key_switch = parameters.key_switch.unwrap();
    let chosen = rotations[0];
    format!(
        "{:<7} {slots:>4} {p_fail:>5} {:>5} {:>2} {:>6} {:>4}x{} {:>4}x{:<2} {:>3} {:>9.3} {:>9.3} {:>8.2} {:>9.1} {:>6.1}\n",
        format!("{small_key:?}"),
        parameters.lwe_dimension.0,
        parameters.glwe_dimension.0,
        parameters.polynomial_size.0,
        parameters.rotation.base_log.0,
        parameters.rotation.levels.0,
        key_switch.base_log.0,
        key_switch.levels.0,
        chosen.modulus_switch.extension,
        chosen.modulus_switch.error_weight,
        chosen.products,
        predicted.0,
        cost.0 * 1e3,
        parameters.server_key_bytes().0 as f64 / 1e6,
    )
}

const HEAD: &str =
    "keys       M     p     n  k      N    pbs    ks    nu    lambda  products   log2 p        ms     MB\n";

#[test]
fn golden_table() {
    let mut table = String::from(HEAD);
    for small_key in [SmallKey::Uniform, SmallKey::Blocks] {
        for p_fail in [-40.0, -64.0, -128.0] {
            for slots in [8, 16, 24, 32, 48, 64, 96, 128, 192, 256] {
                write!(table, "{}", row(rotation(slots, 64.0), bounds(p_fail), small_key)).unwrap();
            }
            for slots in WIDE {
                write!(table, "{}", row(rotation(slots, 64.0), gigabyte(p_fail), small_key)).unwrap();
            }
        }
    }
    check("tests/golden/parameters.txt", &table);
}

/// Slots whose keys may be larger than the default allows.
const WIDE: [u32; 3] = [384, 512, 1024];

fn gigabyte(p_fail: f64) -> Bounds {
    Bounds { server_key: Bytes(1_000_000_000), ..bounds(p_fail) }
}

#[test]
fn golden_table_of_tolerances() {
    let mut table = String::new();
    for p_fail in [-40.0, -64.0, -128.0] {
        for (values, tolerance) in [(250, 0.4), (250, 1.6), (1000, 1.2), (1000, 2.4), (1000, 6.0)] {
            write!(table, "{values} values, noise of {tolerance} units\n{HEAD}").unwrap();
            let rotation = tolerant(values, tolerance, p_fail, 400.0);
            for small_key in [SmallKey::Uniform, SmallKey::Blocks] {
                write!(table, "{}", row(rotation.clone(), bounds(p_fail), small_key)).unwrap();
            }
            table.push('\n');
        }
    }
    check("tests/golden/tolerances.txt", &table);
}

/// With `FHEQAT_BLESS` set, writes the table instead.
fn check(path: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("FHEQAT_BLESS").is_some() {
        fs::write(&path, table).unwrap();
    }
    assert_eq!(table, fs::read_to_string(&path).unwrap(), "found, and written in {}", path.display());
}

fn small_space() -> Space {
    let mut space = Space::default();
    space.shapes.retain(|(k, n)| k.0 * n.0 == 2048);
    space.rotations = vec![Decomposition::new(22, 1), Decomposition::new(23, 1), Decomposition::new(14, 2)];
    space.lwe_dimensions = (762..=960).step_by(18).map(LweDimension).collect();
    space.key_switches = vec![Decomposition::new(2, 7), Decomposition::new(2, 8), Decomposition::new(3, 5)];
    space.extension = 3;
    space
}

/// Every parameter set with every modulus switch of every rotation, each event held to an equal share.
fn dumb(workload: &Workload, bounds: Bounds, space: &Space) -> Option<f64> {
    let share = bounds.p_fail.share(workload.events());
    let modulus_switches: Vec<(ModulusSwitch, Rounding)> = (0..=space.extension)
        .flat_map(|extension| modulus_switch::candidates(extension, space.small_key))
        .collect();
    let mut cheapest: Option<f64> = None;
    for &(glwe_dimension, polynomial_size) in &space.shapes {
        for &rotation in &space.rotations {
            for &lwe_dimension in &space.lwe_dimensions {
                for &key_switch in &space.key_switches {
                    let parameters = Parameters {
                        lwe_dimension,
                        small_key: space.small_key,
                        glwe_dimension,
                        polynomial_size,
                        rotation,
                        key_switch: Some(key_switch),
                        packing: None,
                    };
                    let costs: Option<Vec<f64>> = workload
                        .rotations
                        .iter()
                        .map(|rotation| dumb_rotation(rotation, &parameters, share, &modulus_switches))
                        .collect();
                    if let Some(cost) =
                        costs.map(|costs| value(bounds.objective, workload, &parameters, &costs))
                        && parameters.server_key_bytes() <= bounds.server_key
                        && cheapest.is_none_or(|cheapest| cost < cheapest)
                    {
                        cheapest = Some(cost);
                    }
                }
            }
        }
    }
    cheapest
}

fn value(objective: Objective, workload: &Workload, parameters: &Parameters, costs: &[f64]) -> f64 {
    match objective {
        Objective::CoreSeconds => costs.iter().sum(),
        Objective::ServerKey => parameters.server_key_bytes().0 as f64,
        Objective::Latency { cores } => (0..3)
            .map(|depth| {
                let pairs = workload.rotations.iter().zip(costs);
                let of: Vec<f64> =
                    pairs.filter(|(one, _)| one.depth == depth).map(|(_, cost)| *cost).collect();
                let longest = of.iter().copied().fold(0.0, f64::max);
                longest.max(of.iter().sum::<f64>() / cores.get() as f64)
            })
            .sum(),
    }
}

fn dumb_rotation(
    rotation: &WorkloadRotation,
    parameters: &Parameters,
    share: Log2Probability,
    modulus_switches: &[(ModulusSwitch, Rounding)],
) -> Option<f64> {
    let prices = Prices::shipped();
    let form = rotation.noise.variance(Variance(0.0), parameters.extraction(), parameters.correlation());
    modulus_switches
        .iter()
        .filter(|(modulus_switch, rounding)| {
            let margin = rotation.margin(parameters.coarse_grid() + modulus_switch.extension);
            let switch = parameters.modulus_switch_noise(*rounding, modulus_switch.extension);
            let switched = rotation.noise.switched * parameters.key_switch_noise().0;
            let noise = Variance(form.0 + switched + switch.0);
            let within = rotation.limit.tolerance.is_none_or(|tolerance| noise.0.sqrt() <= tolerance.0);
            within && failure(margin, noise) <= share
        })
        .map(|(_, rounding)| {
            prices.rotation(parameters, *rounding, rotation.key_pass_share).0
                + rotation.key_switches.count() as f64
                    * prices.key_switch(parameters, rotation.key_pass_share).0
        })
        .min_by(f64::total_cmp)
}

#[test]
fn agrees_with_the_dumb_search() {
    for (slots, norm2) in [(vec![24], 64.0), (vec![40, 64], 20.0), (vec![96, 33, 70], 400.0)] {
        for p_fail in [-40.0, -64.0] {
            let workload = workload(slots.iter().map(|&slots| rotation(slots, norm2)).collect());
            let space = small_space();
            let clever = search(&workload, bounds(p_fail), &space, &Prices::shipped()).unwrap();
            let dumb = dumb(&workload, bounds(p_fail), &space).unwrap();
            assert!((clever.cost.0 / dumb - 1.0).abs() < 1e-9, "{slots:?}: {} and {dumb}", clever.cost);
            assert!(clever.p_fail <= Log2Probability(p_fail));
        }
    }
}

#[test]
fn agrees_with_the_dumb_search_on_other_objectives() {
    let rotations = [(24, 1), (96, 1), (40, 1), (64, 2), (30, 2)];
    let rotations = rotations.map(|(slots, depth)| WorkloadRotation { depth, ..rotation(slots, 64.0) });
    let workload = workload(rotations.to_vec());
    let space = small_space();
    let found = |objective| {
        let bounds = Bounds { objective, ..bounds(-40.0) };
        let solution = search(&workload, bounds, &space, &Prices::shipped()).unwrap();
        let costs: Vec<f64> = solution.rotations.iter().map(|chosen| chosen.cost.0).collect();
        let clever = value(objective, &workload, &solution.parameters, &costs);
        let dumb = dumb(&workload, bounds, &space).unwrap();
        assert!((clever / dumb - 1.0).abs() < 1e-9, "{objective:?}: {clever} and {dumb}");
        solution
    };
    let cheap = found(Objective::CoreSeconds);
    let small = found(Objective::ServerKey);
    found(Objective::Latency { cores: NonZeroUsize::new(2).unwrap() });
    found(Objective::Latency { cores: NonZeroUsize::new(8).unwrap() });
    assert!(small.cost > cheap.cost);
    assert!(small.parameters.server_key_bytes() < cheap.parameters.server_key_bytes());
}

/// Offsets of one rotation rounded to the grid move its noise as well: those of a power of two are not.
#[test]
fn agrees_with_the_dumb_search_on_tolerances() {
    for (values, tolerance) in [(257, 1.0), (100, 0.5), (700, 0.2)] {
        let p_fail = -40.0;
        let noisy = WorkloadRotation { offsets: vec![0], ..tolerant(values, tolerance, p_fail, 400.0) };
        let workload = workload(vec![noisy, rotation(40, 20.0)]);
        let space = small_space();
        let clever = search(&workload, bounds(p_fail), &space, &Prices::shipped()).unwrap();
        let dumb = dumb(&workload, bounds(p_fail), &space).unwrap();
        assert!((clever.cost.0 / dumb - 1.0).abs() < 1e-9, "{values}: {} and {dumb}", clever.cost);
        let event = clever.rotations[0].event;
        assert!(event.noise.0.sqrt() <= event.tolerance.unwrap().0 && event.p_fail.0 <= p_fail);
    }
}

#[test]
fn a_tolerance_that_nothing_keeps_is_named() {
    let workload = workload(vec![tolerant(1 << 20, 0.2, -40.0, 64.0)]);
    let error = search(&workload, bounds(-40.0), &Space::default(), &Prices::shipped()).unwrap_err();
    let Infeasible::Tolerance { allowed, noise, .. } = &error else { panic!("{error}") };
    assert!(noise.0.sqrt() > allowed.0);
    let message = error.to_string();
    assert!(message.contains("`fc1`") && message.contains("raise `tolerance`"), "{message}");
}

#[test]
fn too_wide_an_accumulator_is_named() {
    let workload = workload(vec![rotation(1 << 20, 64.0)]);
    let error = search(&workload, bounds(-40.0), &Space::default(), &Prices::shipped()).unwrap_err();
    let Infeasible::Noise { required, p_fail, .. } = &error else { panic!("{error}") };
    assert!(p_fail > required);
    let message = error.to_string();
    assert!(
        message.contains("`fc1`") && message.contains("1048576 slots") && message.contains("`max_l1`"),
        "{message}"
    );
}

#[test]
fn too_small_a_bound_on_keys_says_what_would_do() {
    let workload = workload(vec![rotation(64, 64.0)]);
    let bounds = Bounds { server_key: Bytes(10_000_000), ..bounds(-40.0) };
    let error = search(&workload, bounds, &Space::default(), &Prices::shipped()).unwrap_err();
    let Infeasible::ServerKey { smallest, allowed } = error else { panic!("{error}") };
    assert!(smallest > allowed && smallest < Bytes(120_000_000), "{smallest}");
    let bounds = Bounds { server_key: smallest, ..bounds };
    assert!(
        search(&workload, bounds, &Space::default(), &Prices::shipped())
            .unwrap()
            .parameters
            .server_key_bytes()
            <= smallest
    );
}
