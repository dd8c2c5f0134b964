//! The server: sums, key switches and rotations, each as soon as what it reads is there, on all threads.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use rayon::{ThreadPool, ThreadPoolBuilder};
use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, Seed as TorusSeed},
    prelude::{CiphertextModulus, LweDimension, SeededLweCiphertextList, UnsignedTorus},
};

use super::{
    encoding::to_small,
    encrypt::{Bodies, EncryptedInput, EncryptedOutput},
    error::{Mismatch, RunError, ThreadError},
    keys::ServerKey,
    plan::{Rotation, ServerPlan, Source, Sum},
    rotate::{self, Processor, Rotate},
    schedule::{Alarm, Control, Queue, Schedule, Work},
    switch,
};
use crate::{params::cost::BLOCK, unoptimized};

/// Threads, and what each needs to work: allocated once.
pub(crate) struct Workers {
    pool: ThreadPool,
    desks: Vec<Mutex<Desk>>,
}

pub(super) struct Desk {
    /// Sums of a block that are switched, `[BLOCK, kN + 1]`.
    big: Vec<Vec<u64>>,
    /// What the rotations of a block read, `[BLOCK, n + 1]`: those that are switched first.
    pub(super) small: Vec<Vec<u32>>,
    extracted: Vec<u64>,
    rotate: <Processor as Rotate>::Desk,
}

impl Workers {
    pub(crate) fn new(threads: Option<NonZeroUsize>, plan: &ServerPlan) -> Result<Self, ThreadError> {
        let pool = ThreadPoolBuilder::new().num_threads(threads.map_or(0, NonZeroUsize::get)).build();
        let pool = pool.map_err(|error| ThreadError {
            threads: threads.map_or(0, NonZeroUsize::get),
            reason: error.to_string(),
        })?;
        let extension =
            plan.stages.iter().flatten().map(|rotation| rotation.switching.extension).max().unwrap_or(0);
        let big = plan.parameters.big_dimension().to_lwe_size().0;
        let small = plan.parameters.lwe_dimension.to_lwe_size().0;
        let desk = || Desk {
            big: vec![vec![0; big]; BLOCK],
            small: vec![vec![0; small]; BLOCK],
            extracted: vec![0; big],
            rotate: Processor::desk(&plan.parameters, extension),
        };
        let desks = (0..pool.current_num_threads()).map(|_| Mutex::new(desk())).collect();
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

/// A sample on its way: its inputs, and by number the wires of each rotation done.
pub(super) struct Flight {
    inputs: Inputs,
    pub(super) wires: Vec<OnceLock<Wires>>,
}

/// What a rotation gives.
pub(super) struct Wires {
    /// `[tables, kN + 1]`.
    pub(super) big: Vec<u64>,
    /// Those of [`Switches::wires`](crate::params::demand::Switches::wires) under the small key, `[wires, n + 1]`.
    small: Vec<Vec<u32>>,
}

enum Inputs {
    Small(Vec<u32>),
    Big(Vec<u64>),
}

/// Samples in flight, by place in the batch.
type Flights = [Mutex<Option<Arc<Flight>>>];

fn flight(flights: &Flights, sample: usize) -> MutexGuard<'_, Option<Arc<Flight>>> {
    flights[sample].lock().unwrap_or_else(PoisonError::into_inner)
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
        self.run_watched(inputs, &Control::new())
    }

