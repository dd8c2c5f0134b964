//! What stands in the files of a new crate.

use std::{fmt::Write, path::Path};

use fheqat::{
    MainError,
    data::{
        Dataset, Targets,
        csv::{Column, CsvOptions, Target},
    },
};

const MAIN: &str = include_str!("main.rs.txt");
const MANIFEST: &str = include_str!("Cargo.toml.txt");

/// Names that cargo refuses, or that this crate needs.
const TAKEN: &[&str] = &[
    "Self",
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "fheqat",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// The longest name of a crate.
const LONGEST: usize = 64;

/// What a crate is made of.
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    /// The table's name in the folder `data`.
    pub(super) file: &'a str,
    pub(super) data: &'a Dataset,
    pub(super) reading: &'a CsvOptions,
    pub(super) seed: u64,
}

/// Whether a crate can be called so.
pub(in crate::commands) fn check_name(name: &str) -> Result<(), MainError> {
    let is_first = |first: char| first.is_ascii_alphabetic() || first == '_';
    let is_further = |other: char| other.is_ascii_alphanumeric() || other == '_' || other == '-';
    if !name.starts_with(is_first) || !name.chars().all(is_further) || name.len() > LONGEST {
        return Err(format!("`{name}` is no name of a crate: type up to {LONGEST} ASCII letters, digits, `_` and `-`, a letter first").into());
    }
    if TAKEN.contains(&name) {
        return Err(format!("`{name}` means something to cargo or Rust: type another name").into());
    }
    Ok(())
}

/// The whole path of fheqat's sources.
pub(in crate::commands) fn check_sources(path: &Path) -> Result<String, MainError> {
    let found = path.canonicalize().ok().filter(|path| path.join("fheqat-macros/Cargo.toml").is_file());
    let found = found.ok_or_else(|| {
        format!("`{}` has no sources of fheqat: type the folder with its `Cargo.toml`", path.display())
    })?;
    Ok(found.to_str().ok_or("the path of fheqat's sources is not UTF-8: type another `--fheqat`")?.to_owned())
}

/// Outputs of the network.
pub(super) fn outputs(data: &Dataset) -> usize {
    match data.targets() {
        Targets::Classes { classes, .. } => *classes,
        Targets::Values(values) => values.ncols(),
        Targets::Labels(labels) => labels.ncols(),
    }
}

/// What is predicted, in words.
pub(super) fn target(target: &Target) -> String {
    match target {
        Target::Class(column) => column.to_string(),
        Target::Values(columns) | Target::Labels(columns) => {
            columns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The manifest of a crate of this name, of fheqat's sources in a folder; of its repository where nobody says.
pub(in crate::commands) fn manifest(name: &str, fheqat: Option<&str>) -> String {
    let fheqat = match fheqat {
        Some(path) => format!("{{ path = {} }}", toml::Value::String(path.to_owned())),
        None => "{ git = \"https://github.com/fheqat/fheqat\" }".to_owned(),
    };
    MANIFEST.replace("{{NAME}}", name).replace("{{FHEQAT}}", &fheqat)
}

/// A text with its places filled, each once, so that a name that looks like a place stays as it is.
pub(in crate::commands) fn filled(text: &str, replaced: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let place = replaced.iter().find(|(place, _)| rest[start..].starts_with(place));
        let (place, text) = place.map_or(("{{", "{{"), |(place, text)| (*place, text.as_str()));
        filled.push_str(&rest[..start]);
        filled.push_str(text);
        rest = &rest[start + place.len()..];
    }
    filled + rest
}

impl Source<'_> {
    pub(super) fn main(&self) -> String {
        let options = self.options();
        let target_literal = target_literal(&self.reading.target);
        let names = if target_literal.contains("Column::") || options.contains("Column::") {
            "Column, CsvOptions, Target"
        } else {
            "CsvOptions, Target"
        };
        let data = format!("data/{}", self.file);
        let replaced = [
            ("{{TARGET}}", one_line(&target(&self.reading.target))),
            ("{{DATA}}", one_line(&data)),
            ("{{NAMES}}", names.to_owned()),
            ("{{DATA_LITERAL}}", format!("{:?}", format!("/{data}"))),
            ("{{MODELS_LITERAL}}", format!("{:?}", format!("/models/{}", self.name))),
            ("{{SEED}}", self.seed.to_string()),
            ("{{FEATURES}}", self.data.width().to_string()),
            ("{{OUTPUTS}}", outputs(self.data).to_string()),
            ("{{CLASSES}}", self.classes()),
            ("{{TARGET_LITERAL}}", target_literal),
            ("{{OPTIONS}}", options),
        ];
        filled(MAIN, &replaced)
    }

    /// Names of few classes, as a comment.
    fn classes(&self) -> String {
        const MOST: usize = 80;
        let names = self.data.class_names().join(", ");
        let is_plain = |c: char| c.is_alphanumeric() || " ,._-".contains(c);
        if names.is_empty() || names.len() > MOST || !names.chars().all(is_plain) {
            return String::new();
        }
        format!(" // {names}")
    }

    /// The fields that are not as by default.
    fn options(&self) -> String {
        let CsvOptions { header, ignore, categories, delimiter, decimal_comma, .. } = self.reading;
        let mut lines = String::new();
        let mut line = |name: &str, value: String| {
            // Writing to a string does not fail.
            let _ = writeln!(lines, "        {name}: {value},");
        };
        if !header {
            line("header", "false".to_owned());
        }
        for (name, columns) in [("ignore", ignore), ("categories", categories)] {
            if !columns.is_empty() {
                line(name, columns_literal(columns));
            }
        }
        if let Some(delimiter) = delimiter {
            line("delimiter", format!("Some(b'{}')", delimiter.escape_ascii()));
        }
        if *decimal_comma {
            line("decimal_comma", "true".to_owned());
        }
        lines
    }
}

/// A name as part of a comment.
pub(in crate::commands) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .collect()
}

fn target_literal(target: &Target) -> String {
    match target {
        Target::Class(column) => format!("Target::Class({})", column_literal(column)),
        Target::Values(columns) => format!("Target::Values({})", columns_literal(columns)),
        Target::Labels(columns) => format!("Target::Labels({})", columns_literal(columns)),
    }
}

fn columns_literal(columns: &[Column]) -> String {
    format!("vec![{}]", columns.iter().map(column_literal).collect::<Vec<_>>().join(", "))
}

fn column_literal(column: &Column) -> String {
    match column {
        Column::Last => "Column::Last".to_owned(),
        Column::Index(index) => format!("Column::Index({index})"),
        Column::Name(name) => format!("{name:?}.into()"),
    }
}
