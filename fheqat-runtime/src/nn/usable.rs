//! Numbers with which no network can run.

/// A number that cannot be, and what it is.
pub(crate) type Bad = (&'static str, f32);

/// The first number that is not finite.
pub(crate) fn infinite<'a>(part: &'static str, numbers: impl IntoIterator<Item = &'a f32>) -> Option<Bad> {
    numbers.into_iter().find(|number| !number.is_finite()).map(|&number| (part, number))
}

/// The first number that is not finite, or not positive.
pub(crate) fn no_unit<'a>(part: &'static str, numbers: impl IntoIterator<Item = &'a f32>) -> Option<Bad> {
    let is_unit = |number: &&f32| number.is_finite() && **number > 0.0;
    numbers.into_iter().find(|number| !is_unit(number)).map(|&number| (part, number))
}
