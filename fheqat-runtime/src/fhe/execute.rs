//! The server: sums, key switches and rotations, stage by stage, on all threads.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};
use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, Seed as TorusSeed},
    prelude::{
        CiphertextModulus, Fft, LweCiphertext, LweDimension, SeededLweCiphertextList, UnsignedTorus,
        keyswitch_lwe_ciphertext_with_scalar_change,
    },
};

use super::{
    encoding::to_small,
    encrypt::{Bodies, EncryptedInput, EncryptedOutput},
    error::{Mismatch, RunError, ThreadError},
    keys::ServerKey,
    plan::{Rotation, ServerPlan, Source, Sum},
    rotate::{self, Scratch},
};

/// Threads, and what each needs to work: allocated once.
pub(crate) struct Workers {
    pool: ThreadPool,
    desks: Vec<Mutex<Desk>>,
}

pub(super) struct Desk {
    big: Vec<u64>,
    pub(super) small: Vec<u32>,
    extracted: Vec<u64>,
    scratch: Scratch,
}

/// Samples in flight: enough for every thread to find a rotation to do, few enough to stay in memory.
const SAMPLES_A_THREAD: usize = 4;

impl Workers {
    pub(crate) fn new(threads: Option<NonZeroUsize>, plan: &ServerPlan) -> Result<Self, ThreadError> {
        let pool = ThreadPoolBuilder::new().num_threads(threads.map_or(0, NonZeroUsize::get)).build();
        let pool = pool.map_err(|error| ThreadError {
            threads: threads.map_or(0, NonZeroUsize::get),
            reason: error.to_string(),
        })?;
        let extension =
            plan.stages.iter().flatten().map(|rotation| rotation.switching.extension).max().unwrap_or(0);
        let fft = Fft::new(plan.parameters.polynomial_size);
        let desks = (0..pool.current_num_threads())
            .map(|_| {
                Mutex::new(Desk {
                    big: vec![0; plan.parameters.big_dimension().to_lwe_size().0],
                    small: vec![0; plan.parameters.lwe_dimension.to_lwe_size().0],
                    extracted: vec![0; plan.parameters.big_dimension().to_lwe_size().0],
                    scratch: Scratch::new(&plan.parameters, extension, &fft),
                })
            })
            .collect();
        Ok(Self { pool, desks })
    }

