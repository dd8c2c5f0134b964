//! Figures against those of scikit-learn, and against plain counting.

use ndarray::{Array2, array};
use proptest::prelude::*;

use super::{area::area, *};
use crate::train::{ClassWeights, TrainError};

fn same(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-6 * expected.abs().max(1.0)
}

fn all_same(found: impl IntoIterator<Item = f64>, expected: &[f64]) -> bool {
    let found: Vec<f64> = found.into_iter().collect();
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| same(*found, *expected))
}

fn logits() -> Array2<f32> {
    array![
        [2.0, 1.0, 0.0],
        [0.5, 1.5, -1.0],
        [0.0, 0.0, 3.0],
        [1.0, 2.0, 2.0],
        [-1.0, 0.5, 0.25],
        [3.0, -2.0, 1.0],
        [0.0, 1.0, 0.5],
        [0.1, 0.2, 0.3]
    ]
}

fn classes(labels: &[usize], classes: usize) -> Dataset {
    Dataset::classes(Array2::zeros((labels.len(), 1)), labels.to_vec(), classes).unwrap()
}

fn labels() -> Array2<bool> {
    array![[1, 0, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 0]]
        .mapv(|one: u8| one == 1)
}

/// By scikit-learn 1.9.1, with `p = softmax(z, axis=1)` and `pr = z.argmax(1)`: `log_loss(y, p)`, `accuracy_score(y, pr)`,
/// `balanced_accuracy_score(y, pr)`, `f1_score(y, pr, average='macro')`, `roc_auc_score(y, p, multi_class='ovr')`,
/// `confusion_matrix(y, pr)`; of each class `precision_score`, `recall_score` and `f1_score` with `average=None` and
/// `roc_auc_score(y == c, p[:, c])`.
#[test]
fn figures_of_three_classes_are_those_of_scikit_learn() {
    let data = classes(&[0, 0, 2, 1, 2, 0, 1, 1], 3);
    let metrics = Metrics::of(&logits().view(), &data);
    let Details::Classes(found) = &metrics.details else { unreachable!() };
    assert!(same(metrics.loss, 0.699_404_086_972) && same(metrics.accuracy.unwrap(), 0.625));
    assert!(same(metrics.balanced_accuracy().unwrap(), 0.611_111_111_111));
    assert!(
        same(metrics.f1().unwrap(), 0.623_809_523_810) && same(metrics.auc().unwrap(), 0.838_888_888_889)
    );
    assert_eq!(metrics.confusion().unwrap(), [[2, 1, 0], [0, 2, 1], [0, 1, 1]]);
    assert!(all_same(found.classes.iter().map(|class| class.precision), &[1.0, 0.5, 0.5]));
    assert!(all_same(found.classes.iter().map(|class| class.recall), &[2.0 / 3.0, 2.0 / 3.0, 0.5]));
    assert!(all_same(found.classes.iter().map(|class| class.f1), &[0.8, 0.571_428_571_429, 0.5]));
    let areas = found.classes.iter().map(|class| class.auc.unwrap());
    assert!(all_same(areas, &[0.933_333_333_333, 0.666_666_666_667, 0.916_666_666_667]));
    assert_eq!((metrics.r2(), metrics.warning()), (None, None));
}

/// By the same functions, with `roc_auc_score(y, p[:, 1])`.
#[test]
fn figures_of_two_classes_are_those_of_scikit_learn() {
    let data = classes(&[0, 1, 0, 1, 1, 0, 0, 1], 2);
    let metrics = Metrics::of(&logits().slice_axis(ndarray::Axis(1), (..2).into()), &data);
    assert!(same(metrics.loss, 0.474_839_902_147) && same(metrics.accuracy.unwrap(), 0.875));
    assert!(
        same(metrics.balanced_accuracy().unwrap(), 0.875) && same(metrics.f1().unwrap(), 0.873_015_873_016)
    );
    assert!(same(metrics.auc().unwrap(), 0.875));
}

