//! The colours of the page: one table, from which the style sheet of both themes is written.

use std::fmt::Write;

use plotters::style::RGBColor;

/// What a colour is for. Figures are drawn in roles; the style sheet gives each role its colour by theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Behind everything.
    Ground,
    /// Behind tables and figures.
    Card,
    /// Text.
    Ink,
    /// Text of less weight.
    Soft,
    /// Lines between things, and bands behind them.
    Line,
    /// Links, bars and what is to be seen first.
    Accent,
    /// What is as it should be.
    Good,
    /// What is not.
    Bad,
    /// A line, class or group of points, by its number from 0; the ninth has the colour of the first.
    Series(usize),
}

/// A role's name in the style sheet, and its colour on a light and on a dark ground.
struct Colour {
    role: Role,
    name: &'static str,
    light: u32,
    dark: u32,
}

const fn colour(role: Role, name: &'static str, light: u32, dark: u32) -> Colour {
    Colour { role, name, light, dark }
}

/// Series differ in lightness too, so that those who see few colours can tell neighbours apart.
const COLOURS: [Colour; 16] = [
    colour(Role::Ground, "ground", 0xf5_f6f8, 0x10_141a),
    colour(Role::Card, "card", 0xff_ffff, 0x1a_2028),
    colour(Role::Ink, "ink", 0x17_202a, 0xe7_ebf0),
    colour(Role::Soft, "soft", 0x53_5e6a, 0xa3_aeb9),
    colour(Role::Line, "line", 0xdd_e2e8, 0x33_3d49),
    colour(Role::Accent, "accent", 0x1f_5fc4, 0x7a_adff),
    colour(Role::Good, "good", 0x14_6c43, 0x5f_d08f),
    colour(Role::Bad, "bad", 0xb3_261e, 0xff_8a80),
    colour(Role::Series(0), "series-1", 0x17_4a86, 0x3f_8fe8),
    colour(Role::Series(1), "series-2", 0xd4_621c, 0xf2_953f),
    colour(Role::Series(2), "series-3", 0x11_8a6c, 0x2f_d0a5),
    colour(Role::Series(3), "series-4", 0xb4_5fd6, 0xdf_b0ee),
    colour(Role::Series(4), "series-5", 0x7d_6000, 0xe0_c04a),
    colour(Role::Series(5), "series-6", 0x3b_4aa0, 0x9a_a8ff),
    colour(Role::Series(6), "series-7", 0xb0_2e62, 0xff_8fb4),
    colour(Role::Series(7), "series-8", 0x5a_6672, 0xb4_bec8),
];

/// How many series have a colour of their own.
pub(crate) const SERIES: usize = 8;

impl Role {
    fn index(self) -> usize {
        let role = match self {
            Self::Series(index) => Self::Series(index % SERIES),
            role => role,
        };
        COLOURS.iter().position(|colour| colour.role == role).unwrap_or(0)
    }

    /// The colour that stands for the role while a figure is drawn.
    pub(crate) fn drawn(self) -> RGBColor {
        RGBColor(0, 0, self.index() as u8 + 1)
    }
}

/// Puts the names of the style sheet in place of the colours that stood for roles. Text cannot be meant: its quotes are escaped.
pub(crate) fn named(svg: &str) -> String {
    COLOURS.iter().enumerate().fold(svg.to_owned(), |svg, (index, colour)| {
        svg.replace(&format!("\"#0000{:02X}\"", index + 1), &format!("\"var(--{})\"", colour.name))
    })
}

/// The custom properties of a theme.
pub(crate) fn properties(is_dark: bool) -> String {
    let mut text = String::new();
    for Colour { name, light, dark, .. } in &COLOURS {
        let colour = if is_dark { dark } else { light };
        // Writing to a string does not fail.
        let _ = write!(text, "--{name}: #{colour:06x}; ");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(colour: u32) -> [f64; 3] {
        [16, 8, 0].map(|shift| {
            let value = f64::from(colour >> shift & 0xff) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn luminance(colour: u32) -> f64 {
        let [red, green, blue] = channels(colour);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// As WCAG 2 has it.
    fn contrast(a: u32, b: u32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn themes() -> [[u32; 16]; 2] {
        [COLOURS.each_ref().map(|colour| colour.light), COLOURS.each_ref().map(|colour| colour.dark)]
    }

    #[test]
    fn text_and_figures_stand_out_in_both_themes() {
        for theme in themes() {
            let of = |role: Role| theme[role.index()];
            for behind in [Role::Ground, Role::Card] {
                for text in [Role::Ink, Role::Soft, Role::Accent, Role::Good, Role::Bad] {
                    let found = contrast(of(text), of(behind));
                    assert!(found >= 4.5, "{text:?} on {behind:?}: {found:.2}");
                }
                for series in 0..SERIES {
                    let found = contrast(of(Role::Series(series)), of(behind));
                    assert!(found >= 3.0, "series {series} on {behind:?}: {found:.2}");
                }
            }
        }
    }

    /// A colour in `CIELAB`, as eyes without one kind of cones see it (Machado, Oliveira and Fernandes 2009, severity 1).
    fn seen(colour: u32, by: [[f64; 3]; 3]) -> [f64; 3] {
        let rgb = channels(colour);
        let seen = by.map(|row| row.iter().zip(rgb).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0));
        let xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
            .map(|row| row.iter().zip(seen).map(|(a, b)| a * b).sum::<f64>());
        let root = |value: f64| if value > 0.008_856 { value.cbrt() } else { 7.787 * value + 16.0 / 116.0 };
        let [x, y, z] = [root(xyz[0] / 0.9505), root(xyz[1]), root(xyz[2] / 1.089)];
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn the_first_series_are_told_apart_by_all_eyes() {
        let usual = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let without_red = [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ];
        let without_green = [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ];
        for theme in themes() {
            for eyes in [usual, without_red, without_green] {
                for a in 0..4 {
                    for b in 0..a {
                        let [a_seen, b_seen] =
                            [a, b].map(|series| seen(theme[Role::Series(series).index()], eyes));
                        let distance =
                            a_seen.iter().zip(b_seen).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                        assert!(distance >= 20.0, "series {b} and {a}: {distance:.1}");
                    }
                }
            }
        }
    }

    #[test]
    fn names_replace_colours_in_attributes_alone() {
        let svg = "<rect fill=\"#000003\"/><text>&quot;#000003&quot; #000003</text>";
        assert_eq!(named(svg), "<rect fill=\"var(--ink)\"/><text>&quot;#000003&quot; #000003</text>");
        assert!(properties(true).starts_with("--ground: #10141a; --card: #1a2028; "));
    }
}
