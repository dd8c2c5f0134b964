//! What a page has, by what it is made of.

#![allow(clippy::unwrap_used)]

mod shared;

use std::collections::{BTreeMap, BTreeSet};

use fheqat::{
    circuit::{Circuit, Task},
    data::{Feature, FeatureKind},
    ndarray::Array2,
    page::{Facts, Page},
    prelude::*,
    quant::{ChannelCode, Code},
};
use shared::{Trained, flowers, heights, squares};

/// A page of everything that is known of a network.
fn whole(net: &Trained) -> String {
    shared::page(net).to_html().unwrap()
}

/// The text between two marks, each time they stand.
fn between<'a>(html: &'a str, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a str> {
    html.split(from).skip(1).map(move |rest| rest.split(to).next().unwrap_or_default())
}

/// Tags of a page, with how often each stands, and the names of attributes.
fn tags(html: &str) -> (BTreeMap<String, usize>, BTreeSet<String>) {
    let (mut tags, mut attributes) = (BTreeMap::new(), BTreeSet::new());
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '-';
    for (at, _) in html.match_indices('<') {
        let rest = &html[at + 1..];
        let name: String = rest.chars().take_while(|character| is_name(*character)).collect();
        if name.is_empty() {
            continue;
        }
        *tags.entry(name).or_default() += 1;
        let tag = &rest[..rest.find('>').unwrap()];
        attributes.extend(tag.split('"').step_by(2).filter_map(|part| {
            part.trim_end().strip_suffix('=').map(|part| part.rsplit(' ').next().unwrap().to_owned())
        }));
    }
    (tags, attributes)
}

/// What is left of a page without numbers: its parts, figures and tables.
fn outline(html: &str) -> String {
    let body = html.split_once("<main>").unwrap().1;
    let mut lines = Vec::new();
    for part in body.split("<section").skip(1) {
        lines.push(format!("# {}", between(part, "<h2>", "</h2>").next().unwrap()));
        lines.extend(
            between(part, "<figcaption>", "</figcaption>").map(|caption| format!("figure: {caption}")),
        );
        for table in between(part, "<table", "</table>") {
            let caption = between(table, "<caption>", "</caption>").next().unwrap();
            let columns: Vec<&str> = between(table, "<thead>", "</thead>")
                .flat_map(|head| between(head, "<th", "</th>"))
                .map(|cell| cell.split_once('>').unwrap().1)
                .collect();
            let rows = table.split("<tbody>").last().unwrap().matches("<tr>").count();
            lines.push(format!("table: {caption}: {} ({rows} rows)", columns.join(" | ")));
        }
    }
    lines.join("\n")
}

#[test]
fn a_page_of_two_classes_has_every_part() {
    insta::assert_snapshot!(outline(&whole(squares())));
}

#[test]
fn a_page_of_a_table_with_a_search_has_encodings_and_trials() {
    insta::assert_snapshot!(outline(&whole(flowers())));
}

#[test]
fn a_page_of_numbers_has_residuals() {
    insta::assert_snapshot!(outline(&whole(heights())));
}

#[test]
fn parts_that_are_not_known_are_left_out() {
    let net = squares();
    let report = net.compiled.report();
    let (client, server) = (net.compiled.client(), net.compiled.server());
    let parts = |page: Page<'_>| -> Vec<String> {
        let html = page.to_html().unwrap();
        let ids = between(&html, "<section id=\"", "\"").map(str::to_owned).collect();
        let links: Vec<&str> = between(&html, "<a href=\"#", "\"").collect();
        assert_eq!(links, ids, "each part has a link, in their order");
        ids
    };
    let new = || Page::new("some");
    assert_eq!(parts(new()), [""; 0]);
    assert_eq!(parts(new().report(&report)), ["network", "layers", "noise", "sizes"]);
    assert_eq!(parts(new().circuit(net.compiled.circuit())), ["network", "layers", "region", "encodings"]);
    assert_eq!(parts(new().client(&client)), ["encodings", "sizes"]);
    assert_eq!(parts(new().server(&server)), ["sizes"]);
    assert_eq!(parts(new().history(&net.history)), ["training"]);
    assert_eq!(parts(new().data(&net.test, "nothing to run them on")), [""; 0]);
    assert_eq!(parts(new().file(Facts { name: "file".into(), facts: Vec::new() })), ["files"]);
}

