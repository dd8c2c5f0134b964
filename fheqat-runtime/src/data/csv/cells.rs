//! Samples of a file as text: what a client encrypts of a table that was not there in training.

use std::{fs::File, io::BufReader, io::Read, path::Path};

use ::csv::StringRecord;

use super::{
    CsvError, CsvOptions, cell::Cell, cell::Reading, delimiter, each_record, is_empty, table::Columns,
};
use crate::{
    data::{Feature, FeatureKind},
    file::FileError,
};

/// The samples of a file as text, without what is to be predicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    /// Of each sample the cells of the features, in their order, as [`Codec::parse`](crate::circuit::Codec::parse) takes them: numbers have a
    /// point, and what is missing is empty.
    pub samples: Vec<Vec<String>>,
    /// The line of each sample, from 1.
    pub lines: Vec<u64>,
    /// Columns that are none of the features, by name, or by index where no line names the columns.
    pub others: Vec<String>,
}

/// Reads the cells of `features`, which are what a model was trained on ([`Codec::described`](crate::circuit::Codec::described)), from a file,
/// plain or gzip. Columns are found by name, in any order; where no line names them, a file that has as many columns as there are features has
/// them in their order, and any other has them where the file of the training had them. `target`, `ignore`, `categories`, `features` and
/// `classes` of the options are not asked for.
///
/// ```
/// use fheqat_runtime::data::{
///     Feature, FeatureKind,
///     csv::{self, CsvOptions},
/// };
///
/// let features = ["width", "length"].map(|name| Feature { name: name.to_owned(), kind: FeatureKind::Number });
/// let text = "length,species,width\n1.4,setosa,0.2\n5.1,virginica,1.8\n";
/// let cells = csv::parse_cells(text.as_bytes(), "iris.csv", &features, &CsvOptions::default())?;
/// assert_eq!(cells.samples, [["0.2", "1.4"], ["1.8", "5.1"]]);
/// assert_eq!(cells.others, ["species"]);
/// # Ok::<(), csv::CsvError>(())
/// ```
///
/// # Errors
/// Names the file and the column that it lacks, or the line and column of a cell that is no number where one is expected.
pub fn cells(path: impl AsRef<Path>, features: &[Feature], options: &CsvOptions) -> Result<Cells, CsvError> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|source| FileError::new("read", path, source))?;
    parse_cells(BufReader::new(file), &path.display().to_string(), features, options)
}

/// [`cells`] of bytes, plain or gzip; errors call them `name`.
///
/// # Errors
/// As [`cells`].
pub fn parse_cells(
    source: impl Read,
    name: &str,
    features: &[Feature],
    options: &CsvOptions,
) -> Result<Cells, CsvError> {
    let mut found: Option<Found<'_>> = None;
    // Without a target a file may have one column.
    let find = |head: &[u8], name: &str| match delimiter::find(head, name) {
        Err(CsvError::OneColumn { .. }) if features.len() == 1 => Ok(b','),
        found => found,
    };
    each_record(source, name, options, find, |record, line| {
        if let Some(found) = &mut found {
            return found.push(record, line);
        }
        let first = found.insert(Found::new(name, features, options, record, line)?);
        if options.header { Ok(()) } else { first.push(record, line) }
    })?;
    match found {
        Some(found) if !found.cells.samples.is_empty() => Ok(found.cells),
        Some(_) | None => Err(is_empty(name)),
    }
}

/// Where the features are, and the samples so far.
struct Found<'a> {
    reading: Reading<'a>,
    /// The number of the first line, and its cells.
    first: (u64, usize),
    columns: Columns<'a>,
    features: &'a [Feature],
    /// The place of each feature in a line.
    places: Vec<usize>,
    cells: Cells,
}

impl<'a> Found<'a> {
    fn new(
        name: &'a str,
        features: &'a [Feature],
        options: &'a CsvOptions,
        record: &StringRecord,
        line: u64,
    ) -> Result<Self, CsvError> {
        let reading = Reading { file: name, options, unnamed: (!options.header).then_some(line) };
        let columns = Columns::of(record, line, reading)?;
        let places = if !options.header && columns.width == features.len() {
            (0..features.len()).collect()
        } else {
            features
                .iter()
                .map(|feature| columns.find_feature(&feature.name))
                .collect::<Result<Vec<_>, _>>()?
        };
        let others = (0..columns.width).filter(|index| !places.contains(index));
        let others = others.map(|index| columns.name(index)).collect();
        let cells = Cells { samples: Vec::new(), lines: Vec::new(), others };
        Ok(Self { reading, first: (line, columns.width), columns, features, places, cells })
    }

