//! What client and server do, as data: sums, rotations and decodings that are fixed before keys exist. All of it is public.
//!
//! [`compile`](crate::compile) writes a plan, [`fhe`](crate::fhe) follows it.

pub(crate) mod encoding;

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};

#[cfg(any(feature = "client", feature = "server"))]
use crate::circuit::verify;
use crate::{
    circuit::Codec,
    params::{
        Bytes, Packing, Parameters, Results, Slots, SmallKey, TorusBits,
        cost::{BLOCK, PACKED_PRODUCT},
        modulus_switch::{MAX_EXTENSION, ModulusSwitch},
        workload::KeySwitches,
    },
};

/// Everything that is fixed before keys exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The client's half: how to encrypt and decrypt.
    pub client: ClientPlan,
    /// The server's half: what to compute.
    pub server: ServerPlan,
}

/// The client's half: it has no weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientPlan {
    /// The keys' shapes.
    pub parameters: Parameters,
    /// Features to integers, integers to logits.
    pub codec: Codec,
    /// Inputs are encrypted under the small key.
    pub inputs_under_small_key: bool,
    /// Slots of each input; `None` for one that no sum reads, which is not sent.
    pub inputs: Vec<Option<Slots>>,
    /// How to read each output of the circuit.
    pub outputs: Vec<Decoding>,
    /// How they are sent. Packed ones all have the same bits.
    pub results: Results,
}

/// How a client reads one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decoding {
    /// The same for every sample, and so not sent.
    Constant(i64),
    /// A sum.
    Sum {
        /// Slots of the sum: how many equal steps the torus is divided into.
        slots: Slots,
        /// Every value it can have.
        range: Range,
        /// Added after decryption.
        constant: i64,
        /// What its numbers are rounded to, mask and body.
        bits: TorusBits,
    },
}

/// What a server computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerPlan {
    /// The keys' shapes.
    pub parameters: Parameters,
    /// Inputs are encrypted under the small key.
    pub inputs_under_small_key: bool,
    /// Encrypted inputs of a sample.
    pub inputs: usize,
    /// By depth: the rotations of one stage need only those of earlier stages.
    pub stages: Vec<Vec<Rotation>>,
    /// Sums that go back to the client.
    pub outputs: Vec<OutputSum>,
    /// How they are sent. Packed ones all have the same bits.
    pub results: Results,
}

/// Where a ciphertext comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// An encrypted input, by its place in the client's ciphertext.
    Input(usize),
    /// A rotation's table.
    Table {
        /// Its stage.
        stage: usize,
        /// Its place in the stage.
        rotation: usize,
        /// Its table.
        table: usize,
    },
}

/// A sum of ciphertexts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Sources and weights.
    pub terms: Vec<(Source, i64)>,
    /// Added to the phase, in 2^-64 turns.
    pub constant: u64,
}

/// A sum that goes back to the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputSum {
    /// The sum.
    pub sum: Sum,
    /// What its numbers are rounded to, mask and body.
    pub bits: TorusBits,
}

/// A blind rotation and what is read off it.
///
/// Positions are in steps of a grid of `2^log_grid` points. The phase of `sum`, less `origin`, picks from the negacyclic
/// staircase that holds `-T` before the first of `stairs` and rises by twice `rise` half-steps at each, T the sum of
/// rises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rotation {
    /// Index in the circuit's layers.
    pub layer: usize,
    /// What it reads.
    pub sum: Sum,
    /// Its key switches, of the sum and of the wires it gives.
    pub key_switches: KeySwitches,
    /// How the modulus is switched.
    pub modulus_switch: ModulusSwitch,
    /// log2 of the grid's points.
    pub log_grid: u32,
    /// The test polynomial: positions by strictly rising order, with rises.
    pub stairs: Vec<(u32, i64)>,
    /// Subtracted from the phase, in steps of the grid.
    pub origin: u32,
    /// Slots of its output wires.
    pub slots: Slots,
    /// Coefficients to extract.
    pub taps: Vec<Tap>,
    /// How many wires it gives.
    pub tables: usize,
}

/// One coefficient of a rotated polynomial, and the tables that sum it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tap {
    /// Its index in component 0, in `0..N`.
    pub coefficient: usize,
    /// Tables, and what each multiplies it by.
    pub readers: Vec<(usize, i64)>,
}

