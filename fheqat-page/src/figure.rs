//! Figures: charts drawn by plotters, as SVG that takes its colours from the style sheet.

use std::io;

use plotters::{
    backend::SVGBackend,
    chart::{ChartBuilder, ChartContext},
    coord::{Shift, cartesian::Cartesian2d, types::RangedCoordf64},
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    style::{
        Color, FontFamily, FontStyle, IntoTextStyle, ShapeStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use crate::{
    PageError,
    colours::{self, Role},
};

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(crate) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<io::Error>>;
pub(crate) type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Units of a figure for each point of the page: plotters counts in whole units, which are to be finer than points.
pub(crate) const UNIT: i32 = 4;
/// Points across most figures: of a phone.
pub(crate) const WIDTH: u32 = 380;

/// A figure with the text that stands for it where it is not seen.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// Its name.
    pub(crate) title: String,
    /// What is to be seen in it.
    pub(crate) description: String,
    /// Points across.
    pub(crate) width: u32,
    /// Points down.
    pub(crate) height: u32,
    /// What is drawn, escaped.
    pub(crate) drawing: String,
}

/// What the axes of a chart are.
pub(crate) struct Axes<'a> {
    pub(crate) x: (f64, f64),
    pub(crate) y: (f64, f64),
    pub(crate) x_name: &'a str,
    pub(crate) y_name: &'a str,
    pub(crate) x_text: &'a dyn Fn(&f64) -> String,
    pub(crate) y_text: &'a dyn Fn(&f64) -> String,
}

impl Figure {
    /// Draws on an area of `width` by `height` points.
    pub(crate) fn new(
        title: impl Into<String>,
        description: impl Into<String>,
        (width, height): (u32, u32),
        draw: impl FnOnce(&Area<'_>) -> Drawn,
    ) -> Result<Self, PageError> {
        let mut svg = String::new();
        {
            let unit = UNIT.unsigned_abs();
            let area = SVGBackend::with_string(&mut svg, (width * unit, height * unit)).into_drawing_area();
            draw(&area)
                .and_then(|()| area.present())
                .map_err(|error| PageError::Drawing(error.to_string()))?;
        }
        // The element itself is written by the template.
        let inner = svg.split_once('\n').and_then(|(_, inner)| inner.rsplit_once("</svg>"));
        let drawing = colours::named(inner.map_or("", |(inner, _)| inner));
        Ok(Self { title: title.into(), description: description.into(), width, height, drawing })
    }

    /// Points across on a large screen.
    pub(crate) const fn most(&self) -> u32 {
        self.width * 6 / 5
    }

    /// The units of [`UNIT`] across and down.
    pub(crate) const fn view(&self) -> (u32, u32) {
        (self.width * UNIT.unsigned_abs(), self.height * UNIT.unsigned_abs())
    }
}

/// What plotters divides sizes of text by on their way to SVG.
const OF_SVG: f64 = 1.24;

/// Text of so many points.
pub(crate) fn text(role: Role, points: f64, is_bold: bool) -> TextStyle<'static> {
    let style = if is_bold { FontStyle::Bold } else { FontStyle::Normal };
    let font = (FontFamily::SansSerif, points * f64::from(UNIT) * OF_SVG, style);
    TextStyle { color: role.drawn().to_backend_color(), ..font.into_text_style(&(1, 1)) }
}

/// Where text stands from its point.
pub(crate) fn anchored(style: &TextStyle<'static>, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    style.pos(Pos::new(horizontal, vertical))
}

pub(crate) fn filled(role: Role, opacity: f64) -> ShapeStyle {
    ShapeStyle { color: role.drawn().mix(opacity), filled: true, stroke_width: 0 }
}

/// A line of so many tenths of a point.
pub(crate) fn stroke(role: Role, tenths: u32) -> ShapeStyle {
    ShapeStyle {
        color: role.drawn().mix(1.0),
        filled: false,
        stroke_width: tenths * UNIT.unsigned_abs() / 10,
    }
}

