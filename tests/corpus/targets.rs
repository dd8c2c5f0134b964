//! One function for each reader of bytes from outside. It panics where the reader does, and says whether the bytes were
//! accepted. `cargo test --test corpus` and the targets in `fuzz` call the same ones.
#![allow(dead_code, unused_imports, clippy::unwrap_used)]

#[path = "sealed.rs"]
mod sealed;

use fheqat::{
    data::{
        csv::{self, Column, CsvOptions, Missing, Target},
        idx,
    },
    prelude::*,
    spec::{Verdict, judge_each},
};
use fheqat_onnx::{ImportOptions, import};
pub(crate) use sealed::sealed;

/// Behind the checksum a circuit keeps its laws, so it can be simulated.
pub(crate) fn circuit(bytes: &[u8]) -> bool {
    let Ok(circuit) = Circuit::from_bytes(&sealed(bytes)) else { return false };
    // A sample as wide as a damaged count says would be the test's own allocation.
    if circuit.codec.features < 1 << 16 {
        let _ = circuit.simulate(&vec![0.5; circuit.codec.features]);
    }
    true
}

#[quant_net(bits = 2, max_l1 = 4)]
pub(crate) struct Small {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    norm: BatchNorm,
    relu1: QuantReLU,
    fc2: QuantLinear<3, 2>,
}

#[quant_net(bits = 2)]
pub(crate) struct Linear {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 2>,
}

#[quant_net(bits = 2, max_l1 = 4)]
pub(crate) struct Encoded {
    bits: Thermometer<3>,
    fc1: QuantLinear<6, 3>,
    relu1: QuantReLU,
    fc2: QuantLinear<3, 2>,
}

/// What [`Network::load`] takes is a file, so the bytes become one.
pub(crate) fn weights(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    std::fs::write(&path, bytes).unwrap();
    let (mut small, mut bits) = (Small::new(Seed(0)), Encoded::new(Seed(0)));
    let is_read = small.load(&path).is_ok() || bits.load(&path).is_ok();
    let _ = (small.circuit(), bits.circuit());
    is_read
}

/// What is accepted becomes source, weights and a network that runs.
pub(crate) fn onnx(bytes: &[u8]) -> bool {
    let Ok(imported) = import(bytes, &ImportOptions::default()) else { return false };
    let (source, weights) = (imported.source(), imported.weights());
    assert!(source.contains("#[quant_net(") && !weights.is_empty());
    // Layers as wide as a damaged shape says would be the test's own allocation.
    let widths = imported.with_net(|net| {
        let width =
            |verdict: &Verdict<'_>| verdict.fact.shape.get().map_or(0, |shape| shape.elements().or(0));
        judge_each(net).iter().map(width).sum::<i64>()
    });
    let features = imported.features().iter().product();
    if widths < 1 << 10 && features < 1 << 10 {
        let Ok(network) = imported.network() else { return false };
        let _ = network.quantized().unwrap().integers(&vec![0.5; features]).unwrap();
    }
    true
}

/// The first byte chooses options; the others are the file, plain or gzip. What is accepted can be read again like itself.
pub(crate) fn table(bytes: &[u8]) -> bool {
    let Some((&choice, file)) = bytes.split_first() else { return false };
    let options = CsvOptions {
        header: choice & 1 != 0,
        target: match choice >> 1 & 3 {
            0 => Target::Class(Column::Last),
            1 => Target::Class(Column::Index(0)),
            2 | 3 if choice & 16 != 0 => Target::Labels(vec![Column::Last]),
            2 => Target::Values(vec![Column::Last]),
            _ => Target::Values(vec![Column::Name("a".to_owned()), Column::Index(1)]),
        },
        ignore: if choice & 8 != 0 { vec![Column::Index(1)] } else { Vec::new() },
        classes: if choice & 16 != 0 { vec!["a".to_owned(), "b".to_owned()] } else { Vec::new() },
        delimiter: (choice & 32 != 0).then_some(b';'),
        decimal_comma: choice & 64 != 0,
        missing: if choice & 128 != 0 { Missing::Refuse } else { Missing::Keep },
        max_unpacked: 1 << 20,
        ..CsvOptions::default()
    };
    let Ok(data) = csv::parse(file, "file", &options) else { return false };
    let like_it =
        CsvOptions { features: data.described().to_vec(), classes: data.class_names().to_vec(), ..options };
    let again = csv::parse(file, "file", &like_it).unwrap();
    assert_eq!((again.described(), again.labels()), (data.described(), data.labels()));
    let cells = csv::parse_cells(file, "file", data.described(), &like_it).unwrap();
    assert_eq!(cells.samples.len(), data.len());
    true
}

/// The first two bytes say how long the file of images is; the rest is the file of labels.
pub(crate) fn images(bytes: &[u8]) -> bool {
    let Some((&length, files)) = bytes.split_first_chunk() else { return false };
    let length = usize::from(u16::from_le_bytes(length)).min(files.len());
    let folder = tempfile::tempdir().unwrap();
    let paths = ["images", "labels"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], &files[..length]).unwrap();
    std::fs::write(&paths[1], &files[length..]).unwrap();
    idx::read(&paths[0], &paths[1]).is_ok()
}

#[cfg(feature = "fhe")]
pub(crate) use encrypted::{
    client_half, client_key, encrypted_input, encrypted_output, evaluation_keys, server_half,
};

#[cfg(feature = "fhe")]
mod encrypted {
    use fheqat::fhe::{ClientHalf, ClientKey, EncryptedInput, EncryptedOutput, EvaluationKeys, ServerHalf};

    use super::sealed;

    pub(crate) fn client_half(bytes: &[u8]) -> bool {
        let Ok(half) = ClientHalf::from_bytes(&sealed(bytes)) else { return false };
        let _ = half.codec().encode(&[0.5, 0.5]);
        let _ = half.codec().decode(vec![0; half.plan().outputs.len()]);
        true
    }

    pub(crate) fn server_half(bytes: &[u8]) -> bool {
        ServerHalf::from_bytes(&sealed(bytes)).is_ok()
    }

    pub(crate) fn client_key(bytes: &[u8]) -> bool {
        ClientKey::from_bytes(&sealed(bytes)).is_ok()
    }

    pub(crate) fn evaluation_keys(bytes: &[u8]) -> bool {
        EvaluationKeys::from_bytes(&sealed(bytes)).is_ok()
    }

    pub(crate) fn encrypted_input(bytes: &[u8]) -> bool {
        EncryptedInput::from_bytes(&sealed(bytes)).is_ok()
    }

    pub(crate) fn encrypted_output(bytes: &[u8]) -> bool {
        EncryptedOutput::from_bytes(&sealed(bytes)).is_ok()
    }
}
