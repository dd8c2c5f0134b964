//! The page at `/`, in Chromium.

use std::{path::PathBuf, process::Command};

use crate::{
    process::{Place, sha256},
    tools::tool,
    world,
};

fn browser() -> Option<PathBuf> {
    tool(&["chromium", "chromium-browser", "google-chrome"])
}

fn visit(browser: &PathBuf, place: &Place, url: &str, options: &[&str]) -> String {
    let output = Command::new(browser)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ])
        .arg(format!("--user-data-dir={}", place.file("browser").display()))
        .args(["--virtual-time-budget=4000", "--timeout=20000"])
        .args(options)
        .arg(url)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_models_and_what_ran() {
    let Some(browser) = browser() else { return };
    let place = Place::new();
    let report = serde_json::to_vec(&world::deep().compiled.report()).unwrap();
    std::fs::write(place.models().join("deep/1.report.json"), report).unwrap();
    std::fs::create_dir(place.models().join("<b>broken")).unwrap();
    std::fs::write(place.models().join("<b>broken/3.server"), "rubbish").unwrap();
    let server = place.start(&[]);
    let asker = server.asker();
    let owner = world::deep().owner(1);
    asker.register(&owner.evaluation).await;
    let job = asker.accepted(world::deep().inputs(&owner, 3)).await;
    asker.results(&job).await;

    let dom = visit(&browser, &place, &server.url, &["--dump-dom"]);
    for text in ["ready", "deep", "linear", "relu1", "3 samples in five minutes", "this process"] {
        assert!(dom.contains(text), "the page lacks `{text}`: {dom}");
    }
    assert!(dom.contains("&lt;b&gt;broken version 3"), "names are shown as text: {dom}");
    assert!(!dom.contains(&sha256(&owner.evaluation)), "nothing of one client is shown");

    // The picture in docs/service.md: `FHEQAT_PICTURE=$PWD/docs/page.png cargo test -p fheqat-service --test serve page`.
    if let Some(path) = std::env::var_os("FHEQAT_PICTURE") {
        std::fs::remove_dir_all(place.models().join("<b>broken")).unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(4)).await;
        let option = format!("--screenshot={}", path.to_str().unwrap());
        visit(&browser, &place, &server.url, &[&option, "--window-size=1000,1420"]);
    }

    let picture = place.file("page.png");
    let option = format!("--screenshot={}", picture.display());
    visit(&browser, &place, &server.url, &[&option, "--window-size=390,1400", "--force-dark-mode"]);
    let picture = std::fs::read(picture).unwrap();
    assert_eq!(picture[16..24], [0, 0, 1, 0x86, 0, 0, 5, 0x78], "390 by 1400 points");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_asks_for_a_token() {
    let Some(browser) = browser() else { return };
    let place = Place::new();
    let tokens = place.file("tokens");
    std::fs::write(&tokens, format!("somebody = \"{}\"\n", sha256(b"word"))).unwrap();
    let server = place.start(&["--tokens", tokens.to_str().unwrap()]);
    let dom = visit(&browser, &place, &server.url, &["--dump-dom"]);
    assert!(dom.contains("a token is needed"), "{dom}");
    assert!(!dom.contains("deep"), "{dom}");
}
