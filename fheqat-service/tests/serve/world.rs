//! Models, keys and samples that all tests share.

use std::{path::Path, sync::OnceLock};

use fheqat::{data, prelude::*};

/// Few rotations.
#[quant_net(bits = 3, max_l1 = 6)]
struct Deep {
    #[layer(signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 6>,
    relu1: QuantReLU,
    fc2: QuantLinear<6, 2>,
}

/// None: keys of a few bytes, and runs of microseconds.
#[quant_net(bits = 3)]
struct Linear {
    #[layer(signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 2>,
}

/// A model, and a client of it.
pub(crate) struct Model {
    pub(crate) circuit: Circuit,
    pub(crate) compiled: Compiled,
    pub(crate) samples: Vec<Vec<f32>>,
}

/// A client's key and what it encrypts with.
pub(crate) struct Owner {
    pub(crate) client: Client,
    pub(crate) evaluation: Vec<u8>,
}

impl Model {
    fn of<N: Network>(train: &Dataset, test: &Dataset) -> Self {
        let mut net = N::new(Seed(0));
        let config = TrainConfig { epochs: Some(10), progress: false, ..TrainConfig::declared() };
        net.train(train, &config).unwrap();
        let circuit = net.circuit().unwrap();
        let compiled = circuit.compile(&CompileOptions::default()).unwrap();
        let samples = test.features().rows().into_iter().map(|row| row.to_vec()).collect();
        Self { circuit, compiled, samples }
    }

    /// The same circuit compiled again: another id.
    pub(crate) fn again(&self) -> Compiled {
        self.circuit.compile(&CompileOptions::default()).unwrap()
    }

    pub(crate) fn owner(&self, seed: u64) -> Owner {
        owner(&self.compiled, seed)
    }

    /// Whether results are those of the first samples in the clear.
    pub(crate) fn check(&self, owner: &Owner, results: &[u8], count: usize) {
        let results = fheqat_client::frames::split(results, count).unwrap();
        assert_eq!(results.len(), count);
        for (sample, result) in self.samples.iter().zip(results) {
            let logits = owner.client.decrypt(&EncryptedOutput::from_bytes(result).unwrap()).unwrap();
            assert_eq!(logits, self.circuit.simulate(sample).unwrap());
        }
    }

    /// The first samples, encrypted.
    pub(crate) fn inputs(&self, owner: &Owner, count: usize) -> Vec<u8> {
        let inputs: Vec<Vec<u8>> = self.samples[..count]
            .iter()
            .map(|sample| owner.client.encrypt(sample).unwrap().to_bytes())
            .collect();
        fheqat_client::frames::join(&inputs)
    }
}

pub(crate) fn owner(compiled: &Compiled, seed: u64) -> Owner {
    let half = compiled.client();
    let (key, evaluation) = half.keygen_insecure_for_tests(Seed(seed));
    Owner { client: Client::new(half, key).unwrap(), evaluation: evaluation.to_bytes() }
}

pub(crate) fn deep() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let (train, test) = data::checkerboard(Seed(1));
        Model::of::<Deep>(&train, &test)
    })
}

pub(crate) fn linear() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        // Points on two sides of a line.
        let split = |points: Dataset| {
            let labels =
                points.features().rows().into_iter().map(|row| usize::from(row[0] > row[1])).collect();
            Dataset::classes(points.features().to_owned(), labels, 2).unwrap()
        };
        let (train, test) = data::checkerboard(Seed(1));
        Model::of::<Linear>(&split(train), &split(test))
    })
}

/// Writes the two halves of a version.
pub(crate) fn publish(models: &Path, name: &str, version: u32, compiled: &Compiled) {
    let folder = models.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    fheqat::file::save(folder.join(format!("{version}.server")), &compiled.server().to_bytes()).unwrap();
    fheqat::file::save(folder.join(format!("{version}.client")), &compiled.client().to_bytes()).unwrap();
}
