//! Deep and wide networks: compiling one takes time and memory in proportion to its rotations.
#![cfg(feature = "fhe")]
#![allow(clippy::unwrap_used)]

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use fheqat_runtime::{
    Seed,
    circuit::{
        Circuit, Codec, Graph, Task,
        ir::{Accumulator, Jump, LayerBound, Output, Table, Term, Tolerance, Wire},
        passes::optimise,
        verify::{LARGEST, verify},
    },
    compile::{CompileOptions, Compiled},
    data::{Feature, FeatureKind},
    params::{
        Log2Probability,
        cost::Prices,
        search::{self, Bounds, Space},
        workload::Workload,
    },
    quant::Quantizer,
};
use fheqat_spec::Range;
use peak_alloc::PeakAlloc;
use rand::RngExt;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What a layer gives: channels of height and width.
type Shape = [usize; 3];

/// A layer of filters with windows of 3 by 3 on a padded image, or of neurons on all numbers.
#[derive(Clone, Copy)]
enum Layer {
    /// Filters, and the distance between two windows.
    Conv(usize, usize),
    /// Neurons.
    Dense(usize),
}

/// The most weights of a row that are not zero, and the largest of them.
const NONZERO: usize = 8;
const WEIGHT: i64 = 2;

struct Drawn {
    graph: Graph,
    wires: Vec<Wire>,
    shape: Shape,
    rng: rand_chacha::ChaCha8Rng,
}

impl Drawn {
    fn new(shape: Shape, levels: Range, seed: Seed) -> Self {
        let inputs = shape.iter().product();
        Self {
            graph: Graph {
                inputs: vec![levels; inputs],
                layers: Vec::new(),
                accumulators: Vec::new(),
                outputs: Vec::new(),
            },
            wires: (0..inputs).map(Wire::Input).collect(),
            shape,
            rng: seed.rng(0),
        }
    }

    /// Weights by place among so many numbers.
    fn row(&mut self, numbers: usize) -> Vec<(usize, i64)> {
        let draw = |_| {
            let weight = self.rng.random_range(1..=WEIGHT) * [-1, 1][self.rng.random_range(0..2)];
            (self.rng.random_range(0..numbers), weight)
        };
        let mut row: Vec<(usize, i64)> = (0..NONZERO).map(draw).collect();
        row.sort_unstable();
        row.dedup_by_key(|(place, _)| *place);
        row
    }

    fn range(&self, terms: &[Term]) -> Range {
        terms.iter().fold(Range::new(0, 0), |range, term| {
            let levels = self.graph.range(term.wire);
            range.plus(levels.times(Range::new(term.weight, term.weight)))
        })
    }

    /// The sums of a layer, and their shape.
    fn sums(&mut self, layer: Layer) -> (Vec<Vec<Term>>, Shape) {
        let [channels, height, width] = self.shape;
        let (filters, stride) = match layer {
            Layer::Dense(neurons) => {
                let rows: Vec<_> = (0..neurons).map(|_| self.row(self.wires.len())).collect();
                let term = |(place, weight)| Term { wire: self.wires[place], weight };
                let sums = rows.into_iter().map(|row| row.into_iter().map(term).collect());
                return (sums.collect(), [neurons, 1, 1]);
            }
            Layer::Conv(filters, stride) => (filters, stride),
        };
        let (rows, columns) = (height.div_ceil(stride), width.div_ceil(stride));
        let mut sums = Vec::new();
        for _ in 0..filters {
            let filter = self.row(channels * 9);
            for position in 0..rows * columns {
                let (top, left) = (position / columns * stride, position % columns * stride);
                let seen = filter.iter().filter_map(|&(place, weight)| {
                    let (row, column) = (top + place % 9 / 3, left + place % 3);
                    let is_inside = (1..=height).contains(&row) && (1..=width).contains(&column);
                    is_inside.then(|| Term {
                        wire: self.wires[(place / 9 * height + row - 1) * width + column - 1],
                        weight,
                    })
                });
                let mut terms: Vec<Term> = seen.collect();
                terms.sort_unstable_by_key(|term| term.wire);
                sums.push(terms);
            }
        }
        (sums, [filters, rows, columns])
    }

    /// A layer with rectifiers of two bits behind it.
    fn hidden(&mut self, layer: Layer) {
        let index = self.graph.layers.len();
        self.graph.layers.push(LayerBound {
            name: format!("relu{index}"),
            reads: format!("layer{index}"),
            bound: Range::new(-LARGEST, LARGEST),
        });
        let (sums, shape) = self.sums(layer);
        self.wires.clear();
        for terms in sums {
            let range = self.range(&terms);
            let mut jumps: Vec<Jump> = Vec::new();
            for _ in 0..3 {
                let last = jumps.last().map_or(0, |jump: &Jump| jump.at);
                let at = last + self.rng.random_range(1..=(range.hi / 4).max(1));
                jumps.push(Jump { at, rise: 1 });
            }
            self.wires.push(Wire::Table { accumulator: self.graph.accumulators.len(), table: 0 });
            self.graph.accumulators.push(Accumulator {
                layer: index,
                terms,
                range,
                tolerance: Tolerance::EXACT,
                tables: vec![Table { base: 0, jumps }],
            });
        }
        self.shape = shape;
    }

