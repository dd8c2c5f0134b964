//! What reaches each rotation and each output of real encrypted runs, against what was predicted and promised.

use std::iter::once;

use rayon::prelude::*;
use tfhe::core_crypto::prelude::{CiphertextModulus, LweCiphertext, decrypt_lwe_ciphertext};

use super::Ratio;
use crate::{
    circuit::{Circuit, ir::Table},
    fhe::{
        Client, Server, rounded,
        server::{
            rotate,
            running::{SampleRun, Wires},
            schedule::Schedule,
        },
    },
    params::{
        Decomposition, Log2Probability, Parameters, Results, Slots,
        cost::{BLOCK, Prices},
        modulus_switch::ModulusSwitch,
        search::{Bounds, OutputSolution, RotationSolution, Solution, Space, cheapest},
        workload::{self, Workload},
    },
    plan::{self, Plan, ServerPlan, Source, Sum, encoding::half_steps},
};

/// A circuit, the parameters that the search finds for it, and what they are predicted to give.
pub(super) struct Subject<'a> {
    pub(super) circuit: &'a Circuit,
    workload: Workload,
    pub(super) solution: Solution,
    pub(super) plan: Plan,
}

/// A server, with the client's eyes.
struct Probe<'a> {
    client: Client,
    server: Server,
    small: Vec<u32>,
    /// By stage.
    readers: &'a [Vec<ProbedRotation<'a>>],
    outputs: &'a [OutputSolution],
}

/// A rotation of a circuit.
struct ProbedRotation<'a> {
    circuit: &'a Circuit,
    workload: &'a workload::WorkloadRotation,
    solution: &'a RotationSolution,
}

/// What the values of one sample saw: squared errors in parts of the predicted variance, by stage, and behind the stages
/// those of the outputs, where all stages were rotated.
#[derive(Default)]
pub(super) struct SampleErrors {
    pub(super) squares: Vec<Vec<f64>>,
    /// Levels of each stage that noise moved.
    off: Vec<usize>,
}

/// What one stage, or the outputs, saw.
pub(super) struct StageErrors {
    pub(super) ratio: Ratio,
    /// Of each of its values by itself.
    pub(super) each: Vec<Ratio>,
    pub(super) off: usize,
}

fn turns(phase: u64) -> f64 {
    phase as i64 as f64 * (-64.0_f64).exp2()
}

fn centred(turns: f64) -> f64 {
    turns - turns.round()
}

/// The level that a table gives at a phase behind its first jump, in half steps above the middle of its plateaus.
fn table_output(table: &Table, first: i64, unit: f64, phase: f64) -> i64 {
    let passed = |at: i64| phase >= (at - first) as f64 * unit;
    let risen: i64 = table.jumps.iter().filter(|jump| passed(jump.at)).map(|jump| jump.rise).sum();
    2 * (table.base + risen) - table.base - table.last_level()
}

impl ProbedRotation<'_> {
    /// The levels of its wires, of phases `wires` and `slots` to a turn, and how many noise moved. They are those that its
    /// tables have at the sum with the error on it; jumps are rounded to the coarse grid at worst.
    fn levels(
        &self,
        ideal: f64,
        error: f64,
        parameters: &Parameters,
        slots: Slots,
        wires: &[u64],
    ) -> (Vec<i64>, usize) {
        let unit = self.workload.gain as f64 / f64::from(self.workload.slots.0);
        let grid = (-f64::from(parameters.coarse_grid())).exp2();
        let extractions = if self.workload.shared() { self.workload.offsets.len() } else { 1 };
        let spread = extractions as f64 * parameters.extraction().0.sqrt();
        let tables = &self.circuit.graph.accumulators[self.workload.accumulator].tables;
        let mut off = 0;
        let levels = self.workload.tables.iter().zip(wires).map(|(&table, &wire)| {
            let at = |phase| table_output(&tables[table], self.workload.first, unit, phase);
            let near = [-grid, 0.0, grid].map(|rounding| at(ideal + error + rounding));
            let away = |level: i64| centred(turns(wire.wrapping_sub(half_steps(level, slots)))).abs();
            let level = near.into_iter().min_by(|&one, &other| away(one).total_cmp(&away(other))).unwrap();
            assert!(away(level) <= 7.0 * spread, "{level} read at {ideal} + {error}: {} off", away(level));
            off += usize::from(level != at(ideal));
            level
        });
        let levels = levels.collect();
        assert!(off == 0 || self.solution.event.tolerance.is_some(), "an exact level is off by {error}");
        (levels, off)
    }
}

impl<'a> Subject<'a> {
    pub(super) fn new(circuit: &'a Circuit, p_fail: f64) -> Self {
        Self::among(circuit, p_fail, &Space::default(), |_| true).unwrap()
    }