/// The smallest range with all finite numbers, a part wider on both sides; never empty.
pub(crate) fn around(numbers: impl IntoIterator<Item = f64>, part: f64) -> (f64, f64) {
    /// Beyond it a difference may overflow.
    const LARGEST: f64 = 1e300;
    let finite = numbers.into_iter().filter(|number| number.is_finite());
    let finite = finite.map(|number| number.clamp(-LARGEST, LARGEST));
    let (low, high) = finite
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| (low.min(number), high.max(number)));
    if low > high {
        return (0.0, 1.0);
    }
    let half = (high - low) / 2.0;
    let least = 1e-6 * low.abs().max(high.abs()).max(1e-6);
    if half <= least {
        let room = (0.5 * low.abs().max(high.abs())).max(0.5);
        return (low - room, high + room);
    }
    (low - 2.0 * part * half, high + 2.0 * part * half)
}

/// Draws axes with names, numbers and light lines.
pub(crate) fn chart<'a, 'b>(area: &'a Area<'b>, axes: &Axes<'_>) -> Drawn<Chart<'a, 'b>> {
    // Ticks are multiples of their distance, but for rounding.
    let snapped =
        |value: f64, (low, high): (f64, f64)| if value.abs() < 1e-9 * (high - low) { 0.0 } else { value };
    let x_text = |x: &f64| (axes.x_text)(&snapped(*x, axes.x));
    let y_text = |y: &f64| (axes.y_text)(&snapped(*y, axes.y));
    let mut chart = ChartBuilder::on(area)
        .margin_top(10 * UNIT)
        .margin_right(20 * UNIT)
        .margin_left(4 * UNIT)
        .margin_bottom(2 * UNIT)
        .x_label_area_size(40 * UNIT)
        .y_label_area_size(56 * UNIT)
        .build_cartesian_2d(axes.x.0..axes.x.1, axes.y.0..axes.y.1)?;
    chart
        .configure_mesh()
        .x_labels(6)
        .y_labels(5)
        .x_max_light_lines(0)
        .y_max_light_lines(0)
        .bold_line_style(stroke(Role::Line, 10))
        .light_line_style(filled(Role::Line, 0.0))
        .axis_style(stroke(Role::Line, 10))
        .set_all_tick_mark_size(4 * UNIT)
        .label_style(text(Role::Soft, 11.5, false))
        .axis_desc_style(text(Role::Soft, 11.5, false))
        .x_desc(axes.x_name)
        .y_desc(axes.y_name)
        .x_label_formatter(&x_text)
        .y_label_formatter(&y_text)
        .draw()?;
    Ok(chart)
}

#[cfg(test)]
mod tests {
    use plotters::element::{Circle, Text};

    use super::*;

    #[test]
    fn figures_have_no_colours_of_their_own_and_escape_text() {
        let figure = Figure::new("title", "description", (200, 100), |area| {
            let name = "</text><script>\"#000001\"";
            let axes = Axes {
                x: (0.0, 1.0),
                y: (0.0, 1.0),
                x_name: name,
                y_name: name,
                x_text: &|_| name.to_owned(),
                y_text: &|number| number.to_string(),
            };
            let mut chart = chart(area, &axes)?;
            chart.draw_series([Circle::new((0.5, 0.5), 8, filled(Role::Series(9), 0.5))])?;
            area.draw(&Text::new(name.to_owned(), (4, 4), text(Role::Ink, 12.0, true)))
        })
        .unwrap();
        assert!(!figure.drawing.contains("=\"#"), "{}", figure.drawing);
        assert!(!figure.drawing.contains("<script>"), "{}", figure.drawing);
        assert!(figure.drawing.contains("var(--series-2)") && figure.drawing.contains("var(--ink)"));
    }

    #[test]
    fn ranges_are_never_empty() {
        assert_eq!(around([], 0.1), (0.0, 1.0));
        assert_eq!(around([f64::NAN, f64::INFINITY], 0.1), (0.0, 1.0));
        assert_eq!(around([3.0, 3.0], 0.1), (1.5, 4.5));
        assert_eq!(around([0.0, 10.0], 0.1), (-1.0, 11.0));
        let (low, high) = around([-1e308, 1e308], 0.05);
        assert!(low.is_finite() && high.is_finite());
    }
}
