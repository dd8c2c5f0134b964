//! README and the book for rustdoc: links between pages become links between modules, all others lead to the repository, and pictures
//! come from it.

use std::{env, ffi::OsStr, fs, io, path::Path};

const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
const BOOK: &str = "docs/book/";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=README.md");
    println!("cargo::rerun-if-changed={BOOK}");
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    let write = |page: &str| {
        let to = Path::new(&out).join(page);
        to.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(to, linked(page, &fs::read_to_string(page)?))
    };
    write("README.md")?;
    for folder in [BOOK.to_owned(), format!("{BOOK}errors/")] {
        for entry in fs::read_dir(&folder)? {
            if let Some(name) = entry?
                .file_name()
                .to_str()
                .filter(|name| Path::new(name).extension().is_some_and(|end| end == "md"))
            {
                write(&format!("{folder}{name}"))?;
            }
        }
    }
    Ok(())
}

/// The text of a page with other links.
fn linked(page: &str, text: &str) -> String {
    let ends = [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"')];
    ends.into_iter().fold(text.to_owned(), |text, (begin, end)| between(page, &text, begin, end))
}

/// The same of links that stand between two marks.
fn between(page: &str, text: &str, begin: &str, end: char) -> String {
    let mut parts = text.split(begin);
    let mut linked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        linked.push_str(begin);
        match part.split_once(end) {
            Some((link, rest)) if is_relative(link) => {
                linked += &target(page, link);
                linked.push(end);
                linked += rest;
            }
            _ => linked.push_str(part),
        }
    }
    linked
}

fn is_relative(link: &str) -> bool {
    !link.starts_with('#') && !link.contains("://") && !link.contains(['`', ' ', '\n'])
}

/// Where a link of a page leads in rustdoc.
fn target(page: &str, link: &str) -> String {
    let (path, anchor) = match link.find('#') {
        Some(at) => link.split_at(at),
        None => (link, ""),
    };
    let mut folders: Vec<&str> = page.split('/').collect();
    folders.pop();
    for part in path.split('/') {
        if part == ".." {
            folders.pop();
        } else {
            folders.push(part);
        }
    }
    let path = folders.join("/");
    match module(&path) {
        Some(module) => format!("{}{module}index.html{anchor}", "../".repeat(depth(page))),
        None if Path::new(&path).extension() == Some(OsStr::new("png")) => {
            format!("{REPOSITORY}/raw/main/{path}")
        }
        None => format!("{REPOSITORY}/blob/main/{path}{anchor}"),
    }
}

/// The folder of a page's module, below that of the crate.
fn module(page: &str) -> Option<String> {
    let name = page.strip_prefix(BOOK)?.strip_suffix(".md")?;
    let name = name.strip_suffix("README").map_or_else(|| format!("{name}/"), str::to_owned);
    Some(format!("book/{name}"))
}

fn depth(page: &str) -> usize {
    module(page).map_or(0, |module| module.matches('/').count())
}