    fn push(&mut self, record: &StringRecord, line: u64) -> Result<(), CsvError> {
        self.reading.check_width(self.first, (line, record.len()))?;
        let cell = |(&place, feature): (&usize, &Feature)| {
            let column = self.columns.column(place);
            let cell = Cell { text: &record[place], line, column: &column };
            if self.reading.missing(cell)? {
                return Ok(String::new());
            }
            match feature.kind {
                FeatureKind::Category { .. } if self.reading.options.decimal_comma => {
                    Ok(self.reading.name(cell.text))
                }
                FeatureKind::Category { .. } => Ok(cell.text.to_owned()),
                FeatureKind::Number => self.reading.number_text(cell),
            }
        };
        let sample = self.places.iter().zip(self.features).map(cell).collect::<Result<_, CsvError>>()?;
        self.cells.samples.push(sample);
        self.cells.lines.push(line);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::csv::parse;

    fn number(name: &str) -> Feature {
        Feature { name: name.to_owned(), kind: FeatureKind::Number }
    }

    fn of(text: &str, features: &[Feature], options: &CsvOptions) -> Result<Cells, String> {
        parse_cells(text.as_bytes(), "a.csv", features, options).map_err(|error| error.to_string())
    }

    fn bare() -> CsvOptions {
        CsvOptions { header: false, ..CsvOptions::default() }
    }

    #[test]
    fn samples_are_those_of_the_same_file_in_training() {
        let text = "\u{feff}height;tree;\"colour\";age\r\n1,5;oak;\"red; dark\";3\r\n\r\n;ash;blue;NA\r\n2,5;oak;;4\r\n-1;ash;blue;5\r\n";
        let options = CsvOptions {
            target: crate::data::csv::Target::Class("tree".into()),
            decimal_comma: true,
            ..CsvOptions::default()
        };
        let data = parse(text.as_bytes(), "a.csv", &options).unwrap();
        let cells = of(text, data.described(), &options).unwrap();
        assert_eq!(cells.samples[0], ["1.5", "red; dark", "3"]);
        assert_eq!(cells.samples[1], ["", "blue", ""]);
        assert_eq!((cells.lines, cells.others), (vec![2, 4, 5, 6], vec!["tree".to_owned()]));
    }

    #[test]
    fn columns_without_names_are_in_order_or_where_they_were() {
        let features = [number("1"), number("3")];
        let whole = of("a,1,b,2\nc,3,d,4\n", &features, &bare()).unwrap();
        assert_eq!(
            (whole.samples, whole.others),
            (of("1,2\n3,4\n", &features, &bare()).unwrap().samples, vec!["0".into(), "2".into()])
        );
        assert_eq!(
            of("1,2,3\n", &features, &bare()).unwrap_err(),
            "`a.csv` has no column 3 (from 0): its columns are 0 to 2, without names"
        );
        let named = [number("x"), number("y")];
        assert_eq!(of("1,2\n", &named, &bare()).unwrap().samples, [["1", "2"]]);
        assert!(of("1,2,3\n", &named, &bare()).unwrap_err().starts_with("`a.csv` has no column `x`"));
        assert_eq!(of("x\n1\n2\n", &named[..1], &CsvOptions::default()).unwrap().samples, [["1"], ["2"]]);
    }

    #[test]
    fn what_is_no_sample_is_refused_by_line() {
        let features = [number("x"), number("y")];
        let refused = |text| of(text, &features, &CsvOptions::default()).unwrap_err();
        assert_eq!(refused("x,z\n1,2\n"), "`a.csv` has no column `y`: its columns are `x`, `z`");
        assert!(
            refused("x,y\n1,2\n1,b\n").starts_with("`a.csv`, line 3, column `y` has `b`, which is no number")
        );
        assert!(refused("x,y\n1,1e30\n").contains("beyond 1e18"));
        assert!(refused("x,y\n1\n").starts_with("`a.csv`, line 2 has 1 cells"));
        assert!(refused("x,y\n").starts_with("`a.csv`: "));
        assert!(refused("1,2\n3,4\n").contains("should name the columns"));
    }
}
