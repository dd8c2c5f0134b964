//! Files of weights that do not fit.

use std::collections::BTreeMap;

use fheqat::{
    nn::tensors::{Misfit, WeightsError},
    prelude::*,
    train::PtqConfig,
};
use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};
use tempfile::NamedTempFile;

/// A file as `safetensors.torch.save_file` writes it.
fn file(tensors: &[(&str, &[usize], &[f32])]) -> NamedTempFile {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views: BTreeMap<&str, TensorView<'_>> = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, shape, _), bytes)| (*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap()))
        .collect();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), serialize(views, None).unwrap()).unwrap();
    file
}

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 1>,
}

#[quant_net(bits = 3)]
struct Bits {
    quant_inp: Thermometer<1>,
    fc1: QuantLinear<2, 1>,
}

#[quant_net(bits = 4)]
struct Wide {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 1>,
}

/// `WeightsError::File`
#[test]
fn weights_error_file() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let error = net.load("none.safetensors").unwrap_err();
    assert!(matches!(error, WeightsError::File { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot read `none.safetensors`: "));

    let right = file(&[("fc1.weight", &[1, 2], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.0])]);
    net.load(right.path()).unwrap();
}

/// `WeightsError::Format`
#[test]
fn weights_error_format() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let pickle = NamedTempFile::new().unwrap();
    std::fs::write(pickle.path(), b"PK\x03\x04, as torch.save begins").unwrap();
    let error = net.load(pickle.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Format { .. }), "{error:?}");
    assert!(error.to_string().starts_with("the file is not safetensors: "));

    let right = file(&[("fc1.weight", &[1, 2], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.0])]);
    net.load(right.path()).unwrap();
}

/// `WeightsError::Tensors`
#[test]
fn weights_error_tensors() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let wrong = file(&[("layer.weight", &[2, 2], &[0.5, 1.0, 0.25, 2.0])]);
    let error = net.load(wrong.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Tensors { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "3 tensors of the file do not fit the network: load the weights of a network with the same layers and names\n  the file has no `fc1.weight` [1, 2]\n  the file has no `fc1.bias` [1]; if `fc1` has none, put `#[layer(bias = none)]` on it\n  the network has nothing that reads `layer.weight` [2, 2]"
    );

    let right = file(&[("fc1.weight", &[1, 2], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.0])]);
    net.load(right.path()).unwrap();
}

/// `WeightsError::Encoder`
#[test]
fn weights_error_encoder() {
    let mut net = Net::new(Seed(0));
    let saved = NamedTempFile::new().unwrap();
    let points = Dataset::values_from_rows([[1.0, -2.0], [3.0, 4.0]], [[1.0], [2.0]]).unwrap();
    // Shown:
    let mut bits = Bits::new(Seed(0)); // it has `quant_inp: Thermometer<1>`
    bits.quantize(&points, &PtqConfig::default()).unwrap();
    bits.save(saved.path()).unwrap();
    let error = net.load(saved.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Encoder { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the file has `quant_inp` as a Thermometer, but the network has a QuantIdentity: load the weights of a network with the same fields"
    );

    Bits::new(Seed(1)).load(saved.path()).unwrap();
}

/// `WeightsError::Value`
#[test]
fn weights_error_value() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let wrong = file(&[("fc1.weight", &[1, 2], &[0.5, f32::NAN]), ("fc1.bias", &[1], &[0.0])]);
    let error = net.load(wrong.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Value { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "element 1 of tensor `fc1.weight` is NaN: the file is damaged, or its training diverged"
    );

    let right = file(&[("fc1.weight", &[1, 2], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.0])]);
    net.load(right.path()).unwrap();
}

