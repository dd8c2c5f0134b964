//! Encodings of the input from the macro to the encrypted result.
#![allow(clippy::unwrap_used)]

use fheqat::{
    data::{self, Dataset, Feature, FeatureKind},
    error::InputError,
    prelude::*,
    quant::{ChannelCode, Transform},
    report::SearchReport,
    train::{TrainError, Trial, Tried},
};
use ndarray::Array2;

use self::{
    encoded::{images, saved_and_loaded},
    exact::check_bits,
};

mod encoded;
mod exact;

#[quant_net(bits = 3, max_l1 = 16)]
#[derive(Clone)]
struct Encoded {
    bits: Thermometer<5>,
    fc1: QuantLinear<10, 12>,
    relu1: QuantReLU,
    fc2: QuantLinear<12, 2>,
}

/// The bits beside the hidden layer, which counts in their steps.
#[quant_net(bits = 4)]
struct WideAndDeep {
    #[layer(thresholds = uniform)]
    bits: Thermometer<4>,
    fc1: QuantLinear<8, 6>,
    #[layer(scale_from = bits)]
    relu1: QuantReLU,
    #[layer(from = [bits, relu1])]
    both: Concat,
    fc2: QuantLinear<14, 2>,
}

#[quant_net(bits = 3)]
#[derive(Clone)]
struct Levels {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 12>,
    relu1: QuantReLU,
    fc2: QuantLinear<12, 2>,
}

/// Three levels of grey, two channels.
#[quant_net(bits = 3, max_l1 = 12, input = [2, 5, 5])]
struct Image {
    bits: Thermometer<3>, // [6, 5, 5]
    #[layer(stride = 2)]
    conv: QuantConv2d<6, 4, 3>, // [4, 2, 2]
    relu: QuantReLU,
    flatten: Flatten,
    fc: QuantLinear<16, 2>,
}

fn points() -> Dataset {
    data::checkerboard_points(600, Seed(1))
}

fn config() -> TrainConfig {
    TrainConfig { epochs: Some(150), batch: 32, rate: 0.05, progress: false, ..TrainConfig::declared() }
}

fn trained<N: Network>(data: &Dataset, features: FeatureMap) -> N {
    let mut net = N::new(Seed(1));
    net.train(data, &TrainConfig { features, ..config() }).unwrap();
    net
}

#[test]
fn bits_train_and_are_simulated_and_saved() {
    let data = points();
    let net: Encoded = trained(&data, FeatureMap::Auto);
    let circuit = check_bits(&net, &data);
    assert_eq!((circuit.codec.features, circuit.codec.inputs()), (2, 10));
    assert_eq!(Encoded::SPEC.input_shape().get().unwrap().elements().get(), Some(2));
    // Quantiles of numbers drawn evenly part them evenly.
    for channel in net.bits.code().unwrap().channels() {
        let ChannelCode::Quantity { thresholds, missing: false } = channel else { panic!("{channel:?}") };
        assert_eq!(thresholds.len(), 5);
        assert!(thresholds.windows(2).all(|pair| pair[0] < pair[1]));
    }
    let accuracy = net.evaluate(&data).unwrap().accuracy.unwrap();
    assert!(accuracy > 0.7, "{accuracy}");
    saved_and_loaded(&net);
}

#[test]
fn bits_are_the_same_in_float() {
    let data = points();
    let mut net = Encoded::new(Seed(1));
    net.train(&data, &TrainConfig { progress: false, ..TrainConfig::float() }).unwrap();
    let code = net.bits.code().unwrap().clone();
    let float = net.evaluate_in(Precision::Float, &data).unwrap().accuracy.unwrap();
    assert!(float > 0.85, "{float}");
    net.quantize(&data, &fheqat::train::PtqConfig::default()).unwrap();
    assert_eq!(net.bits.code(), Some(&code));
    check_bits(&net, &data);
}

#[test]
fn bits_reach_the_last_layer_beside_the_hidden_ones() {
    let data = points();
    let net: WideAndDeep = trained(&data, FeatureMap::Auto);
    assert_eq!(net.relu1.step(), Some(1.0));
    let circuit = check_bits(&net, &data);
    assert_eq!(circuit.codec.inputs(), 8);
    saved_and_loaded(&net);
}