#[test]
fn connections_that_skip_layers_are_drawn() {
    let html = whole(squares());
    let words = between(&html, "<desc id=\"network-drawing-d\">", "</desc>").next().unwrap();
    assert!(words.starts_with("the client encodes: quant_inp, then fc1 \u{2192} relu1, then"), "{words}");
    assert!(words.ends_with("fc1 \u{2192} relu1 is read by fc3 \u{2192} the client decrypts"), "{words}");
}

#[test]
fn measured_results_are_counted() {
    let net = squares();
    let circuit = net.compiled.circuit();
    let clear: Vec<Logits> =
        net.test.samples().take(5).map(|sample| circuit.simulate(&sample).unwrap()).collect();
    let said = |decrypted: &[Logits]| shared::page(net).measured(decrypted, &clear).to_html().unwrap();
    assert!(said(&clear).contains("Measured on 5 encrypted results with 10 sums: none differs"));
    let mut wrong = clear.clone();
    wrong[3].accumulators[1] += 2;
    assert!(
        said(&wrong)
            .contains("1 differ from the circuit on plain integers, though they are promised to be exact")
    );
    assert!(!said(&[]).contains("Measured"));
}

#[test]
fn the_same_parts_give_the_same_bytes() {
    for net in [squares(), flowers(), heights()] {
        assert_eq!(whole(net), whole(net));
    }
}

#[test]
fn pages_are_self_contained_and_figures_have_words() {
    for net in [squares(), flowers(), heights()] {
        let html = whole(net);
        assert!(!html.contains("url(") && !html.contains("@import") && !html.contains("src="));
        assert!(between(&html, "href=\"", "\"").all(|link| link.starts_with('#') || link == "data:,"));
        let ids: Vec<&str> = between(&html, " id=\"", "\"").collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
        for figure in between(&html, "<svg ", "</svg>") {
            let (head, inner) = figure.split_once('>').unwrap();
            if head.contains("aria-hidden=\"true\"") {
                continue;
            }
            let names = between(head, "aria-labelledby=\"", "\"").next().unwrap();
            for name in names.split(' ') {
                assert!(inner.contains(&format!("id=\"{name}\">")), "{head}");
            }
            assert!(between(inner, "<title", "</title>").all(|title| title.len() > 16), "{head}");
        }
        assert!(
            !html.contains("NaN") && !html.contains(">inf") && !html.contains(" inf<"),
            "numbers that are none are named in words"
        );
    }
}

/// Names that would be markup, in every place that a file can fill.
fn hostile(circuit: &Circuit) -> Circuit {
    const NAME: &str = "</td></svg></style><script>alert('1')</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}\u{0}\u{202e}";
    let mut circuit = circuit.clone();
    let name = |index: usize| format!("{index}{NAME}");
    NAME.clone_into(&mut circuit.name);
    for (index, field) in circuit.fields.iter_mut().enumerate() {
        let old = std::mem::replace(&mut field.name, name(index));
        field.kind += NAME;
        for layer in &mut circuit.graph.layers {
            for place in [&mut layer.name, &mut layer.reads] {
                if *place == old {
                    *place = name(index);
                }
            }
        }
    }
    for (index, feature) in circuit.codec.described.iter_mut().enumerate() {
        feature.name = name(index);
    }
    let classes = circuit.codec.task.names().len();
    if classes > 0 {
        circuit.codec.task = Task::Classes((0..classes).map(name).collect::<Vec<_>>().into());
    }
    circuit
}

#[test]
fn names_are_text_whatever_they_are() {
    for net in [squares(), flowers(), heights()] {
        let circuit = hostile(net.compiled.circuit());
        let names = circuit.codec.task.names().to_vec();
        let described = circuit.codec.described.clone();
        let test = net.test.clone().with_features(described).unwrap();
        let test = if names.is_empty() { test } else { test.with_class_names(names).unwrap() };
        let compiled = circuit.compile(&CompileOptions::default()).unwrap();
        let mut history = net.history.clone();
        history.warning = Some(circuit.name.clone());
        let facts = vec![(circuit.name.clone(), vec![circuit.name.clone()])];
        let html = Page::new(&circuit.name)
            .compiled(&compiled)
            .history(&history)
            .data(&test, &circuit.name)
            .file(Facts { name: circuit.name.clone(), facts })
            .to_html()
            .unwrap();
        let (usual, found) = (tags(&whole(net)), tags(&html));
        let names = |of: &BTreeMap<String, usize>| of.keys().cloned().collect::<BTreeSet<_>>();
        let mut expected = names(&usual.0);
        // Of the part with files.
        expected.extend(["h3"].map(str::to_owned));
        assert!(names(&found.0).is_subset(&expected), "{:?}", found.0);
        assert!(found.1.is_subset(&usual.1), "{:?}", found.1);
        assert!(!html.contains(['\u{0}', '\u{202e}']) && html.contains("&#60;script&#62;"), "shown as text");
    }
}