    /// The same while other threads watch how far it is, and may stop it. It blocks its thread, so that an asynchronous
    /// server gives it one of those it keeps for such work (`tokio::task::spawn_blocking`), with the control in an `Arc`.
    ///
    /// # Errors
    /// As [`run_batch`](Self::run_batch), and when it was stopped.
    pub fn run_watched(
        &self,
        inputs: &[EncryptedInput],
        control: &Control,
    ) -> Result<Vec<EncryptedOutput>, RunError> {
        unoptimized::warn();
        if inputs.is_empty() {
            return Err(RunError::Empty);
        }
        for (index, input) in inputs.iter().enumerate() {
            self.check(input).map_err(|mismatch| RunError::Mismatch { index, mismatch })?;
        }
        let schedule = Schedule::new(self.plan());
        let queue = Queue::new(&schedule, control, inputs.len(), self.workers.threads());
        let flights: Vec<_> = inputs.iter().map(|_| Mutex::new(None)).collect();
        let outputs: Vec<_> = inputs.iter().map(|_| OnceLock::new()).collect();
        self.workers.pool.broadcast(|_| self.work(&schedule, &queue, inputs, &flights, &outputs));
        outputs.into_iter().map(|output| output.into_inner().ok_or(RunError::Cancelled)).collect()
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

    /// What each thread does until the run is over.
    fn work(
        &self,
        schedule: &Schedule<'_>,
        queue: &Queue<'_>,
        inputs: &[EncryptedInput],
        flights: &Flights,
        outputs: &[OnceLock<EncryptedOutput>],
    ) {
        let _alarm = Alarm(queue);
        while let Some(work) = queue.take() {
            match work {
                Work::Start(sample) => {
                    let started = Arc::new(self.take_off(&inputs[sample]));
                    *flight(flights, sample) = Some(started);
                    queue.started(sample);
                }
                Work::Rotate(mut block) => {
                    block.sort_by_key(|&(_, rotation)| !schedule.rotations[rotation].switches.sum);
                    let flights: Vec<Arc<Flight>> =
                        block.iter().filter_map(|&(sample, _)| flight(flights, sample).clone()).collect();
                    let jobs: Vec<(&Flight, &Rotation)> = flights
                        .iter()
                        .zip(&block)
                        .map(|(flight, &(_, rotation))| (&**flight, schedule.rotations[rotation]))
                        .collect();
                    let wires = self.workers.with_desk(|desk| self.rotate(schedule, &jobs, desk));
                    for ((flight, &(_, rotation)), wires) in flights.iter().zip(&block).zip(wires) {
                        flight.wires[rotation].get_or_init(|| wires);
                    }
                    queue.rotated(&block);
                }
                Work::Finish(sample) => {
                    let landed = flight(flights, sample).take();
                    if let Some(flight) = landed {
                        outputs[sample].get_or_init(|| self.outputs(schedule, &flight));
                    }
                    queue.finished();
                }
            }
        }
    }

    pub(super) fn take_off(&self, input: &EncryptedInput) -> Flight {
        let wires = (0..self.plan().rotations()).map(|_| OnceLock::new()).collect();
        Flight { inputs: self.expand_input(input), wires }
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

    /// Gives what the rotations of a block read, on the small torus, in the first of `desk.small`; those whose sums are switched
    /// come first.
    pub(super) fn read(&self, schedule: &Schedule<'_>, jobs: &[(&Flight, &Rotation)], desk: &mut Desk) {
        let Desk { big, small, .. } = desk;
        let (switched, fresh) = jobs.split_at(jobs.partition_point(|(_, rotation)| rotation.switches.sum));
        if let Some(key) = &self.key_switch {
            let big = &mut big[..switched.len()];
            for ((flight, rotation), sum) in switched.iter().zip(&mut *big) {
                flight.sum_big(schedule, &rotation.sum, sum);
            }
            switch::switch(key, big, &mut small[..switched.len()]);
        }
        for ((flight, rotation), sum) in fresh.iter().zip(&mut small[switched.len()..]) {
            flight.sum_small(schedule, &rotation.sum, sum);
        }
    }

    /// Gives the wires of each rotation of a block; those whose sums are switched come first.
    pub(super) fn rotate(
        &self,
        schedule: &Schedule<'_>,
        jobs: &[(&Flight, &Rotation)],
        desk: &mut Desk,
    ) -> Vec<Wires> {
        self.read(schedule, jobs, desk);
        let Desk { small, extracted, rotate, .. } = desk;
        let block: Vec<rotate::Job<'_>> =
            jobs.iter().zip(&*small).map(|(&(_, rotation), small)| (rotation, &small[..])).collect();
        let components = self.processor.rotate(&block, rotate);
        let length = extracted.len();
        let mut wires: Vec<Wires> = jobs
            .iter()
            .zip(components)
            .map(|((_, rotation), component)| {
                let mut big = vec![0; rotation.tables * length];
                for tap in &rotation.taps {
                    rotate::extract(&component, tap.coefficient, extracted);
                    for &(table, factor) in &tap.readers {
                        add_scaled(&mut big[table * length..(table + 1) * length], extracted, factor);
                    }
                }
                Wires { big, small: vec![vec![0; small[0].len()]; rotation.switches.wires.len()] }
            })
            .collect();
        if let Some(key) = &self.key_switch {
            let (inputs, mut outputs): (Vec<&[u64]>, Vec<&mut Vec<u32>>) = jobs
                .iter()
                .zip(&mut wires)
                .flat_map(|((_, rotation), Wires { big, small })| {
                    let big = &*big;
                    let inputs = rotation.switches.wires.iter();
                    inputs.map(move |table| &big[table * length..(table + 1) * length]).zip(small)
                })
                .unzip();
            for (inputs, outputs) in inputs.chunks(BLOCK).zip(outputs.chunks_mut(BLOCK)) {
                switch::switch(key, inputs, outputs);
            }
        }
        wires
    }

    pub(super) fn outputs(&self, schedule: &Schedule<'_>, flight: &Flight) -> EncryptedOutput {
        let plan = self.plan();
        let length = plan.parameters.big_dimension().to_lwe_size().0;
        let mut sums = vec![0; plan.outputs.len() * length];
        for (sum, output) in plan.outputs.iter().zip(sums.chunks_exact_mut(length)) {
            flight.sum_big(schedule, sum, output);
        }
        EncryptedOutput { circuit: plan.circuit, key: self.id(), sums }
    }
}

impl Flight {
    fn sum_big(&self, schedule: &Schedule<'_>, sum: &Sum, output: &mut [u64]) {
        output.fill(0);
        let length = output.len();
        for &(source, weight) in &sum.terms {
            let wires = match (source, &self.inputs) {
                (Source::Table { table, .. }, _) => {
                    let number = schedule.number(source);
                    let Some(wires) = number.and_then(|number| self.wires[number].get()) else { continue };
                    &wires.big[table * length..(table + 1) * length]
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

    fn sum_small(&self, schedule: &Schedule<'_>, sum: &Sum, output: &mut [u32]) {
        output.fill(0);
        let length = output.len();
        for &(source, weight) in &sum.terms {
            let wire = match (source, &self.inputs) {
                (Source::Table { table, .. }, _) => {
                    let Some(number) = schedule.number(source) else { continue };
                    let place = schedule.rotations[number].switches.wires.iter().position(|&at| at == table);
                    let wires = self.wires[number].get();
                    let Some((wires, place)) = wires.zip(place) else { continue };
                    &wires.small[place][..]
                }
                (Source::Input(index), Inputs::Small(inputs)) => {
                    &inputs[index * length..(index + 1) * length]
                }
                (Source::Input(_), Inputs::Big(_)) => continue,
            };
            for (output, input) in output.iter_mut().zip(wire) {
                *output = output.wrapping_add(input.wrapping_mul(weight as u32));
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