    /// The cheapest in a space of the layouts that are `allowed`, where there is one.
    pub(super) fn among(
        circuit: &'a Circuit,
        p_fail: f64,
        space: &Space,
        allowed: impl Fn(&Workload) -> bool,
    ) -> Option<Self> {
        let p_fail = Log2Probability(p_fail);
        let usual = Workload::of(&circuit.graph, p_fail).unwrap();
        let others = Workload::alternatives(&usual, &circuit.graph, p_fail).unwrap();
        let layouts: Vec<Workload> = once(usual).chain(others).filter(allowed).collect();
        let (usual, others) = layouts.split_first().unwrap();
        let bounds = Bounds { p_fail, ..Bounds::default() };
        let (workload, solution) = cheapest(usual, others, bounds, space, &Prices::shipped()).ok()?;
        let plan = Plan::new(circuit, workload, &solution, Results::Rounded);
        let events = solution.rotations.iter().map(|chosen| &chosen.event);
        for event in events.chain(solution.outputs.iter().map(|output| &output.event)) {
            assert!(event.tolerance.is_none_or(|tolerance| event.noise.0.sqrt() <= tolerance.0));
        }
        Some(Self { circuit, workload: workload.clone(), solution, plan })
    }

    /// Its keys, and for each stage its rotations and how the widest switches.
    pub(super) fn describe(&self) -> String {
        let Parameters { lwe_dimension, glwe_dimension, polynomial_size, rotation, key_switch, .. } =
            self.solution.parameters;
        let key_switch = key_switch.map_or_else(
            || "none".to_owned(),
            |Decomposition { base_log, levels }| format!("{}x{}", base_log.0, levels.0),
        );
        let stages = self.readers().into_iter().map(|stage| {
            let widest = stage.iter().max_by_key(|reader| reader.workload.slots).unwrap();
            let ModulusSwitch { extension, error_weight } = widest.solution.modulus_switch;
            format!("{} x M {} nu {extension} lambda {error_weight:.2}", stage.len(), widest.workload.slots)
        });
        format!(
            "n {} k {} N {} pbs {}x{} ks {key_switch}, inputs under the {} key; {}",
            lwe_dimension.0,
            glwe_dimension.0,
            polynomial_size.0,
            rotation.base_log.0,
            rotation.levels.0,
            if self.workload.inputs_under_small_key { "small" } else { "big" },
            stages.collect::<Vec<_>>().join("; "),
        )
    }

    fn readers(&self) -> Vec<Vec<ProbedRotation<'_>>> {
        let mut readers: Vec<Vec<ProbedRotation<'_>>> =
            self.plan.server.stages.iter().map(|_| Vec::new()).collect();
        for (rotation, chosen) in self.workload.rotations.iter().zip(&self.solution.rotations) {
            let reader = ProbedRotation { circuit: self.circuit, workload: rotation, solution: chosen };
            readers[rotation.depth].push(reader);
        }
        readers
    }

    pub(super) fn keys(&self) -> (Client, Server) {
        super::super::parties(&self.plan)
    }

    /// What samples see under keys of their own when `rotated` stages rotate: those stages, the next, or where all rotate
    /// the outputs.
    pub(super) fn run(&self, samples: &[Vec<f32>], rotated: usize) -> Vec<SampleErrors> {
        let (client, server) = self.keys();
        let small = client.key().secrets.small().into_container().to_vec();
        let readers = self.readers();
        let probe = Probe { client, server, small, readers: &readers, outputs: &self.solution.outputs };
        let run = || samples.par_iter().map(|sample| probe.run(sample, rotated)).collect();
        probe.server.workers.install(run)
    }
}

impl StageErrors {
    /// Of a stage, or of the outputs behind the last.
    pub(super) fn of(seen: &[SampleErrors], stage: usize) -> Self {
        let squares: Vec<Vec<f64>> = seen.iter().map(|seen| seen.squares[stage].clone()).collect();
        let each = |value| {
            let alone: Vec<Vec<f64>> = squares.iter().map(|values| vec![values[value]]).collect();
            Ratio::of(&alone)
        };
        Self {
            ratio: Ratio::of(&squares),
            each: (0..squares[0].len()).map(each).collect(),
            off: seen.iter().filter_map(|seen| seen.off.get(stage)).sum(),
        }
    }
}