/// By scikit-learn 1.9.1, with `q = expit(z - 0.75)` and `pl = q >= 0.5`: the mean of `log_loss` of each label, the mean of
/// `pl == y`, `accuracy_score(y, pl)`, `f1_score(y, pl, average='macro')`, `roc_auc_score(y, q, average='macro')`, and of each
/// label `accuracy_score`, `precision_score`, `recall_score`, `f1_score` and `roc_auc_score`.
#[test]
fn figures_of_labels_are_those_of_scikit_learn() {
    let data = Dataset::multi_label(Array2::zeros((8, 1)), labels()).unwrap();
    let metrics = Metrics::of(&logits().mapv(|logit| logit - 0.75).view(), &data);
    let Details::Labels(found) = &metrics.details else { unreachable!() };
    assert!(same(metrics.loss, 0.485_309_207_034) && same(metrics.accuracy.unwrap(), 0.75));
    assert!(same(found.exact, 0.25) && same(found.f1, 0.698_412_698_413));
    assert!(same(metrics.auc().unwrap(), 0.877_777_777_778));
    assert!(all_same(found.labels.iter().map(|label| label.accuracy), &[0.875, 0.625, 0.75]));
    assert!(all_same(found.labels.iter().map(|label| label.precision), &[1.0, 0.5, 2.0 / 3.0]));
    assert!(all_same(found.labels.iter().map(|label| label.recall), &[0.75, 2.0 / 3.0, 2.0 / 3.0]));
    assert!(all_same(
        found.labels.iter().map(|label| label.f1),
        &[0.857_142_857_143, 0.571_428_571_429, 2.0 / 3.0]
    ));
    let areas = found.labels.iter().map(|label| label.auc.unwrap());
    assert!(all_same(areas, &[1.0, 0.7, 0.933_333_333_333]));
}

/// By scikit-learn 1.9.1: `mean_squared_error(v, w)`, `r2_score(v, w)`, and of each output, with `multioutput='raw_values'`,
/// `r2_score`, `mean_absolute_error` and the root of `mean_squared_error`.
#[test]
fn figures_of_numbers_are_those_of_scikit_learn() {
    let values = array![[1.0, 100.0], [2.0, 300.0], [4.0, 200.0], [8.0, 50.0], [5.0, 250.0], [3.0, 0.0]];
    let outputs = array![[1.5, 120.0], [1.5, 250.0], [3.5, 260.0], [7.0, 100.0], [6.0, 150.0], [3.0, 50.0]];
    let data = Dataset::values(Array2::zeros((6, 1)), values).unwrap();
    let metrics = Metrics::of(&outputs.view(), &data);
    let Details::Numbers(found) = &metrics.details else { unreachable!() };
    assert!(same(metrics.loss, 1_791.895_833_333) && same(found.r2, 0.801_833_976_834));
    assert!(all_same(found.outputs.iter().map(|output| output.r2), &[0.910_810_810_811, 0.692_857_142_857]));
    assert!(all_same(
        found.outputs.iter().map(|output| output.mean_absolute_error),
        &[0.583_333_333_333, 55.0]
    ));
    let roots = found.outputs.iter().map(|output| output.root_mean_squared_error);
    assert!(all_same(roots, &[0.677_003_200_1, 59.860_949_986]));
    assert_eq!(
        (metrics.accuracy, metrics.f1(), metrics.auc(), metrics.confusion()),
        (None, None, None, None)
    );
}

/// Logits so far apart that their softmax is 1 for many samples.
#[test]
fn areas_do_not_saturate() {
    let outputs = array![[0.0, 200.0, 0.0], [0.0, 300.0, 0.0], [0.0, 400.0, 0.0], [0.0, 500.0, 1.0]];
    let metrics = Metrics::of(&outputs.view(), &classes(&[0, 2, 1, 1], 3));
    let Details::Classes(found) = metrics.details else { unreachable!() };
    assert_eq!(found.classes[1].auc, Some(1.0));
}

#[test]
fn what_targets_lack_is_left_out() {
    // No sample is of class 2, and none is predicted as it.
    let outputs = array![[1.0, 0.0, -1.0], [1.0, 0.0, -1.0], [0.0, 1.0, -1.0]];
    let metrics = Metrics::of(&outputs.view(), &classes(&[0, 0, 1], 3));
    assert_eq!([metrics.balanced_accuracy(), metrics.f1(), metrics.auc()], [Some(1.0), Some(1.0), Some(1.0)]);
    let one = Metrics::of(&outputs.view(), &classes(&[0, 0, 0], 3));
    assert_eq!((one.auc(), one.balanced_accuracy()), (None, Some(2.0 / 3.0)));
    let constant = Dataset::values(Array2::zeros((2, 1)), array![[7.0], [7.0]]).unwrap();
    let r2 = |outputs: Array2<f32>| Metrics::of(&outputs.view(), &constant).r2();
    assert_eq!([r2(array![[7.0], [7.0]]), r2(array![[7.0], [6.0]])], [Some(1.0), Some(0.0)]);
}