#[cfg(feature = "fhe")]
impl Rotation {
    /// One jump at zero, of nothing: what is measured of rotations by themselves.
    pub(crate) fn of_one_jump(parameters: &Parameters, modulus_switch: ModulusSwitch) -> Self {
        Self {
            layer: 0,
            sum: Sum { terms: Vec::new(), constant: 0 },
            key_switches: KeySwitches::default(),
            modulus_switch,
            log_grid: parameters.coarse_grid() + modulus_switch.extension,
            stairs: vec![(0, 1)],
            origin: 0,
            slots: Slots(2),
            taps: Vec::new(),
            tables: 1,
        }
    }
}

impl ClientPlan {
    /// Refuses a plan whose parts do not fit each other, or whose numbers are beyond what this build could have chosen.
    #[cfg(feature = "client")]
    pub(crate) fn check(&self) -> Result<(), String> {
        self.parameters.check()?;
        let ends = self.codec.verify_ends(self.inputs.len(), self.outputs.len());
        ends.map_err(|error| error.to_string())?;
        if self.inputs_under_small_key && !self.parameters.rotate() {
            return Err("its inputs are under a key that it does not have".to_owned());
        }
        let slots = self.inputs.iter().flatten().all(|slots| slots.is_possible());
        let outputs = self.outputs.iter().all(|output| match *output {
            Decoding::Constant(constant) => in_size(constant),
            Decoding::Sum { slots, range: Range { lo, hi }, constant, bits } => {
                let is_range = in_size(lo) && in_size(hi) && lo <= hi;
                let fits = slots.is_possible() && is_range && hi - lo < i64::from(slots.0);
                fits && in_size(constant) && bits.is_possible()
            }
        });
        check_results(&self.parameters, self.results, self.bits())?;
        if slots && outputs {
            Ok(())
        } else {
            Err("a number of its inputs or outputs is out of range".to_owned())
        }
    }
}

#[cfg(feature = "client")]
impl ClientPlan {
    /// What the outputs that are sent are rounded to.
    pub(crate) fn bits(&self) -> impl Iterator<Item = TorusBits> + Clone + '_ {
        self.outputs.iter().filter_map(|output| match output {
            Decoding::Constant(_) => None,
            Decoding::Sum { bits, .. } => Some(*bits),
        })
    }

    /// Bytes of the numbers of a result.
    pub(crate) fn result_length(&self) -> usize {
        result_length(&self.parameters, self.results, self.bits())
    }
}

/// Packed results have keys that pack them, and share a mask, whose numbers have so many bits.
#[cfg(any(feature = "client", feature = "server"))]
fn check_results(
    parameters: &Parameters,
    results: Results,
    mut bits: impl Iterator<Item = TorusBits>,
) -> Result<(), String> {
    if results == Results::Rounded {
        return Ok(());
    }
    if parameters.packing.is_none() {
        return Err("its results are packed by keys that it does not have".to_owned());
    }
    let first = bits.next();
    if bits.all(|bits| Some(bits) == first) {
        Ok(())
    } else {
        Err("its packed results are rounded to different numbers of bits".to_owned())
    }
}

/// Bytes of results that are rounded to so many bits each.
#[cfg(any(feature = "client", feature = "server"))]
fn result_length(
    parameters: &Parameters,
    results: Results,
    bits: impl Iterator<Item = TorusBits> + Clone,
) -> usize {
    match (parameters.packing.filter(|_| results == Results::Packed), bits.clone().next()) {
        (Some(packing), Some(first)) => packing.result_bytes(first, bits.count()),
        _ => bits.map(|bits| bits.bytes(parameters.big_dimension().to_lwe_size().0)).sum(),
    }
}

#[cfg(feature = "client")]
fn in_size(number: i64) -> bool {
    (-verify::LARGEST..=verify::LARGEST).contains(&number)
}

/// Whether its levels could be those of a table.
#[cfg(feature = "server")]
fn is_staircase(stairs: &[(u32, i64)]) -> bool {
    let rise = |level: i64, &(_, rise): &(u32, i64)| {
        level.checked_add(rise).filter(|level| level.unsigned_abs() <= 2 * verify::LARGEST.unsigned_abs())
    };
    stairs.iter().try_fold(0, rise).is_some()
}

#[cfg(feature = "server")]
fn under_the_other_key(source: &Source) -> String {
    format!("a sum reads {source:?}, which is under the other key")
}

impl ServerPlan {
    /// Blind rotations of one sample.
    #[must_use]
    pub fn rotations(&self) -> usize {
        self.stages.iter().map(Vec::len).sum()
    }

