//! Which rotation may run when: each as soon as those that it reads are done, whatever its layer or sample.

use std::{
    collections::VecDeque,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use crate::{
    params::cost::BLOCK,
    plan::{Rotation, ServerPlan, Source},
};

/// A run that another thread watches and may stop.
#[derive(Debug, Default)]
pub struct Control {
    rotations: AtomicUsize,
    cancelled: AtomicBool,
}

impl Control {
    /// A control for one run.
    #[must_use]
    pub const fn new() -> Self {
        Self { rotations: AtomicUsize::new(0), cancelled: AtomicBool::new(false) }
    }

    /// How many blind rotations are done; each sample takes [`ServerPlan::rotations`].
    #[must_use]
    pub fn rotations(&self) -> usize {
        self.rotations.load(Ordering::Relaxed)
    }

    /// Stops the run once the rotations that have begun are done.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// The rotations of a plan by number, stage after stage, and which waits for which.
pub(in crate::fhe) struct Schedule<'a> {
    pub(in crate::fhe) rotations: Vec<&'a Rotation>,
    stages: Vec<usize>,
    /// By rotation, those that read it.
    readers: Vec<Vec<usize>>,
    /// By rotation, those that it reads.
    sources: Vec<Vec<usize>>,
    /// By rotation, what reads it: rotations, and all outputs together.
    uses: Vec<usize>,
    /// Rotations that read inputs only.
    first: usize,
}

impl<'a> Schedule<'a> {
    pub(in crate::fhe) fn new(plan: &'a ServerPlan) -> Self {
        let starts = plan.stages.iter().scan(0, |next, stage| {
            let start = *next;
            *next += stage.len();
            Some(start)
        });
        let mut schedule = Self {
            stages: starts.collect(),
            rotations: plan.stages.iter().flatten().collect(),
            readers: vec![Vec::new(); plan.rotations()],
            sources: Vec::with_capacity(plan.rotations()),
            uses: vec![0; plan.rotations()],
            first: 0,
        };
        for (reader, rotation) in plan.stages.iter().flatten().enumerate() {
            let sources = schedule.numbers(rotation.sum.terms.iter());
            for &source in &sources {
                schedule.readers[source].push(reader);
                schedule.uses[source] += 1;
            }
            schedule.first += usize::from(sources.is_empty());
            schedule.sources.push(sources);
        }
        for source in schedule.numbers(plan.outputs.iter().flat_map(|output| &output.sum.terms)) {
            schedule.uses[source] += 1;
        }
        schedule
    }

    /// The rotations that terms read, once each.
    fn numbers<'t>(&self, terms: impl Iterator<Item = &'t (Source, i64)>) -> Vec<usize> {
        let mut numbers: Vec<usize> = terms.filter_map(|&(source, _)| self.number(source)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The rotation that gives a source.
    pub(in crate::fhe) fn number(&self, source: Source) -> Option<usize> {
        match source {
            Source::Input(_) => None,
            Source::Table { stage, rotation, .. } => Some(self.stages[stage] + rotation),
        }
    }
}

/// What one thread does next.
pub(in crate::fhe) enum Work {
    /// Expand the inputs of a sample.
    Start(usize),
    /// Rotate, together: samples and numbers of rotations.
    Rotate(Vec<(usize, usize)>),
    /// Sum the outputs of a sample.
    Finish(usize),
}

#[derive(Clone, Copy)]
enum Task {
    Start(usize),
    Rotate(usize, usize),
    Finish(usize),
}

/// Work that is ready, and what waits for it.
pub(in crate::fhe) struct Queue<'a> {
    schedule: &'a Schedule<'a>,
    control: &'a Control,
    threads: usize,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    ready: VecDeque<Task>,
    samples: Vec<Waiting>,
    /// Samples before it have begun.
    next: usize,
    /// Samples that have begun, and whose inputs are not there yet.
    starting: usize,
    unfinished: usize,
}

/// What a running sample waits for.
#[derive(Clone, Default)]
struct Waiting {
    /// By rotation, how many of those that it reads are not done.
    sources: Vec<usize>,
    /// By rotation, how much of what reads it is not done.
    uses: Vec<usize>,
    /// Rotations that are not done.
    rotations: usize,
}

/// Samples that run at once for each thread, at most: enough for a block of rotations, few enough to stay in memory.
const SAMPLES_A_THREAD: usize = 4;

impl<'a> Queue<'a> {
    pub(in crate::fhe) fn new(
        schedule: &'a Schedule<'a>,
        control: &'a Control,
        samples: usize,
        threads: usize,
    ) -> Self {
        let state = State {
            ready: VecDeque::new(),
            samples: vec![Waiting::default(); samples],
            next: 0,
            starting: 0,
            unfinished: samples,
        };
        Self { schedule, control, threads, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work; none when the run is over.
    ///
    /// A thread takes its share of what is ready, so that all end at about the same time.
    pub(in crate::fhe) fn take(&self) -> Option<Work> {
        let mut state = self.state();
        loop {
            if state.unfinished == 0 || self.control.is_cancelled() {
                return None;
            }
            self.begin(&mut state);
            let share = state.ready.len().div_ceil(self.threads).min(BLOCK);
            match state.ready.pop_front() {
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Task::Start(sample)) => return Some(Work::Start(sample)),
                Some(Task::Finish(sample)) => return Some(Work::Finish(sample)),
                Some(Task::Rotate(sample, rotation)) => {
                    let mut block = vec![(sample, rotation)];
                    while block.len() < share
                        && let Some(&Task::Rotate(sample, rotation)) = state.ready.front()
                    {
                        block.push((sample, rotation));
                        state.ready.pop_front();
                    }
                    return Some(Work::Rotate(block));
                }
            }
        }
    }

    /// Lets samples begin while there is less ready than threads can take: of wide networks, one or two at once.
    fn begin(&self, state: &mut State) {
        let before = state.next;
        let finished = state.samples.len() - state.unfinished;
        while state.next < state.samples.len()
            && state.next - finished < self.threads * SAMPLES_A_THREAD
            && state.ready.len() + state.starting * self.schedule.first < self.threads * BLOCK
        {
            state.ready.push_back(Task::Start(state.next));
            state.next += 1;
            state.starting += 1;
        }
        if state.next > before + 1 {
            self.changed.notify_all();
        }
    }

    /// The inputs of a sample are there.
    pub(in crate::fhe) fn started(&self, sample: usize) {
        let sources: Vec<usize> = self.schedule.sources.iter().map(Vec::len).collect();
        let uses = self.schedule.uses.clone();
        let mut state = self.state();
        state.starting -= 1;
        let ready = (0..sources.len()).filter(|&rotation| sources[rotation] == 0);
        state.ready.extend(ready.map(|rotation| Task::Rotate(sample, rotation)));
        let rotations = sources.len();
        if rotations == 0 {
            state.ready.push_front(Task::Finish(sample));
        }
        state.samples[sample] = Waiting { sources, uses, rotations };
        drop(state);
        self.changed.notify_all();
    }

    /// The wires of a block are there. Gives the rotations, with their samples, whose wires nothing will read any more.
    #[must_use]
    pub(in crate::fhe) fn rotated(&self, block: &[(usize, usize)]) -> Vec<(usize, usize)> {
        self.control.rotations.fetch_add(block.len(), Ordering::Relaxed);
        let mut unread = Vec::new();
        let mut state = self.state();
        let State { ready, samples, .. } = &mut *state;
        for &(sample, rotation) in block {
            let Waiting { sources, uses, rotations } = &mut samples[sample];
            for &reader in &self.schedule.readers[rotation] {
                sources[reader] -= 1;
                if sources[reader] == 0 {
                    ready.push_back(Task::Rotate(sample, reader));
                }
            }
            for &source in &self.schedule.sources[rotation] {
                uses[source] -= 1;
                if uses[source] == 0 {
                    unread.push((sample, source));
                }
            }
            *rotations -= 1;
            if *rotations == 0 {
                ready.push_front(Task::Finish(sample));
            }
        }
        drop(state);
        self.changed.notify_all();
        unread
    }

    /// The outputs of a sample are there, so the next sample may start.
    pub(in crate::fhe) fn finished(&self) {
        let mut state = self.state();
        state.unfinished -= 1;
        drop(state);
        self.changed.notify_all();
    }
}

/// Cancels the run when its thread panics: the other threads would wait for ever for its work.
pub(in crate::fhe) struct CancelOnPanic<'a>(pub(in crate::fhe) &'a Queue<'a>);

impl Drop for CancelOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A thread that has seen no cancellation holds the lock until it waits: without it, this might notify before.
            let state = self.0.state();
            self.0.control.cancel();
            drop(state);
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
        sync::{Arc, Barrier, mpsc},
        thread,
        time::Duration,
    };

    use super::*;
    use crate::{
        params::{
            Decomposition, Parameters, Results, SmallKey, TorusBits,
            dimension::{GlweDimension, LweDimension, PolynomialSize},
            modulus_switch::ModulusSwitch,
        },
        plan::{OutputSum, Sum},
    };

    const WAITERS: usize = 16;
    const ROUNDS: usize = 2000;

    fn nothing() -> Schedule<'static> {
        Schedule {
            rotations: Vec::new(),
            stages: Vec::new(),
            readers: Vec::new(),
            sources: Vec::new(),
            uses: Vec::new(),
            first: 0,
        }
    }

    /// Layers of as many rotations, each of which reads some of the layer before, and an output that reads the last.
    fn deep(layers: usize, width: usize, reads: usize) -> ServerPlan {
        let parameters = Parameters {
            lwe_dimension: LweDimension(600),
            small_key: SmallKey::Uniform,
            glwe_dimension: GlweDimension(1),
            polynomial_size: PolynomialSize(2048),
            rotation: Decomposition::new(23, 1),
            key_switch: None,
            packing: None,
        };
        let table = |stage, rotation| (Source::Table { stage, rotation: rotation % width, table: 0 }, 1);
        let rotation = |layer: usize, number: usize| {
            let mut rotation = Rotation::of_one_jump(&parameters, ModulusSwitch::PLAIN);
            rotation.sum.terms = match layer.checked_sub(1) {
                Some(before) => (0..reads).map(|read| table(before, number + read)).collect(),
                None => vec![(Source::Input(number), 1)],
            };
            rotation
        };
        let terms = (0..width).map(|rotation| table(layers - 1, rotation)).collect();
        ServerPlan {
            parameters,
            inputs_under_small_key: true,
            inputs: width,
            stages: (0..layers)
                .map(|layer| (0..width).map(|number| rotation(layer, number)).collect())
                .collect(),
            outputs: vec![OutputSum { sum: Sum { terms, constant: 0 }, bits: TorusBits(16) }],
            results: Results::Rounded,
        }
    }

    /// Runs samples without computing anything: the most rotations whose wires were there at once, and the most samples that had begun.
    fn most_at_once(plan: &ServerPlan, samples: usize, threads: usize) -> (usize, usize) {
        let (schedule, control) = (Schedule::new(plan), Control::new());
        let queue = Queue::new(&schedule, &control, samples, threads);
        let mut wires = HashSet::new();
        let (mut most_wires, mut begun, mut most_begun) = (0, 0, 0);
        while let Some(work) = queue.take() {
            match work {
                Work::Start(sample) => {
                    begun += 1;
                    queue.started(sample);
                }
                Work::Rotate(block) => {
                    for &(sample, rotation) in &block {
                        let mut sources = schedule.sources[rotation].iter();
                        assert!(sources.all(|&source| wires.contains(&(sample, source))), "freed too early");
                    }
                    wires.extend(block.iter().copied());
                    most_wires = most_wires.max(wires.len());
                    for unread in queue.rotated(&block) {
                        assert!(wires.remove(&unread));
                    }
                }
                Work::Finish(sample) => {
                    let last = schedule.rotations.len() - plan.stages[plan.stages.len() - 1].len();
                    let left: Vec<_> = wires.iter().filter(|(of, _)| *of == sample).collect();
                    assert!(left.len() == schedule.rotations.len() - last);
                    assert!(left.iter().all(|&&(_, rotation)| rotation >= last), "read by nothing, and kept");
                    wires.retain(|&(of, _)| of != sample);
                    begun -= 1;
                    queue.finished();
                }
            }
            most_begun = most_begun.max(begun);
        }
        assert_eq!(control.rotations(), samples * plan.rotations());
        assert!(wires.is_empty());
        (most_wires, most_begun)
    }

    #[test]
    fn wires_are_there_until_their_last_reader_has_run() {
        for (layers, width, reads) in [(1, 40, 1), (20, 50, 3), (20, 50, 50), (50, 7, 2), (10, 1, 1)] {
            let plan = deep(layers, width, reads);
            let (wires, _) = most_at_once(&plan, 1, 2);
            assert!(wires <= 2 * width + BLOCK, "{wires} of {layers} layers of {width} at once");
        }
    }

    #[test]
    fn of_wide_networks_few_samples_run_at_once_and_of_narrow_ones_enough_for_a_block() {
        let threads = 2;
        let (wires, begun) = most_at_once(&deep(20, 100, 3), 12, threads);
        assert!(begun <= 2 && wires <= 3 * 100, "{begun} samples, {wires} wires");
        let (_, begun) = most_at_once(&deep(20, 1, 1), 12, threads);
        assert_eq!(begun, threads * SAMPLES_A_THREAD);
    }

    /// One worker has all the work and panics, the others wait for it, or are about to.
    fn a_worker_panics() {
        let (schedule, control) = (nothing(), Control::new());
        let queue = Queue::new(&schedule, &control, 1, WAITERS + 1);
        let taken = Barrier::new(WAITERS + 1);
        thread::scope(|scope| {
            for _ in 0..WAITERS {
                scope.spawn(|| {
                    taken.wait();
                    assert!(queue.take().is_none());
                });
            }
            let work = || {
                let _alarm = CancelOnPanic(&queue);
                assert!(matches!(queue.take(), Some(Work::Start(0))));
                taken.wait();
                resume_unwind(Box::new("a worker"));
            };
            assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
        });
    }

    fn within(limit: Duration, work: impl FnOnce() + Send + 'static) -> bool {
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            work();
            done.send(())
        });
        is_done.recv_timeout(limit).is_ok()
    }

    #[test]
    fn a_panic_wakes_every_thread_that_waits() {
        let rounds = || (0..ROUNDS).for_each(|_| a_worker_panics());
        assert!(within(Duration::from_mins(2), rounds), "a thread waits for ever");
    }

    /// The moment that the rounds meet only now and then: a thread has looked, and does not wait yet.
    #[test]
    fn a_panic_waits_for_a_thread_that_is_about_to_wait() {
        let (schedule, control): (&'static Schedule<'_>, &'static Control) =
            (Box::leak(Box::new(nothing())), Box::leak(Box::default()));
        let queue = Arc::new(Queue::new(schedule, control, 1, 2));
        let (taken, is_taken) = mpsc::channel();
        let (go, goes) = mpsc::channel::<()>();
        let worker = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let work = || {
                    let _alarm = CancelOnPanic(&queue);
                    assert!(matches!(queue.take(), Some(Work::Start(0))));
                    taken.send(()).unwrap();
                    goes.recv().unwrap();
                    resume_unwind(Box::new("a worker"));
                };
                assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
            })
        };
        is_taken.recv().unwrap();
        let state = queue.state();
        go.send(()).unwrap();
        thread::sleep(Duration::from_millis(100));
        assert!(!control.is_cancelled() && !worker.is_finished());
        let (state, timeout) =
            queue.changed.wait_timeout(state, Duration::from_mins(1)).unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "nobody notified");
        assert!(control.is_cancelled());
        drop(state);
        worker.join().unwrap();
    }
}
