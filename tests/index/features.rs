//! Features that training cannot use as it is told to.

use fheqat::{
    data::{
        self,
        csv::{self, CsvOptions},
    },
    ndarray::array,
    prelude::*,
    train::{PtqConfig, TrainError},
};

#[quant_net(bits = 2, input = [2, 1])]
struct Series {
    bits: Thermometer<3>,
    flat: Flatten,
    fc1: QuantLinear<6, 2>,
}

#[quant_net(bits = 2)]
struct Table {
    bits: Thermometer<3>,
    fc1: QuantLinear<6, 2>,
}

/// `TrainError::WhitenedCategory`
#[test]
fn train_error_whitened_category() {
    #[quant_net(bits = 2)]
    struct Net {
        bits: Thermometer<3>,
        fc1: QuantLinear<6, 2>,
    }
    let text = "x,colour,class\n1,red,a\n2,green,b\n3,red,b\n4,green,a\n";
    let train = csv::parse(text.as_bytes(), "a.csv", &CsvOptions::default()).unwrap();
    let mut net = Net::new(Seed(0));
    // Shown:
    let config = TrainConfig {
        features: FeatureMap::Whiten,
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::WhitenedCategory { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "feature `colour` is a category, which cannot be whitened: use `FeatureMap::Auto` and a `Thermometer<K>`, or leave the feature out"
    );

    let config = TrainConfig {
        features: FeatureMap::Auto,
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    net.train(&train, &config).unwrap();
}

/// `TrainError::WhitenedMissing`
#[test]
fn train_error_whitened_missing() {
    #[quant_net(bits = 2)]
    struct Net {
        bits: Thermometer<3>,
        fc1: QuantLinear<6, 2>,
    }
    let features = array![[1.0, f32::NAN], [2.0, 3.0], [4.0, 5.0]];
    let train = Dataset::classes_with_missing(features, vec![0, 1, 1], 2).unwrap();
    let mut net = Net::new(Seed(0));
    // Shown:
    let config = TrainConfig {
        features: FeatureMap::Whiten,
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::WhitenedMissing { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "feature `1` has missing values, which cannot be whitened: fill them in, or use `FeatureMap::Auto` and a `Thermometer<K>`, which has bits for them"
    );

    let config = TrainConfig {
        features: FeatureMap::Auto,
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    net.train(&train, &config).unwrap();
}

/// `TrainError::WhitenedWidth`
#[test]
fn train_error_whitened_width() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<1025, 2>,
    }
    let rows = [vec![0.0; 1025], vec![1.0; 1025]];
    let train = Dataset::classes_from_rows(rows, vec![0, 1], 2).unwrap();
    let mut net = Net::new(Seed(0));
    // Shown:
    let config = TrainConfig {
        features: FeatureMap::Whiten,
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::WhitenedWidth { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "1025 features are too many to whiten, which takes at most 1024: use `FeatureMap::Standardize`"
    );

    let config = TrainConfig {
        features: FeatureMap::Standardize,
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    net.train(&train, &config).unwrap();
}

/// `TrainError::Category`
#[test]
fn train_error_category() {
    #[quant_net(bits = 2)]
    struct Net {
        bits: Thermometer<3>,
        fc1: QuantLinear<6, 2>,
    }
    let text = "x,colour,class\n1,red,a\n2,green,b\n3,red,b\n4,green,a\n";
    let train = csv::parse(text.as_bytes(), "a.csv", &CsvOptions::default()).unwrap();
    let config = TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() };
    // Shown:
    // `Series` reads an input of shape [2, 1], and the second feature, `colour`, is a category.
    let error = Series::new(Seed(0)).train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::Category { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "feature `colour` is a category, which has no place in the channels that `bits` encodes: leave `input` out, or give it one dimension"
    );

    Table::new(Seed(0)).train(&train, &config).unwrap();
}

/// `TrainError::Categories`
#[test]
fn train_error_categories() {
    #[quant_net(bits = 2)]
    struct Net {
        bits: Thermometer<3>,
        fc1: QuantLinear<6, 2>,
    }
    let text = "x,colour,class\n1,red,a\n2,green,b\n3,red,b\n4,green,a\n";
    let train = csv::parse(text.as_bytes(), "a.csv", &CsvOptions::default()).unwrap();
    let mut net = Net::new(Seed(0));
    let config = TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() };
    // Shown:
    net.train(&train, &config).unwrap();
    let text = "x,colour,class\n1,blue,a\n2,red,b\n";
    let test = csv::parse(text.as_bytes(), "b.csv", &CsvOptions::default()).unwrap();
    let error = net.evaluate(&test).unwrap_err();
    assert!(matches!(error, TrainError::Categories { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the categories of feature `colour` are others than in training, or in another order: read the data with the categories of the training data"
    );

    let options = CsvOptions { features: train.described().to_vec(), ..CsvOptions::default() };
    let test = csv::parse(text.as_bytes(), "b.csv", &options).unwrap();
    net.evaluate(&test).unwrap();
}

/// `TrainError::Standardize`
#[test]
fn train_error_standardize() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        #[layer(bias = none)]
        fc1: QuantLinear<2, 2>,
    }
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let standardize = PtqConfig { standardize: true, ..PtqConfig::default() };
    let error = net.quantize(&train, &standardize).unwrap_err();
    assert!(matches!(error, TrainError::Standardize { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`fc1` cannot take over the standardisation of the input after training, which only a `QuantLinear` with a bias can: train in float with `features: FeatureMap::Standardize`"
    );

    net.quantize(&train, &PtqConfig::default()).unwrap();
}