#[test]
fn pixels_of_a_channel_share_thresholds() {
    let data = images();
    let net: Image = trained(&data, FeatureMap::Auto);
    let thresholds: Vec<_> = net.bits.code().unwrap().channels().to_vec();
    let quantity =
        |thresholds: [f32; 3]| ChannelCode::Quantity { thresholds: thresholds.to_vec(), missing: false };
    assert_eq!(thresholds, [quantity([9.25, 18.5, 27.75]), quantity([107.0, 114.0, 121.0])]);
    let circuit = check_bits(&net, &data);
    assert_eq!(circuit.codec.inputs(), 150);
    let sample = data.samples().next().unwrap();
    let levels = circuit.codec.encode(&sample).unwrap();
    for (level, (channel, bit, pixel)) in levels.iter().zip(
        (0..2)
            .flat_map(|channel| (0..3).flat_map(move |bit| (0..25).map(move |pixel| (channel, bit, pixel)))),
    ) {
        let threshold = [[9.25, 18.5, 27.75], [107.0, 114.0, 121.0]][channel][bit];
        assert_eq!(*level, i64::from(sample[25 * channel + pixel] > threshold));
    }
    saved_and_loaded(&net);
}

/// Two features that are almost one; what tells the classes apart is their difference.
fn correlated() -> Dataset {
    let drawn = data::checkerboard_points(600, Seed(4));
    let features = Array2::from_shape_fn((600, 2), |(row, column)| {
        let (shared, own) = (drawn.features()[[row, 0]], drawn.features()[[row, 1]] - 0.5);
        100.0 * (shared + if column == 0 { 0.02 * own } else { -0.02 * own })
    });
    let labels = (0..600).map(|row| usize::from(drawn.features()[[row, 1]] > 0.5)).collect();
    Dataset::classes(features, labels, 2).unwrap()
}

#[test]
fn whitening_tells_features_apart_that_are_almost_one() {
    let data = correlated();
    let accuracy = |features| {
        let net: Levels = trained(&data, features);
        check_bits(&net, &data);
        saved_and_loaded(&net);
        net.evaluate(&data).unwrap().accuracy.unwrap()
    };
    let (standardized, whitened) = (accuracy(FeatureMap::Auto), accuracy(FeatureMap::Whiten));
    assert!(whitened > 0.95 && whitened > standardized + 0.1, "{whitened} {standardized}");
    let net: Encoded = trained(&data, FeatureMap::Whiten);
    assert!(matches!(net.bits.transform(), Some(Transform::Whiten(_))));
    check_bits(&net, &data);
    saved_and_loaded(&net);
    assert!(net.evaluate(&data).unwrap().accuracy.unwrap() > 0.95);
}

#[test]
fn features_are_standardised_where_nobody_says_otherwise() {
    let data = points();
    let net: Levels = trained(&data, FeatureMap::Auto);
    assert!(matches!(net.quant_inp.transform(), Some(Transform::Standardize(_))));
    assert_eq!(net.quant_inp.step(), Some(0.5));
    let mut again = net.clone();
    again.train(&data, &TrainConfig { features: FeatureMap::Whiten, ..config() }).unwrap();
    assert_eq!(again.quant_inp.transform(), net.quant_inp.transform());
    let as_is: Levels = trained(&data, FeatureMap::AsIs);
    assert_eq!(as_is.quant_inp.transform(), Some(&Transform::AsIs));
    let mut again = as_is.clone();
    again.train(&data, &config()).unwrap();
    assert_eq!(again.quant_inp.transform(), Some(&Transform::AsIs));
}

#[quant_net(bits = 3, max_l1 = 12)]
struct Mixed {
    bits: Thermometer<3>,
    fc1: QuantLinear<9, 8>,
    relu1: QuantReLU,
    fc2: QuantLinear<8, 2>,
}

/// A quantity that may be missing, a category that may be, and a quantity that never is. Twelve is in no sample.
fn mixed() -> Dataset {
    let features = Array2::from_shape_fn((240, 3), |(row, column)| match column {
        0 if row % 5 == 0 => f32::NAN,
        1 if row % 7 == 0 => f32::NAN,
        1 => [0.0, 2.0][row % 2],
        _ => ((row * 37) % 101) as f32 / 10.0,
    });
    let labels = (0..240).map(|row| usize::from(row % 5 == 0 || (row * 37) % 101 > 50)).collect();
    let names = ["red", "12", "green, dark"].map(str::to_owned).to_vec();
    let feature = |name: &str, kind| Feature { name: name.to_owned(), kind };
    let data = Dataset::classes_with_missing(features, labels, 2).unwrap();
    data.with_features(vec![
        feature("age", FeatureKind::Number),
        feature("colour", FeatureKind::Category { names }),
        feature("width", FeatureKind::Number),
    ])
    .unwrap()
}

