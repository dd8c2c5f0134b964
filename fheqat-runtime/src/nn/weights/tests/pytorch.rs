//! Files of other libraries: which names are mapped, and what is said of all that does not fit.

use safetensors::{Dtype, tensor::TensorView};

use super::*;
use crate::nn::tensors::Misfit;

/// A tensor of a file: its name, shape and numbers.
type Tensor = (&'static str, Vec<usize>, Vec<f32>);

fn counted(name: &'static str, shape: &[usize]) -> Tensor {
    let numbers = shape.iter().product::<usize>();
    (name, shape.to_vec(), (0..numbers).map(|number| number as f32 * 0.1 - 0.7).collect())
}

/// Two layers, called as given.
fn layers(first: [&'static str; 2], last: [&'static str; 2]) -> Vec<Tensor> {
    vec![
        counted(first[0], &[4, 4]),
        counted(first[1], &[4]),
        counted(last[0], &[2, 4]),
        counted(last[1], &[2]),
    ]
}

fn file(tensors: &[Tensor]) -> (tempfile::TempDir, PathBuf) {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(.., numbers)| numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
        .collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, shape, _), bytes)| (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    (folder, path)
}

/// A network with the fields `field1` and `field3`, loaded.
fn load_into(declared: Declared, tensors: &[Tensor]) -> Result<Program, WeightsError> {
    let (_folder, path) = file(tensors);
    let mut network = program(declared);
    load(&mut network, &path).map(|()| network)
}

fn free() -> Declared {
    Declared { weights: Weights { bias: Bias::Free, ..PLAIN }, ..BASE }
}

fn message(tensors: &[Tensor]) -> String {
    load_into(free(), tensors).unwrap_err().to_string()
}

#[test]
fn names_and_numbers_are_the_same_layers() {
    let expected =
        load_into(free(), &layers(["field1.weight", "field1.bias"], ["field3.weight", "field3.bias"]));
    let expected = expected.unwrap();
    assert!((expected.linear(1).unwrap().weight[[0, 1]] + 0.6).abs() < 1e-6);
    for (first, last) in [
        (["model.field1.weight", "model.field1.bias"], ["model.field3.weight", "model.field3.bias"]),
        (["0.weight", "0.bias"], ["2.weight", "2.bias"]),
        (["9.weight", "9.bias"], ["10.weight", "10.bias"]),
        (["module.net.0.weight", "module.net.0.bias"], ["module.net.1.0.weight", "module.net.1.0.bias"]),
    ] {
        let mut tensors = layers(first, last);
        tensors.push(counted("num_batches_tracked", &[]));
        assert_eq!(load_into(free(), &tensors).unwrap(), expected, "{first:?}");
    }
}

#[test]
fn all_that_does_not_fit_is_said_at_once() {
    let mut tensors = vec![
        counted("field1.weight", &[4, 4]),
        counted("field1.biases", &[4]),
        counted("field3.weight", &[4, 2]),
        counted("head.offset", &[2]),
        counted("scaler", &[7]),
    ];
    assert_eq!(
        message(&tensors),
        "6 tensors of the file do not fit the network: load the weights of a network with the same layers and names
  the file has no `field1.bias` [4]; the nearest that nothing reads is `field1.biases`
  `field3.weight` has shape [4, 2], but the network needs [2, 4]; it is transposed: save `weight.T.contiguous()`, for weights are `[out, in]`
  the file has no `field3.bias` [2]; the nearest that nothing reads is `head.offset`
  the network has nothing that reads `field1.biases` [4]; the nearest of its tensors is `field1.bias`
  the network has nothing that reads `head.offset` [2]
  the network has nothing that reads `scaler` [7]"
    );
    tensors[0].2[5] = f32::NAN;
    assert!(message(&tensors).starts_with("6 tensors"));
    let mut alone = layers(["0.weight", "0.bias"], ["2.weight", "2.bias"]);
    alone[2] = counted("2.weight", &[2, 3]);
    assert_eq!(
        message(&alone),
        "the file does not fit the network: `2.weight`, read as `field3.weight`, has shape [2, 3], but the network needs [2, 4]: load the weights of a network with the same layers and names"
    );
    alone.pop();
    assert!(
        message(&alone).contains("no `field3.bias` [2]; if `field3` has none, put `#[layer(bias = none)]`")
    );
}