    /// Bytes of the numbers of a result.
    #[cfg(feature = "server")]
    pub(crate) fn result_length(&self) -> usize {
        result_length(&self.parameters, self.results, self.outputs.iter().map(|output| output.bits))
    }

    /// The most that one sample takes in memory while it runs, were all of its wires there at once, and what one thread works in. Wires that
    /// nothing reads any more are freed, so a deep network takes about two of its layers.
    #[must_use]
    pub fn memory(&self) -> Bytes {
        let rotations = || self.stages.iter().flatten();
        let big = 8 * (self.parameters.big_dimension().0 as u64 + 1);
        let small = 4 * (self.parameters.lwe_dimension.0 as u64 + 1);
        let size = self.parameters.polynomial_size.0 as u64;
        let inputs = self.inputs as u64;
        let masks = if self.inputs_under_small_key {
            inputs.saturating_mul(small)
        } else {
            let masks = inputs.div_ceil(size).saturating_mul(big);
            masks.saturating_add(inputs.saturating_mul(8)).saturating_add(self.memory_of_products(masks))
        };
        let wires = |rotation: &Rotation| {
            let switched = (rotation.key_switches.wires.len() as u64).saturating_mul(small);
            (rotation.tables as u64).saturating_mul(big).saturating_add(switched)
        };
        let extension = rotations().map(|rotation| rotation.modulus_switch.extension).max().unwrap_or(0);
        let thread = if self.rotations() == 0 { 0 } else { self.memory_of_a_thread(extension) };
        let outputs = (self.outputs.len() as u64).saturating_mul(big);
        let outputs = outputs.saturating_add(self.memory_to_pack());
        let sample = rotations().map(wires).fold(masks.saturating_add(outputs), u64::saturating_add);
        Bytes(sample.saturating_add(thread))
    }

    /// What sums that are products of polynomials take beside masks of so many bytes: transforms of up to three digits of them, and on one
    /// thread the weights and sums of as many digits; and what transforms work with, some sixteen polynomials.
    fn memory_of_products(&self, masks: u64) -> u64 {
        let is_input = |(source, _): &&(Source, i64)| matches!(source, Source::Input(_));
        let is_product = |sum: &Sum| sum.terms.iter().filter(is_input).count() >= PACKED_PRODUCT;
        let rotations = self.stages.iter().flatten().map(|rotation| &rotation.sum);
        if !rotations.chain(self.outputs.iter().map(|output| &output.sum)).any(is_product) {
            return 0;
        }
        let big = 8 * (self.parameters.big_dimension().0 as u64 + 1);
        masks.saturating_mul(4).saturating_add(5 * big + 16 * 8 * self.parameters.polynomial_size.0 as u64)
    }

    /// What one thread works in: a block of rotations that interleave up to `2^extension` polynomials, one step of one of them, and
    /// one external product.
    fn memory_of_a_thread(&self, extension: u32) -> u64 {
        let big = 8 * (self.parameters.big_dimension().0 as u64 + 1);
        let mask = self.parameters.lwe_dimension.0 as u64;
        let polynomial = 8 * self.parameters.polynomial_size.0 as u64;
        let product = polynomial * (self.parameters.glwe_dimension.0 as u64 + 1);
        let interleaved = product << extension.min(MAX_EXTENSION);
        // Places and values of a mask that is switched take 24 bytes a step, in vectors that double when they grow.
        let steps = self.parameters.steps() as u64;
        let rotation = interleaved + big + 4 * (mask + 1) + 2 * 24 * steps;
        let digits = match self.parameters.small_key {
            SmallKey::Uniform => 0,
            SmallKey::Blocks => self.parameters.rotation.levels.0 as u64 * interleaved,
        };
        let step = interleaved + (polynomial << extension.min(MAX_EXTENSION)) + big;
        BLOCK as u64 * rotation + step + digits + product + 4 * polynomial
    }

    /// What packing works in: a ciphertext for each step on the way from all results to one, and one that it switches.
    fn memory_to_pack(&self) -> u64 {
        let Some(packing) = self.parameters.packing.filter(|_| self.results == Results::Packed) else {
            return 0;
        };
        let polynomials = self.parameters.polynomials_of_a_sum().max(packing.glwe_dimension.0) as u64 + 1;
        8 * polynomials * Packing::SIZE.0 as u64 * (Packing::STEPS as u64 + 4)
    }