#[test]
fn categories_and_missing_values_have_bits() {
    let data = mixed();
    let net: Mixed = trained(&data, FeatureMap::Auto);
    let circuit = check_bits(&net, &data);
    saved_and_loaded(&net);
    let accuracy = net.evaluate(&data).unwrap().accuracy.unwrap();
    assert!(accuracy > 0.9, "{accuracy}");
    let code = net.bits.code().unwrap();
    assert!(
        matches!(&code.channels()[0], ChannelCode::Quantity { thresholds, missing: true } if thresholds.len() == 2)
    );
    let bits = vec![Some(0), None, Some(1)];
    assert_eq!(code.channels()[1], ChannelCode::Category { bits, others: None, missing: true });
    let encode = |sample: &[f32]| circuit.codec.encode(sample).unwrap();
    let nan = f32::NAN;
    assert_eq!(encode(&[nan, nan, nan]), [0, 0, 1, 0, 0, 1, 0, 0, 0]);
    assert_eq!(encode(&[1e9, 0.0, 1e9]), [1, 1, 0, 1, 0, 0, 1, 1, 1]);
    // No training sample was of colour 12, and none had a colour without a name.
    for unseen in [1.0, 3.0, 1e9] {
        assert_eq!(encode(&[-1e9, unseen, -1e9]), [0; 9]);
    }
    let refused = |sample: &[f32]| circuit.codec.encode(sample).unwrap_err();
    let is_category = |error: &InputError| matches!(error, InputError::Category { feature: 1, .. });
    assert!(is_category(&refused(&[0.0, 0.5, 0.0])) && is_category(&refused(&[0.0, -1.0, 0.0])));
    assert!(matches!(refused(&[f32::INFINITY, 0.0, 0.0]), InputError::NotFinite { feature: 0, .. }));
}

#[test]
fn samples_may_be_text_as_in_a_file() {
    let data = mixed();
    let circuit = trained::<Mixed>(&data, FeatureMap::Auto).circuit().unwrap();
    let circuit = Circuit::from_bytes(&circuit.to_bytes()).unwrap();
    let parse = |cells: &[&str]| circuit.codec.parse(cells).unwrap();
    assert_eq!(parse(&["1.5", "green, dark", " -2e3 "]), [1.5, 2.0, -2000.0]);
    assert_eq!(parse(&["1", "violet", "2"]), [1.0, 3.0, 2.0]);
    for missing in ["", " ", "?", "NA", "nan", "NaN", "N/A", "null"] {
        let parsed = parse(&[missing, missing, "0"]);
        assert!(parsed[0].is_nan() && parsed[1].is_nan(), "{missing}");
    }
    assert_eq!(circuit.codec.encode_text(&["", "12.0", "4"]).unwrap()[..6], [0, 0, 1, 0, 0, 0]);
    assert_eq!(parse(&["1", "12.0", "2"]), [1.0, 1.0, 2.0]);
    let error = circuit.codec.parse(&["1,5", "red", "2"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "feature 0 of the sample (`age`) is `1,5`, which is no number: give one, with a point before its fraction, or leave the cell empty where the value is missing"
    );
    assert_eq!(circuit.codec.parse(&["1"]).unwrap_err(), InputError::Width { found: 1, expected: 3 });
}

#[test]
fn reports_say_what_the_client_sends() {
    let report = |circuit: &Circuit| circuit.report().to_string();
    let sends = |net: &str, line: &str| assert!(net.ends_with(&format!("\n{line}")), "{net}");
    let bits = trained::<Encoded>(&points(), FeatureMap::Auto).circuit().unwrap();
    sends(&report(&bits), "bits: the client sends 10 levels of 1 bit: 2 features by 5 bits each");
    let levels = trained::<Levels>(&points(), FeatureMap::Auto).circuit().unwrap();
    sends(
        &report(&levels),
        "quant_inp: the client sends 2 levels of 3 bits: 2 features, standardised, rounded",
    );
    let whitened = trained::<Encoded>(&points(), FeatureMap::Whiten).circuit().unwrap();
    sends(
        &report(&whitened),
        "bits: the client sends 10 levels of 1 bit: 2 features, whitened, by 5 bits each",
    );
    let json = serde_json::to_value(bits.report()).unwrap();
    assert_eq!(json["layers"][0]["encoding"]["levels"], 10);
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    #[quant_net(bits = 3)]
    struct Levels {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<3, 2>,
    }

    let data = mixed();
    let refused = |features| {
        let mut net = Mixed::new(Seed(1));
        net.train(&data, &TrainConfig { features, ..config() }).unwrap_err().to_string()
    };
    let whitened = refused(FeatureMap::Whiten);
    assert!(whitened.starts_with("feature `colour` is a category, which cannot be whitened: "), "{whitened}");
    let error = Levels::new(Seed(1)).train(&data, &config()).unwrap_err().to_string();
    assert!(error.starts_with("sample 0: feature 0 of the sample (`age`) is missing (NaN), "), "{error}");
    assert!(error.contains("`Thermometer<K>`"), "{error}");
    let numbers =
        Dataset::classes_with_missing(data.features().to_owned(), data.labels().to_vec(), 2).unwrap();
    let error =
        Mixed::new(Seed(1)).train(&numbers, &TrainConfig { features: FeatureMap::Whiten, ..config() });
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("feature `0` has missing values, which cannot be whitened: "), "{error}");
    // Categories in another order mean something else.
    let net: Mixed = trained(&data, FeatureMap::Auto);
    let mut described = data.described().to_vec();
    if let FeatureKind::Category { names } = &mut described[1].kind {
        names.reverse();
    }
    let error = net.evaluate(&data.clone().with_features(described).unwrap()).unwrap_err();
    assert_eq!(error, TrainError::Categories { feature: "colour".to_owned() });
}

