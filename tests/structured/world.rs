//! Small models of every kind with their keys, made once: what artefacts are mutated of, and what those that are accepted run with.

use std::{num::NonZeroUsize, sync::Arc, sync::OnceLock};

use fheqat::{
    circuit::{Codec, Graph},
    data::FeatureKind,
    params::{Log2Probability, Parameters, Results},
    prelude::*,
};

use super::{
    mutate::{Dice, Stock},
    tree::Tree,
};

/// What is mutated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Circuit,
    ClientHalf,
    ServerHalf,
    ClientKey,
    EvaluationKeys,
    Input,
    Output,
}

/// One key pair, and the models of its parameters.
pub(crate) struct Party {
    pub(crate) key: Arc<ClientKey>,
    pub(crate) keys: EvaluationKeys,
    pub(crate) server_key: Arc<ServerKey>,
    pub(crate) models: Vec<Model>,
}

pub(crate) struct Model {
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) sample: Vec<f32>,
    pub(crate) input: EncryptedInput,
    pub(crate) output: EncryptedOutput,
}

pub(crate) struct World {
    pub(crate) circuits: Vec<Circuit>,
    /// The first rotates, the second does not, the third packs results.
    pub(crate) parties: [Party; 3],
    stocks: [Stock; Kind::ALL.len()],
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Circuit,
        Self::ClientHalf,
        Self::ServerHalf,
        Self::ClientKey,
        Self::EvaluationKeys,
        Self::Input,
        Self::Output,
    ];
}

/// Maxima, a rotation with several tables, a constant output.
const MAXIMA: &str = "\
input x0..=x1, range 0..=3
layer 0 \"relu\" reads \"add\", bound -6..=6
accumulator 0 = x0 - x1, range -3..=3, layer 0
  t0.0 = 0 [+1 at 1, +1 at 2, +1 at 3]
accumulator 1 = x1 + t0.0, range 0..=3, layer 0
  t1.0 = 0 [+1 at 1]
  t1.1 = -1 [+2 at 2, -1 at 3]
output 0 = t1.0 + 2 t1.1, range -2..=3, constant -5
output 1 = 0, range 0..=0, constant 7
";

const LINEAR: &str = "\
input x0..=x1, range 0..=3
output 0 = x0 - 2 x1, range -6..=3
output 1 = 3 x1, range 0..=9, constant 4
";

const ONE: NonZeroUsize = NonZeroUsize::MIN;

/// Options that give the same parameters to every circuit.
pub(crate) fn options(parameters: Option<Parameters>) -> CompileOptions {
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0)).threads(Some(ONE));
    match parameters {
        Some(parameters) if parameters.packing.is_some() => {
            options.parameters(parameters).results(Results::Packed)
        }
        Some(parameters) => options.parameters(parameters),
        None => options,
    }
}

fn circuits() -> Vec<Circuit> {
    let read = |bytes: &[u8]| Circuit::from_bytes(bytes).unwrap();
    let small = read(include_bytes!("../corpus/circuit/small"));
    let of_text = |text: &str| Circuit { graph: text.parse::<Graph>().unwrap(), ..small.clone() };
    let whitened = read(include_bytes!("../corpus/circuit/whitened"));
    let bits = read(include_bytes!("../corpus/circuit/bits"));
    let all = vec![of_text(LINEAR), of_text(MAXIMA), bits, whitened, small.clone()];
    for circuit in &all {
        circuit.verify().unwrap();
    }
    all
}

impl Party {
    fn new(parameters: Parameters, circuits: &[Circuit]) -> Self {
        let compiled: Vec<Compiled> =
            circuits.iter().filter_map(|circuit| circuit.compile(&options(Some(parameters))).ok()).collect();
        let (key, keys) = compiled[0].client().keygen_insecure_for_tests(Seed(1));
        let (key, server_key) = (Arc::new(key), Arc::new(ServerKey::from(keys.clone())));
        let model = |compiled: &Compiled| {
            let client = Client::new(compiled.client(), key.clone()).unwrap();
            let server = Server::new(compiled.server(), server_key.clone(), Some(ONE)).unwrap();
            let sample = sample(&client.plan().codec, &mut Dice::new(1), false);
            let input = client.encrypt(&sample).unwrap();
            let output = server.run(&input).unwrap();
            assert_eq!(client.decrypt(&output).unwrap(), compiled.circuit().simulate(&sample).unwrap());
            Model { client, server, sample, input, output }
        };
        let models = compiled.iter().map(model).collect();
        Self { key, keys, server_key, models }
    }
}

