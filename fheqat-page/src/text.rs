//! Numbers as people read them.

use fheqat_runtime::spec::Range;

/// With commas between thousands.
pub(crate) fn count(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("\u{2212}{text}") } else { text }
}

/// The same of a length.
pub(crate) fn length(number: usize) -> String {
    count(number as i128)
}

/// Four digits, whatever the unit.
pub(crate) fn number(number: f64) -> String {
    if !number.is_finite() {
        return "none".to_owned();
    }
    let size = number.abs();
    let text = if size == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e6).contains(&size) {
        let digits = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{size:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        format!("{size:.2e}")
    };
    if number < 0.0 { format!("\u{2212}{text}") } else { text }
}

pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        _ if !seconds.is_finite() => "none".to_owned(),
        0.0 => "0 s".to_owned(),
        ..1e-3 => format!("{:.0} \u{b5}s", seconds * 1e6),
        ..0.1 => format!("{:.1} ms", seconds * 1e3),
        ..1.0 => format!("{:.0} ms", seconds * 1e3),
        ..120.0 => format!("{seconds:.2} s"),
        _ => format!("{:.1} min", seconds / 60.0),
    }
}

pub(crate) fn percent(part: f64) -> String {
    if part.is_finite() { format!("{:.1} %", 100.0 * part) } else { "none".to_owned() }
}

/// The same for an axis, without digits that say nothing.
pub(crate) fn short_percent(part: f64) -> String {
    format!("{} %", number(100.0 * part))
}

/// `lo … hi`.
pub(crate) fn range(Range { lo, hi }: Range) -> String {
    format!("{} \u{2026} {}", count(lo), count(hi))
}

/// A probability from its logarithm to base 2.
pub(crate) fn probability(log2: f64) -> String {
    if log2.is_finite() { raised(&format!("{log2:.1}")) } else { "0".to_owned() }
}

/// A whole power of two that is at least a probability.
pub(crate) fn power(log2: f64) -> String {
    if log2.is_finite() { raised(&format!("{:.0}", log2.ceil())) } else { "0".to_owned() }
}

/// Two to the power of a number.
fn raised(exponent: &str) -> String {
    let raised = |character: char| match character {
        '-' => '\u{207b}',
        '.' => '\u{b7}',
        '1' => '\u{b9}',
        '2' => '\u{b2}',
        '3' => '\u{b3}',
        digit => digit.to_digit(10).and_then(|digit| char::from_u32(0x2070 + digit)).unwrap_or(digit),
    };
    format!("2{}", exponent.chars().map(raised).collect::<String>())
}

/// At most so many characters, the last an ellipsis where there were more. Control characters become spaces.
pub(crate) fn short(text: &str, most: usize) -> String {
    let clean = |character: char| if character.is_control() { ' ' } else { character };
    if text.chars().count() <= most {
        return text.chars().map(clean).collect();
    }
    text.chars().take(most.saturating_sub(1)).map(clean).chain(['\u{2026}']).collect()
}

/// `one thing`, `2 things`.
pub(crate) fn many(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {one}s", length(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([count(1_234_567), count(-1_000), count(12)], ["1,234,567", "\u{2212}1,000", "12"]);
        let numbers = [0.0, 1.5, -0.012_345, 12_345.678, 3e9, f64::NAN];
        assert_eq!(numbers.map(number), ["0", "1.5", "\u{2212}0.01235", "12346", "3.00e9", "none"]);
        let times = [0.0, 2e-5, 0.0123, 0.5, 3.0, 600.0];
        assert_eq!(times.map(seconds), ["0 s", "20 \u{b5}s", "12.3 ms", "500 ms", "3.00 s", "10.0 min"]);
        assert_eq!(power(-128.3), "2\u{207b}\u{b9}\u{b2}\u{2078}");
        assert_eq!(probability(-128.34), "2\u{207b}\u{b9}\u{b2}\u{2078}\u{b7}\u{b3}");
        assert_eq!([0.2, 0.125].map(short_percent), ["20 %", "12.5 %"]);
        assert_eq!(short("a\nname that is long", 8), "a name \u{2026}");
    }
}
