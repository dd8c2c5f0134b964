//! Numbers: literals, which the macro decides, and constants, which const evaluation reads.

use fheqat_spec::{Known, limits::Limit};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{DeriveInput, Expr, ExprUnary, Lit, UnOp, spanned::Spanned};

use crate::diag::{Ctxt, Message};

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
pub(crate) fn foreign(value: &Expr) -> TokenStream {
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
