//! What the expansion binds itself, and where it seems to stand: names that no macro of the user's can see or hide, and
//! calls that rustc underlines at the user's tokens.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

/// A name that is bound and used by the expansion alone, for what stands at `place`.
pub(crate) fn local(name: &str, place: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(place))
}

/// The closure that finds a field of the struct `net`, for a function that asks the field's type.
pub(crate) fn projection(net: &Ident, field: &Ident, place: Span) -> TokenStream {
    quote_spanned!(place=> |__fheqat_net: &#net| &__fheqat_net.#field)
}

/// `function(arguments)` that covers exactly `blame`, so that rustc underlines that.
pub(crate) fn call_over(blame: &TokenStream, function: &TokenStream, arguments: TokenStream) -> TokenStream {
    let (first, last) = ends(blame);
    let function: TokenStream = function
        .clone()
        .into_iter()
        .map(|mut token| {
            token.set_span(first);
            token
        })
        .collect();
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
    arguments.set_span(last);
    quote!(#function #arguments)
}

/// Where tokens begin and end.
pub(crate) fn ends(tokens: &TokenStream) -> (Span, Span) {
    let mut spans = tokens.clone().into_iter().map(|token| (open(&token), token.span()));
    let Some((first, only)) = spans.next() else {
        return (Span::call_site(), Span::call_site());
    };
    (first, spans.last().map_or(only, |(_, last)| last))
}

fn open(token: &TokenTree) -> Span {
    match token {
        TokenTree::Group(group) => group.span_open(),
        other => other.span(),
    }
}
