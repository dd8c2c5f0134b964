use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::data::{FeatureKind, Targets};

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
        delimiter: Some(b';'),
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
        "`a.csv`: the data has 2 samples of 0 features: give at least one of each"
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
    let options = CsvOptions { missing: Missing::Refuse, ..CsvOptions::default() };
    assert_eq!(
        refused("x,y,class\n1,2,a\n3,,b\n", &options),
        "`a.csv`, line 3, column `y` is missing (``): fill it in, remove the line, `ignore` the column, or set `missing: Missing::Keep`"
    );
    assert!(
        refused("x,y,class\n\n1,2,a\n?,2,b\n", &options)
            .starts_with("`a.csv`, line 4, column `x` is missing (`?`): fill it in")
    );
    assert_eq!(
        refused("x,y,class\n1,2,a\no,2,b\n", &options),
        "`a.csv`, line 3, column `x` has `o`, which is no number: correct it, remove the line, add it to `missing_marks`, list the column in `categories`, or `ignore` it"
    );
    let unmarked = CsvOptions { missing_marks: Vec::new(), ..bare() };
    for cell in ["nan", "inf", "1e99", "1,5", "0x10", ""] {
        let message = refused(&format!("1,2,a\n\"{cell}\",2,b\n"), &unmarked);
        assert!(
            message.starts_with(&format!("`a.csv`, line 2, column 0 (from 0) has `{cell}`")),
            "{message}"
        );
    }
    assert_eq!(
        refused("x,y,class\n1,2,a\n3,b\n", &options),
        "`a.csv`, line 3 has 2 cells, but line 1 has 3: give every line as many, and check the delimiter"
    );
}

#[test]
fn targets_are_always_there() {
    for cell in ["", "nan", "NaN", "?", "NA"] {
        let text = format!("x,y,class\n1,2,a\n1,2,{cell}\n1,2,b\n");
        for missing in [Missing::Keep, Missing::Refuse] {
            let options = CsvOptions { missing, ..CsvOptions::default() };
            assert_eq!(
                refused(&text, &options),
                format!(
                    "`a.csv`, line 3, column `class` is missing (`{cell}`): fill it in or remove the line, for a target is needed; if it is a name, take it out of `missing_marks`"
                )
            );
        }
    }
    let marks = CsvOptions { missing_marks: Vec::new(), ..CsvOptions::default() };
    let text = |cell| format!("x,y,class\n1,2,a\n1,2,{cell}\n");
    assert_eq!(parsed(&text("NA"), &marks).class_names(), ["NA", "a"]);
    assert!(refused(&text("nan"), &marks).contains("column `class` is missing (`nan`)"));
    let values =
        CsvOptions { target: Target::Values(vec!["y".into()]), ignore: vec!["class".into()], ..marks };
    assert!(refused("x,y,class\n1,nan,\n2,3,\n", &values).contains("line 2, column `y` is missing (`nan`)"));
    assert!(
        refused("x,y,class\n1,2,\n2,o,\n", &values)
            .contains("line 3, column `y` has `o`, which is no number")
    );
}

#[test]
fn missing_features_are_kept() {
    let text = "x,kind,y\n?,red,a\n2,,b\nNA,green,a\n1,null,b\nnan,red,a\n";
    let data = parsed(text, &CsvOptions::default());
    let bits = |column: usize| data.features().column(column).mapv(f32::to_bits).to_vec();
    let nan = f32::NAN;
    assert_eq!(bits(0), [nan, 2.0, nan, 1.0, nan].map(f32::to_bits));
    assert_eq!(bits(1), [1.0, nan, 0.0, nan, 1.0].map(f32::to_bits));
    assert!(data.has_missing());
    let options = CsvOptions { missing_marks: vec!["-9".to_owned()], ..CsvOptions::default() };
    let data = parsed("x,y\n-9,a\n1,b\n", &options);
    assert!(data.has_missing());
    assert_eq!(
        refused("x,e,y\n1,,a\n2,?,b\n", &CsvOptions::default()),
        "`a.csv`, column `e` is missing in every line: `ignore` it"
    );
}

