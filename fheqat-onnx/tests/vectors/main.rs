//! Files of Brevitas: levels, sums and classes of every sample are those that Brevitas computed.
//!
//! `tests/interop/README.md` says how the files were made. The structs in `tests/generated` are what an import writes:
//! `UPDATE_GENERATED=1 cargo test -p fheqat-onnx --test vectors` writes them again.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod vector;

use std::{fs, path::PathBuf};

use fheqat::{
    nn::quantized::Quantized,
    prelude::*,
    spec::{Layer, Net},
};
use fheqat_onnx::{ImportOptions, Imported, Note, import};
use vector::Vector;

include!("generated/guide_mlp.rs");
include!("generated/cnn.rs");
include!("generated/residual.rs");
include!("generated/binary.rs");
include!("generated/branches.rs");
include!("generated/groups.rs");
include!("generated/int_bias.rs");
include!("generated/max_pool.rs");
include!("generated/per_channel.rs");
include!("generated/powers_of_two.rs");
include!("generated/signed_relu.rs");

const MODELS: [&str; 3] = ["guide_mlp", "cnn", "residual"];
/// Of `tests/interop/made`.
const MADE: [&str; 8] =
    ["binary", "branches", "groups", "int_bias", "max_pool", "per_channel", "powers_of_two", "signed_relu"];
const FORMATS: [&str; 2] = ["qonnx", "qcdq"];

/// Where a model is.
fn folder_of(model: &str) -> PathBuf {
    if MADE.contains(&model) { vector::folder().join("made") } else { vector::folder() }
}

fn file(model: &str, format: &str) -> Vec<u8> {
    fs::read(folder_of(model).join(format!("{model}.{format}.onnx"))).unwrap()
}

fn imported(model: &str, format: &str) -> Imported {
    let options = ImportOptions { name: model.to_owned(), ..ImportOptions::default() };
    import(&file(model, format), &options).unwrap_or_else(|error| panic!("{model} {format}: {error}"))
}

/// The names of the fields that round.
fn quantizers(imported: &Imported) -> Vec<String> {
    let of = |net: &Net<'_>| {
        let quantizers = net.fields.iter().filter(|field| matches!(field.layer, Layer::Quantizer(_)));
        quantizers.map(|field| field.name.to_owned()).collect()
    };
    imported.with_net(of)
}

/// Compares the levels of these quantizers, sums and classes.
fn check(network: &Quantized, quantizers: &[String], vector: &Vector, case: &str) {
    let mut compared = 0;
    let compared_fields = quantizers.iter().filter(|name| vector.levels(name, 0).is_some()).count();
    assert_eq!(compared_fields, vector.quantizers(), "{case}: every quantizer of the vector is compared");
    for sample in 0..vector.samples {
        let features = vector.input(sample);
        let integers = network.integers(features).unwrap();
        for (field, integers) in network.fields.iter().zip(&integers) {
            if !quantizers.iter().any(|name| name == field.name) {
                continue;
            }
            let Some(expected) = vector.levels(field.name, sample) else { continue };
            assert_eq!(*integers, expected, "{case}: `{}` of sample {sample}", field.name);
            compared += integers.len();
        }
        if let Some(sums) = vector.sums(sample) {
            assert_eq!(*integers.last().unwrap(), sums, "{case}: sums of sample {sample}");
        }
        let outputs = network.run(features).unwrap();
        let expected = vector.logits(sample);
        let difference = outputs.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-5, "{case}: logits of sample {sample} are off by {difference}");
        let largest = outputs[vector::class(&outputs)];
        // Of outputs that are exactly equal, Brevitas takes that which its float noise makes the largest.
        if outputs.iter().filter(|output| **output == largest).count() == 1 {
            assert_eq!(vector::class(&outputs), vector::class(expected), "{case}: class of sample {sample}");
        }
    }
    println!("{case}: {compared} levels of {} samples are equal", vector.samples);
}

#[test]
fn integers_and_classes_are_those_of_brevitas() {
    for model in MODELS {
        let vector = Vector::read(model);
        for format in FORMATS {
            let imported = imported(model, format);
            assert!(imported.notes().is_empty(), "{model} {format}: {:?}", imported.notes());
            let network = imported.network().unwrap();
            check(
                &network.quantized().unwrap(),
                &quantizers(&imported),
                &vector,
                &format!("{model}.{format}"),
            );
            let circuit = network.circuit().unwrap();
            for sample in 0..20 {
                let simulated = circuit.simulate(vector.input(sample)).unwrap();
                assert_eq!(
                    simulated.accumulators,
                    vector.sums(sample).unwrap(),
                    "{model} {format}: encrypted"
                );
            }
        }
    }
}

