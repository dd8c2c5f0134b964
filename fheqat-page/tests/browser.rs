//! Pages in Chromium: light, dark and on a phone.

#![allow(clippy::unwrap_used)]

mod shared;
#[path = "../../fheqat-service/tests/shared/tools.rs"]
mod tools;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use shared::{flowers, heights, squares};

/// Measures a page in a frame, and puts what it found in the place of the frame as JSON.
const MEASURE: &str = r#"<script>
addEventListener("load", () => {
  const say = text => text.length > 60 ? text.slice(0, 60) + "..." : text;
  const shown = box => [box.left, box.top, box.right, box.bottom].map(Math.round).join(" ");
  const outside = [], overlaps = [], pale = [];
  for (const svg of document.querySelectorAll("svg")) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].map(text => [text.textContent.trim(), text.getBoundingClientRect()]);
    texts.forEach(([text, box], index) => {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        outside.push(say(text) + " " + shown(box) + " of " + shown(frame));
      for (const [other, against] of texts.slice(0, index)) {
        const across = Math.min(box.right, against.right) - Math.max(box.left, against.left);
        // Boxes of text are taller than its letters.
        const down = Math.min(box.bottom, against.bottom) - Math.max(box.top, against.top) - 0.35 * Math.min(box.height, against.height);
        if (across > 1 && down > 0) overlaps.push(say(text) + " over " + say(other) + " in " + svg.querySelector("title").textContent);
      }
    });
  }
  const scrolls = element => element.closest(".wide, nav");
  const wide = [...document.querySelectorAll("body *")].filter(element => !scrolls(element) && !element.closest("svg")
    && element.getBoundingClientRect().right > innerWidth + 1).map(element => element.tagName + " " + say(element.textContent.trim()));
  const light = colour => colour.match(/[\d.]+/g).slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const card = light(getComputedStyle(document.querySelector(".card, figure, .wide")).backgroundColor);
  for (const text of document.querySelectorAll("svg text")) {
    const own = light(getComputedStyle(text).fill);
    const contrast = (Math.max(own, card) + 0.05) / (Math.min(own, card) + 0.05);
    if (contrast < 4.5) pale.push(say(text.textContent) + " " + contrast.toFixed(2));
  }
  const small = Math.min(...[...document.querySelectorAll("svg text")].map(text => {
    const svg = text.ownerSVGElement;
    return parseFloat(getComputedStyle(text).fontSize) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  }));
  const found = { width: innerWidth, page: document.documentElement.scrollWidth, dark: matchMedia("(prefers-color-scheme: dark)").matches,
    ground: getComputedStyle(document.body).backgroundColor, texts: document.querySelectorAll("svg text").length, small, outside, overlaps, wide, pale };
  const place = document.createElement("pre");
  place.textContent = "FOUND" + JSON.stringify(found) + "END";
  parent.document.body.replaceChildren(place);
});
</script>"#;

fn chromium(browser: &Path, folder: &Path, options: &[&str], page: &Path) -> Output {
    Command::new(browser)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ])
        .args([
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--virtual-time-budget=2000",
            "--timeout=20000",
        ])
        .arg(format!("--user-data-dir={}", folder.join("browser").display()))
        .args(options)
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap()
}

/// A page in a frame of some width: windows have a least width, frames have none.
fn framed(html: &str, width: u32) -> String {
    let escaped = html.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\"><style>body {{ margin: 0 }} iframe {{ border: 0; \
         display: block; width: {width}px; height: 1200px }}</style><body><iframe srcdoc=\"{escaped}\"></iframe></body>"
    )
}

/// What a browser finds of a page in a window of some width.
fn measured(browser: &Path, folder: &Path, html: &str, width: u32, options: &[&str]) -> Value {
    // The page itself runs no script: its policy forbids any.
    let policy = html.find("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
    let end = policy + html[policy..].find('\n').unwrap();
    let page = folder.join("measured.html");
    fs::write(&page, framed(&format!("{}{MEASURE}{}", &html[..policy], &html[end..]), width)).unwrap();
    let output = chromium(browser, folder, &[&["--dump-dom"], options].concat(), &page);
    let dom = String::from_utf8(output.stdout).unwrap();
    let found =
        dom.split_once("<pre>FOUND").and_then(|(_, rest)| rest.split_once("END")).map(|(found, _)| found);
    let found = found.unwrap_or_else(|| panic!("the page was not measured: {dom:.2000}"));
    serde_json::from_str(&found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).unwrap()
}

#[test]
fn pages_fit_every_window_in_both_themes() {
    let Some(browser) = tools::tool(&["chromium", "chromium-browser", "google-chrome"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    for net in [squares(), flowers(), heights()] {
        let html = shared::page(net).to_html().unwrap();
        for (width, options, is_dark) in [
            (1280, &[][..], false),
            (1280, &["--force-dark-mode"], true),
            (390, &[], false),
            (320, &[], false),
        ] {
            let found = measured(&browser, folder.path(), &html, width, options);
            let at = format!("{} at {width}, dark {is_dark}: {found:#}", net.compiled.circuit().name);
            assert_eq!((&found["width"], &found["dark"]), (&width.into(), &is_dark.into()), "{at}");
            assert_eq!(found["page"], width, "nothing to scroll to the right: {at}");
            for list in ["outside", "overlaps", "wide", "pale"] {
                assert_eq!(found[list], Value::Array(Vec::new()), "{list}: {at}");
            }
            assert!(found["texts"].as_u64().unwrap() > 40, "{at}");
            assert!(found["small"].as_f64().unwrap() >= if width < 350 { 8.0 } else { 10.0 }, "{at}");
        }
    }
}

#[test]
fn browsers_have_nothing_to_complain_of() {
    let Some(browser) = tools::tool(&["chromium", "chromium-browser", "google-chrome"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    for net in [squares(), flowers(), heights()] {
        let path = folder.path().join("report.html");
        shared::page(net).save(&path).unwrap();
        let output = chromium(&browser, folder.path(), &["--dump-dom"], &path);
        let (dom, said) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(!said.contains("CONSOLE"), "{said}");
        assert!(dom.contains("runs no script"), "{dom:.2000}");
    }
}

/// The pictures in the documentation: `FHEQAT_PICTURE=$PWD/docs cargo test -p fheqat-page --test browser pictures`.
#[test]
fn pictures_are_taken_where_they_are_asked_for() {
    let Some(to) = std::env::var_os("FHEQAT_PICTURE").map(PathBuf::from) else { return };
    let Some(browser) = tools::tool(&["chromium", "chromium-browser", "google-chrome"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    shared::page(squares()).save(&page).unwrap();
    for (theme, options) in [("light", &[][..]), ("dark", &["--force-dark-mode"])] {
        let picture = format!("--screenshot={}", to.join(format!("report-{theme}.png")).display());
        let options = [&[picture.as_str(), "--window-size=1000,1060"], options].concat();
        chromium(&browser, folder.path(), &options, &page);
    }
}