#[test]
fn text_becomes_categories() {
    let text = "colour,size,class\nred,10,a\ngreen,9,b\nred,9.0,a\n";
    let data = parsed(text, &CsvOptions::default());
    let [colour, size] = data.described() else { unreachable!() };
    let names = |names: &[&str]| FeatureKind::Category {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    assert_eq!((colour.name.as_str(), &colour.kind), ("colour", &names(&["green", "red"])));
    assert_eq!((size.name.as_str(), &size.kind), ("size", &FeatureKind::Number));
    assert_eq!(data.features().column(0).to_vec(), [1.0, 0.0, 1.0]);
    let options = CsvOptions { categories: vec!["size".into()], ..CsvOptions::default() };
    let data = parsed(text, &options);
    assert_eq!(data.described()[1].kind, names(&["9", "10"]));
    assert_eq!(data.features().column(1).to_vec(), [1.0, 0.0, 0.0]);
    // Numbers before the first name keep what they were.
    let mixed = parsed("code,class\n7,a\n,a\nb7,a\nc,b\n07,a\nd,b\n", &CsvOptions::default());
    assert_eq!(mixed.described()[0].kind, names(&["7", "b7", "c", "d"]));
    assert_eq!(mixed.features()[[4, 0]].to_bits(), 0.0f32.to_bits());
}

#[test]
fn columns_that_are_no_categories_are_named() {
    let message = |cells: &[&str]| {
        let lines: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(row, cell)| format!("{row};{cell};{}\n", ["a", "b"][row % 2]))
            .collect();
        refused(&format!("x;y;class\n{}", lines.concat()), &CsvOptions::default())
    };
    // Few of them are no numbers.
    assert!(
        message(&["1", "2", "x", "4"]).starts_with("`a.csv`, line 4, column `y` has `x`, which is no number")
    );
    assert!(
        message(&["x", "2", "3", "4"]).starts_with("`a.csv`, line 2, column `y` has `x`, which is no number")
    );
    // Which names these would be is lost.
    assert!(
        message(&["0.5", "x", "y", "z"])
            .starts_with("`a.csv`, line 3, column `y` has `x`, which is no number")
    );
    for dates in [
        ["2026-11-30", "2026-12-01"],
        ["30.11.2026", "1.12.2026"],
        ["30-Nov-26 12:00", ""],
        ["12:30", "1:00:59.5"],
    ] {
        assert_eq!(
            message(&dates),
            format!(
                "`a.csv`, column `y` has dates or times such as `{}`: `ignore` it, or turn it into numbers, such as days since the first",
                dates[0]
            )
        );
    }
    let names = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "a", "b", "c", "d", "e", "f", "g", "h", "i",
        "j",
    ];
    assert_eq!(
        message(&names),
        "`a.csv`, column `y` has 11 different names in 21 rows, such as `a`, too many to learn from: `ignore` it, or list it in `categories`"
            .replace("rows", "samples")
    );
    assert!(message(&["1,5", "2,5"]).ends_with("has `1,5`, which is no number: if the comma is a decimal one, set `decimal_comma: true`; else leave it out"));
    assert!(message(&["1", "2", "2,5"]).contains("set `decimal_comma: true`"));
    for huge in ["1e19", "-1e99", "99999999999999999999"] {
        assert_eq!(
            message(&["1", huge]),
            format!(
                "`a.csv`, line 3, column `y` has `{huge}`, which is beyond 1e18: give the column in a larger unit, or `ignore` it"
            )
        );
    }
}

