//! The lines of a file, cell by cell.

use std::collections::BTreeSet;

use ::csv::StringRecord;
use ndarray::Array2;

use super::{
    Column, CsvError, CsvOptions, Target, cell::Reading, feature::FeatureColumn, targets::TargetColumns,
};
use crate::data::{DataError, Dataset};

/// The lines read so far.
pub(super) struct Table<'a> {
    reading: Reading<'a>,
    width: usize,
    /// The first line with cells.
    first: u64,
    rows: usize,
    features: Vec<FeatureColumn>,
    targets: TargetColumns,
    /// The line that names the columns.
    header: Option<StringRecord>,
}

/// What columns a file has.
pub(super) struct Columns<'a> {
    file: &'a str,
    names: Option<Vec<String>>,
    pub(super) width: usize,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        file: &'a str,
        options: &'a CsvOptions,
        record: &StringRecord,
        line: u64,
    ) -> Result<Self, CsvError> {
        let reading = Reading { file, options, unnamed: (!options.header).then_some(line) };
        let columns = Columns::of(record, line, reading)?;
        let find = |column: &Column| columns.find(column);
        let targets = match &options.target {
            Target::Class(column) => vec![find(column)?],
            Target::Values(columns) | Target::Labels(columns) => {
                columns.iter().map(find).collect::<Result<_, _>>()?
            }
        };
        let features = columns.features(&targets, reading)?;
        let targets = targets.into_iter().map(|index| (index, columns.column(index))).collect();
        let targets = TargetColumns::new(targets, reading)?;
        let header = options.header.then(|| record.clone());
        let mut table =
            Self { reading, width: columns.width, first: line, rows: 0, features, targets, header };
        if !options.header {
            table.push(record, line)?;
        }
        Ok(table)
    }

    pub(super) fn push(&mut self, record: &StringRecord, line: u64) -> Result<(), CsvError> {
        self.reading.check_width((self.first, self.width), (line, record.len()))?;
        for feature in &mut self.features {
            feature.push(&record[feature.index], line, self.reading)?;
        }
        self.targets.push(record, line, self.reading)?;
        self.rows += 1;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Dataset, CsvError> {
        let wrong = |error| CsvError::Data { file: self.reading.file.to_owned(), error };
        let (rows, columns, options) = (self.rows, self.features.len(), self.reading.options);
        if rows == 0 || columns == 0 {
            return Err(wrong(DataError::Empty { rows, columns }));
        }
        if self.header.as_ref().is_some_and(|header| self.reads_like_a_sample(header)) {
            return Err(CsvError::Header { file: self.reading.file.to_owned(), line: self.first });
        }
        if rows == 1 && options.features.is_empty() && options.classes.is_empty() {
            return Err(CsvError::OneSample { file: self.reading.file.to_owned() });
        }
        let mut features = Array2::zeros((rows, columns));
        let mut described = Vec::with_capacity(columns);
        for (column, mut to) in self.features.into_iter().zip(features.columns_mut()) {
            let (values, feature) = column.finish(self.reading)?;
            to.iter_mut().zip(values).for_each(|(to, value)| *to = value);
            described.push(feature);
        }
        self.targets.finish(features, self.reading)?.with_features(described).map_err(wrong)
    }
}

impl Table<'_> {
    /// Whether every cell of the header is one that its column has, or could have.
    fn reads_like_a_sample(&self, header: &StringRecord) -> bool {
        self.targets.have(header, self.reading)
            && self.features.iter().all(|feature| feature.has(&header[feature.index], self.reading))
    }
}

impl<'a> Columns<'a> {
    pub(super) fn of(record: &StringRecord, line: u64, reading: Reading<'a>) -> Result<Self, CsvError> {
        let file = reading.file;
        if !reading.options.header {
            return Ok(Self { file, names: None, width: record.len() });
        }
        let is_value = |cell: &str| reading.number(cell).is_some() || reading.is_missing(cell);
        if record.iter().all(is_value) {
            return Err(CsvError::Header { file: file.to_owned(), line });
        }
        let mut seen = BTreeSet::new();
        if let Some(name) = record.iter().find(|name| !seen.insert(*name)) {
            return Err(CsvError::Twice { file: file.to_owned(), line, name: name.to_owned() });
        }
        Ok(Self { file, names: Some(record.iter().map(str::to_owned).collect()), width: record.len() })
    }

    pub(super) fn find(&self, column: &Column) -> Result<usize, CsvError> {
        let found = match column {
            Column::Last => self.width.checked_sub(1),
            Column::Index(index) => Some(*index).filter(|index| *index < self.width),
            Column::Name(name) => {
                self.names.as_ref().and_then(|names| names.iter().position(|other| other == name))
            }
        };
        found.ok_or_else(|| {
            let columns = match &self.names {
                Some(names) => format!("`{}`", names.join("`, `")),
                None => format!("0 to {}, without names", self.width.saturating_sub(1)),
            };
            CsvError::Column { file: self.file.to_owned(), column: column.clone(), columns }
        })
    }

    /// Where a feature of a first file is, by its name, or by its index where no line names the columns.
    pub(super) fn find_feature(&self, name: &str) -> Result<usize, CsvError> {
        self.find(&match (&self.names, name.parse()) {
            (None, Ok(index)) => Column::Index(index),
            (Some(_), _) | (None, Err(_)) => Column::Name(name.to_owned()),
        })
    }

    pub(super) fn column(&self, index: usize) -> Column {
        match &self.names {
            Some(names) => Column::Name(names[index].clone()),
            None => Column::Index(index),
        }
    }

    /// What it is called in the first line, or its index.
    pub(super) fn name(&self, index: usize) -> String {
        match self.column(index) {
            Column::Name(name) => name,
            Column::Last | Column::Index(_) => index.to_string(),
        }
    }

    /// Those that the options name, else all that are no targets and not ignored.
    fn features(&self, targets: &[usize], reading: Reading<'_>) -> Result<Vec<FeatureColumn>, CsvError> {
        let CsvOptions { ignore, categories, features, .. } = reading.options;
        let find_all = |columns: &[Column]| {
            columns.iter().map(|column| self.find(column)).collect::<Result<Vec<_>, _>>()
        };
        let (ignored, categories) = (find_all(ignore)?, find_all(categories)?);
        let known = features.iter().map(|feature| {
            let index = self.find_feature(&feature.name)?;
            Ok(FeatureColumn::known(index, self.column(index), feature, reading))
        });
        if !features.is_empty() {
            return known.collect();
        }
        let chosen = (0..self.width).filter(|index| !targets.contains(index) && !ignored.contains(index));
        let named = chosen.map(|index| {
            let column = self.column(index);
            FeatureColumn::new(index, self.name(index), column, categories.contains(&index))
        });
        Ok(named.collect())
    }
}
