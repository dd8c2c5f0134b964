//! The server: sums, key switches and rotations, each as soon as what it reads is there, on all threads.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, Seed as TorusSeed},
    prelude::{CiphertextModulus, LweDimension, SeededLweCiphertextList, UnsignedTorus},
};

use super::{
    Server, key_switch,
    packed::PackedInputs,
    rotate::{self, Rotate},
    schedule::{CancelOnPanic, Control, Queue, Schedule, Work},
    workers::Buffers,
};
use crate::{
    fhe::{
        ciphertexts::{Bodies, EncryptedInput, EncryptedOutput},
        error::{Mismatch, RunError},
        rounded,
    },
    params::{Packing, Results, cost::BLOCK},
    plan::{OutputSum, Rotation, Source, Sum, encoding::to_small},
    unoptimized,
    vectors::on_vectors,
};

/// A sample that is being run: its inputs, and by number the wires of each rotation that is done and still read by something.
pub(in crate::fhe) struct SampleRun {
    inputs: Inputs,
    wires: Vec<RwLock<Option<Wires>>>,
}

/// What a rotation gives.
pub(in crate::fhe) struct Wires {
    /// `[tables, kN + 1]`.
    pub(in crate::fhe) big: Vec<u64>,
    /// Those of [`KeySwitches::wires`](crate::params::workload::KeySwitches::wires) under the small key, `[wires, n + 1]`.
    small: Vec<Vec<u32>>,
}

enum Inputs {
    Small(Vec<u32>),
    Big(Box<PackedInputs>),
}

/// By place in the batch; none before a sample starts and after it is finished.
type SampleRuns = [Mutex<Option<Arc<SampleRun>>>];