#[test]
fn delimiters_are_found() {
    let data = parsed("x,y,class\n1,2,a\n3,4,b\n", &CsvOptions::default());
    for delimiter in [";", "\t"] {
        for end in ["\n", "\r\n"] {
            for start in ["", "\u{feff}"] {
                let text = "x,y,class\n1,2,a\n3,4,b\n".replace(',', delimiter).replace('\n', end);
                assert_eq!(parsed(&format!("{start}{text}"), &CsvOptions::default()), data);
            }
        }
    }
    let quoted = parsed("\"x;1\",\"y, or z\",class\n1,2,a\n3,4,b\n", &CsvOptions::default());
    assert_eq!(
        quoted.described().iter().map(|feature| feature.name.as_str()).collect::<Vec<_>>(),
        ["x;1", "y, or z"]
    );
    let comma = CsvOptions { decimal_comma: true, ..CsvOptions::default() };
    let data = parsed("x;class\n1,5;a\n-2;b\n", &comma);
    assert_eq!(data.features().column(0).to_vec(), [1.5, -2.0]);
    let data = parsed("1,5;2,5;0\n2,5;3,5;1,0\n", &CsvOptions { header: false, ..comma.clone() });
    assert_eq!(
        (data.features().row(1).to_vec(), data.class_names()),
        (vec![2.5, 3.5], &["0".into(), "1".into()][..])
    );
    assert!(
        refused("x;class\n1,5;a\n1.5;b\n", &comma)
            .contains("has `1.5`, which is no number: with `decimal_comma: true`")
    );
    assert_eq!(
        refused("x,a;class\n1,b;c\n", &CsvOptions::default()),
        "`a.csv` may be delimited by `,` or `;`: set `delimiter`"
    );
    assert_eq!(
        refused("x y class\n1 2 a\n", &CsvOptions::default()),
        "`a.csv` has one column only where cells stand apart by `,`, `;` or tabs: set `delimiter` to what they do"
    );
    let spaces = CsvOptions { delimiter: Some(b' '), ..CsvOptions::default() };
    assert_eq!(parsed("x y class\n1 2 a\n3 4 b\n", &spaces).width(), 2);
}

#[test]
fn numbers_are_one_class_by_value() {
    let data = parsed("1,1\n2,1.0\n3,0\n4,-0.0\n5,01\n6,x\n", &bare());
    assert_eq!(
        (data.labels(), data.class_names()),
        (&[1, 1, 0, 0, 1, 2][..], &["0".into(), "1".into(), "x".into()][..])
    );
    let options = CsvOptions { classes: ["1.0", "2"].map(str::to_owned).to_vec(), ..bare() };
    let data = parsed("5,2.0\n6,1\n", &options);
    assert_eq!((data.labels(), data.class_names()), (&[1, 0][..], &["1.0".into(), "2".into()][..]));
    let twice = CsvOptions { classes: ["1.0", "1"].map(str::to_owned).to_vec(), ..bare() };
    assert_eq!(
        refused("5,1\n", &twice),
        "`a.csv`: there are 1 different names for 2 classes: give one name for each"
    );
    let far = parsed("1,9007199254740993\n2,9007199254740992\n", &bare());
    assert_eq!(far.class_names().len(), 2);
}

#[test]
fn targets_of_another_kind_than_asked_for_are_named() {
    let numbers = |text: fn(usize) -> String, rows: usize| {
        (0..rows).map(|row| format!("{row},{}\n", text(row))).collect::<Vec<_>>().concat()
    };
    assert_eq!(
        refused(&format!("x,y\n{}", numbers(|row| (row % 60).to_string(), 100)), &CsvOptions::default()),
        "`a.csv`, column `y` has 60 different numbers in 100 samples, too many for classes: set `target: Target::Values` with this column, or give `classes` if they are"
    );
    assert!(matches!(
        parse(numbers(|row| format!("{row}.5"), 11).as_bytes(), "a.csv", &bare()),
        Err(CsvError::Regression { classes: 11, rows: 11, .. })
    ));
    assert_eq!(parsed(&numbers(|row| (row % 60).to_string(), 300), &bare()).class_names().len(), 60);
    assert_eq!(parsed(&numbers(|row| format!("n{row}"), 60), &bare()).class_names().len(), 60);
    assert_eq!(
        refused("x,y\n1,a\n2,a\n", &CsvOptions::default()),
        "`a.csv`, column `y` is `a` in every line, so there is nothing to tell apart: set `target` to another column, or give `classes`"
    );
    assert_eq!(
        refused("x,y\n1,a\n", &CsvOptions::default()),
        "`a.csv` has one sample, which is too few to learn from: give more, or the `features` of the file that was trained on"
    );
}

