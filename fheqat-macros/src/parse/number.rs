//! Numbers: literals, which the macro decides, and constants, which const evaluation reads.

use fheqat_spec::{
    Known,
    limits::{AdmittedFloat, Limit},
};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{DeriveInput, Expr, ExprBlock, ExprUnary, Lit, UnOp, spanned::Spanned};

use crate::{
    diag::{Ctxt, Message},
    local::{call_over, local, projection},
};

/// A number as the macro knows it, and as the emitted code reads it.
#[derive(Clone, Debug)]
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
    /// A value that only const evaluation can read, from an expression of type `Known<T>`.
    pub(crate) fn later(tokens: TokenStream) -> Self {
        Self { known: Known::Later, tokens, text: "_".to_owned() }
    }

    /// A number that was refused.
    pub(crate) fn refused() -> Self {
        Self::later(quote!(__fheqat::spec::Known::Later))
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
    /// Whether a name may be one of its parameters.
    pub(crate) is_generic: bool,
    /// The field that is being read.
    pub(crate) field: Option<Ident>,
    pub(crate) constants: Vec<Constant>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(ctxt: &'a Ctxt, item: &DeriveInput) -> Self {
        let (net, is_generic) = (item.ident.clone(), !item.generics.params.is_empty());
        Self { ctxt, net, is_generic, field: None, constants: Vec::new() }
    }

    pub(crate) fn constant<T>(
        &mut self,
        ty: &str,
        member: &str,
        value: TokenStream,
        blame: impl ToTokens,
    ) -> Amount<T> {
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
            Number::Literal(Literal { integer: Some(integer), .. }) => {
                self.admit(limit, integer, value).unwrap_or_else(Amount::refused)
            }
            Number::Constant => {
                let (call, read) = (
                    call_over(
                        &value.to_token_stream(),
                        &quote!(__fheqat::spec::limits::integer),
                        foreign(value),
                    ),
                    local("__fheqat_value", Span::call_site()),
                );
                let integer = quote! {
                    match #call {
                        #read => __fheqat::spec::limits::saturated(
                            #read as ::core::primitive::i128,
                            #read as ::core::primitive::f64,
                        ),
                    }
                };
                self.constant("Admitted", "number", admission(limit, &integer), value)
            }
            Number::Literal(_) | Number::Misfit(_) | Number::Other => {
                self.refuse(name, "an integer", "3", value)
            }
        }
    }

    /// A number after the law called `law` in `fheqat_spec::limits`, given by an option.
    pub(crate) fn real(
        &mut self,
        (law, admit): (&str, fn(f64) -> AdmittedFloat),
        name: &str,
        example: &str,
        value: &Expr,
    ) -> Amount<f64> {
        match number(value) {
            Number::Literal(Literal { real, .. }) => {
                let admitted = admit(real);
                if let Some(issue) = admitted.issue {
                    self.ctxt.error(value, issue);
                }
                admitted.number.get().map_or_else(Amount::refused, Amount::now)
            }
            Number::Constant => {
                let (law, read) = (format_ident!("{law}"), local("__fheqat_value", Span::call_site()));
                let call = call_over(
                    &value.to_token_stream(),
                    &quote!(__fheqat::spec::limits::number),
                    foreign(value),
                );
                let admission = quote! {
                    __fheqat::spec::limits::#law(match #call { #read => #read as ::core::primitive::f64 })
                };
                self.constant("AdmittedFloat", "number", admission, value)
            }
            Number::Misfit(_) | Number::Other => self.refuse(name, "a number", example, value),
        }
    }

    /// Refuses what is no number, or none of that kind.
    fn refuse<T>(&self, name: &str, kind: &str, example: &str, value: &Expr) -> Amount<T> {
        let message = Message::new(format!("`{name}` takes {kind}"));
        let message = match number(value) {
            Number::Misfit(suffix) => {
                let plain = without_suffix(value, &suffix);
                let why = match bounds(&suffix) {
                    Some(_) => format!("a `{suffix}` cannot be `{plain}`"),
                    None => format!("`{suffix}` is no type of {kind}"),
                };
                message.note(why).help(format!("leave out the suffix: `{name} = {plain}`"))
            }
            _ => message.help(number_help(name, example, value)),
        };
        self.ctxt.error(value, message);
        Amount::refused()
    }

    /// A number in `limit`, given by a const generic.
    pub(crate) fn parameter(&mut self, limit: Limit, index: usize, argument: impl ToTokens) -> Amount<i64> {
        let projection = self.field.as_ref().map(|field| projection(&self.net, field, Span::call_site()));
        let value = admission(limit, &quote!(__fheqat::dimension(#projection, #index)));
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
    /// A literal.
    Literal(Literal),
    /// A literal that does not fit its suffix.
    Misfit(String),
    /// A path or a block.
    Constant,
    /// Something else.
    Other,
}

/// A number that is written out, in any base, negated or not.
pub(crate) struct Literal {
    /// Its value, unless it is written as a float; the largest or smallest `i128` where it fits none.
    pub(crate) integer: Option<i128>,
    /// The nearest float.
    pub(crate) real: f64,
}

/// Classifies an expression.
pub(crate) fn number(value: &Expr) -> Number {
    match bare(value) {
        Expr::Path(_) | Expr::Block(_) => Number::Constant,
        value => match literal(value) {
            Some((literal, suffix)) if fits(&literal, &suffix) => Number::Literal(literal),
            Some((_, suffix)) => Number::Misfit(suffix),
            None => Number::Other,
        },
    }
}

/// What stands in parentheses, or in those that a macro leaves around what it was given.
pub(crate) fn bare(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => bare(&group.expr),
        Expr::Paren(paren) => bare(&paren.expr),
        other => other,
    }
}

/// A literal and its suffix.
fn literal(value: &Expr) -> Option<(Literal, String)> {
    match bare(value) {
        Expr::Lit(literal) => {
            let (digits, suffix, is_integer) = match &literal.lit {
                Lit::Int(integer) => (integer.base10_digits(), integer.suffix(), true),
                Lit::Float(float) => (float.base10_digits(), float.suffix(), false),
                _ => return None,
            };
            let is_integer = is_integer && !FLOATS.contains(&suffix);
            let integer = is_integer.then(|| digits.parse().unwrap_or(i128::MAX));
            let real = match suffix {
                "f32" => f64::from(digits.parse::<f32>().ok()?),
                _ => digits.parse().ok()?,
            };
            Some((Literal { integer, real }, suffix.to_owned()))
        }
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => {
            let (Literal { integer, real }, suffix) = literal(expr)?;
            let integer = integer.map(|integer| integer.checked_neg().unwrap_or(i128::MAX));
            Some((Literal { integer, real: -real }, suffix))
        }
        _ => None,
    }
}

const FLOATS: [&str; 2] = ["f32", "f64"];

/// Whether rustc takes the literal for a number of the type that its suffix names.
fn fits(literal: &Literal, suffix: &str) -> bool {
    let Some(integer) = literal.integer else {
        return suffix.is_empty() || FLOATS.contains(&suffix);
    };
    suffix.is_empty() || bounds(suffix).is_some_and(|(least, most)| (least..=most).contains(&integer))
}

/// The values of an integer type, as far as an `i128` goes.
fn bounds(ty: &str) -> Option<(i128, i128)> {
    Some(match ty {
        "i8" => (i8::MIN.into(), i8::MAX.into()),
        "i16" => (i16::MIN.into(), i16::MAX.into()),
        "i32" => (i32::MIN.into(), i32::MAX.into()),
        "i64" | "isize" => (i64::MIN.into(), i64::MAX.into()),
        "i128" => (i128::MIN, i128::MAX),
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        "u64" | "usize" => (0, u64::MAX.into()),
        "u128" => (0, i128::MAX),
        _ => return None,
    })
}

fn without_suffix(value: &Expr, suffix: &str) -> String {
    let text = value.to_token_stream().to_string().replace(' ', "");
    text.replace(suffix, "").trim_end_matches('_').to_owned()
}

/// The user's constant: no lint takes its braces for the user's own code, or misses a need of its parentheses.
pub(crate) fn foreign(value: &Expr) -> TokenStream {
    let value = bare(value);
    let Expr::Block(ExprBlock { attrs, label, block }) = value else {
        return value.to_token_stream();
    };
    let statements = &block.stmts;
    let mut braces = Group::new(Delimiter::Brace, quote!(#(#statements)*));
    braces.set_span(Span::mixed_site().located_at(value.span()));
    quote!(#(#attrs)* #label #braces)
}

/// Tokens as one would write them.
pub(crate) fn source_text(tokens: &TokenStream) -> String {
    tokens.to_string().replace(" :: ", "::").replace(":: ", "::")
}

fn number_help(name: &str, example: &str, value: &Expr) -> String {
    if matches!(bare(value), Expr::Lit(_)) || literal(value).is_some() {
        return format!("write `{name} = {example}`, the path of a constant, or a `{{ block }}`");
    }
    let text = source_text(&value.to_token_stream());
    let text = text.strip_prefix("- ").map_or_else(|| text.clone(), |rest| format!("-{rest}"));
    let text = if example.contains('.') { of_floats(&text) } else { text };
    format!("put braces around an expression: `{name} = {{ {text} }}`")
}

/// With floats for integers: `1 / 2` is 0.
fn of_floats(text: &str) -> String {
    let float = |word: &str| {
        let is_integer = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        if is_integer { format!("{word}.0") } else { word.to_owned() }
    };
    text.split(' ').map(float).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Option<i128>, f64)> {
        match number(&syn::parse_str(text).unwrap()) {
            Number::Literal(Literal { integer, real }) => Some((integer, real)),
            _ => None,
        }
    }

    #[test]
    fn literals_mean_what_they_mean_to_rustc() {
        for text in ["3", "(3)", "((3))", "3u8", "3_usize", "0x3", "0b11", "0o3", "0x0_3i64", "-(-3)", "--3"]
        {
            assert_eq!(read(text), Some((Some(3), 3.0)), "{text}");
        }
        for text in ["3.0", "3f32", "(3_f64)", "3.", "0.3e1", "-(-3.0)"] {
            assert_eq!(read(text), Some((None, 3.0)), "{text}");
        }
        assert_eq!(read("0x1f32"), Some((Some(0x1f32), 7986.0)));
        assert_eq!(read("0.1f32"), Some((None, f64::from(0.1f32))));
        assert_eq!(read("1_000.5"), Some((None, 1000.5)));
        assert_eq!(read("-128i8"), Some((Some(-128), -128.0)));
    }

    #[test]
    fn literals_beyond_every_type_are_the_largest() {
        let beyond = "340282366920938463463374607431768211456";
        assert_eq!(read(beyond), Some((Some(i128::MAX), 2f64.powi(128))));
        assert_eq!(read(&format!("-{beyond}")), Some((Some(-i128::MAX), -(2f64.powi(128)))));
    }

    #[test]
    fn what_rustc_refuses_is_refused() {
        for text in
            ["300u8", "-1usize", "128i8", "1.5u8", "3abc", "\"3\"", "'3'", "b'3'", "true", "!3", "1 + 2"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_block_keeps_its_label_and_its_attributes() {
        let text = "#[allow(unused)] 'a : { break 'a 3 ; }";
        let block: Expr = syn::parse_str(&format!("({text})")).unwrap();
        assert!(matches!(number(&block), Number::Constant));
        assert_eq!(foreign(&block).to_string(), text.parse::<TokenStream>().unwrap().to_string());
    }
}