    pub(crate) fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    pub(crate) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    pub(super) fn with_desk<R>(&self, work: impl FnOnce(&mut Desk) -> R) -> R {
        let desk = &self.desks[rayon::current_thread_index().unwrap_or(0)];
        work(&mut desk.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A sample on its way: its inputs, and the wires of each rotation done, `[tables, kN + 1]`.
pub(super) struct Flight {
    inputs: Inputs,
    pub(super) stages: Vec<Vec<Vec<u64>>>,
}

enum Inputs {
    Small(Vec<u32>),
    Big(Vec<u64>),
}

impl ServerKey {
    /// Runs the circuit on one encrypted sample.
    ///
    /// # Errors
    /// When the sample belongs to another circuit or key, or is damaged.
    pub fn run(&self, input: &EncryptedInput) -> Result<EncryptedOutput, RunError> {
        let mut outputs = self.run_batch(std::slice::from_ref(input))?;
        outputs.pop().ok_or(RunError::Empty)
    }

    /// Runs the circuit on encrypted samples; each result is the same as from [`run`](Self::run).
    ///
    /// # Errors
    /// As [`run`](Self::run), before any work, for the first sample that cannot run; and when there are none.
    pub fn run_batch(&self, inputs: &[EncryptedInput]) -> Result<Vec<EncryptedOutput>, RunError> {
        if inputs.is_empty() {
            return Err(RunError::Empty);
        }
        for (index, input) in inputs.iter().enumerate() {
            self.check(input).map_err(|mismatch| RunError::Mismatch { index, mismatch })?;
        }
        let wave = SAMPLES_A_THREAD * self.workers.desks.len();
        Ok(self.workers.install(|| inputs.chunks(wave).flat_map(|wave| self.run_wave(wave)).collect()))
    }

    fn check(&self, input: &EncryptedInput) -> Result<(), Mismatch> {
        let plan = self.plan();
        if input.circuit != plan.circuit {
            return Err(Mismatch::Circuit);
        }
        if input.key != self.id() {
            return Err(Mismatch::Key);
        }
        let (found, direct) = match &input.bodies {
            Bodies::Small(bodies) => (bodies.len(), true),
            Bodies::Big(bodies) => (bodies.len(), false),
        };
        if found != plan.inputs || direct != plan.direct {
            return Err(Mismatch::Shape { found, expected: plan.inputs });
        }
        Ok(())
    }

    fn run_wave(&self, inputs: &[EncryptedInput]) -> Vec<EncryptedOutput> {
        let plan = self.plan();
        let mut flights: Vec<Flight> = inputs.par_iter().map(|input| self.take_off(input)).collect();
        for stage in &plan.stages {
            let tasks: Vec<(&Flight, &Rotation)> = flights
                .iter()
                .flat_map(|flight| stage.iter().map(move |rotation| (flight, rotation)))
                .collect();
            let wires: Vec<Vec<u64>> = tasks
                .into_par_iter()
                .with_max_len(1)
                .map(|(flight, rotation)| self.workers.with_desk(|desk| self.rotate(flight, rotation, desk)))
                .collect();
            let mut wires = wires.into_iter();
            for flight in &mut flights {
                flight.stages.push(wires.by_ref().take(stage.len()).collect());
            }
        }
        flights.par_iter().map(|flight| self.outputs(flight)).collect()
    }

    pub(super) fn take_off(&self, input: &EncryptedInput) -> Flight {
        Flight { inputs: self.expand_input(input), stages: Vec::new() }
    }

    fn expand_input(&self, input: &EncryptedInput) -> Inputs {
        let parameters = &self.plan().parameters;
        match &input.bodies {
            Bodies::Small(bodies) => {
                Inputs::Small(expand(bodies.clone(), parameters.lwe_dimension, input.seed))
            }
            Bodies::Big(bodies) => {
                Inputs::Big(expand(bodies.clone(), parameters.big_dimension(), input.seed))
            }
        }
    }

    /// Leaves the sum that one rotation reads on the desk, under the small key.
    fn sum(&self, flight: &Flight, rotation: &Rotation, desk: &mut Desk) {
        let Desk { big, small, .. } = desk;
        match &self.key_switch {
            Some(key) if rotation.key_switched => {
                flight.sum_big(&rotation.sum, big);
                let sum = LweCiphertext::from_container(&big[..], CiphertextModulus::new_native());
                let mut output =
                    LweCiphertext::from_container(&mut small[..], CiphertextModulus::new_native());
                keyswitch_lwe_ciphertext_with_scalar_change(key, &sum, &mut output);
            }
            _ => flight.sum_small(&rotation.sum, small),
        }
    }

    /// Gives the wires of one rotation, `[tables, kN + 1]`.
    pub(super) fn rotate(&self, flight: &Flight, rotation: &Rotation, desk: &mut Desk) -> Vec<u64> {
        self.sum(flight, rotation, desk);
        let Desk { small, extracted, scratch, .. } = desk;
        let component = rotate::rotate(rotation, small, self.bootstrap.as_view(), &self.fft, scratch);
        let length = extracted.len();
        let mut wires = vec![0; rotation.tables * length];
        for tap in &rotation.taps {
            rotate::extract(&component, tap.coefficient, extracted);
            for &(table, factor) in &tap.readers {
                add_scaled(&mut wires[table * length..(table + 1) * length], extracted, factor);
            }
        }
        wires
    }

    fn outputs(&self, flight: &Flight) -> EncryptedOutput {
        let plan = self.plan();
        let length = plan.parameters.big_dimension().to_lwe_size().0;
        let mut sums = vec![0; plan.outputs.len() * length];
        for (sum, output) in plan.outputs.iter().zip(sums.chunks_exact_mut(length)) {
            flight.sum_big(sum, output);
        }
        EncryptedOutput { circuit: plan.circuit, key: self.id(), sums }
    }
}

impl Flight {
    fn sum_big(&self, sum: &Sum, output: &mut [u64]) {
        output.fill(0);
        let length = output.len();
        for &(source, weight) in &sum.terms {
            let wires = match (source, &self.inputs) {
                (Source::Table { stage, rotation, table }, _) => {
                    &self.stages[stage][rotation][table * length..(table + 1) * length]
                }
                (Source::Input(index), Inputs::Big(inputs)) => &inputs[index * length..(index + 1) * length],
                (Source::Input(_), Inputs::Small(_)) => continue,
            };
            add_scaled(output, wires, weight);
        }
        if let Some(body) = output.last_mut() {
            *body = body.wrapping_add(sum.constant);
        }
    }

    fn sum_small(&self, sum: &Sum, output: &mut [u32]) {
        output.fill(0);
        let length = output.len();
        for &(source, weight) in &sum.terms {
            if let (Source::Input(index), Inputs::Small(inputs)) = (source, &self.inputs) {
                for (output, input) in output.iter_mut().zip(&inputs[index * length..(index + 1) * length]) {
                    *output = output.wrapping_add(input.wrapping_mul(weight as u32));
                }
            }
        }
        if let Some(body) = output.last_mut() {
            *body = body.wrapping_add(to_small(sum.constant));
        }
    }
}

/// Ciphertexts with their masks, `[bodies, dimension + 1]`.
pub(crate) fn expand<Scalar: UnsignedTorus>(
    bodies: Vec<Scalar>,
    dimension: LweDimension,
    seed: u128,
) -> Vec<Scalar> {
    // A circuit that reads no input: tfhe refuses empty lists.
    if bodies.is_empty() {
        return bodies;
    }
    SeededLweCiphertextList::from_container(
        bodies,
        dimension.to_lwe_size(),
        CompressionSeed::from(TorusSeed(seed)),
        CiphertextModulus::new_native(),
    )
    .decompress_into_lwe_ciphertext_list()
    .into_container()
}

pub(crate) fn add_scaled(output: &mut [u64], input: &[u64], factor: i64) {
    for (output, input) in output.iter_mut().zip(input) {
        *output = output.wrapping_add(input.wrapping_mul(factor as u64));
    }
}