#[test]
fn labels_of_which_several_hold_have_a_column_each() {
    let options =
        CsvOptions { target: Target::Labels(vec!["wet".into(), "cold".into()]), ..CsvOptions::default() };
    let data = parsed("wet,x,cold\n1,5,false\n0,6,True\n1.0,7,1\n", &options);
    assert_eq!(data.targets(), &Targets::Labels(ndarray::array![[true, false], [false, true], [true, true]]));
    assert_eq!(data.class_names(), ["wet", "cold"]);
    assert_eq!(
        refused("wet,x,cold\n1,5,0\n0,6,2\n", &options),
        "`a.csv`, line 3, column `cold` has `2`: give 1 or `true` where the label holds, else 0 or `false`"
    );
}

#[test]
fn a_second_file_has_the_features_of_the_first() {
    let first = parsed("x,kind,y\n1,red,a\n2,green,b\n3,2,a\n4,red,b\n", &CsvOptions::default());
    let options = CsvOptions {
        features: first.described().to_vec(),
        classes: first.class_names().to_vec(),
        ..CsvOptions::default()
    };
    let second = parsed(
        "kind,more,x,y\nblue,,5,b\n2.0,,6,a\n,,,b\n",
        &CsvOptions { target: Target::Class("y".into()), ..options.clone() },
    );
    assert_eq!((second.described(), second.labels()), (first.described(), &[1, 0, 1][..]));
    assert_eq!(second.features().row(0).to_vec(), [5.0, 3.0]);
    assert_eq!(second.features().row(1).to_vec(), [6.0, 0.0]);
    assert!(second.features().row(2).iter().all(|value| value.is_nan()));
    assert_eq!(first.concat(&second).unwrap().len(), 7);
    assert_eq!(parsed("x,kind,y\n1,red,a\n", &options).len(), 1);
    assert!(
        refused("x,kind,y\nred,red,a\n", &options)
            .contains("line 2, column `x` has `red`, which is no number")
    );
    assert_eq!(refused("x,y\n1,a\n", &options), "`a.csv` has no column `kind`: its columns are `x`, `y`");
    let first = parsed("red,1,a\ngreen,2,b\n", &bare());
    let options =
        CsvOptions { features: first.described().to_vec(), classes: first.class_names().to_vec(), ..bare() };
    assert_eq!(parsed("red,1,a\ngreen,2,b\n", &options), first);
}

