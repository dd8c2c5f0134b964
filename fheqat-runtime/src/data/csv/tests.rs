use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::*;
use crate::data::Targets;

fn parsed(text: &str, options: &CsvOptions) -> Dataset {
    parse(text.as_bytes(), "a.csv", options).unwrap()
}

fn refused(text: &str, options: &CsvOptions) -> String {
    parse(text.as_bytes(), "a.csv", options).unwrap_err().to_string()
}

fn bare() -> CsvOptions {
    CsvOptions { header: false, ..CsvOptions::default() }
}

#[test]
fn classes_are_integers_or_names_in_order() {
    let data = parsed("x, y,class\n1,2.5,10\n-3e2,.5,9\n\n0,0,10\n", &CsvOptions::default());
    assert_eq!(data.features().row(1).to_vec(), [-300.0, 0.5]);
    assert_eq!((data.labels(), data.class_names()), (&[1, 0, 1][..], &["9".into(), "10".into()][..]));
    let data = parsed("1,2,cat\n3,4,\"a, b\"\n5,6,cat", &bare());
    assert_eq!((data.labels(), data.class_names()), (&[1, 0, 1][..], &["a, b".into(), "cat".into()][..]));
}

#[test]
fn columns_go_where_they_are_told() {
    let text = "id;kind;x;y\na1;b;1;2\na2;c;3;4\n";
    let options = CsvOptions {
        target: Target::Class("kind".into()),
        ignore: vec![0.into()],
        delimiter: b';',
        ..CsvOptions::default()
    };
    let data = parsed(text, &options);
    assert_eq!((data.features().row(1).to_vec(), data.labels()), (vec![3.0, 4.0], &[0, 1][..]));
    let options = CsvOptions {
        target: Target::Values(vec![Column::Last, "x".into()]),
        ignore: vec!["id".into(), 1.into()],
        ..options
    };
    assert_eq!(
        refused(text, &options),
        "`a.csv`: the data has 0 samples of 0 features: give at least one of each"
    );
    let options =
        CsvOptions { ignore: vec!["id".into()], target: Target::Values(vec![3.into(), 2.into()]), ..options };
    let data = parsed("id;a;x;y\n_;7;1;2\n_;8;3;4\n", &options);
    let Targets::Values(values) = data.targets() else { unreachable!() };
    assert_eq!(values, ndarray::array![[2.0, 1.0], [4.0, 3.0]]);
    assert_eq!(data.features().column(0).to_vec(), [7.0, 8.0]);
}

#[test]
fn a_second_file_has_the_classes_of_the_first() {
    let first = parsed("1,a\n2,b\n3,c\n", &bare());
    let options = CsvOptions { classes: first.class_names().to_vec(), ..bare() };
    let second = parsed("1,c\n2,b\n", &options);
    assert_eq!((second.labels(), second.class_names()), (&[2, 1][..], first.class_names()));
    assert_eq!(
        refused("1,c\n2,d\n", &options),
        "`a.csv`, line 2, column 1 (from 0) has class `d`, which is none of [\"a\", \"b\", \"c\"]: add it to `classes`, or remove the line"
    );
}

#[test]
fn wrong_cells_are_named() {
    let options = CsvOptions::default();
    assert_eq!(
        refused("x,y,class\n1,2,a\n3,,b\n", &options),
        "`a.csv`, line 3, column `y` is empty: fill it in, remove the line, or `ignore` the column"
    );
    assert_eq!(
        refused("x,y,class\n\n1,2,a\n?,2,b\n", &options),
        "`a.csv`, line 4, column `x` has `?`, which is no finite number: correct it, remove the line, or `ignore` the column"
    );
    for cell in ["nan", "inf", "1e99", "1,5", "0x10"] {
        let message = refused(&format!("1,2,a\n\"{cell}\",2,a\n"), &bare());
        assert!(
            message.starts_with(&format!("`a.csv`, line 2, column 0 (from 0) has `{cell}`")),
            "{message}"
        );
    }
    assert!(refused("x,y,class\n1,2,\n", &options).starts_with("`a.csv`, line 2, column `class` is empty"));
    assert_eq!(
        refused("x,y,class\n1,2,a\n3,b\n", &options),
        "`a.csv`, line 3 has 2 cells, but line 1 has 3: give every line as many, and check the delimiter"
    );
}

#[test]
fn wrong_options_are_named() {
    assert_eq!(
        refused("1,2,3\n4,5,6\n", &CsvOptions::default()),
        "`a.csv`, line 1 should name the columns, but has numbers only: set `header: false`"
    );
    assert!(
        refused("x,y,class\n1,2,a\n", &bare()).ends_with("if the line names the columns, set `header: true`")
    );
    let missing = CsvOptions { target: Target::Class("kind".into()), ..CsvOptions::default() };
    assert_eq!(refused("x,y\n1,2\n", &missing), "`a.csv` has no column `kind`: its columns are `x`, `y`");
    assert!(refused("kind,kind\n1,2\n", &missing).starts_with("`a.csv` has more than one column `kind`"));
    let beyond = CsvOptions { target: Target::Class(2.into()), ..bare() };
    assert_eq!(
        refused("1,2\n", &beyond),
        "`a.csv` has no column 2 (from 0): its columns are 0 to 1, without names"
    );
}

#[test]
fn files_may_be_gzip_and_must_be_whole_and_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv.gz");
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(b"1,2,a\n3,4,b\n").unwrap();
    let packed = packed.finish().unwrap();
    std::fs::write(&path, &packed).unwrap();
    assert_eq!(read(&path, &bare()).unwrap(), parsed("1,2,a\n3,4,b\n", &bare()));
    std::fs::write(&path, &packed[..packed.len() - 9]).unwrap();
    assert!(read(&path, &bare()).unwrap_err().to_string().starts_with("cannot read `"));
    let error = read(folder.path().join("none"), &bare()).unwrap_err().to_string();
    assert!(error.starts_with("cannot read `") && error.contains("none"), "{error}");
    std::fs::write(&path, b"1,2,a\n3,4,\xff\n").unwrap();
    assert!(
        read(&path, &bare())
            .unwrap_err()
            .to_string()
            .ends_with("line 2 is not UTF-8: save the file as UTF-8")
    );
    for nothing in ["", "x,y\n"] {
        let error = parse(nothing.as_bytes(), "a.csv", &CsvOptions::default()).unwrap_err();
        assert!(matches!(error, CsvError::Data { error: DataError::Empty { .. }, .. }), "{error}");
    }
}
