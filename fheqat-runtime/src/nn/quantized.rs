//! A trained network as lowering reads it.