    /// Refuses a plan that reads what is not there, or is beyond what this build could have chosen.
    #[cfg(feature = "server")]
    pub(crate) fn check(&self) -> Result<(), String> {
        self.parameters.check()?;
        if !self.parameters.rotate() && (self.rotations() > 0 || self.inputs_under_small_key) {
            return Err(
                "it has rotations or inputs under the small key, and parameters without one".to_owned()
            );
        }
        for (stage, rotations) in self.stages.iter().enumerate() {
            for (number, rotation) in rotations.iter().enumerate() {
                self.check_sum(&rotation.sum, stage)?;
                self.check_key(rotation)?;
                if let Some(part) = self.misfit(rotation) {
                    return Err(format!(
                        "the {part} of rotation {number} of stage {stage} do not fit its parameters"
                    ));
                }
            }
        }
        if !self.outputs.iter().all(|output| output.bits.is_possible()) {
            return Err("its outputs are rounded to a number of bits that is not 1 to 64".to_owned());
        }
        check_results(&self.parameters, self.results, self.outputs.iter().map(|output| output.bits))?;
        self.outputs.iter().try_for_each(|output| {
            self.check_sum(&output.sum, self.stages.len())?;
            let is_small =
                |source: &Source| self.inputs_under_small_key && matches!(source, Source::Input(_));
            match output.sum.terms.iter().find(|(source, _)| is_small(source)) {
                Some((source, _)) => Err(under_the_other_key(source)),
                None => Ok(()),
            }
        })
    }

    #[cfg(feature = "server")]
    fn check_sum(&self, sum: &Sum, before: usize) -> Result<(), String> {
        let known = |source: &Source| match *source {
            Source::Input(index) => index < self.inputs,
            Source::Table { stage, rotation, table } => {
                stage < before
                    && self.stages[stage].get(rotation).is_some_and(|rotation| table < rotation.tables)
            }
        };
        match sum.terms.iter().find(|(source, _)| !known(source)) {
            Some((source, _)) => Err(format!("a sum reads {source:?}, which does not come before it")),
            None => Ok(()),
        }
    }

    /// A sum under the small key reads only what is under it, and another only what is under the big one.
    #[cfg(feature = "server")]
    fn check_key(&self, rotation: &Rotation) -> Result<(), String> {
        let wrong = rotation.sum.terms.iter().find(|(source, _)| match *source {
            Source::Input(_) => self.inputs_under_small_key == rotation.key_switches.sum,
            Source::Table { stage, rotation: number, table } => {
                !rotation.key_switches.sum && !self.stages[stage][number].key_switches.switches(table)
            }
        });
        match wrong {
            Some((source, _)) => Err(under_the_other_key(source)),
            None => Ok(()),
        }
    }

    /// The part of a rotation that no compilation gives.
    #[cfg(feature = "server")]
    fn misfit(&self, rotation: &Rotation) -> Option<&'static str> {
        let taps = rotation.taps.iter().all(|tap| tap.coefficient < self.parameters.polynomial_size.0);
        let mut readers: Vec<usize> =
            rotation.taps.iter().flat_map(|tap| &tap.readers).map(|reader| reader.0).collect();
        readers.sort_unstable();
        readers.dedup();
        // Each table is read somewhere: no more are asked for than the plan has bytes for. Nothing rotates for none.
        let tables = rotation.tables > 0 && readers.iter().copied().eq(0..rotation.tables);
        let grid = rotation.modulus_switch.is_candidate()
            && rotation.log_grid == self.parameters.coarse_grid() + rotation.modulus_switch.extension;
        let points = 1 << rotation.log_grid.min(31);
        let stairs = rotation.stairs.is_sorted_by(|a, b| a.0 < b.0)
            && rotation.stairs.iter().all(|&(position, _)| position < points)
            && rotation.origin < points
            && is_staircase(&rotation.stairs);
        let switches = rotation.key_switches.count() == 0 || self.parameters.key_switch.is_some();
        let wires = rotation.key_switches.wires.is_sorted_by(|a, b| a < b)
            && rotation.key_switches.wires.iter().all(|&table| table < rotation.tables);
        let parts = [
            (taps, "coefficients"),
            (tables, "tables"),
            (grid, "points"),
            (stairs, "stairs"),
            (switches && wires, "key switches"),
            (rotation.slots.is_possible(), "slots"),
        ];
        parts.into_iter().find_map(|(fits, part)| (!fits).then_some(part))
    }
}