#[test]
fn categories_are_no_pixels() {
    #[quant_net(bits = 3, input = [3, 1])]
    struct Series {
        bits: Thermometer<3>, // [9, 1]
        flatten: Flatten,
        fc1: QuantLinear<9, 2>,
    }

    let error = Series::new(Seed(1)).train(&mixed(), &config()).unwrap_err();
    assert_eq!(error, TrainError::Category { field: "bits".to_owned(), feature: "colour".to_owned() });
}

#[test]
fn an_encoder_of_another_kind_is_not_loaded() {
    #[quant_net(bits = 3, input = [2])]
    struct Encoded {
        inp: Thermometer<1>,
        fc: QuantLinear<2, 2>,
    }

    #[quant_net(bits = 3, input = [2])]
    struct Levels {
        inp: QuantIdentity,
        fc: QuantLinear<2, 2>,
    }

    let data = points();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let (bits, levels): (Encoded, Levels) =
        (trained(&data, FeatureMap::AsIs), trained(&data, FeatureMap::AsIs));
    bits.save(&path).unwrap();
    let error = Levels::new(Seed(0)).load(&path).unwrap_err();
    assert!(
        error.to_string().contains("`inp` as a Thermometer, but the network has a QuantIdentity"),
        "{error}"
    );
    levels.save(&path).unwrap();
    let error = Encoded::new(Seed(0)).load(&path).unwrap_err();
    assert!(
        error.to_string().contains("`inp` as a QuantIdentity, but the network has a Thermometer"),
        "{error}"
    );
}