impl Probe<'_> {
    fn phase(&self, ciphertext: &[u64]) -> u64 {
        let ciphertext = LweCiphertext::from_container(ciphertext, CiphertextModulus::new_native());
        decrypt_lwe_ciphertext(&self.client.key().secrets.big(), &ciphertext).0
    }

    fn run(&self, sample: &[f32], rotated: usize) -> SampleErrors {
        let plan = self.server.plan();
        let levels = self.client.plan().codec.encode(sample).unwrap();
        let sent = levels.iter().zip(&self.client.plan().inputs);
        let inputs: Vec<u64> =
            sent.filter_map(|(&level, slots)| slots.map(|slots| half_steps(2 * level, slots))).collect();
        let schedule = Schedule::new(plan);
        let run = self.server.start(&self.client.encrypt(sample).unwrap());
        let mut levels: Vec<Vec<Vec<i64>>> = Vec::new();
        let mut seen = SampleErrors::default();
        for (stage, rotations) in plan.stages.iter().enumerate().take(rotated + 1) {
            let ideals: Vec<f64> = rotations
                .iter()
                .map(|rotation| centred(turns(ideal(plan, &rotation.sum, &inputs, &levels))))
                .collect();
            let (small, wires) = self.block(&schedule, &run, rotations, stage < rotated);
            let errors: Vec<f64> = rotations
                .iter()
                .zip(&small)
                .zip(&ideals)
                .map(|((rotation, small), ideal)| centred(self.phase_at(rotation, small) - ideal))
                .collect();
            let predicted = self.readers[stage].iter().map(|reader| reader.solution.event.noise.0);
            seen.squares
                .push(errors.iter().zip(predicted).map(|(error, noise)| error.powi(2) / noise).collect());
            let mut off = 0;
            let mut read = Vec::new();
            for (index, wires) in wires.into_iter().enumerate() {
                let rotation = &rotations[index];
                let ciphertexts = wires.big.chunks_exact(wires.big.len() / rotation.tables);
                let phases: Vec<u64> = ciphertexts.map(|wire| self.phase(wire)).collect();
                let (levels, moved) = self.readers[stage][index].levels(
                    ideals[index],
                    errors[index],
                    &plan.parameters,
                    rotation.slots,
                    &phases,
                );
                off += moved;
                read.push(levels);
                let number = schedule.number(Source::Table { stage, rotation: index, table: 0 }).unwrap();
                run.set(number, Some(wires));
            }
            seen.off.push(off);
            levels.push(read);
        }
        if rotated == plan.stages.len() {
            let sums = self.server.outputs(&schedule, &run).sums;
            let mut rest = &sums[..];
            let numbers = plan.parameters.big_dimension().to_lwe_size().0;
            let squares = plan.outputs.iter().zip(self.outputs).map(|(output, predicted)| {
                let (bytes, behind) = rest.split_at(predicted.bits.bytes(numbers));
                rest = behind;
                let ciphertext = rounded::unpack(bytes, output.bits, numbers);
                let error = self.phase(&ciphertext).wrapping_sub(ideal(plan, &output.sum, &inputs, &levels));
                turns(error).powi(2) / predicted.event.noise.0
            });
            seen.squares.push(squares.collect());
        }
        seen
    }

    /// What the rotations of a stage read, and, where they are to rotate, their wires.
    fn block(
        &self,
        schedule: &Schedule<'_>,
        run: &SampleRun,
        rotations: &[plan::Rotation],
        rotate: bool,
    ) -> (Vec<Vec<u32>>, Vec<Wires>) {
        let (mut small, mut wires) = (Vec::new(), Vec::new());
        for block in rotations.chunks(BLOCK) {
            let jobs: Vec<(&SampleRun, &plan::Rotation)> =
                block.iter().map(|rotation| (run, rotation)).collect();
            self.server.workers.with_buffers(|buffers| {
                if rotate {
                    wires.extend(self.server.rotate(schedule, &jobs, buffers));
                } else {
                    self.server.read(schedule, &jobs, buffers);
                }
                small.extend_from_slice(&buffers.small[..jobs.len()]);
            });
        }
        (small, wires)
    }

    /// The phase that a rotation reads a table at.
    fn phase_at(&self, rotation: &plan::Rotation, small: &[u32]) -> f64 {
        let position = rotate::phase_on_grid(
            small,
            rotation.modulus_switch,
            rotation.log_grid,
            (self.server.plan().parameters.small_key, &self.small),
        );
        (f64::from(position) + 0.5) * (-f64::from(rotation.log_grid)).exp2()
    }
}

/// The phase of a sum of the values that its terms have.
fn ideal(plan: &ServerPlan, sum: &Sum, inputs: &[u64], levels: &[Vec<Vec<i64>>]) -> u64 {
    sum.terms.iter().fold(sum.constant, |phase, &(source, weight)| {
        let value = match source {
            Source::Input(index) => inputs[index],
            Source::Table { stage, rotation, table } => {
                half_steps(levels[stage][rotation][table], plan.stages[stage][rotation].slots)
            }
        };
        phase.wrapping_add(value.wrapping_mul(weight as u64))
    })
}
