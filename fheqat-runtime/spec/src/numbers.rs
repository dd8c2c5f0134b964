//! What stands in a description where a number stands, and the one walk over a description.
//!
//! A [`Layer`](crate::Layer) is generic over [`Numbers`]. The laws read one of [`Readable`] numbers; the macro makes one whose
//! numbers are expressions, and [`Convert`]s it into the first. [`Part::write`] tells a [`Writer`] what a description is made
//! of, by the names that it has in this crate, so that the expression which is written describes the same layer.

use core::fmt::Debug;

use crate::Known;

/// A type of number: `i64`, `f64` or `bool`.
pub trait Value: Copy + Debug + PartialEq {}

impl Value for i64 {}
impl Value for f64 {}
impl Value for bool {}

/// What stands where a number stands.
pub trait Numbers: Copy + Debug + PartialEq {
    /// What stands for a `T`.
    type Of<T: Value>: Clone + Debug + PartialEq;
}

/// Numbers that are known, or will be when const evaluation reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readable;

impl Numbers for Readable {
    type Of<T: Value> = Known<T>;
}

/// Turns numbers of one kind into those of another.
pub trait Convert<N: Numbers, M: Numbers> {
    /// What stands for the number.
    fn value<T: Value>(&self, number: &N::Of<T>) -> M::Of<T>;
}

/// Writes a description as an expression, from the inside out. Paths are those of this crate: `Linear`, `Bias::Free`.
pub trait Writer<N: Numbers> {
    /// What is written.
    type Expr;

    /// A number.
    fn value<T: Value>(&self, number: &N::Of<T>) -> Self::Expr;

    /// A number that is no number of the user's: how many axes, which field.
    fn count(&self, count: usize) -> Self::Expr;

    /// `path`
    fn word(&self, path: &str) -> Self::Expr;

    /// `path(argument)`
    fn call(&self, path: &str, argument: Self::Expr) -> Self::Expr;

    /// `path { name: value, ... }`
    fn structure<const K: usize>(&self, path: &str, members: [(&str, Self::Expr); K]) -> Self::Expr;

    /// `Some(value)` or `None`
    fn option(&self, value: Option<Self::Expr>) -> Self::Expr;

    /// `&[item, ...]`
    fn list(&self, items: impl Iterator<Item = Self::Expr>) -> Self::Expr;
}

/// A description, or a part of one.
pub trait Part<N: Numbers> {
    /// The same with other numbers.
    type With<M: Numbers>;

    /// The same with each number converted.
    fn convert<M: Numbers>(&self, to: &impl Convert<N, M>) -> Self::With<M>;

    /// The expression of it.
    fn write<W: Writer<N>>(&self, to: &W) -> W::Expr;
}

impl<N: Numbers, P: Part<N>> Part<N> for Option<P> {
    type With<M: Numbers> = Option<P::With<M>>;

    fn convert<M: Numbers>(&self, to: &impl Convert<N, M>) -> Self::With<M> {
        self.as_ref().map(|part| part.convert(to))
    }

    fn write<W: Writer<N>>(&self, to: &W) -> W::Expr {
        to.option(self.as_ref().map(|part| part.write(to)))
    }
}

impl<N: Numbers> Part<N> for usize {
    type With<M: Numbers> = Self;

    fn convert<M: Numbers>(&self, _: &impl Convert<N, M>) -> Self {
        *self
    }

    fn write<W: Writer<N>>(&self, to: &W) -> W::Expr {
        to.count(*self)
    }
}

/// Makes a struct a [`Part`]. Each member is a `number`, a number that need not be there (`bound`), or a `part`.
macro_rules! structure {
    ($name:ident { $($member:ident: $kind:ident),* $(,)? }) => {
        impl Copy for $name {}

        impl<N: $crate::numbers::Numbers> $crate::numbers::Part<N> for $name<N> {
            type With<M: $crate::numbers::Numbers> = $name<M>;

            fn convert<M: $crate::numbers::Numbers>(
                &self,
                to: &impl $crate::numbers::Convert<N, M>,
            ) -> $name<M> {
                let Self { $($member),* } = self;
                $name { $($member: $crate::numbers::structure!(@convert $kind, $member, to)),* }
            }

            fn write<W: $crate::numbers::Writer<N>>(&self, to: &W) -> W::Expr {
                let Self { $($member),* } = self;
                to.structure(
                    stringify!($name),
                    [$((stringify!($member), $crate::numbers::structure!(@write $kind, $member, to))),*],
                )
            }
        }
    };
    (@convert number, $member:ident, $to:ident) => { $to.value($member) };
    (@convert bound, $member:ident, $to:ident) => { $member.as_ref().map(|number| $to.value(number)) };
    (@convert part, $member:ident, $to:ident) => { $crate::numbers::Part::convert($member, $to) };
    (@write number, $member:ident, $to:ident) => { $to.value($member) };
    (@write bound, $member:ident, $to:ident) => {
        $to.option($member.as_ref().map(|number| $to.value(number)))
    };
    (@write part, $member:ident, $to:ident) => { $crate::numbers::Part::write($member, $to) };
}
pub(crate) use structure;

/// Makes an enum without numbers a [`Part`].
macro_rules! words {
    ($name:ident { $($word:ident),* $(,)? }) => {
        impl<N: $crate::numbers::Numbers> $crate::numbers::Part<N> for $name {
            type With<M: $crate::numbers::Numbers> = Self;

            fn convert<M: $crate::numbers::Numbers>(&self, _: &impl $crate::numbers::Convert<N, M>) -> Self {
                *self
            }

            fn write<W: $crate::numbers::Writer<N>>(&self, to: &W) -> W::Expr {
                to.word(match self {
                    $(Self::$word => concat!(stringify!($name), "::", stringify!($word)),)*
                })
            }
        }
    };
}
pub(crate) use words;
