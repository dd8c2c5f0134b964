//! Imports, exports and pages that cannot be made.

use fheqat::{data, prelude::*, train::PtqConfig};
use fheqat_onnx::{
    ImportError, ImportOptions,
    export::{ExportError, Trained, qonnx},
    import,
    proto::ModelProto,
};
use fheqat_page::{Page, PageError};
use prost::Message;

#[quant_net(bits = 2)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
}

#[quant_net(bits = 2)]
struct Levels {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
}

/// `ImportError::Size`
#[test]
fn import_error_size() {
    let bytes = std::fs::read("tests/interop/guide_mlp.qonnx.onnx").unwrap();
    let options = ImportOptions::default();
    // Shown:
    let small = ImportOptions { max_bytes: 1000, ..ImportOptions::default() };
    let error = import(&bytes, &small).unwrap_err();
    assert!(matches!(error, ImportError::Size { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the file has 7262 bytes, but at most 1000 are read: allow more with `ImportOptions::max_bytes`"
    );

    import(&bytes, &options).unwrap();
}

/// `ImportError::Format`
#[test]
fn import_error_format() {
    let bytes = std::fs::read("tests/interop/guide_mlp.qonnx.onnx").unwrap();
    let options = ImportOptions::default();
    // Shown:
    let error = import(b"PyTorch's own format is no ONNX", &options).unwrap_err();
    assert!(matches!(error, ImportError::Format { .. }), "{error:?}");
    assert!(error.to_string().starts_with("the file is not ONNX, or is damaged: "));

    import(&bytes, &options).unwrap();
}

/// `ImportError::Entries`
#[test]
fn import_error_entries() {
    let bytes = std::fs::read("tests/interop/guide_mlp.qonnx.onnx").unwrap();
    let options = ImportOptions::default();
    // Shown:
    let mut model = ModelProto::decode(&bytes[..]).unwrap();
    let graph = model.graph.as_mut().unwrap();
    graph.node = graph.node.iter().cycle().take(200_000).cloned().collect();
    let error = import(&model.encode_to_vec(), &options).unwrap_err();
    assert!(matches!(error, ImportError::Entries { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the file has more than 131072 entries (nodes, attributes, tensors): it is no network that runs encrypted"
    );

    import(&bytes, &options).unwrap();
}

/// `ImportError::Graph`
#[test]
fn import_error_graph() {
    let bytes = std::fs::read("tests/interop/guide_mlp.qonnx.onnx").unwrap();
    let options = ImportOptions::default();
    // Shown:
    let mut model = ModelProto::decode(&bytes[..]).unwrap();
    model.graph = None;
    let error = import(&model.encode_to_vec(), &options).unwrap_err();
    assert!(matches!(error, ImportError::Graph { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the file has no graph: it is no ONNX model");

    import(&bytes, &options).unwrap();
}

/// `ImportError::Unsupported`
#[test]
fn import_error_unsupported() {
    let bytes = std::fs::read("tests/interop/guide_mlp.qonnx.onnx").unwrap();
    let options = ImportOptions::default();
    // Shown:
    let mut model = ModelProto::decode(&bytes[..]).unwrap();
    let relu = model.graph.as_mut().unwrap().node.iter_mut().find(|node| node.op_type() == "Relu").unwrap();
    relu.op_type = Some("Einsum".to_owned());
    let error = import(&model.encode_to_vec(), &options).unwrap_err();
    assert!(matches!(error, ImportError::Unsupported { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the network cannot be imported:\n  `/relu1/act_quant/activation_impl/Relu` (Einsum): this operation has no counterpart"
    );

    import(&bytes, &options).unwrap();
}

/// `ImportError::Weights`
#[test]
fn import_error_weights() {
    let bytes = std::fs::read("tests/interop/guide_mlp.qonnx.onnx").unwrap();
    let options = ImportOptions::default();
    // Shown:
    let mut model = ModelProto::decode(&bytes[..]).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let quantizers = graph.node.iter().filter(|node| node.op_type() == "Quant");
    let scales: Vec<String> = quantizers.map(|node| node.input[1].clone()).collect();
    for scale in graph.initializer.iter_mut().filter(|tensor| scales.iter().any(|name| name == tensor.name()))
    {
        scale.raw_data = Some(1e30f32.to_le_bytes().to_vec());
    }
    let error = import(&model.encode_to_vec(), &options).unwrap().network().unwrap_err();
    assert!(matches!(error, ImportError::Weights { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "what was imported cannot be loaded: `fc1` has a unit of its sums of inf, with which it cannot run: the file is damaged, or its training diverged"
    );

    import(&bytes, &options).unwrap().network().unwrap();
}

/// `ExportError::Network`
#[test]
fn export_error_network() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let error = Trained::of(&net).unwrap_err(); // it has not been trained
    assert!(matches!(error, ExportError::Network { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`quant_inp` is not calibrated: train the network in quantized precision, or quantize it after training"
    );

    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    Trained::of(&net).unwrap();
}

/// `ExportError::Layer`
#[test]
fn export_error_layer() {
    #[quant_net(bits = 2)]
    struct Net {
        bits: Thermometer<3>,
        fc1: QuantLinear<6, 2>,
    }
    let mut net = Net::new(Seed(0));
    let (train, _) = data::checkerboard(Seed(0));
    net.quantize(&train, &PtqConfig::default()).unwrap();
    // Shown:
    let error = qonnx(&Trained::of(&net).unwrap()).unwrap_err(); // it has `bits: Thermometer<3>`
    assert!(matches!(error, ExportError::Layer { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`bits` cannot be exported: it has no counterpart in QONNX");

    let mut net = Levels::new(Seed(0)); // it has `quant_inp: QuantIdentity`
    net.quantize(&train, &PtqConfig::default()).unwrap();
    qonnx(&Trained::of(&net).unwrap()).unwrap();
}

/// `PageError::Data`
#[test]
fn page_error_data() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let (_, test) = data::checkerboard(Seed(1));
    // Shown:
    let three = Dataset::classes_from_rows([[1.0, 2.0]], vec![2], 3).unwrap();
    let error = Page::new("Net").circuit(&circuit).data(&three, "test").to_html().unwrap_err();
    assert!(matches!(error, PageError::Data { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the data has 3 classes or values, but the network gives 2 outputs: make its last layer as wide as the targets"
    );

    Page::new("Net").circuit(&circuit).data(&test, "test").to_html().unwrap();
}

/// `PageError::File`
#[test]
fn page_error_file() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    // Shown:
    let page = Page::new("Net").circuit(&circuit);
    let error = page.save("none/report.html").unwrap_err(); // there is no folder `none`
    assert!(matches!(error, PageError::File { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot write `none/report.html`: "));

    page.save(std::env::temp_dir().join("fheqat-book-report.html")).unwrap();
}