fn run_of(runs: &SampleRuns, sample: usize) -> MutexGuard<'_, Option<Arc<SampleRun>>> {
    runs[sample].lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Runs the circuit on one encrypted sample.
    ///
    /// # Errors
    /// When the sample belongs to another model or key, or has the wrong length.
    pub fn run(&self, input: &EncryptedInput) -> Result<EncryptedOutput, RunError> {
        let mut outputs = self.run_batch(std::slice::from_ref(input))?;
        outputs.pop().ok_or(RunError::Empty)
    }

    /// Runs the circuit on encrypted samples; each result is the same as from [`run`](Self::run).
    ///
    /// # Errors
    /// As [`run`](Self::run), of the first sample that cannot run, before any work is done; and when there are no samples.
    pub fn run_batch(&self, inputs: &[EncryptedInput]) -> Result<Vec<EncryptedOutput>, RunError> {
        self.run_watched(inputs, &Control::new())
    }

    /// As [`run_batch`](Self::run_batch); through `control` other threads can watch its progress and stop it. It blocks its
    /// thread: an asynchronous server calls it in `tokio::task::spawn_blocking`, with the control in an `Arc`.
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
        let runs: Vec<_> = inputs.iter().map(|_| Mutex::new(None)).collect();
        let outputs: Vec<_> = inputs.iter().map(|_| OnceLock::new()).collect();
        let work = || self.work(&schedule, &queue, inputs, &runs, &outputs);
        // Adding up one sample takes less than waking a thread.
        if schedule.rotations.is_empty() && inputs.len() == 1 {
            work();
        } else {
            self.workers.on_every_thread(work);
        }
        outputs.into_iter().map(|output| output.into_inner().ok_or(RunError::Cancelled)).collect()
    }

    fn check(&self, input: &EncryptedInput) -> Result<(), Mismatch> {
        let plan = self.plan();
        Mismatch::check_ids((input.model, input.key), (self.half.model, self.key.id()))?;
        let is_small = matches!(input.bodies, Bodies::Small(_));
        let expected = plan.inputs * if plan.inputs_under_small_key { 4 } else { 8 };
        let found = input.bodies.length();
        if found == expected && is_small == plan.inputs_under_small_key {
            Ok(())
        } else {
            Err(Mismatch::Shape { found, expected })
        }
    }

    /// The loop of one thread, until the run is over.
    fn work(
        &self,
        schedule: &Schedule<'_>,
        queue: &Queue<'_>,
        inputs: &[EncryptedInput],
        runs: &SampleRuns,
        outputs: &[OnceLock<EncryptedOutput>],
    ) {
        let _cancel = CancelOnPanic(queue);
        while let Some(work) = queue.take() {
            match work {
                Work::Start(sample) => {
                    let run = Arc::new(self.start(&inputs[sample]));
                    *run_of(runs, sample) = Some(run);
                    queue.started(sample);
                }
                Work::Rotate(block) => self.rotate_block(schedule, queue, runs, block),
                Work::Finish(sample) => {
                    let run = run_of(runs, sample).take();
                    if let Some(run) = run {
                        outputs[sample].get_or_init(|| self.outputs(schedule, &run));
                    }
                    queue.finished();
                }
            }
        }
    }

    fn rotate_block(
        &self,
        schedule: &Schedule<'_>,
        queue: &Queue<'_>,
        runs: &SampleRuns,
        mut block: Vec<(usize, usize)>,
    ) {
        block.sort_by_key(|&(_, rotation)| !schedule.rotations[rotation].key_switches.sum);
        let of_block: Vec<Arc<SampleRun>> =
            block.iter().filter_map(|&(sample, _)| run_of(runs, sample).clone()).collect();
        let jobs: Vec<(&SampleRun, &Rotation)> = of_block
            .iter()
            .zip(&block)
            .map(|(run, &(_, rotation))| (&**run, schedule.rotations[rotation]))
            .collect();
        let wires = self.workers.with_buffers(|buffers| self.rotate(schedule, &jobs, buffers));
        for ((run, &(_, rotation)), wires) in of_block.iter().zip(&block).zip(wires) {
            run.set(rotation, Some(wires));
        }
        for (sample, rotation) in queue.rotated(&block) {
            if let Some(run) = &*run_of(runs, sample) {
                run.set(rotation, None);
            }
        }
    }

    /// A sample before its first rotation.
    pub(in crate::fhe) fn start(&self, input: &EncryptedInput) -> SampleRun {
        let wires = (0..self.plan().rotations()).map(|_| RwLock::new(None)).collect();
        SampleRun { inputs: self.expand_input(input), wires }
    }

    fn expand_input(&self, input: &EncryptedInput) -> Inputs {
        let parameters = &self.plan().parameters;
        match &input.bodies {
            Bodies::Small(bodies) => {
                Inputs::Small(expand(bodies.clone(), parameters.lwe_dimension, input.seed))
            }
            Bodies::Big(bodies) => {
                Inputs::Big(Box::new(PackedInputs::expand(parameters, bodies, input.seed)))
            }
        }
    }

    /// Gives what the rotations of a block read, on the small torus, in the first of `buffers.small`; those whose sums are switched
    /// come first.
    pub(in crate::fhe) fn read(
        &self,
        schedule: &Schedule<'_>,
        jobs: &[(&SampleRun, &Rotation)],
        buffers: &mut Buffers,
    ) {
        let Buffers { big, small, .. } = buffers;
        let (switched, fresh) =
            jobs.split_at(jobs.partition_point(|(_, rotation)| rotation.key_switches.sum));
        if let Some(key) = &self.key.key_switch {
            let big = &mut big[..switched.len()];
            for ((run, rotation), sum) in switched.iter().zip(&mut *big) {
                run.sum_big(schedule, &rotation.sum, sum);
            }
            key_switch::switch(key, big, &mut small[..switched.len()]);
        }
        for ((run, rotation), sum) in fresh.iter().zip(&mut small[switched.len()..]) {
            run.sum_small(schedule, &rotation.sum, sum);
        }
    }

    /// Gives the wires of each rotation of a block; those whose sums are switched come first.
    pub(in crate::fhe) fn rotate(
        &self,
        schedule: &Schedule<'_>,
        jobs: &[(&SampleRun, &Rotation)],
        buffers: &mut Buffers,
    ) -> Vec<Wires> {
        self.read(schedule, jobs, buffers);
        let Buffers { small, extracted, rotation, .. } = buffers;
        let block: Vec<rotate::Job<'_>> =
            jobs.iter().zip(&*small).map(|(&(_, rotation), small)| (rotation, &small[..])).collect();
        let Some(cpu) = &self.key.cpu else { return Vec::new() };
        let components = cpu.rotate(&block, rotation);
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
                Wires { big, small: vec![vec![0; small[0].len()]; rotation.key_switches.wires.len()] }
            })
            .collect();
        if let Some(key) = &self.key.key_switch {
            let (inputs, mut outputs): (Vec<&[u64]>, Vec<&mut Vec<u32>>) = jobs
                .iter()
                .zip(&mut wires)
                .flat_map(|((_, rotation), Wires { big, small })| {
                    let big = &*big;
                    let inputs = rotation.key_switches.wires.iter();
                    inputs.map(move |table| &big[table * length..(table + 1) * length]).zip(small)
                })
                .unzip();
            for (inputs, outputs) in inputs.chunks(BLOCK).zip(outputs.chunks_mut(BLOCK)) {
                key_switch::switch(key, inputs, outputs);
            }
        }
        wires
    }

    pub(in crate::fhe) fn outputs(&self, schedule: &Schedule<'_>, run: &SampleRun) -> EncryptedOutput {
        let plan = self.plan();
        let mut sums = Vec::with_capacity(plan.result_length());
        let mut ciphertext = vec![0; plan.parameters.big_dimension().to_lwe_size().0];
        if let Some(keys) = self.key.packing.as_ref().filter(|_| plan.results == Results::Packed) {
            let mut workspace = keys.workspace();
            for outputs in plan.outputs.chunks(Packing::SIZE.0) {
                let sum = &mut |output: usize, ciphertext: &mut [u64]| {
                    run.sum_big(schedule, &outputs[output].sum, ciphertext);
                };
                let mut packed = keys.pack(outputs.len(), &mut ciphertext, &mut workspace, sum);
                rounded::pack_polynomials(&mut packed, outputs.len(), outputs[0].bits, &mut sums);
            }
            return EncryptedOutput { model: self.half.model, key: self.key.id(), sums };
        }
        for OutputSum { sum, bits } in &plan.outputs {
            run.sum_big(schedule, sum, &mut ciphertext);
            rounded::centre(&mut ciphertext, *bits);
            rounded::pack(&ciphertext, *bits, &mut sums);
        }
        EncryptedOutput { model: self.half.model, key: self.key.id(), sums }
    }
}

