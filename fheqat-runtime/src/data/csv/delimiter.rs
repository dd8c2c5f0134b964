//! What stands between two cells, found out.

use ::csv::{ByteRecord, ReaderBuilder, Trim};

use super::{CsvError, cell::has_decimal_comma};

/// Bytes of a file that are looked at.
pub(super) const HEAD: u64 = 1 << 18;
/// Lines that are.
const LINES: usize = 50;
const CANDIDATES: [u8; 3] = [b',', b';', b'\t'];

/// The lines as they are where cells stand apart by `delimiter`.
struct Lines {
    delimiter: u8,
    records: Vec<ByteRecord>,
}

/// The one that gives every line as many cells, or else the only one there is.
///
/// # Errors
/// When it may be more than one, or there is none.
pub(super) fn find(head: &[u8], file: &str) -> Result<u8, CsvError> {
    let candidates = CANDIDATES.map(|delimiter| Lines::of(head, delimiter));
    if candidates.iter().all(|lines| lines.records.is_empty()) {
        return Ok(b',');
    }
    let those = |test: fn(&Lines) -> bool| -> Vec<u8> {
        candidates.iter().filter(|lines| test(lines)).map(|lines| lines.delimiter).collect()
    };
    let (even, first) = (those(Lines::is_even), those(Lines::starts_wide));
    let found = match (even.len(), first.len()) {
        (1, _) => even,
        (0, 0) => those(Lines::is_wide),
        (0, _) => first,
        (2.., _) => {
            let readable = those(Lines::is_readable);
            if readable.is_empty() { even } else { readable }
        }
    };
    match found[..] {
        [delimiter] => Ok(delimiter),
        [] => Err(CsvError::OneColumn { file: file.to_owned() }),
        [..] => Err(CsvError::Delimiter { file: file.to_owned(), candidates: names(&found) }),
    }
}

fn names(delimiters: &[u8]) -> String {
    let name = |delimiter: &u8| match delimiter {
        b'\t' => "tabs".to_owned(),
        other => format!("`{}`", char::from(*other)),
    };
    delimiters.iter().map(name).collect::<Vec<_>>().join(" or ")
}

impl Lines {
    fn of(head: &[u8], delimiter: u8) -> Self {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .delimiter(delimiter)
            .from_reader(head);
        let mut records: Vec<ByteRecord> = reader.byte_records().map_while(Result::ok).take(LINES).collect();
        let is_cut = head.len() as u64 == HEAD && records.len() < LINES && records.len() > 1;
        if is_cut {
            records.pop();
        }
        Self { delimiter, records }
    }

    fn is_even(&self) -> bool {
        self.starts_wide() && self.records.iter().all(|record| record.len() == self.records[0].len())
    }

    /// Even, and where a cell has another candidate in it, that is the comma of a number.
    fn is_readable(&self) -> bool {
        let is_other = |byte: &u8| CANDIDATES.contains(byte) && *byte != self.delimiter;
        let is_number = |cell: &[u8]| str::from_utf8(cell).is_ok_and(has_decimal_comma);
        let mut cells = self.records.iter().flat_map(ByteRecord::iter);
        self.is_even() && cells.all(|cell| !cell.iter().any(is_other) || is_number(cell))
    }

    fn starts_wide(&self) -> bool {
        self.records.first().is_some_and(|record| record.len() > 1)
    }

    fn is_wide(&self) -> bool {
        self.records.iter().any(|record| record.len() > 1)
    }
}