    fn outputs(mut self, outputs: usize) -> Graph {
        let (sums, _) = self.sums(Layer::Dense(outputs));
        for terms in sums {
            let range = self.range(&terms);
            self.graph.outputs.push(Output { terms, range, tolerance: Tolerance::EXACT, constant: 0 });
        }
        self.graph
    }
}

/// A network with every neuron read by ten outputs or by nothing, before any pass.
fn drawn(shape: Shape, layers: &[Layer]) -> Graph {
    let mut drawn = Drawn::new(shape, Range::new(0, 3), Seed(7));
    for &layer in layers {
        drawn.hidden(layer);
    }
    drawn.outputs(10)
}

fn circuit(graph: Graph) -> Circuit {
    let features = graph.inputs.len();
    Circuit {
        name: "Deep".to_owned(),
        fields: Vec::new(),
        codec: Codec {
            encoders: vec![Quantizer { step: 1.0, levels: graph.inputs[0] }.into()],
            features,
            described: (0..features)
                .map(|index| Feature { name: index.to_string(), kind: FeatureKind::Number })
                .collect(),
            scale: vec![1.0; graph.outputs.len()],
            bias: vec![0.0; graph.outputs.len()],
            task: Task::default(),
        },
        graph,
    }
}

/// What this process has run, in seconds: the time of other programs does not count.
#[cfg(unix)]
fn core_seconds() -> f64 {
    use rustix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Wall time, where the system does not tell.
#[cfg(not(unix))]
fn core_seconds() -> f64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed().as_secs_f64()
}

/// What `make` gives, the seconds that it computed for, and the most megabytes that it had at once beside what there was.
fn measured<T>(make: impl FnOnce() -> T) -> (T, f64, f64) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let started = core_seconds();
    let made = make();
    let took = core_seconds() - started;
    (made, took, ALLOCATOR.peak_usage().saturating_sub(before) as f64 / 1e6)
}

/// What runs at the same time would be measured too.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn options() -> CompileOptions {
    CompileOptions::default().p_fail(Log2Probability(-40.0))
}

/// Compiles a network, and prints what each part takes.
fn by_part(name: &str, graph: Graph) -> Compiled {
    let tables = graph.accumulators.len();
    let mut parts = Vec::new();
    let mut part = |name: &'static str, (took, peak): (f64, f64)| parts.push((name, took, peak));
    let (graph, took, peak) = measured(|| optimise(graph).unwrap());
    part("passes", (took, peak));
    let ((), took, peak) = measured(|| verify(&graph).unwrap());
    part("verify", (took, peak));
    let bounds = Bounds { p_fail: options().p_fail, ..Bounds::default() };
    let (usual, took, peak) = measured(|| Workload::of(&graph, bounds.p_fail).unwrap());
    part("workload", (took, peak));
    let (others, took, peak) = measured(|| Workload::alternatives(&usual, &graph, bounds.p_fail).unwrap());
    part("other layouts", (took, peak));
    let (space, prices) = (Space::default(), Prices::shipped());
    let (found, took, peak) = measured(|| search::cheapest(&usual, &others, bounds, &space, &prices));
    found.unwrap();
    part("search", (took, peak));
    drop((usual, others));
    let circuit = circuit(graph);
    let (compiled, took, peak) = measured(|| circuit.compile(&options()).unwrap());
    part("compile, all but the passes", (took, peak));
    println!(
        "{name}: {} rotations of {tables} tables, {:?}",
        compiled.plan().server.rotations(),
        compiled.prediction().parameters
    );
    for (name, took, peak) in parts {
        println!("  {name}: {took:.2} s, {peak:.0} MB");
    }
    compiled
}

#[test]
#[ignore = "prints what compiling large networks takes"]
fn what_compiling_takes() {
    let _alone = alone();
    for width in [125, 250, 500] {
        by_part(&format!("twenty layers of {width}"), drawn([64, 1, 1], &vec![Layer::Dense(width); 20]));
    }
    for filters in [4, 8, 13] {
        let layers =
            [Layer::Conv(filters, 1), Layer::Conv(filters, 2), Layer::Conv(filters, 2), Layer::Dense(64)];
        by_part(&format!("28 by 28, {filters} filters"), drawn([1, 28, 28], &layers));
    }
    let layers = [Layer::Conv(16, 1), Layer::Conv(32, 2), Layer::Conv(64, 2), Layer::Dense(128)];
    by_part("32 by 32 in three colours", drawn([3, 32, 32], &layers));
}

#[test]
fn ten_thousand_rotations_compile_in_seconds_and_little_memory() {
    let _alone = alone();
    let circuit = circuit(optimise(drawn([64, 1, 1], &[Layer::Dense(530); 20])).unwrap());
    let (compiled, took, peak) = measured(|| circuit.compile(&options()).unwrap());
    let rotations = compiled.plan().server.rotations();
    println!("{rotations} rotations: {took:.1} s, {peak:.0} MB");
    assert!(rotations >= 9_500, "{rotations}");
    assert!(took < 10.0, "{took} s");
    assert!(peak < 300.0, "{peak} MB");
}