impl SampleRun {
    /// What a rotation gave; none once nothing reads it any more.
    pub(in crate::fhe) fn set(&self, rotation: usize, wires: Option<Wires>) {
        *self.wires[rotation].write().unwrap_or_else(PoisonError::into_inner) = wires;
    }

    fn wires(&self, rotation: usize) -> RwLockReadGuard<'_, Option<Wires>> {
        self.wires[rotation].read().unwrap_or_else(PoisonError::into_inner)
    }

    fn sum_big(&self, schedule: &Schedule<'_>, sum: &Sum, output: &mut [u64]) {
        output.fill(0);
        let length = output.len();
        if let Inputs::Big(inputs) = &self.inputs {
            let input = |&(source, weight): &(Source, i64)| match source {
                Source::Input(index) => Some((index, weight)),
                Source::Table { .. } => None,
            };
            inputs.add(sum.terms.iter().filter_map(input), output);
        }
        for &(source, weight) in &sum.terms {
            let Source::Table { table, .. } = source else { continue };
            let Some(number) = schedule.number(source) else { continue };
            if let Some(wires) = &*self.wires(number) {
                add_scaled(output, &wires.big[table * length..(table + 1) * length], weight);
            }
        }
        if let Some(body) = output.last_mut() {
            *body = body.wrapping_add(sum.constant);
        }
    }

    fn sum_small(&self, schedule: &Schedule<'_>, sum: &Sum, output: &mut [u32]) {
        output.fill(0);
        let length = output.len();
        let mut add = |wire: &[u32], weight: i64| {
            for (output, input) in output.iter_mut().zip(wire) {
                *output = output.wrapping_add(input.wrapping_mul(weight as u32));
            }
        };
        for &(source, weight) in &sum.terms {
            match (source, &self.inputs) {
                (Source::Table { table, .. }, _) => {
                    let Some(number) = schedule.number(source) else { continue };
                    let place = schedule.rotations[number].key_switches.wires.binary_search(&table);
                    if let (Some(wires), Ok(place)) = (&*self.wires(number), place) {
                        add(&wires.small[place], weight);
                    }
                }
                (Source::Input(index), Inputs::Small(inputs)) => {
                    add(&inputs[index * length..(index + 1) * length], weight);
                }
                (Source::Input(_), Inputs::Big(_)) => {}
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
    on_vectors(
        #[inline(always)]
        || {
            for (output, input) in output.iter_mut().zip(input) {
                *output = output.wrapping_add(input.wrapping_mul(factor as u64));
            }
        },
    );
}
