//! `key = value, ...`: the list, and the tables of what it may hold.

use fheqat_spec::closest;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Expr, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    parse_quote_spanned,
};

use super::kind::Kind;
use crate::diag::{Ctxt, Message, list};

/// One `key = value`.
pub(crate) struct Opt {
    pub(crate) key: Ident,
    pub(crate) value: Expr,
}

/// What could be read of a list, and the keys of what could not; empty where there was none.
#[derive(Default)]
pub(crate) struct Split {
    pub(crate) read: Vec<Opt>,
    pub(crate) unread: Vec<String>,
}

/// The tokens of an option, for errors that are found later.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) name: String,
    pub(crate) key: TokenStream,
    pub(crate) value: TokenStream,
}

impl Given {
    pub(crate) fn new(name: &str, option: &Opt) -> Self {
        let (key, value) = (option.key.to_token_stream(), option.value.to_token_stream());
        Self { name: name.to_owned(), key, value }
    }
}

/// What the tables of options know about one: its name, and the layers it applies to.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) on: &'static [Kind],
}

/// Names that other libraries use.
const ALIASES: &[(&str, &str)] = &[
    ("bit_width", "bits"),
    ("n_bits", "bits"),
    ("weight_bit_width", "weight_bits"),
    ("activation_bits", "act_bits"),
    ("accumulator_bits", "acc_bits"),
    ("nonzero", "max_nonzero"),
    ("input_shape", "input"),
];

/// Options that are `true` where they stand alone.
const FLAGS: [&str; 4] = ["client", "narrow_range", "per_channel", "signed"];

/// A table of options: one line for each is all that reading it takes. Without `on`, it applies to every layer.
macro_rules! options {
    ($(#[$doc:meta])* $table:ident { $($text:literal => $field:ident: $ty:ty = $read:expr $(, on $kinds:expr)?;)* }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(crate) struct $table {
            $(pub(crate) $field: Option<$ty>,)*
            /// Options that were given or meant, as far as their errors tell.
            pub(crate) meant: Vec<String>,
            /// The tokens of the options that were given.
            pub(crate) given: Vec<$crate::parse::option::Given>,
        }

        impl $table {
            /// Every option.
            pub(crate) const RULES: &[$crate::parse::option::Rule] =
                &[$($crate::parse::option::Rule {
                    name: $text,
                    on: [$($kinds,)? $crate::parse::kind::Kind::ALL][0],
                }),*];

            /// Reads the value of the option called `name`.
            pub(crate) fn set(
                &mut self,
                reader: &mut $crate::parse::number::Reader<'_>,
                name: &str,
                option: &$crate::parse::option::Opt,
            ) {
                self.given.push($crate::parse::option::Given::new(name, option));
                match name {
                    $($text => self.$field = ($read)(reader, option).into(),)*
                    _ => {}
                }
            }
        }
    };
}
pub(crate) use options;

/// Splits `key = value, ...` and goes on behind what it cannot read.
pub(crate) fn split(ctxt: &Ctxt, tokens: TokenStream) -> Split {
    let parser = |input: ParseStream<'_>| {
        let mut options = Split::default();
        while !input.is_empty() {
            let key = input.fork().call(Ident::parse_any);
            match one(input) {
                Ok(option) => options.read.push(option),
                Err(error) => {
                    ctxt.push(error);
                    options.unread.push(key.map_or_else(|_| String::new(), |key| key.to_string()));
                    skip_to_comma(input)?;
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    };
    parser.parse2(tokens).unwrap_or_else(|error| {
        ctxt.push(error);
        Split::default()
    })
}

fn one(input: ParseStream<'_>) -> syn::Result<Opt> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error("expected an option: `key = value`"));
    }
    let key = input.call(Ident::parse_any)?;
    if !input.peek(Token![=]) && !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error(
            Message::new(format!("expected `=` behind `{key}`")).help(format!("write `{key} = ...`")),
        ));
    }
    let equals: Option<Token![=]> = input.parse()?;
    if equals.is_none() && FLAGS.contains(&key.unraw().to_string().as_str()) {
        let value = parse_quote_spanned!(key.span()=> true);
        return Ok(Opt { key, value });
    }
    if equals.is_none() || input.is_empty() || input.peek(Token![,]) {
        return Err(syn::Error::new(
            key.span(),
            Message::new(format!("`{key}` has no value")).help(format!("write `{key} = ...`")),
        ));
    }
    let value = input.parse()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(Opt { key, value });
    }
    Err(input.error(
        Message::new(format!("expected `,` behind the value of `{key}`"))
            .help("put braces around an expression: `{ A + 1 }`"),
    ))
}

fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// Refuses an unknown option, or one that belongs elsewhere; returns the one that was meant.
pub(crate) fn unknown(
    ctxt: &Ctxt,
    attribute: &str,
    key: &Ident,
    rules: &[Rule],
    elsewhere: Option<String>,
) -> Option<String> {
    let typed = key.unraw().to_string();
    let message = Message::new(format!("unknown `{attribute}` option `{typed}`"));
    let known = |name: &&str| rules.iter().any(|rule| rule.name == *name);
    let alias = ALIASES.iter().find(|(alias, _)| *alias == typed).map(|(_, name)| *name).filter(known);
    let near = alias.or_else(|| closest(&typed, rules.iter().map(|rule| rule.name)));
    let help = match (elsewhere, near) {
        (Some(place), _) => place,
        (None, Some(name)) => format!("did you mean `{name}`?"),
        (None, None) => format!("the options are {}", list(rules.iter().map(|rule| rule.name), "and")),
    };
    ctxt.error(key, message.help(help));
    near.map(str::to_owned)
}

/// Whether `key` was there already; then it is refused.
pub(crate) fn is_repeated(ctxt: &Ctxt, seen: &mut Vec<String>, key: &Ident) -> bool {
    let name = key.unraw().to_string();
    if seen.contains(&name) {
        ctxt.error(key, Message::new(format!("`{name}` is given twice")).help("keep one of the two"));
        return true;
    }
    seen.push(name);
    false
}