#[test]
fn extreme_reports_have_a_page() {
    let mut report = squares().compiled.report();
    report.core_seconds.0 = f64::NAN;
    report.p_fail.0 = f64::NEG_INFINITY;
    for layer in &mut report.encrypted {
        layer.core_seconds.0 = f64::INFINITY;
        layer.slots = 0;
        layer.extension = u32::MAX;
    }
    for layer in &mut report.circuit.layers {
        layer.shape = vec![i64::MAX, i64::MAX];
        if let Some(sums) = &mut layer.accumulator {
            sums.bound = fheqat::spec::Range::new(i64::MIN, i64::MAX);
        }
    }
    let mut history = squares().history.clone();
    history.kept = 999;
    for (index, epoch) in history.epochs.iter_mut().enumerate() {
        epoch.train_loss = [f64::NAN, f64::INFINITY, 1e308, -1e308][index % 4];
        epoch.nonzero = usize::MAX;
    }
    let html = Page::new("").report(&report).history(&history).to_html().unwrap();
    assert!(html.contains("Loss by epoch"));
}

#[test]
fn data_that_does_not_fit_is_refused() {
    let net = squares();
    let data = Dataset::classes(Array2::zeros((2, 3)), vec![0, 1], 2).unwrap();
    let error = Page::new("").circuit(net.compiled.circuit()).data(&data, "others").to_html().unwrap_err();
    assert!(error.to_string().starts_with("samples have 3 features, but the network takes 2"), "{error}");
}

/// What the page says of encodings is what the client does.
#[test]
fn thresholds_are_where_levels_change() {
    let circuit = flowers().compiled.circuit();
    let Code::Thermometer(code) = &circuit.codec.encoders[0].code else { panic!("flowers are bits") };
    let ChannelCode::Quantity { thresholds, .. } = &code.channels()[0] else { panic!("a number") };
    let html = whole(flowers());
    let part = between(&html, "<section id=\"encodings\">", "</section>").next().unwrap();
    let first: Vec<&str> = between(part, "</svg>", "</td>").next().unwrap().split(", ").collect();
    let used: Vec<f64> = thresholds.iter().filter(|t| **t < f32::MAX).map(|t| f64::from(*t)).collect();
    assert_eq!(first.len(), used.len());
    assert!(matches!(circuit.codec.described[0], Feature { kind: FeatureKind::Number, .. }));
}

/// Two encoders, of which each is read by a layer of its own.
#[quant_net(bits = 2, max_l1 = 6)]
struct Twice {
    bits: Thermometer<3>,
    #[layer(from = bits)]
    fc1: QuantLinear<6, 4>,
    relu1: QuantReLU,
    #[layer(from = input)]
    levels: QuantIdentity,
    fc2: QuantLinear<2, 4>,
    #[layer(scale_from = relu1)]
    relu2: QuantReLU,
    #[layer(from = [relu1, relu2])]
    both: Concat,
    fc3: QuantLinear<8, 2>,
}

#[test]
fn each_layer_is_drawn_beside_the_encoder_that_it_reads() {
    let mut net = Twice::new(Seed(0));
    net.train(&squares().test, &TrainConfig { epochs: Some(10), ..TrainConfig::declared() }).unwrap();
    let html = Page::new("Twice").circuit(&net.circuit().unwrap()).to_html().unwrap();
    let words = between(&html, "<desc id=\"network-drawing-d\">", "</desc>").next().unwrap();
    let (boxes, skips) = words.split_once(". ").unwrap();
    assert_eq!(
        boxes.split(", then ").collect::<Vec<_>>(),
        [
            "the client encodes: bits",
            "the client encodes: levels",
            "fc1 \u{2192} relu1",
            "fc2 \u{2192} relu2",
            "fc3 \u{2192} the client decrypts"
        ]
    );
    assert_eq!(
        skips.split("; ").collect::<Vec<_>>(),
        [
            "the client encodes: bits is read by fc1 \u{2192} relu1",
            "the client encodes: levels is read by fc2 \u{2192} relu2",
            "fc1 \u{2192} relu1 is read by fc3 \u{2192} the client decrypts",
        ]
    );
}
