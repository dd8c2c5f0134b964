//! fheqat