/// Two layers' wires and what threads work in, of ten layers.
#[test]
fn a_run_holds_the_wires_that_something_still_reads() {
    const WIDTH: usize = 12;
    let _alone = alone();
    let circuit = circuit(optimise(drawn([8, 1, 1], &[Layer::Dense(WIDTH); 10])).unwrap());
    let compiled = circuit.compile(&options().threads(NonZeroUsize::new(1))).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    let plan = &compiled.plan().server;
    let wire = 8.0 * (plan.parameters.big_dimension().0 + 1) as f64 / 1e6;
    let sample = [0.0, 1.0, 2.0, 3.0, 3.0, 1.0, 0.0, 2.0];
    let input = client.encrypt(&sample).unwrap();
    server.run(&input).unwrap();
    let (output, _, peak) = measured(|| server.run(&input).unwrap());
    assert_eq!(client.decrypt(&output).unwrap(), circuit.simulate(&sample).unwrap());
    let (all, two_layers) = (plan.rotations() as f64 * wire, 2.0 * WIDTH as f64 * wire);
    println!("{} rotations, wires of {all:.2} MB: {peak:.2} MB at once", plan.rotations());
    assert!(peak < two_layers + 0.5, "{peak} MB at once, wires of two layers {two_layers}, of all {all}");
    assert!(all > 2.0 * peak, "too few wires to tell: {all} MB, {peak} MB at once");
}

/// Sums of thousands of inputs are products, which transform the masks of their inputs.
#[test]
fn sums_of_many_inputs_take_the_memory_that_is_said() {
    let _alone = alone();
    for (inputs, outputs, weight) in [(3000, 20, 1), (450, 2, 40), (60, 1, 2)] {
        let mut circuit = circuit(drawn([inputs, 1, 1], &[]));
        let sum = |output: usize| {
            let weight = |input: usize| if (input + output).is_multiple_of(2) { weight } else { -weight };
            let terms = (0..inputs).map(|input| Term { wire: Wire::Input(input), weight: weight(input) });
            let terms: Vec<Term> = terms.collect();
            let most = 3 * weight(0).abs() * inputs as i64;
            Output { terms, range: Range::new(-most, most), tolerance: Tolerance::EXACT, constant: 0 }
        };
        circuit.graph.outputs = (0..outputs).map(sum).collect();
        circuit.codec.scale = vec![1.0; outputs];
        circuit.codec.bias = vec![0.0; outputs];
        let compiled = circuit.compile(&options().threads(NonZeroUsize::new(1))).unwrap();
        let (client, server) = compiled.keygen().unwrap();
        let sample: Vec<f32> = (0..inputs).map(|index| (index % 4) as f32).collect();
        let input = client.encrypt(&sample).unwrap();
        server.run(&input).unwrap();
        let (output, _, peak) = measured(|| server.run(&input).unwrap());
        assert_eq!(client.decrypt(&output).unwrap(), circuit.simulate(&sample).unwrap());
        let said = server.plan().memory().0 as f64 / 1e6;
        println!("{inputs} inputs, {outputs} sums: {peak:.3} MB at once, {said:.3} said");
        assert!(peak < said + 0.02, "{inputs} inputs: {peak} MB at once, {said} said");
        assert!(peak > 0.4 * said, "{inputs} inputs: {peak} MB at once, {said} said");
    }
}

/// By prices that were measured a moment before.
#[test]
#[ignore = "takes a minute"]
fn a_deep_network_takes_what_is_predicted() {
    let _alone = alone();
    let graph = optimise(drawn([1, 12, 12], &[Layer::Conv(2, 1), Layer::Conv(3, 2), Layer::Dense(24)]));
    let image = circuit(graph.unwrap());
    let twenty = circuit(optimise(drawn([16, 1, 1], &[Layer::Dense(20); 20])).unwrap());
    for (name, circuit) in [("12 by 12", image), ("twenty layers of 20", twenty)] {
        let prices = Prices::measure().unwrap();
        let options = options().threads(NonZeroUsize::new(1)).prices(prices);
        let compiled = circuit.compile(&options).unwrap();
        let (client, server) = compiled.keygen().unwrap();
        let sample: Vec<f32> = (0..circuit.codec.features).map(|index| (index % 4) as f32).collect();
        let input = client.encrypt(&sample).unwrap();
        let started = core_seconds();
        let output = server.run(&input).unwrap();
        let took = core_seconds() - started;
        assert_eq!(client.decrypt(&output).unwrap(), circuit.simulate(&sample).unwrap());
        let predicted = compiled.prediction().run.0;
        let rotations = compiled.plan().server.rotations();
        println!(
            "{name}: {rotations} rotations, {took:.2} s, {predicted:.2} s predicted, {:.2}",
            predicted / took
        );
        assert!((0.8..1.25).contains(&(predicted / took)), "{predicted} s predicted, {took} s");
    }
}