/// `WeightsError::Note`
#[test]
fn weights_error_note() {
    let mut net = Net::new(Seed(0));
    let saved = NamedTempFile::new().unwrap();
    let points = Dataset::values_from_rows([[1.0, -2.0], [3.0, 4.0]], [[1.0], [2.0]]).unwrap();
    // Shown:
    net.quantize(&points, &PtqConfig::default()).unwrap();
    net.save(saved.path()).unwrap();
    let mut bytes = std::fs::read(saved.path()).unwrap();
    let task = bytes.windows(4).position(|word| word == b"task").unwrap();
    bytes[task + 10] ^= 1; // within the note of that name
    std::fs::write(saved.path(), &bytes).unwrap();
    let error = net.load(saved.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Note { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the note `fc1.task` of the file is of no use (unknown variant `Uonamed`, expected one of `Unnamed`, `Classes`, `Labels`, `Numbers` at line 1 column 9): load the weights of a network with the same layers"
    );

    net.save(saved.path()).unwrap();
    net.load(saved.path()).unwrap();
}

/// `WeightsError::Declared`
#[test]
fn weights_error_declared() {
    let mut net = Net::new(Seed(0));
    let saved = NamedTempFile::new().unwrap();
    let points = Dataset::values_from_rows([[1.0, -2.0], [3.0, 4.0]], [[1.0], [2.0]]).unwrap();
    // Shown:
    let mut wide = Wide::new(Seed(0)); // it has `#[quant_net(bits = 4)]`
    wide.quantize(&points, &PtqConfig::default()).unwrap();
    wide.save(saved.path()).unwrap();
    let error = net.load(saved.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Declared { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the file was trained with the levels -8..=7 of `quant_inp`, but the network declares -4..=3: load it into a network that declares the same, or train this one"
    );

    Wide::new(Seed(1)).load(saved.path()).unwrap();
}

/// `WeightsError::Unusable`
#[test]
fn weights_error_unusable() {
    let mut net = Net::new(Seed(0));
    let saved = NamedTempFile::new().unwrap();
    let points = Dataset::values_from_rows([[1.0, -2.0], [3.0, 4.0]], [[1.0], [2.0]]).unwrap();
    // Shown:
    net.quantize(&points, &PtqConfig::default()).unwrap();
    net.save(saved.path()).unwrap();
    let mut bytes = std::fs::read(saved.path()).unwrap();
    for (tensor, value) in [("quant_inp.step", 1e30f32), ("fc1.scale", 1e20)] {
        let data = SafeTensors::deserialize(&bytes).unwrap().tensor(tensor).unwrap().data().as_ptr();
        let place = data.addr() - bytes.as_ptr().addr();
        bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
    }
    std::fs::write(saved.path(), &bytes).unwrap();
    let error = net.load(saved.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Unusable { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`fc1` has a unit of its sums of inf, with which it cannot run: the file is damaged, or its training diverged"
    );

    net.save(saved.path()).unwrap();
    net.load(saved.path()).unwrap();
}

/// `Misfit::Missing`
#[test]
fn misfit_missing() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let wrong = file(&[("fc1.weight", &[1, 2], &[0.5, 1.0])]);
    let WeightsError::Tensors { misfits } = net.load(wrong.path()).unwrap_err() else { unreachable!() };
    let error = &misfits[0];
    assert!(matches!(error, Misfit::Missing { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the file has no `fc1.bias` [1]; if `fc1` has none, put `#[layer(bias = none)]` on it"
    );

    let right = file(&[("fc1.weight", &[1, 2], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.0])]);
    net.load(right.path()).unwrap();
}

/// `Misfit::Unknown`
#[test]
fn misfit_unknown() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let wrong =
        file(&[("fc1.weight", &[1, 2], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.0]), ("fc2.bias", &[1], &[0.0])]);
    let WeightsError::Tensors { misfits } = net.load(wrong.path()).unwrap_err() else { unreachable!() };
    let error = &misfits[0];
    assert!(matches!(error, Misfit::Unknown { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the network has nothing that reads `fc2.bias` [1]; the nearest of its tensors is `fc1.bias`"
    );

    let right = file(&[("fc1.weight", &[1, 2], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.0])]);
    net.load(right.path()).unwrap();
}

/// `Misfit::Shape`
#[test]
fn misfit_shape() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let wrong = file(&[("fc1.weight", &[2, 1], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.0])]);
    let WeightsError::Tensors { misfits } = net.load(wrong.path()).unwrap_err() else { unreachable!() };
    let error = &misfits[0];
    assert!(matches!(error, Misfit::Shape { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`fc1.weight` has shape [2, 1], but the network needs [1, 2]; it is transposed: save `weight.T.contiguous()`, for weights are `[out, in]`"
    );

    let right = file(&[("fc1.weight", &[1, 2], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.0])]);
    net.load(right.path()).unwrap();
}

/// `Misfit::Type`
#[test]
fn misfit_type() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let bytes = [1u8, 2];
    let weight = TensorView::new(Dtype::I8, vec![1, 2], &bytes).unwrap();
    let bias = TensorView::new(Dtype::I8, vec![1], &bytes[..1]).unwrap();
    let quantized = NamedTempFile::new().unwrap();
    std::fs::write(quantized.path(), serialize([("fc1.weight", weight), ("fc1.bias", bias)], None).unwrap())
        .unwrap();
    let WeightsError::Tensors { misfits } = net.load(quantized.path()).unwrap_err() else { unreachable!() };
    let error = &misfits[0];
    assert!(matches!(error, Misfit::Type { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`fc1.weight` has elements of I8; weights are F32, F64, F16 or BF16");

    let right = file(&[("fc1.weight", &[1, 2], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.0])]);
    net.load(right.path()).unwrap();
}

/// `Misfit::HalfPruned`
#[test]
fn misfit_half_pruned() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let wrong = file(&[("fc1.weight_orig", &[1, 2], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.0])]);
    let WeightsError::Tensors { misfits } = net.load(wrong.path()).unwrap_err() else { unreachable!() };
    let error = &misfits[0];
    assert!(matches!(error, Misfit::HalfPruned { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the file has `fc1.weight_orig` without `fc1.weight_mask`; save both, or call `torch.nn.utils.prune.remove` first"
    );

    let right = file(&[
        ("fc1.weight_orig", &[1, 2], &[0.5, 1.0]),
        ("fc1.weight_mask", &[1, 2], &[1.0, 0.0]),
        ("fc1.bias", &[1], &[0.0]),
    ]);
    net.load(right.path()).unwrap();
}

/// `Misfit::Twice`
#[test]
fn misfit_twice() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let wrong = file(&[
        ("fc1.weight", &[1, 2], &[0.5, 1.0]),
        ("fc1.weight_orig", &[1, 2], &[0.5, 1.0]),
        ("fc1.weight_mask", &[1, 2], &[1.0, 0.0]),
        ("fc1.bias", &[1], &[0.0]),
    ]);
    let WeightsError::Tensors { misfits } = net.load(wrong.path()).unwrap_err() else { unreachable!() };
    let error = &misfits[0];
    assert!(matches!(error, Misfit::Twice { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`fc1.weight` and `fc1.weight_orig` are both `fc1.weight`; save one of them"
    );

    let right = file(&[("fc1.weight", &[1, 2], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.0])]);
    net.load(right.path()).unwrap();
}

/// `Misfit::Mask`
#[test]
fn misfit_mask() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let wrong = file(&[
        ("fc1.weight_orig", &[1, 2], &[0.5, 1.0]),
        ("fc1.weight_mask", &[1, 2], &[1.0, 0.5]),
        ("fc1.bias", &[1], &[0.0]),
    ]);
    let WeightsError::Tensors { misfits } = net.load(wrong.path()).unwrap_err() else { unreachable!() };
    let error = &misfits[0];
    assert!(matches!(error, Misfit::Mask { .. }), "{error:?}");
    assert_eq!(error.to_string(), "element 1 of the mask `fc1.weight_mask` is neither 0 nor 1");

    let right = file(&[
        ("fc1.weight_orig", &[1, 2], &[0.5, 1.0]),
        ("fc1.weight_mask", &[1, 2], &[1.0, 0.0]),
        ("fc1.bias", &[1], &[0.0]),
    ]);
    net.load(right.path()).unwrap();
}

/// `Misfit::Bias`
#[test]
fn misfit_bias() {
    #[quant_net(bits = 3)]
    struct Net {
        quant_inp: QuantIdentity,
        #[layer(bias = none)]
        fc1: QuantLinear<2, 1>,
    }
    let mut net = Net::new(Seed(0));
    // Shown:
    let wrong = file(&[("fc1.weight", &[1, 2], &[0.5, 1.0]), ("fc1.bias", &[1], &[0.25])]);
    let WeightsError::Tensors { misfits } = net.load(wrong.path()).unwrap_err() else { unreachable!() };
    let error = &misfits[0];
    assert!(matches!(error, Misfit::Bias { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`fc1` has a bias in the file, but none in the network; put `#[layer(bias = free)]` on it"
    );

    let right = file(&[("fc1.weight", &[1, 2], &[0.5, 1.0])]);
    net.load(right.path()).unwrap();
}

/// `Misfit::Count`
#[test]
fn misfit_count() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let wrong = file(&[
        ("0.weight", &[1, 2], &[0.5, 1.0]),
        ("0.bias", &[1], &[0.0]),
        ("2.weight", &[1, 1], &[1.0]),
        ("2.bias", &[1], &[0.0]),
    ]);
    let WeightsError::Tensors { misfits } = net.load(wrong.path()).unwrap_err() else { unreachable!() };
    let error = &misfits[0];
    assert!(matches!(error, Misfit::Count { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the file numbers 2 layers (0, 2), but the network has 1 with weights (fc1); the same number of both is mapped in order"
    );

    let right = file(&[("0.weight", &[1, 2], &[0.5, 1.0]), ("0.bias", &[1], &[0.0])]);
    net.load(right.path()).unwrap();
}

/// `Misfit::Branches`
#[test]
fn misfit_branches() {
    #[quant_net(bits = 3)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 1>,
        relu1: QuantReLU,
        #[layer(from = quant_inp)]
        fc2: QuantLinear<2, 1>,
        #[layer(scale_from = relu1)]
        relu2: QuantReLU,
        #[layer(from = [relu1, relu2])]
        add: Add,
        relu3: QuantReLU,
        fc3: QuantLinear<1, 1>,
    }
    let mut net = Net::new(Seed(0));
    // Shown:
    let wrong = file(&[
        ("0.weight", &[1, 2], &[0.5, 1.0]),
        ("0.bias", &[1], &[0.0]),
        ("2.weight", &[1, 2], &[0.5, 1.0]),
        ("2.bias", &[1], &[0.0]),
        ("4.weight", &[1, 1], &[1.0]),
        ("4.bias", &[1], &[0.0]),
    ]);
    let WeightsError::Tensors { misfits } = net.load(wrong.path()).unwrap_err() else { unreachable!() };
    let error = &misfits[0];
    assert!(matches!(error, Misfit::Branches { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the file numbers its layers (0, 2, 4), but the network branches, so numbers do not tell its fields; name them in PyTorch as the fields are (fc1, fc2, fc3)"
    );

    let right = file(&[
        ("fc1.weight", &[1, 2], &[0.5, 1.0]),
        ("fc1.bias", &[1], &[0.0]),
        ("fc2.weight", &[1, 2], &[0.5, 1.0]),
        ("fc2.bias", &[1], &[0.0]),
        ("fc3.weight", &[1, 1], &[1.0]),
        ("fc3.bias", &[1], &[0.0]),
    ]);
    net.load(right.path()).unwrap();
}
