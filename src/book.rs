#![doc = include_str!(concat!(env!("OUT_DIR"), "/docs/book/README.md"))]

macro_rules! pages {
    ($($name:ident = $path:literal;)*) => {
        $(
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
        bootstraps, compiling, data, encrypted, files, input, language, overflow, quantized, scale, service,
        shape
    );
    pages!(tolerance, training, weights, wiring);
}