impl World {
    pub(crate) fn get() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(Self::new)
    }

    fn new() -> Self {
        let circuits = circuits();
        let candidates: Vec<Parameters> = circuits[1..]
            .iter()
            .map(|circuit| *circuit.compile(&options(None)).unwrap().client().parameters())
            .collect();
        let serves_all = |parameters: &&Parameters| {
            circuits[1..].iter().all(|circuit| circuit.compile(&options(Some(**parameters))).is_ok())
        };
        let shared = *candidates.iter().find(serves_all).unwrap();
        let linear = *circuits[0].compile(&options(None)).unwrap().client().parameters();
        let packing = circuits[0].compile(&options(None).results(Results::Packed)).unwrap();
        let packing = *packing.client().parameters();
        assert!(shared.key_switch.is_some() && !linear.rotate() && packing.packing.is_some());
        let parties = [
            Party::new(shared, &circuits),
            Party::new(linear, &circuits[..1]),
            Party::new(packing, &circuits[..1]),
        ];
        let stocks = Kind::ALL.map(|kind| Stock::new(trees(kind, &circuits, &parties)));
        Self { circuits, parties, stocks }
    }

    /// An artefact after one to three changes that leave it well formed, with the checksum that belongs to it.
    pub(crate) fn mutated(&self, kind: Kind, seed: u64) -> Vec<u8> {
        let payload = self.stocks[Kind::ALL.iter().position(|&of| of == kind).unwrap()].mutated(seed);
        super::sealed(&[self.header(kind), &payload].concat())
    }

    /// What artefacts of a kind are mutated of.
    pub(crate) fn whole(&self, kind: Kind) -> &[Tree] {
        self.stocks[Kind::ALL.iter().position(|&of| of == kind).unwrap()].whole()
    }

    fn header(&self, kind: Kind) -> &'static [u8] {
        static HEADERS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
        let of = |kind: &Kind| self.honest(*kind)[..super::PAYLOAD_AT].to_vec();
        let headers = HEADERS.get_or_init(|| Kind::ALL.iter().map(of).collect());
        &headers[Kind::ALL.iter().position(|&of| of == kind).unwrap()]
    }

    /// One that is as it should be.
    pub(crate) fn honest(&self, kind: Kind) -> Vec<u8> {
        let Party { key, keys, models, .. } = &self.parties[1];
        let Model { client, server, input, output, .. } = &models[0];
        match kind {
            Kind::Circuit => self.circuits[0].to_bytes(),
            Kind::ClientHalf => client.half().to_bytes(),
            Kind::ServerHalf => server.half().to_bytes(),
            Kind::ClientKey => key.to_bytes().to_vec(),
            Kind::EvaluationKeys => keys.to_bytes(),
            Kind::Input => input.to_bytes(),
            Kind::Output => output.to_bytes(),
        }
    }

    /// Those whose keys have these shapes.
    pub(crate) fn party(&self, parameters: &Parameters) -> Option<&Party> {
        self.parties.iter().find(|party| party.key.parameters() == parameters)
    }
}

fn trees(kind: Kind, circuits: &[Circuit], parties: &[Party]) -> Vec<Tree> {
    let models = || parties.iter().flat_map(|party| &party.models);
    match kind {
        Kind::Circuit => circuits.iter().map(Tree::of).collect(),
        Kind::ClientHalf => models().map(|model| Tree::of(model.client.half())).collect(),
        Kind::ServerHalf => models().map(|model| Tree::of(model.server.half())).collect(),
        Kind::ClientKey => parties.iter().map(|party| Tree::of(&*party.key)).collect(),
        Kind::EvaluationKeys => parties.iter().map(|party| Tree::of(&party.keys)).collect(),
        Kind::Input => models().map(|model| Tree::of(&model.input)).collect(),
        Kind::Output => models().map(|model| Tree::of(&model.output)).collect(),
    }
}

/// A sample that a codec may read: extremes, categories, and now and then values that are missing.
pub(crate) fn sample(codec: &Codec, dice: &mut Dice, extreme: bool) -> Vec<f32> {
    const EXTREMES: [f32; 8] = [f32::MAX, f32::MIN, 1e-45, -1e-45, 1e30, -1e30, 0.0, -0.0];
    let number = |dice: &mut Dice| dice.roll(2000) as f32 / 500.0 - 1.5;
    let one = |kind: &FeatureKind, dice: &mut Dice| match kind {
        _ if extreme && codec.takes_missing() && dice.roll(4) == 0 => f32::NAN,
        FeatureKind::Category { names } => dice.roll(names.len() + 2) as f32,
        FeatureKind::Number if extreme && dice.roll(2) == 0 => EXTREMES[dice.roll(EXTREMES.len())],
        FeatureKind::Number => number(dice),
    };
    codec.described.iter().map(|feature| one(&feature.kind, dice)).collect()
}
