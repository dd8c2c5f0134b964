//! `key = value, ...`: the list, and the kinds of value.

use fheqat_spec::{
    Bias, Known,
    limits::{self, Limit, MAX_RANK},
};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{
    Expr, ExprUnary, Lit, Path, Token, UnOp,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    spanned::Spanned,
};

use super::layer::Kind;
use crate::{
    diag::{Ctxt, Message, list},
    suggest::closest,
};

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

/// A table of options: one line for each is all that reading it takes.
macro_rules! options {
    ($(#[$doc:meta])* $table:ident { $($text:literal => $field:ident: $ty:ty = $read:expr, on $kinds:expr;)* }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(crate) struct $table {
            $(pub(crate) $field: Option<$ty>,)*
            /// Options that were meant, as far as their errors tell.
            pub(crate) meant: Vec<String>,
        }

        impl $table {
            /// Every option.
            pub(crate) const RULES: &[$crate::parse::option::Rule] =
                &[$($crate::parse::option::Rule { name: $text, on: $kinds }),*];

            /// Reads the value of the option called `name`.
            pub(crate) fn set(
                &mut self,
                reader: &mut $crate::parse::option::Reader<'_>,
                name: &str,
                option: &$crate::parse::option::Opt,
            ) {
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

/// A number as the macro knows it, and as the emitted code reads it.
#[derive(Clone)]
pub(crate) struct Amount<T> {
    /// Its value, unless only const evaluation can tell or its limit refused it.
    pub(crate) known: Known<T>,
    /// An expression of type `Known<T>`.
    pub(crate) tokens: TokenStream,
    /// As the user wrote it.
    pub(crate) text: String,
}

impl<T: ToTokens + Copy + ToString> Amount<T> {
    /// A number that is known.
    pub(crate) fn now(value: T) -> Self {
        Self {
            known: Known::Now(value),
            tokens: quote!(__fheqat::spec::Known::Now(#value)),
            text: value.to_string(),
        }
    }
}

impl<T> Amount<T> {
    /// A number that was refused.
    pub(crate) fn refused() -> Self {
        Self { known: Known::Later, tokens: quote!(__fheqat::spec::Known::Later), text: "_".to_owned() }
    }
}

/// A number that const evaluation reads: admitted once, whatever uses it.
pub(crate) struct Constant {
    /// The name of the emitted constant.
    pub(crate) name: Ident,
    /// Its type in `fheqat_spec::limits`.
    pub(crate) ty: Ident,
    /// Its value.
    pub(crate) value: TokenStream,
    /// The tokens to blame when it is refused.
    pub(crate) blame: TokenStream,
}

/// Reads values, and keeps the numbers that only const evaluation can read.
pub(crate) struct Reader<'a> {
    pub(crate) ctxt: &'a Ctxt,
    /// The struct.
    pub(crate) net: Ident,
    /// The field that is being read.
    pub(crate) field: Option<Ident>,
    pub(crate) constants: Vec<Constant>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(ctxt: &'a Ctxt, net: Ident) -> Self {
        Self { ctxt, net, field: None, constants: Vec::new() }
    }

    fn constant<T>(&mut self, ty: &str, member: &str, value: TokenStream, blame: impl ToTokens) -> Amount<T> {
        let name = format_ident!("__FHEQAT_{}", self.constants.len());
        let member = format_ident!("{member}");
        let blame = blame.to_token_stream();
        let text = source_text(&blame);
        let tokens = quote!(#name.#member);
        self.constants.push(Constant { name, ty: format_ident!("{ty}"), value, blame });
        Amount { known: Known::Later, tokens, text }
    }

    /// A number in `limit`, given by an option.
    pub(crate) fn count(&mut self, limit: Limit, name: &str, value: &Expr) -> Amount<i64> {
        match number(value) {
            Number::Integer(integer) => self.admit(limit, integer, value).unwrap_or_else(Amount::refused),
            Number::Constant => {
                let expr = foreign(value);
                let value_tokens = admission(limit, &quote!(__fheqat::spec::limits::integer(#expr) as i128));
                self.constant("Admitted", "number", value_tokens, value)
            }
            Number::Float | Number::Other => {
                let message = Message::new(format!("`{name}` takes an integer"));
                self.ctxt.error(value, message.help(number_help(name, value)));
                Amount::refused()
            }
        }
    }

    /// A number in `limit`, given by a const generic.
    pub(crate) fn parameter(&mut self, limit: Limit, index: usize, argument: impl ToTokens) -> Amount<i64> {
        let (net, field) = (&self.net, &self.field);
        let value = quote!(__fheqat::dimension(|__fheqat_net: &#net| &__fheqat_net.#field, #index));
        let value = admission(limit, &value);
        self.constant("Admitted", "number", value, argument)
    }

    /// A literal that the limit admits; `None` after an error.
    pub(crate) fn admit(&mut self, limit: Limit, integer: i128, blame: impl ToTokens) -> Option<Amount<i64>> {
        let admitted = limit.admit(integer);
        if let Some(issue) = admitted.issue {
            self.ctxt.error(blame, issue);
        }
        admitted.number.get().map(Amount::now)
    }
}

fn admission(limit: Limit, value: &TokenStream) -> TokenStream {
    let Limit { name, least, most } = limit;
    quote! {
        __fheqat::spec::limits::Limit { name: #name, least: #least, most: #most }.admit(#value)
    }
}

/// What an expression is, as far as tokens tell.
pub(crate) enum Number {
    /// An integer literal.
    Integer(i128),
    /// A literal with a decimal point.
    Float,
    /// A path or a block.
    Constant,
    /// Something else.
    Other,
}

/// Classifies an expression.
pub(crate) fn number(value: &Expr) -> Number {
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(integer) => {
                integer.base10_digits().parse().map_or(Number::Integer(i128::MAX), Number::Integer)
            }
            Lit::Float(_) => Number::Float,
            _ => Number::Other,
        },
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match number(expr) {
            Number::Integer(integer) => Number::Integer(-integer),
            Number::Float => Number::Float,
            _ => Number::Other,
        },
        Expr::Path(_) | Expr::Block(_) => Number::Constant,
        Expr::Group(group) => number(&group.expr),
        Expr::Paren(paren) => number(&paren.expr),
        _ => Number::Other,
    }
}

/// The user's expression, whose braces no lint takes for the user's own code.
fn foreign(value: &Expr) -> TokenStream {
    let Expr::Block(block) = value else {
        return value.to_token_stream();
    };
    let statements = &block.block.stmts;
    let mut braces = Group::new(Delimiter::Brace, quote!(#(#statements)*));
    braces.set_span(Span::mixed_site().located_at(value.span()));
    braces.into_token_stream()
}

/// Tokens as one would write them.
pub(crate) fn source_text(tokens: &TokenStream) -> String {
    tokens.to_string().replace(" :: ", "::").replace(":: ", "::")
}

fn number_help(name: &str, value: &Expr) -> String {
    match value {
        Expr::Lit(_) | Expr::Unary(_) => {
            format!("write `{name} = 3`, the path of a constant, or a `{{ block }}`")
        }
        _ => format!(
            "put braces around an expression: `{name} = {{ {} }}`",
            source_text(&value.to_token_stream())
        ),
    }
}

/// An option whose value is a number in `limit`.
pub(crate) fn count(limit: Limit) -> impl Fn(&mut Reader<'_>, &Opt) -> Amount<i64> {
    move |reader, option| reader.count(limit, limit.name, &option.value)
}

/// An option whose value is a shape.
pub(crate) fn shape(reader: &mut Reader<'_>, option: &Opt) -> Option<Vec<Amount<i64>>> {
    let key = &option.key;
    let Expr::Array(array) = &option.value else {
        let message = Message::new(format!("`{key}` takes a shape"));
        reader.ctxt.error(&option.value, message.help(format!("write `{key} = [64]`")));
        return None;
    };
    if array.elems.is_empty() || array.elems.len() > MAX_RANK {
        let message = Message::new(format!(
            "`{key}` has {} dimensions, but a shape has 1..={MAX_RANK}",
            array.elems.len()
        ));
        reader.ctxt.error(&option.value, message.help(format!("write `{key} = [64]`")));
        return None;
    }
    Some(array.elems.iter().map(|dim| reader.count(limits::INPUT, "input", dim)).collect())
}

/// An option that is `true` or `false`.
pub(crate) fn flag(reader: &mut Reader<'_>, option: &Opt) -> Option<bool> {
    if let Expr::Lit(literal) = ungroup(&option.value)
        && let Lit::Bool(flag) = &literal.lit
    {
        return Some(flag.value);
    }
    let key = &option.key;
    let message = Message::new(format!("`{key}` takes `true` or `false`, as a literal"));
    reader.ctxt.error(&option.value, message.help(format!("write `{key} = true` or `{key} = false`")));
    None
}

/// `crate = path`.
pub(crate) fn path(reader: &mut Reader<'_>, option: &Opt) -> Option<Path> {
    if let Expr::Path(path) = ungroup(&option.value) {
        return Some(path.path.clone());
    }
    let message = Message::new("`crate` takes the path where fheqat lives");
    reader.ctxt.error(&option.value, message.help("write `crate = ::fheqat`"));
    None
}

/// `scale = 0.25`.
pub(crate) fn step(reader: &mut Reader<'_>, option: &Opt) -> Amount<f64> {
    let value = &option.value;
    match number(value) {
        Number::Integer(_) | Number::Float => {
            let text = value.to_token_stream().to_string().replace([' ', '_'], "");
            let digits = text.trim_end_matches("f32").trim_end_matches("f64");
            let admitted = limits::admit_scale(digits.parse().unwrap_or(f64::NAN));
            if let Some(issue) = admitted.issue {
                reader.ctxt.error(value, issue);
            }
            admitted.step.get().map_or_else(Amount::refused, Amount::now)
        }
        Number::Constant => {
            let expr = foreign(value);
            let admission = quote! {
                __fheqat::spec::limits::admit_scale(__fheqat::spec::limits::float(#expr) as f64)
            };
            reader.constant("AdmittedScale", "step", admission, value)
        }
        Number::Other => {
            let message = Message::new("`scale` takes a number");
            reader
                .ctxt
                .error(value, message.help("write `scale = 0.25`, the path of a constant, or a `{ block }`"));
            Amount::refused()
        }
    }
}

/// `bias = centred`.
pub(crate) fn bias(reader: &mut Reader<'_>, option: &Opt) -> Option<Bias> {
    const NAMES: [(&str, Bias); 3] = [("centred", Bias::Centred), ("free", Bias::Free), ("none", Bias::None)];
    let typed = word(&option.value).map(|word| word.unraw().to_string());
    let found = NAMES.iter().find(|(name, _)| typed.as_deref() == Some(name));
    if found.is_none() {
        let near = typed.and_then(|typed| closest(&typed, NAMES.map(|(name, _)| name)));
        let message = Message::new(format!("`bias` is {}", list(NAMES.map(|(name, _)| name), "or")));
        let message = message.maybe_help(near.map(|name| format!("did you mean `bias = {name}`?")));
        reader.ctxt.error(&option.value, message);
    }
    found.map(|(_, bias)| *bias)
}

/// `from = a`.
pub(crate) fn wire(reader: &mut Reader<'_>, option: &Opt) -> Wire {
    if let Some(name) = word(&option.value) {
        return Wire::To(name.clone());
    }
    let message = Message::new("`from` takes the name of one earlier field, or `input`");
    reader.ctxt.error(&option.value, message.help("write `from = input`"));
    Wire::Refused
}

/// Where the user says a layer reads from.
pub(crate) enum Wire {
    /// A field, or `input`.
    To(Ident),
    /// It could not be read.
    Refused,
}

fn word(value: &Expr) -> Option<&Ident> {
    match ungroup(value) {
        Expr::Path(path) => path.path.get_ident(),
        _ => None,
    }
}

fn ungroup(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => ungroup(&group.expr),
        other => other,
    }
}
