//! From tokens to options and layers, each read on its own.

pub(crate) mod container;
pub(crate) mod field;
pub(crate) mod kind;
pub(crate) mod layer;
mod no_layer;
pub(crate) mod number;
pub(crate) mod option;
mod segment;
mod tables;
pub(crate) mod value;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::diag::Ctxt;
use field::FieldAst;
use number::{Constant, Reader};
use tables::NetOptions;

/// Everything the user wrote.
pub(crate) struct Ast {
    /// The item, without `#[layer]`.
    pub(crate) item: DeriveInput,
    /// `#[quant_net(...)]`.
    pub(crate) options: NetOptions,
    /// The layers in order.
    pub(crate) fields: Vec<FieldAst>,
    /// The numbers that only const evaluation can read.
    pub(crate) constants: Vec<Constant>,
}

/// Reads the attribute and the item; `None` when it is no struct, enum or union.
pub(crate) fn ast(ctxt: &Ctxt, args: TokenStream, item: &TokenStream) -> Option<Ast> {
    let mut item = container::item(ctxt, item)?;
    let mut reader = Reader::new(ctxt, &item);
    let options = container::options(&mut reader, args);
    let fields =
        container::fields(ctxt, &mut item).into_iter().map(|field| field::read(&mut reader, field)).collect();
    Some(Ast { item, options, fields, constants: reader.constants })
}