#[test]
fn networks_that_learned_nothing_are_flagged() {
    let constant = array![[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]];
    let named = classes(&[0, 1, 1], 2).with_class_names(vec!["no".to_owned(), "yes".to_owned()]).unwrap();
    let warning = Metrics::of(&constant.view(), &named).warning().unwrap();
    assert!(warning.starts_with("all 3 predictions are `no`: the network has learned nothing but that."));
    assert!(warning.contains("`class_weights: ClassWeights::Balanced`"), "{warning}");
    assert!(warning.ends_with("or with `features: FeatureMap::Standardize`"), "{warning}");
    // Right for want of another class.
    assert_eq!(Metrics::of(&constant.view(), &classes(&[0, 0, 0], 2)).warning(), None);

    let labels =
        Dataset::multi_label(Array2::zeros((3, 1)), array![[true, false], [true, true], [false, true]]);
    let warning = Metrics::of(&constant.mapv(|logit| logit + 1.0).view(), &labels.unwrap()).warning();
    assert!(warning.unwrap().starts_with("every label has the same answer for all 3 samples"));

    let numbers = Dataset::values(Array2::zeros((3, 1)), array![[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]).unwrap();
    let outputs = array![[1.0, 2.0], [2.0, 2.0], [3.0, 2.0]];
    let warning = Metrics::of(&outputs.view(), &numbers).warning().unwrap();
    assert!(
        warning.starts_with("output 1 is predicted no better than by the mean of the targets (R2 0.000)")
    );
}

#[test]
fn networks_that_are_worse_than_the_largest_class_are_flagged() {
    let outputs = array![[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]];
    let warning = |labels: &[usize]| {
        let data = classes(labels, 2).with_class_names(vec!["no".to_owned(), "yes".to_owned()]);
        Metrics::of(&outputs.view(), &data.unwrap()).warning()
    };
    let found = warning(&[1, 1, 1, 0]).unwrap();
    assert!(
        found.starts_with(
            "`yes` for all samples would be right more often (75.0 %) than the network (25.0 %)"
        ),
        "{found}"
    );
    assert_eq!(warning(&[0, 1, 1, 1]), None, "as often");
    assert_eq!(warning(&[0, 0, 1, 1]), None);
}

#[test]
fn metrics_are_json() {
    let data = classes(&[0, 0, 2, 1, 2, 0, 1, 1], 3);
    let metrics = Metrics::of(&logits().view(), &data);
    let json = serde_json::to_string(&metrics).unwrap();
    assert!(json.contains(r#""details":{"classes":{"confusion":[[2,1,0],[0,2,1],[0,1,1]]"#), "{json}");
    let read: Metrics = serde_json::from_str(&json).unwrap();
    assert_eq!((read.samples, read.accuracy, read.confusion()), (8, metrics.accuracy, metrics.confusion()));
    assert!(same(read.auc().unwrap(), metrics.auc().unwrap()));
}

#[test]
fn figures_are_selected_by_where_targets_have_them() {
    let all = [
        SelectBy::Auto,
        SelectBy::Accuracy,
        SelectBy::BalancedAccuracy,
        SelectBy::F1,
        SelectBy::Auc,
        SelectBy::Loss,
        SelectBy::R2,
    ];
    let fits = |targets: &Targets| all.map(|by| by.on(targets, &ClassWeights::None).is_ok());
    let of_classes = classes(&[0, 1], 2);
    assert_eq!(fits(of_classes.targets()), [true, true, true, true, true, true, false]);
    assert_eq!(fits(&Targets::Labels(labels())), [true, true, false, true, true, true, false]);
    assert_eq!(fits(&Targets::Values(array![[1.0]])), [true, false, false, false, false, true, true]);
    let error = SelectBy::R2.on(of_classes.targets(), &ClassWeights::None).unwrap_err();
    assert!(matches!(error, TrainError::SelectBy { .. }));
    assert_eq!(
        error.to_string(),
        "`select_by: SelectBy::R2` is not for targets that are classes: use `SelectBy::Auto`, which follows the targets"
    );
    let weighted = SelectBy::Auto.on(of_classes.targets(), &ClassWeights::SquareRoot);
    assert_eq!(weighted, Ok(SelectBy::BalancedAccuracy));
}

#[test]
fn a_measure_has_what_metrics_have() {
    let data = classes(&[0, 0, 2, 1, 2, 0, 1, 1], 3);
    let outputs = logits();
    let metrics = Metrics::of(&outputs.view(), &data);
    let of = |by| Measure::of(&Answers::new(&outputs.view(), &data), Loss::Auto, by);
    let expected = [
        (SelectBy::Accuracy, metrics.accuracy),
        (SelectBy::BalancedAccuracy, metrics.balanced_accuracy()),
        (SelectBy::F1, metrics.f1()),
        (SelectBy::Auc, metrics.auc()),
        (SelectBy::Loss, Some(-metrics.loss)),
    ];
    for (by, value) in expected {
        assert!(same(of(by).value, value.unwrap()), "{by:?}");
    }
    let (low, high) = (Measure { value: 0.5, ..of(SelectBy::F1) }, of(SelectBy::F1));
    assert!(high.is_better(&low) && !low.is_better(&high) && !high.is_better(&high));
    let smaller = Measure { loss: 0.1, ..low };
    assert!(smaller.is_better(&low) && !high.is_better(&Measure { value: f64::NAN, ..low }));
}

fn some_outputs() -> impl Strategy<Value = (Array2<f32>, Vec<usize>)> {
    (1usize..40, 2usize..5).prop_flat_map(|(rows, classes)| {
        let outputs = prop::collection::vec(-3i8..3, rows * classes);
        let outputs = outputs.prop_map(move |outputs| {
            Array2::from_shape_fn((rows, classes), |(row, column)| f32::from(outputs[row * classes + column]))
        });
        (outputs, prop::collection::vec(0..classes, rows))
    })
}

proptest! {
    #[test]
    fn areas_are_counted_pairs(scored in prop::collection::vec((-4i8..4, any::<bool>()), 0..60)) {
        let scored: Vec<(f64, bool)> = scored.into_iter().map(|(score, there)| (f64::from(score), there)).collect();
        let (mut pairs, mut above) = (0u32, 0.0);
        for (score, _) in scored.iter().filter(|(_, there)| *there) {
            for (other, _) in scored.iter().filter(|(_, there)| !*there) {
                pairs += 1;
                above += if score > other { 1.0 } else if score < other { 0.0 } else { 0.5 };
            }
        }
        match area(scored) {
            None => prop_assert_eq!(pairs, 0),
            Some(found) => prop_assert!((found - above / f64::from(pairs)).abs() < 1e-12),
        }
    }

    #[test]
    fn confusions_are_counted_by_hand((outputs, truth) in some_outputs()) {
        let count = outputs.ncols();
        let data = classes(&truth, count);
        let metrics = Metrics::of(&outputs.view(), &data);
        let predicted: Vec<usize> = outputs
            .rows()
            .into_iter()
            .map(|row| (0..count).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap())
            .collect();
        let is = |class, other| truth.iter().zip(&predicted).filter(|pair| *pair == (&class, &other)).count();
        let (mut right, mut recalls, mut f1s) = (0, Vec::new(), Vec::new());
        for class in 0..count {
            for other in 0..count {
                prop_assert_eq!(metrics.confusion().unwrap()[class][other], is(class, other));
            }
            let [there, said] = [&truth, &predicted].map(|of| of.iter().filter(|at| **at == class).count());
            right += is(class, class);
            if there > 0 {
                recalls.push(is(class, class) as f64 / there as f64);
            }
            if there + said > 0 {
                let (precision, recall) =
                    (is(class, class) as f64 / said.max(1) as f64, is(class, class) as f64 / there.max(1) as f64);
                let sum = precision + recall;
                f1s.push(if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 });
            }
        }
        let size = |class| truth.iter().filter(|at| **at == class).count();
        let largest = (0..count).map(size).max().unwrap();
        let is_constant = predicted.iter().all(|class| *class == predicted[0]) && largest < truth.len();
        prop_assert_eq!(metrics.warning().is_some(), is_constant || right < largest);
        let average = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        prop_assert!(same(metrics.accuracy.unwrap(), right as f64 / truth.len() as f64));
        prop_assert!(same(metrics.balanced_accuracy().unwrap(), average(&recalls)));
        prop_assert!(same(metrics.f1().unwrap(), average(&f1s)));
    }

    #[test]
    fn the_mean_predicts_nothing_of_numbers(values in prop::collection::vec(-100i8..100, 2..30)) {
        let values = Array2::from_shape_fn((values.len(), 1), |(row, _)| f32::from(values[row]));
        let average = f64::from(values.sum()) / values.len() as f64;
        let data = Dataset::values(Array2::zeros((values.len(), 1)), values.clone()).unwrap();
        let is_constant = values.iter().all(|value| (value - values[[0, 0]]).abs() < 0.5);
        let metrics = Metrics::of(&Array2::from_elem(values.dim(), average as f32).view(), &data);
        prop_assert!(is_constant || metrics.r2().unwrap().abs() < 1e-6);
        prop_assert_eq!(metrics.warning().is_some(), !is_constant && metrics.r2().unwrap() <= 0.0);
        prop_assert_eq!(Metrics::of(&values.view(), &data).r2(), Some(1.0));
    }
}
