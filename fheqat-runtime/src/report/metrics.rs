//! How well a network does, as tables.

use std::fmt;

use comfy_table::{CellAlignment, Table};

use super::table;
use crate::train::metrics::{ClassMetrics, Details, LabelMetrics, Metrics, NumberMetrics};

/// Classes that a confusion matrix is printed for at most.
const MOST: usize = 20;

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples, loss {}", self.samples, number_text(self.loss))?;
        if let Some(accuracy) = self.accuracy {
            write!(f, ", accuracy {}", percent(accuracy))?;
        }
        match &self.details {
            Details::Classes(classes) => write!(f, "{classes}"),
            Details::Labels(labels) => write!(f, "{labels}"),
            Details::Numbers(numbers) => write!(f, "{numbers}"),
        }?;
        match self.warning() {
            Some(warning) => write!(f, "\n\nwarning: {warning}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ClassMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ", balanced {}, F1 {:.3}", percent(self.balanced_accuracy), self.f1)?;
        writeln!(f, "{}", area_text(", AUC ", self.auc))?;
        let mut scores = figures(&["class", "samples", "precision", "recall", "F1", "AUC"]);
        for class in &self.classes {
            scores.add_row([
                class.name.clone(),
                class.samples.to_string(),
                percent(class.precision),
                percent(class.recall),
                format!("{:.3}", class.f1),
                area_text("", class.auc),
            ]);
        }
        write!(f, "{scores}")?;
        if self.classes.len() > MOST {
            return Ok(());
        }
        let names = || self.classes.iter().map(|class| class.name.as_str());
        let columns: Vec<&str> = std::iter::once("class \\ predicted").chain(names()).collect();
        let mut confusion = figures(&columns);
        for (name, row) in names().zip(&self.confusion) {
            let counts = row.iter().map(ToString::to_string);
            confusion.add_row(std::iter::once(name.to_owned()).chain(counts));
        }
        write!(f, "\n\n{confusion}")
    }
}

impl fmt::Display for LabelMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ", all labels right {}, F1 {:.3}", percent(self.exact), self.f1)?;
        writeln!(f, "{}", area_text(", AUC ", self.auc))?;
        let columns = ["label", "samples", "predicted", "accuracy", "precision", "recall", "F1", "AUC"];
        let mut scores = figures(&columns);
        for label in &self.labels {
            scores.add_row([
                label.name.clone(),
                label.samples.to_string(),
                label.predicted.to_string(),
                percent(label.accuracy),
                percent(label.precision),
                percent(label.recall),
                format!("{:.3}", label.f1),
                area_text("", label.auc),
            ]);
        }
        write!(f, "{scores}")
    }
}

impl fmt::Display for NumberMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, ", R2 {:.3}", self.r2)?;
        let mut scores = figures(&["output", "R2", "mean absolute error", "root mean squared error"]);
        for (output, score) in self.outputs.iter().enumerate() {
            scores.add_row([
                output.to_string(),
                format!("{:.3}", score.r2),
                number_text(score.mean_absolute_error),
                number_text(score.root_mean_squared_error),
            ]);
        }
        write!(f, "{scores}")
    }
}

/// A table of figures, by what the first column names.
fn figures(columns: &[&str]) -> Table {
    let mut table = table(columns);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn percent(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}

fn area_text(before: &str, area: Option<f64>) -> String {
    area.map_or_else(String::new, |area| format!("{before}{area:.3}"))
}

/// Four digits, whatever the unit.
fn number_text(number: f64) -> String {
    if number == 0.0 || (1e-3..1e6).contains(&number.abs()) {
        format!("{number:.4}")
    } else {
        format!("{number:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::data::Dataset;

    fn lines(metrics: &Metrics) -> Vec<String> {
        metrics.to_string().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    #[test]
    fn classes_are_named_and_a_constant_network_is_flagged() {
        let data = Dataset::classes(array![[0.0], [0.0], [0.0]], vec![0, 0, 1], 2)
            .unwrap()
            .with_class_names(vec!["ham".to_owned(), "spam".to_owned()])
            .unwrap();
        let outputs = array![[2.0, 0.0], [1.0, 0.0], [0.5, 0.0]];
        let lines = lines(&Metrics::of(&outputs.view(), &data));
        let expected = [
            "3 samples, loss 0.4714, accuracy 66.67 %, balanced 50.00 %, F1 0.400, AUC 1.000",
            " class   samples   precision     recall      F1     AUC",
            "────────────────────────────────────────────────────────",
            " ham           2     66.67 %   100.00 %   0.800   1.000",
            " spam          1      0.00 %     0.00 %   0.000   1.000",
            "",
            " class \\ predicted   ham   spam",
            "────────────────────────────────",
            " ham                   2      0",
            " spam                  1      0",
            "",
        ];
        assert_eq!(lines[..expected.len()], expected);
        assert!(lines[expected.len()].starts_with("warning: all 3 predictions are `ham`"));
    }

    #[test]
    fn labels_and_numbers_have_a_row_each() {
        let features = array![[0.0], [0.0], [0.0]];
        let labels = array![[true, false], [false, false], [true, true]];
        let data = Dataset::multi_label(features.clone(), labels).unwrap();
        let outputs = array![[2.0, -1.0], [1.0, -0.5], [0.5, 3.0]];
        let expected = [
            "3 samples, loss 0.4584, accuracy 83.33 %, all labels right 66.67 %, F1 0.900, AUC 0.750",
            " label   samples   predicted   accuracy   precision     recall      F1     AUC",
            "───────────────────────────────────────────────────────────────────────────────",
            " 0             2           3    66.67 %     66.67 %   100.00 %   0.800   0.500",
            " 1             1           1   100.00 %    100.00 %   100.00 %   1.000   1.000",
        ];
        assert_eq!(lines(&Metrics::of(&outputs.view(), &data)), expected);
        let data = Dataset::values(features, array![[1.0, 1e9], [2.0, 3e9], [3.0, 2e9]]).unwrap();
        let outputs = array![[1.0, 1e9], [2.5, 1e9], [3.0, 2e8]];
        let lines = lines(&Metrics::of(&outputs.view(), &data));
        assert_eq!(lines[0], "3 samples, loss 1.207e18, R2 -0.873");
        assert_eq!(lines[3], " 0         0.875                0.1667                    0.2887");
        assert_eq!(lines[4], " 1        -2.620               1.267e9                   1.553e9");
        assert!(lines[6].starts_with("warning: output 1 is predicted no better than by the mean"));
    }
}
