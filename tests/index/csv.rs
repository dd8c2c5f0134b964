//! Tables that are no data.

use fheqat::data::csv::{self, CsvError, CsvOptions, Missing, Target};

/// `CsvError::File`
#[test]
fn csv_error_file() {
    // Shown:
    let error = csv::read("none.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::File { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot read `none.csv`: "));

    csv::read("examples/data/iris.csv", &CsvOptions::default()).unwrap();
}

/// `CsvError::Text`
#[test]
fn csv_error_text() {
    // Shown:
    let error =
        csv::parse(b"x,class\n1,\xe4\n2,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::Text { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`a.csv`, line 2 is not UTF-8: save the file as UTF-8");

    csv::parse("x,class\n1,ä\n2,b\n".as_bytes(), "a.csv", &CsvOptions::default()).unwrap();
}

/// `CsvError::Width`
#[test]
fn csv_error_width() {
    // Shown:
    let error =
        csv::parse(b"x,y,class\n1,2,a\n3,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::Width { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv`, line 3 has 2 cells, but line 1 has 3: give every line as many, and check the delimiter"
    );

    csv::parse(b"x,y,class\n1,2,a\n3,4,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap();
}

/// `CsvError::Header`
#[test]
fn csv_error_header() {
    // Shown:
    let error =
        csv::parse(b"5.1,red,yes\n4.9,blue,no\n4.7,red,yes\n".as_slice(), "a.csv", &CsvOptions::default())
            .unwrap_err();
    assert!(matches!(error, CsvError::Header { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv`, line 1 should name the columns, but reads like a sample: set `header: false`"
    );

    let options = CsvOptions { header: false, ..CsvOptions::default() };
    csv::parse(b"5.1,red,yes\n4.9,blue,no\n4.7,red,yes\n".as_slice(), "a.csv", &options).unwrap();
}

/// `CsvError::Twice`
#[test]
fn csv_error_twice() {
    // Shown:
    let error =
        csv::parse(b"x,x,class\n1,2,a\n3,4,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::Twice { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`a.csv`, line 1 names two columns `x`: give each a name of its own");

    csv::parse(b"x,y,class\n1,2,a\n3,4,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap();
}

/// `CsvError::Column`
#[test]
fn csv_error_column() {
    // Shown:
    let options = CsvOptions { target: Target::Class("class".into()), ..CsvOptions::default() };
    let error = csv::parse(b"x,kind\n1,a\n2,b\n".as_slice(), "a.csv", &options).unwrap_err();
    assert!(matches!(error, CsvError::Column { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`a.csv` has no column `class`: its columns are `x`, `kind`");

    let options = CsvOptions { target: Target::Class("kind".into()), ..CsvOptions::default() };
    csv::parse(b"x,kind\n1,a\n2,b\n".as_slice(), "a.csv", &options).unwrap();
}

/// `CsvError::Delimiter`
#[test]
fn csv_error_delimiter() {
    // Shown:
    let error =
        csv::parse(b"x,a;class\n1,b;c\n2,b;d\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::Delimiter { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`a.csv` may be delimited by `,` or `;`: set `delimiter`");

    let options = CsvOptions { delimiter: Some(b';'), categories: vec![0.into()], ..CsvOptions::default() };
    csv::parse(b"x,a;class\n1,b;c\n2,b;d\n".as_slice(), "a.csv", &options).unwrap();
}

/// `CsvError::OneColumn`
#[test]
fn csv_error_one_column() {
    // Shown:
    let error = csv::parse(b"x|class\n1|a\n2|b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::OneColumn { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv` has one column only where cells stand apart by `,`, `;` or tabs: set `delimiter` to what they do"
    );

    let options = CsvOptions { delimiter: Some(b'|'), ..CsvOptions::default() };
    csv::parse(b"x|class\n1|a\n2|b\n".as_slice(), "a.csv", &options).unwrap();
}

/// `CsvError::Missing`
#[test]
fn csv_error_missing() {
    // Shown:
    let options = CsvOptions { missing: Missing::Refuse, ..CsvOptions::default() };
    let error = csv::parse(b"x,y,class\n1,2,a\n3,,b\n".as_slice(), "a.csv", &options).unwrap_err();
    assert!(matches!(error, CsvError::Missing { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv`, line 3, column `y` is missing (``): fill it in, remove the line, `ignore` the column, or set `missing: Missing::Keep`"
    );

    let options = CsvOptions { missing: Missing::Keep, ..CsvOptions::default() };
    csv::parse(b"x,y,class\n1,2,a\n3,,b\n".as_slice(), "a.csv", &options).unwrap();
}

/// `CsvError::Number`
#[test]
fn csv_error_number() {
    // Shown:
    let error =
        csv::parse(b"x,class\n1,a\n2,b\n1.5m,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::Number { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv`, line 4, column `x` has `1.5m`, which is no number: correct it, remove the line, add it to `missing_marks`, list the column in `categories`, or `ignore` it"
    );

    csv::parse(b"x,class\n1,a\n2,b\n1.5,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap();
}

/// `CsvError::Huge`
#[test]
fn csv_error_huge() {
    // Shown:
    let error =
        csv::parse(b"x,class\n1e19,a\n2e19,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::Huge { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv`, line 2, column `x` has `1e19`, which is beyond 1e18: give the column in a larger unit, or `ignore` it"
    );

    csv::parse(b"x,class\n1,a\n2,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap();
}

/// `CsvError::Label`
#[test]
fn csv_error_label() {
    // Shown:
    let target = Target::Labels(vec!["wet".into(), "cold".into()]);
    let options = CsvOptions { target, ..CsvOptions::default() };
    let error = csv::parse(b"x,wet,cold\n5,1,0\n6,0,2\n".as_slice(), "a.csv", &options).unwrap_err();
    assert!(matches!(error, CsvError::Label { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv`, line 3, column `cold` has `2`: give 1 or `true` where the label holds, else 0 or `false`"
    );

    csv::parse(b"x,wet,cold\n5,1,0\n6,0,1\n".as_slice(), "a.csv", &options).unwrap();
}

/// `CsvError::Date`
#[test]
fn csv_error_date() {
    // Shown:
    let error = csv::parse(
        b"x,day,class\n1,2026-11-30,a\n2,2026-12-01,b\n".as_slice(),
        "a.csv",
        &CsvOptions::default(),
    )
    .unwrap_err();
    assert!(matches!(error, CsvError::Date { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv`, column `day` has dates or times such as `2026-11-30`: `ignore` it, or turn it into numbers, such as days since the first"
    );

    csv::parse(b"x,day,class\n1,0,a\n2,1,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap();
}

/// `CsvError::Names`
#[test]
fn csv_error_names() {
    // Shown:
    let rows: Vec<String> = (0..30).map(|row| format!("{row},id{row},{}\n", row % 2)).collect();
    let text = format!("x,id,class\n{}", rows.concat());
    let error = csv::parse(text.as_bytes(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::Names { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv`, column `id` has 30 different names in 30 samples, such as `id0`, too many to learn from: `ignore` it, or list it in `categories`"
    );

    let options = CsvOptions { ignore: vec!["id".into()], ..CsvOptions::default() };
    csv::parse(text.as_bytes(), "a.csv", &options).unwrap();
}

/// `CsvError::Nothing`
#[test]
fn csv_error_nothing() {
    // Shown:
    let error =
        csv::parse(b"x,empty,class\n1,,a\n2,?,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::Nothing { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`a.csv`, column `empty` is missing in every line: `ignore` it");

    let options = CsvOptions { ignore: vec!["empty".into()], ..CsvOptions::default() };
    csv::parse(b"x,empty,class\n1,,a\n2,?,b\n".as_slice(), "a.csv", &options).unwrap();
}

/// `CsvError::Regression`
#[test]
fn csv_error_regression() {
    // Shown:
    let rows: Vec<String> = (0..100).map(|row| format!("{row},{}.5\n", row % 60)).collect();
    let text = format!("x,price\n{}", rows.concat());
    let error = csv::parse(text.as_bytes(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::Regression { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv`, column `price` has 60 different numbers in 100 samples, too many for classes: set `target: Target::Values` with this column, or give `classes` if they are"
    );

    let options = CsvOptions { target: Target::Values(vec!["price".into()]), ..CsvOptions::default() };
    csv::parse(text.as_bytes(), "a.csv", &options).unwrap();
}

/// `CsvError::OneClass`
#[test]
fn csv_error_one_class() {
    // Shown:
    let error =
        csv::parse(b"x,kind,unit\n1,a,cm\n2,b,cm\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::OneClass { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv`, column `unit` is `cm` in every line, so there is nothing to tell apart: set `target` to another column, or give `classes`"
    );

    let target = Target::Class("kind".into());
    let options = CsvOptions { target, ignore: vec!["unit".into()], ..CsvOptions::default() };
    csv::parse(b"x,kind,unit\n1,a,cm\n2,b,cm\n".as_slice(), "a.csv", &options).unwrap();
}

/// `CsvError::OneSample`
#[test]
fn csv_error_one_sample() {
    // Shown:
    let error = csv::parse(b"x,class\n1,a\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::OneSample { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv` has one sample, which is too few to learn from: give more, or the `features` of the file that was trained on"
    );

    csv::parse(b"x,class\n1,a\n2,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap();
}

/// `CsvError::Unpacked`
#[test]
fn csv_error_unpacked() {
    let packed: &[u8] = &[
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 208, 73, 206, 73, 44, 46, 230, 50, 212, 73, 228, 50, 210, 73,
        226, 2, 0, 126, 50, 101, 161, 16, 0, 0, 0,
    ]; // gzip of 16 bytes
    // Shown:
    let options = CsvOptions { max_unpacked: 10, ..CsvOptions::default() };
    let error = csv::parse(packed, "a.csv", &options).unwrap_err();
    assert!(matches!(error, CsvError::Unpacked { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv` unpacks to more than 10 bytes: if it should, set `max_unpacked` to more"
    );

    let options = CsvOptions { max_unpacked: 1000, ..CsvOptions::default() };
    csv::parse(packed, "a.csv", &options).unwrap();
}

/// `CsvError::Class`
#[test]
fn csv_error_class() {
    // Shown:
    let classes = vec!["a".to_owned(), "b".to_owned()];
    let options = CsvOptions { classes, ..CsvOptions::default() };
    let error = csv::parse(b"x,class\n1,a\n2,c\n".as_slice(), "a.csv", &options).unwrap_err();
    assert!(matches!(error, CsvError::Class { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`a.csv`, line 3, column `class` has class `c`, which is none of [\"a\", \"b\"]: add it to `classes`, or remove the line"
    );

    csv::parse(b"x,class\n1,a\n2,b\n".as_slice(), "a.csv", &options).unwrap();
}

/// `CsvError::Data`
#[test]
fn csv_error_data() {
    // Shown:
    let error = csv::parse(b"x,class\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap_err();
    assert!(matches!(error, CsvError::Data { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`a.csv`: the data has 0 samples of 1 features: give at least one of each");

    csv::parse(b"x,class\n1,a\n2,b\n".as_slice(), "a.csv", &CsvOptions::default()).unwrap();
}