#[test]
fn a_network_that_saw_no_data_has_no_bits() {
    let net = Encoded::new(Seed(0));
    let error = net.predict(Precision::Float, points().features()).unwrap_err();
    assert!(matches!(error, TrainError::Network(_)), "{error}");
    assert!(net.bits.code().is_none());
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated() {
    fn check<N: Network>(data: &Dataset, features: FeatureMap) {
        let circuit = trained::<N>(data, features).circuit().unwrap();
        let compiled = circuit.compile(&CompileOptions::default()).unwrap();
        let (client, server) = compiled.keygen().unwrap();
        let client = Client::new(
            ClientHalf::from_bytes(&compiled.client().to_bytes()).unwrap(),
            ClientKey::from_bytes(&client.key().to_bytes()).unwrap(),
        )
        .unwrap();
        for sample in data.samples().take(4).chain([vec![1e30; data.width()]]) {
            let encrypted = client.encrypt(&sample).unwrap();
            let result = client.decrypt(&server.run(&encrypted).unwrap()).unwrap();
            assert_eq!(result, circuit.simulate(&sample).unwrap());
        }
    }

    check::<Encoded>(&points(), FeatureMap::Auto);
    check::<WideAndDeep>(&points(), FeatureMap::Auto);
    check::<Image>(&images(), FeatureMap::Auto);
    check::<Levels>(&correlated(), FeatureMap::Whiten);
    check::<Encoded>(&correlated(), FeatureMap::Whiten);
    check::<Mixed>(&mixed(), FeatureMap::Auto);

    let circuit = trained::<Mixed>(&mixed(), FeatureMap::Auto).circuit().unwrap();
    let (client, server) = circuit.compile(&CompileOptions::default()).unwrap().keygen().unwrap();
    let result = server.run(&client.encrypt_text(&["", "violet", "3.5"]).unwrap()).unwrap();
    let simulated = circuit.simulate(&[f32::NAN, 3.0, 3.5]).unwrap();
    assert_eq!(client.decrypt(&result).unwrap(), simulated);
}

/// Bits reach the last layer beside sixteen units, of which a few are enough to tell opposite quarters of the plane from the others.
#[quant_net(bits = 3)]
struct SixteenUnits {
    bits: Thermometer<7>,
    #[layer(max_l1 = 16)]
    fc1: QuantLinear<14, 16>,
    #[layer(scale_from = bits)]
    relu1: QuantReLU,
    #[layer(from = [bits, relu1])]
    both: Concat,
    fc2: QuantLinear<30, 2>,
}

/// Points of which opposite quarters of the plane are one class.
fn quarters() -> Dataset {
    let place = |row: usize, step: usize| (row * step % 601) as f32 / 601.0 - 0.5;
    let features = Array2::from_shape_fn((600, 2), |(row, column)| place(row, [157, 263][column]));
    let labels =
        features.rows().into_iter().map(|row| usize::from((row[0] > 0.0) != (row[1] > 0.0))).collect();
    Dataset::classes(features, labels, 2).unwrap()
}

/// The units and penalties of the narrower networks that were tried.
fn narrower(trials: &[Trial]) -> Vec<(usize, f32)> {
    let tried = trials.iter().filter_map(|trial| match &trial.tried {
        Tried::Narrower { units, ridge } => Some((units[0].1, *ridge)),
        _ => None,
    });
    tried.collect()
}

#[test]
fn hidden_layers_start_narrow_where_that_is_enough() {
    let data = quarters();
    let mut net = SixteenUnits::new(Seed(0));
    let history = net.train(&data, &TrainConfig { progress: false, ..TrainConfig::default() }).unwrap();
    let report = SearchReport(&history.trials).to_string();
    let tried = narrower(&history.trials);
    for units in [8, 4, 2, 1] {
        let ridges: Vec<f32> = tried.iter().filter(|(of, _)| *of == units).map(|(_, ridge)| *ridge).collect();
        assert!(ridges.len() > 1 && ridges.is_sorted_by(|a, b| a > b), "{units} {ridges:?}\n{report}");
    }
    assert_eq!(history.trials.iter().filter(|trial| trial.is_kept).count(), 1, "{report}");
    let accuracy = net.evaluate(&data).unwrap().accuracy.unwrap();
    assert!(accuracy > 0.98, "{accuracy}\n{report}");
    assert!((1..=8).contains(&net.circuit().unwrap().graph.price().rotations), "{report}");
}

#[test]
fn narrower_layers_keep_the_penalty_that_the_user_set() {
    let config = TrainConfig { ridge: Some(0.003), progress: false, ..TrainConfig::default() };
    let history = SixteenUnits::new(Seed(0)).train(&quarters(), &config).unwrap();
    assert_eq!(narrower(&history.trials), [8, 4, 2, 1].map(|units| (units, 0.003)));
}

#[quant_net(bits = 3)]
struct Ids {
    bits: Thermometer<5>,
    fc: QuantLinear<5, 2>,
}

/// Names are those of the CSV reader, which tells whole numbers apart that no float does.
#[test]
fn categories_are_found_by_the_law_of_csv_files() {
    use fheqat::data::csv::{Column, CsvOptions, parse};

    let ids = ["9007199254740993", "9007199254740992", "1.50", "7.0", "red"];
    let rows: Vec<String> = (0..60).map(|row| format!("{},{}\n", ids[row % 5], row % 2)).collect();
    let rows = rows.concat();
    let options = CsvOptions { header: false, categories: vec![Column::Index(0)], ..CsvOptions::default() };
    let data = parse(rows.as_bytes(), "ids", &options).unwrap();

    let codec = trained::<Ids>(&data, FeatureMap::Auto).circuit().unwrap().codec;
    for (row, id) in ids.iter().enumerate() {
        assert_eq!(codec.parse(&[id]).unwrap(), [data.features()[[row, 0]]], "{id}");
    }
    for (text, row) in [("1.5", 2), ("7", 3), ("7.00", 3), ("+9007199254740993", 0), ("9007199254740992", 1)]
    {
        assert_eq!(codec.parse(&[text]).unwrap(), [data.features()[[row, 0]]], "{text}");
    }
}