#[test]
fn both_formats_give_one_network() {
    for model in MODELS {
        let [one, other] = FORMATS.map(|format| imported(model, format));
        assert_eq!(one.source(), other.source());
        assert_eq!(one.network().unwrap().circuit().unwrap(), other.network().unwrap().circuit().unwrap());
    }
}

fn generated_file(model: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/generated")).join(format!("{model}.rs"))
}

/// What an import writes is what is compiled here.
#[test]
fn the_sources_are_those_that_are_compiled() {
    for model in MODELS.into_iter().chain(MADE) {
        let source = imported(model, "qonnx").source();
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            fs::write(generated_file(model), &source).unwrap();
        }
        let kept = fs::read_to_string(generated_file(model)).unwrap_or_default();
        assert_eq!(kept, source, "{model}: run with UPDATE_GENERATED=1 and read the difference");
    }
}

/// The struct with the weights of the import, and the network that was put together at run time, are one.
fn check_compiled<N: Network>(model: &str) {
    let imported = imported(model, "qonnx");
    imported.with_net(|net| assert_eq!(N::SPEC, *net, "{model}"));
    let folder = tempfile();
    let path = folder.join(format!("{model}.safetensors"));
    fs::write(&path, imported.weights()).unwrap();
    let mut network = N::new(Seed(1));
    network.load(&path).unwrap();
    let quantized = network.quantized().unwrap();
    assert_eq!(quantized, imported.network().unwrap().quantized().unwrap());
    check(
        &quantized,
        &quantizers(&imported),
        &Vector::read_in(&folder_of(model), model),
        &format!("{model}, compiled"),
    );
    assert_eq!(network.circuit().unwrap(), imported.network().unwrap().circuit().unwrap());
}

fn tempfile() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("vectors");
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_structs_run_like_the_imports() {
    check_compiled::<GuideMlp>("guide_mlp");
    check_compiled::<Cnn>("cnn");
    check_compiled::<Residual>("residual");
    check_compiled::<Binary>("binary");
    check_compiled::<Branches>("branches");
    check_compiled::<Groups>("groups");
    check_compiled::<IntBias>("int_bias");
    check_compiled::<MaxPool>("max_pool");
    check_compiled::<PerChannel>("per_channel");
    check_compiled::<PowersOfTwo>("powers_of_two");
    check_compiled::<SignedRelu>("signed_relu");
}

/// Averages and sums on exact ties: ours are half to even, and the import says so.
#[test]
fn ties_are_exact_and_noted() {
    for format in FORMATS {
        let (vector, imported) = (Vector::read("pool_ties"), imported("pool_ties", format));
        let noted: Vec<&str> = imported.notes().iter().map(|note| note.field.as_str()).collect();
        assert_eq!(noted.len(), 1, "{format}: {:?}", imported.notes());
        let network = imported.network().unwrap().quantized().unwrap();
        let (mut differ, mut all) = (0, 0);
        for sample in 0..vector.samples {
            let integers = network.integers(vector.input(sample)).unwrap();
            for (field, integers) in network.fields.iter().zip(&integers) {
                if field.name == noted[0] {
                    assert_eq!(*integers, vector.exact("pool", sample).unwrap(), "{format}, sample {sample}");
                    let brevitas = vector.levels("pool", sample).unwrap();
                    differ += brevitas.iter().zip(integers).filter(|(one, other)| one != other).count();
                    all += integers.len();
                }
            }
        }
        assert!(differ > 0, "Brevitas rounds none of these ties differently");
        println!("pool_ties.{format}: Brevitas rounds {differ} of {all} averages differently");
        let (vector, imported) = (Vector::read("trunc"), self::imported("trunc", format));
        assert_eq!(imported.notes().len(), 1, "{format}: {:?}", imported.notes());
        let network = imported.network().unwrap().quantized().unwrap();
        check(&network, &quantizers(&imported), &vector, &format!("trunc.{format}"));
    }
}

/// Models of `tests/interop/make.py`: those in `tests/interop/made`, or in the folder that `FHEQAT_VECTORS` names.
#[test]
fn made_models_give_the_integers_of_brevitas() {
    let folder =
        std::env::var_os("FHEQAT_VECTORS").map_or_else(|| vector::folder().join("made"), PathBuf::from);
    let mut models = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "onnx") {
            models.push(path);
        }
    }
    models.sort();
    assert!(!models.is_empty(), "{} has no models", folder.display());
    let mut failures = Vec::new();
    for path in models {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let model = name.split('.').next().unwrap();
        let run = || {
            let imported = import(&fs::read(&path).unwrap(), &ImportOptions::default())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let is_known = |note: &Note| note.text.contains("exactly equal");
            assert!(imported.notes().iter().all(is_known), "{name}: {:?}", imported.notes());
            let network = imported.network().unwrap().quantized().unwrap();
            check(&network, &quantizers(&imported), &Vector::read_in(&folder, model), &name);
        };
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
            failures.push(name);
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