/// Numbers that do not tell the fields are not guessed.
#[test]
fn numbers_are_mapped_only_where_they_tell_the_fields() {
    let mut three = layers(["0.weight", "0.bias"], ["2.weight", "2.bias"]);
    three.push(counted("4.weight", &[2, 2]));
    assert!(message(&three).contains(
        "the file numbers 3 layers (0, 2, 4), but the network has 2 with weights (field1, field3)"
    ));
    let mixed = layers(["body.0.weight", "body.0.bias"], ["head.weight", "head.bias"]);
    assert!(message(&mixed).starts_with("8 tensors of the file do not fit"), "{}", message(&mixed));
    let mut draw = Draw::new(&[4], Seed(1));
    let levels = draw.input(Transfer::Signed, 3);
    let first = draw.linear(levels, 4, PLAIN);
    let first = draw.quantizer_of(first, Transfer::Signed, 3, 2.0);
    let second = draw.linear(levels, 4, PLAIN);
    let second = draw.quantizer_like(second, first, Transfer::Signed, 3);
    draw.add(&[first, second]);
    let mut branched = draw.finish().program();
    let (_folder, path) = file(&layers(["0.weight", "0.bias"], ["1.weight", "1.bias"]));
    let error = load(&mut branched, &path).unwrap_err().to_string();
    assert!(error.contains("the network branches, so numbers do not tell its fields"), "{error}");
}

#[test]
fn masks_of_pruning_are_applied_and_kept() {
    let mut tensors = layers(["0.weight_orig", "0.bias"], ["2.weight", "2.bias"]);
    let mask: Vec<f32> = (0..16).map(|index| f32::from(u8::from(index % 3 == 0))).collect();
    tensors.push(("0.weight_mask", vec![4, 4], mask.clone()));
    let network = load_into(free(), &tensors).unwrap();
    let state = network.linear(1).unwrap();
    let kept: Vec<f32> = state.mask.iter().flatten().map(|&kept| f32::from(u8::from(kept))).collect();
    assert_eq!(kept, mask);
    assert!(state.weight.iter().zip(&mask).all(|(weight, kept)| (*weight == 0.0) == (*kept == 0.0)));

    tensors[4].2[3] = 0.5;
    assert!(message(&tensors).contains("element 3 of the mask `0.weight_mask` is neither 0 nor 1"));
    tensors[4] = counted("0.weight_mask", &[2, 8]);
    assert!(message(&tensors).contains("`0.weight_mask` has shape [2, 8], but the network needs [4, 4]"));
    tensors.pop();
    assert!(message(&tensors).contains("the file has `0.weight_orig` without `0.weight_mask`"));
    tensors[0] = counted("0.weight_mask", &[4, 4]);
    assert!(message(&tensors).contains("the file has `0.weight_mask` without `0.weight_orig`"));
}

/// Whichever were taken, the other would count for nothing.
#[test]
fn two_tensors_that_are_one_are_named() {
    let mut tensors = layers(["0.weight_orig", "0.bias"], ["2.weight", "2.bias"]);
    tensors.push(("0.weight_mask", vec![4, 4], vec![1.0; 16]));
    tensors.push(counted("0.weight", &[4, 4]));
    assert_eq!(
        message(&tensors),
        "the file does not fit the network: `0.weight` and `0.weight_orig` are both `field1.weight`; save one of them: load the weights of a network with the same layers and names"
    );
    let last = tensors.len() - 1;
    tensors[last] = ("0.mask", vec![4, 4], vec![1.0; 16]);
    assert!(message(&tensors).contains("are both `field1.mask`"), "{}", message(&tensors));
}

#[test]
fn a_bias_that_the_network_has_no_place_for_is_named() {
    let tensors = layers(["0.weight", "0.bias"], ["2.weight", "2.bias"]);
    let none = Declared { weights: Weights { bias: Bias::None, ..PLAIN }, ..BASE };
    let error = load_into(none, &tensors).unwrap_err();
    let WeightsError::Tensors { misfits } = &error else { panic!("{error}") };
    assert!(misfits.contains(&Misfit::Bias { field: "field1".to_owned() }), "{error}");
    let mut without = tensors;
    without.remove(1);
    assert!(load_into(none, &without).is_ok());
}
