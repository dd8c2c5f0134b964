//! The error index names every law and every public error, in the words of today.
//!
//! `UPDATE_BOOK=1 cargo test -p fheqat-ui --test book` copies cases and messages into its pages again.
#![allow(clippy::unwrap_used)]

mod examples;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use fheqat::spec::{Law, book};
use quote::ToTokens;
use syn::{Attribute, Item, LitStr, Visibility};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const INDEX: &str = "docs/book/errors";
/// What the link to a case begins with.
const CASE: &str = "[`tests/ui/";
/// What a section says in place of an example.
const NO_EXAMPLE: &str = "\nNo example: ";
/// Errors that nobody can bring about in a few lines; their sections say why.
const WITHOUT_EXAMPLE: [&str; 18] = [
    "Error::Certificate",
    "Error::Decrypt",
    "Error::Encrypt",
    "Error::Job",
    "Error::Mismatch",
    "Error::Result",
    "ImportError::Network",
    "Mismatch::Shape",
    "OutsideBound",
    "PageError::Drawing",
    "PageError::Input",
    "PageError::Template",
    "RunError::Threads",
    "ServerError::Threads",
    "ThreadError",
    "WeightsError::Network",
    "lower::CircuitError::OutsideBound",
    "lower::CircuitError::Verify",
];
/// Types that say what is wrong and are no errors themselves.
const PARTS: [&str; 1] = ["Misfit"];

/// Tests that write pages again do so one after another.
static WRITING: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn is_page(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "md")
}

/// The pages of the index by name.
fn pages() -> BTreeMap<String, String> {
    let entries = fs::read_dir(Path::new(ROOT).join(INDEX)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = names.filter_map(|name| Some(name.strip_suffix(".md")?.to_owned()));
    names.map(|name| (name.clone(), read(format!("{INDEX}/{name}.md")))).collect()
}

/// The text between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(inside, _)| inside)
}

/// The text with what is between a fence and its end replaced.
fn quoting(text: &str, fence: &str, quoted: &str) -> String {
    let (before, behind) = text.split_once(fence).unwrap_or_else(|| panic!("no `{}`: {text}", fence.trim()));
    let (_, behind) = behind.split_once("\n```").unwrap();
    format!("{before}{fence}{}\n```{behind}", quoted.trim_end())
}

/// Whether a page is as it should be, or, asked to, makes it so.
fn compare(name: &str, found: &str, expected: &str) {
    if found != expected && std::env::var_os("UPDATE_BOOK").is_some() {
        fs::write(Path::new(ROOT).join(format!("{INDEX}/{name}.md")), expected).unwrap();
    } else {
        assert_eq!(found, expected, "{INDEX}/{name}.md is not that of today: UPDATE_BOOK=1 writes it again");
    }
}

#[test]
fn every_law_has_a_page_with_a_case_and_its_message() {
    let _alone = alone();
    let pages = pages();
    let laws = Law::ALL.map(Law::page);
    for name in laws.into_iter().chain([book::LANGUAGE]) {
        let page = pages.get(name).unwrap_or_else(|| panic!("{INDEX}/{name}.md is missing"));
        for heading in ["\n## Why\n", "\n## A wrong example\n", "\n## Its cure\n"] {
            assert!(page.contains(heading), "{name}: {heading}");
        }
        let mut cases = page.split(CASE);
        let mut expected = cases.next().unwrap_or_default().to_owned();
        let mut cases = cases.peekable();
        assert!(cases.peek().is_some(), "{name} has no case of tests/ui");
        for case in cases {
            let path = format!("tests/ui/{}", case.split_once("`]").unwrap().0);
            let (source, message) = (read(&path), read(path.replace(".rs", ".stderr")));
            let case = quoting(case, "```rust,ignore\n", &source);
            expected = expected + CASE + &quoting(&case, "```text\n", &message);
            assert!(message.contains(&format!("= see: {}\n", book::address(name))), "{path}");
        }
        compare(name, page, &expected);
        let cure = page.split_once("## Its cure").unwrap().1;
        assert!(
            between(cure, "```rust\n", "\n```").is_some_and(|code| code.contains("#[quant_net")),
            "{name}"
        );
    }
}

