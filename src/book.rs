#![doc = include_str!(concat!(env!("OUT_DIR"), "/docs/book/README.md"))]

macro_rules! pages {
    ($($(#[$cfg:meta])? $name:ident = $path:literal;)*) => {
        $(
            $(#[$cfg])?
            #[doc = include_str!(concat!(env!("OUT_DIR"), "/docs/book/", $path))]
            pub mod $name {}
        )*
    };
}

pages! {
    start = "start.md";
    guide = "guide.md";
    language = "language.md";
    choosing = "choosing.md";
    training = "training.md";
    tables = "tables.md";
    prices = "prices.md";
    deployment = "deployment.md";
    pytorch = "pytorch.md";
    importing = "importing.md";
    layers = "layers.md";
    // Its example needs the feature.
    #[cfg(any(feature = "page", not(doctest)))]
    report = "report.md";
    examples = "examples.md";
    troubleshooting = "troubleshooting.md";
}

#[doc = include_str!(concat!(env!("OUT_DIR"), "/docs/book/errors/README.md"))]
pub mod errors {
    macro_rules! pages {
        ($($name:ident),*) => {
            $(
                #[doc = include_str!(concat!(env!("OUT_DIR"), "/docs/book/errors/", stringify!($name), ".md"))]
                pub mod $name {}
            )*
        };
    }

    pages!(
        bootstraps, compiling, data, encrypted, files, importing, input, language, overflow, quantized,
        scale, service, shape
    );
    pages!(tolerance, training, weights, wiring);
}