#[test]
fn wrong_options_are_named() {
    assert_eq!(
        refused("1,2,3\n4,?,6\n", &CsvOptions::default()),
        "`a.csv`, line 1 should name the columns, but reads like a sample: set `header: false`"
    );
    assert!(
        refused("x,y,class\n1,2,a\n3,4,b\n", &bare()).contains(
            "line 1, column 0 (from 0) has `x`, which is no number: if the line names the columns, set `header: true`; "
        )
    );
    let missing = CsvOptions { target: Target::Class("kind".into()), ..CsvOptions::default() };
    assert_eq!(refused("x,y\n1,2\n", &missing), "`a.csv` has no column `kind`: its columns are `x`, `y`");
    assert_eq!(
        refused("kind,x,kind\n1,2,3\n", &missing),
        "`a.csv`, line 1 names two columns `kind`: give each a name of its own"
    );
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

#[test]
fn gzip_of_several_members_unpacks_up_to_a_limit() {
    let member = |text: &str| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let packed = [member("x,y\n1,a\n"), member("2,b\n")].concat();
    let read =
        |max_unpacked| parse(&packed[..], "a.csv", &CsvOptions { max_unpacked, ..CsvOptions::default() });
    assert_eq!(read(12).unwrap(), parsed("x,y\n1,a\n2,b\n", &CsvOptions::default()));
    assert_eq!(
        read(11).unwrap_err().to_string(),
        "`a.csv` unpacks to more than 11 bytes: if it should, set `max_unpacked` to more"
    );
    let lines = "1,a\n2,b\n".repeat(1 << 16);
    let large = member(&lines);
    let options = CsvOptions { max_unpacked: lines.len() as u64 - 1, ..bare() };
    assert!(matches!(parse(&large[..], "a.csv", &options), Err(CsvError::Unpacked { .. })));
}

/// A cell, in quotes where it needs them.
fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        rows in vec((-1e6f32..1e6, proptest::option::of(-9i8..9), "[a-c ,;\"\t]{0,3}z", 0usize..3), 3..40),
        delimiter in prop::sample::select(vec![',', ';', '\t']),
        end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let mut text = ["x", "count", "kind", "class"].join(&delimiter.to_string()) + end;
        for (x, count, kind, class) in &rows {
            let count = count.map_or(String::new(), |count| count.to_string());
            let cells = [x.to_string(), count, quoted(kind), class.to_string()];
            text += &(cells.join(&delimiter.to_string()) + end);
        }
        let classes = ["0", "1", "2"].map(str::to_owned).to_vec();
        let options = CsvOptions {
            classes,
            categories: vec!["kind".into()],
            delimiter: Some(delimiter as u8),
            ..CsvOptions::default()
        };
        prop_assume!(rows.iter().any(|row| row.1.is_some()));
        let data = parsed(&text, &options);
        let FeatureKind::Category { names } = &data.described()[2].kind else { unreachable!() };
        prop_assert!(names.is_sorted());
        for ((x, count, kind, class), (row, label)) in
            rows.iter().zip(data.features().rows().into_iter().zip(data.labels()))
        {
            prop_assert_eq!(row[0].to_bits(), x.to_bits());
            prop_assert_eq!(count.map_or(f32::NAN, f32::from).to_bits(), row[1].to_bits());
            prop_assert_eq!(&names[row[2] as usize], kind.trim());
            prop_assert_eq!(label, class);
        }
        let again = CsvOptions { features: data.described().to_vec(), ..options };
        let second = parsed(&text, &again);
        prop_assert_eq!(second.described(), data.described());
        let bits = |data: &Dataset| data.features().mapv(f32::to_bits);
        prop_assert_eq!(bits(&second), bits(&data));
    }
}

#[test]
fn a_sample_is_no_header() {
    let text = "5.1,red,yes\n4.9,blue,no\n,red,no\n4.7,red,yes\n";
    assert_eq!(
        refused(text, &CsvOptions::default()),
        "`a.csv`, line 1 should name the columns, but reads like a sample: set `header: false`"
    );
    assert_eq!(parsed(text, &bare()).len(), 4);
    for header in ["0,1,class", "5.1,red,y", "x,red,yes", "5.1,kind,yes"] {
        assert_eq!(parsed(&format!("{header}\n{text}"), &CsvOptions::default()).len(), 4);
    }
}

#[test]
fn lines_are_counted_as_editors_do() {
    for end in ["\n", "\r\n", "\r"] {
        let text = "\n\nx,name,class\n\n1,\"two\nlines\",a\n  \n2,\"b\",b\n3,b,a\no,b,b".replace('\n', end);
        let message = refused(&text, &CsvOptions::default());
        assert!(message.starts_with("`a.csv`, line 10, column `x` has `o`"), "{message}");
        let text = "x,name,class\n1,\"a\n\nb\",a\n".replace('\n', end) + "?,b,b";
        let refuse = CsvOptions { missing: Missing::Refuse, ..CsvOptions::default() };
        assert!(refused(&text, &refuse).starts_with("`a.csv`, line 5, column `x` is missing"));
        let text = "x,class\n1,a\n\n".replace('\n', end).into_bytes();
        let error = parse(&[text, b"2,\xff".to_vec()].concat()[..], "a.csv", &refuse).unwrap_err();
        assert_eq!(error.to_string(), "`a.csv`, line 4 is not UTF-8: save the file as UTF-8");
    }
}