/// Every message of a law says where its page is, and no page of another law.
#[test]
fn every_message_has_the_address_of_its_page() {
    let mut counted = 0;
    for law in Law::ALL.map(Law::page) {
        let Ok(folder) = fs::read_dir(Path::new(ROOT).join("tests/ui").join(law)) else { continue };
        for path in folder.map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|extension| extension != "stderr") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            // The message of a path that names nothing is rustc's own.
            counted += text.matches(&format!("= see: {}\n", book::address(law))).count();
        }
    }
    assert!(counted > 80, "{counted}");
}

/// An error as the sources have it.
struct Known {
    /// `Type::Variant`, or `Type` of a struct.
    name: String,
    /// Its message, where it has one of its own and no function makes it.
    message: Option<String>,
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn message(attributes: &[Attribute]) -> Option<String> {
    let error = attributes.iter().find(|attribute| attribute.path().is_ident("error"))?;
    let first = error.meta.require_list().unwrap().tokens.clone().into_iter().next()?;
    syn::parse2::<LitStr>(first.into_token_stream()).ok().map(|text| text.value())
}

fn is_error(attributes: &[Attribute]) -> bool {
    let derives = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    derives
        .flat_map(|derive| derive.meta.require_list().unwrap().tokens.clone())
        .any(|token| token.to_string() == "Error")
}

/// The public errors of a crate's sources.
fn errors() -> Vec<Known> {
    let mut files = Vec::new();
    for folder in ["fheqat-runtime/src", "fheqat-client/src", "fheqat-onnx/src", "fheqat-page/src"] {
        sources(&Path::new(ROOT).join(folder), &mut files);
    }
    let mut errors = Vec::new();
    for path in files {
        // Two errors have one name.
        let module = if path.ends_with("nn/lower.rs") { "lower::" } else { "" };
        for item in syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap().items {
            match item {
                Item::Enum(item)
                    if matches!(item.vis, Visibility::Public(_))
                        && (is_error(&item.attrs) || PARTS.iter().any(|part| item.ident == part)) =>
                {
                    errors.extend(item.variants.iter().map(|variant| Known {
                        name: format!("{module}{}::{}", item.ident, variant.ident),
                        message: message(&variant.attrs).filter(|text| text != "{}"),
                    }));
                }
                Item::Struct(item) if matches!(item.vis, Visibility::Public(_)) && is_error(&item.attrs) => {
                    errors.push(Known { name: item.ident.to_string(), message: message(&item.attrs) });
                }
                _ => {}
            }
        }
    }
    errors
}

#[test]
fn every_error_at_run_time_is_in_the_index_in_its_own_words() {
    let _alone = alone();
    let pages = pages();
    let errors = errors();
    assert!(errors.len() > 130, "{}", errors.len());
    let mut wrong = Vec::new();
    let mut renewed = pages.clone();
    for Known { name, message } in &errors {
        let heading = format!("\n### `{name}`\n");
        let Some((_, page)) = renewed.iter_mut().find(|(_, page)| page.contains(&heading)) else {
            wrong.push(format!("no page has the heading `{}`", heading.trim()));
            continue;
        };
        if let Some(message) = message {
            let (before, section) = page.split_once(&heading).unwrap();
            *page = format!("{before}{heading}{}", quoting(section, "```text\n", message));
        }
    }
    let known = |heading: &str| errors.iter().any(|error| heading == format!("`{}`", error.name));
    for heading in pages.values().flat_map(|page| page.lines()).filter_map(|line| line.strip_prefix("### ")) {
        if !known(heading) {
            wrong.push(format!("{heading} is no error"));
        }
    }
    assert!(wrong.is_empty(), "{INDEX}:\n{}", wrong.join("\n"));
    for (name, page) in &pages {
        compare(name, page, &renewed[name]);
    }
}

/// Each example is a test, which fails with the message of its error.
#[test]
fn every_error_at_run_time_has_an_example_that_fails_with_it() {
    let _alone = alone();
    let examples = examples::all(Path::new(ROOT));
    let errors = errors();
    let mut wrong: Vec<String> = examples
        .keys()
        .filter(|name| !errors.iter().any(|error| error.name == **name))
        .map(|name| format!("{name} is no error, but has an example"))
        .collect();
    let mut without = Vec::new();
    let mut renewed = BTreeMap::new();
    let pages = pages();
    for (page, text) in &pages {
        let (before, sections) = examples::sections(text);
        let mut whole = before.to_owned();
        for (name, section) in sections {
            // A heading of the next type ends the section.
            let (section, next) =
                section.split_once("\n## ").map_or((section, None), |(section, next)| (section, Some(next)));
            let section = match examples.get(name) {
                Some(example) => examples::with(section, example),
                None => section.to_owned(),
            };
            if section.contains(NO_EXAMPLE) {
                without.push(name);
            } else if !examples.contains_key(name) {
                wrong.push(format!("{page}: {name} has no example"));
            }
            whole.extend(["\n### `", name, "`\n", &section]);
            whole += &next.map(|next| format!("\n## {next}")).unwrap_or_default();
        }
        renewed.insert(page, whole);
    }
    assert!(wrong.is_empty(), "{INDEX}:\n{}", wrong.join("\n"));
    without.sort_unstable();
    assert_eq!(without, WITHOUT_EXAMPLE);
    for (page, text) in &pages {
        compare(page, text, &renewed[page]);
    }
}

/// `fheqat::explained` knows every error of the library, and the page that has it.
#[test]
fn every_error_is_explained_where_it_is() {
    let list = read("src/explained.rs");
    let list = list.split_once("\npages! {").unwrap().1;
    let pages = pages();
    for Known { name, .. } in errors() {
        let ty = name.rsplit_once("::").map_or(&*name, |(ty, _)| ty);
        let (page, _) = pages.iter().find(|(_, text)| text.contains(&format!("### `{name}`"))).unwrap();
        // The facade has no part in clients of a service and in ONNX: the command knows their pages.
        let is_of_another_crate = page == "service" || ["ImportError", "ExportError"].contains(&ty);
        if is_of_another_crate || PARTS.contains(&ty) {
            continue;
        }
        let named = between(list, &format!("\"{page}\":"), ";").unwrap_or_else(|| panic!("{page}"));
        assert!(named.split([',', ' ', '\n', ']']).any(|word| word == ty), "{page} does not name {ty}");
    }
}

/// The names that headings have in links.
fn anchors(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut anchors = Vec::new();
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        if let (false, Some((marks, heading))) = (is_code, line.split_once(' '))
            && !marks.is_empty()
            && marks.chars().all(|mark| mark == '#')
        {
            let kept = heading
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .collect::<String>();
            anchors.push(kept.replace(' ', "-"));
        }
    }
    anchors
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let mut files: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "examples/README.md"].map(PathBuf::from).into();
    for folder in ["docs", "docs/book", INDEX] {
        let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        files.extend(names.filter(|name| is_page(name)).map(|name| Path::new(folder).join(name)));
    }
    let mut broken = Vec::new();
    for file in &files {
        let text = read(file);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if link.contains("://") || link.contains([' ', '`']) {
                continue;
            }
            let (path, anchor) =
                link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            let is_there = Path::new(ROOT).join(&target).exists();
            if !is_there
                || anchor.is_some_and(|anchor| !anchors(&read(&target)).iter().any(|known| known == anchor))
            {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_page_is_a_module_and_in_the_contents() {
    let (modules, contents) = (read("src/book.rs"), read("docs/book/README.md"));
    let errors = read(format!("{INDEX}/README.md"));
    for entry in fs::read_dir(Path::new(ROOT).join("docs/book")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if is_page(&name) && name != "README.md" {
            assert!(
                modules.contains(&format!("\"{name}\"")) && contents.contains(&format!("({name})")),
                "{name}"
            );
        }
    }
    for name in pages().keys().filter(|name| *name != "README") {
        let is_module = modules.split(|c: char| !c.is_alphanumeric()).any(|word| word == name);
        assert!(is_module && errors.contains(&format!("({name}.md)")), "{name}");
    }
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 200, "README.md has {lines} lines: newcomers read 200, the rest belongs in docs/book");
}
