//! Bars: one row of them beside a number, or several rows with the highest value at their side.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Scene;
use crate::theme::{Theme, Tone};

/// One character per column, as high as the column's share of the highest. Where nothing was measured, nothing stands; a value
/// that is not 0 is never quite nothing.
pub(super) fn sparkline(columns: &[Option<f64>], theme: &Theme) -> String {
    let highest = highest(columns);
    let levels = theme.levels();
    columns.iter().map(|value| levels[height(*value, highest, levels.len() - 1)]).collect()
}

/// Bars that fill `area`, their highest value beside the top row.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    columns: &[Option<f64>],
    label: fn(f64) -> String,
    scene: Scene<'_>,
) {
    draw_to(frame, area, columns, &Scale { side: SIDE, highest: highest(columns), label }, scene);
}

/// How bars are measured.
pub(super) struct Scale {
    /// Columns at the left that are no bars.
    pub(super) side: usize,
    /// The value of a bar that fills the area.
    pub(super) highest: f64,
    /// How it is written.
    pub(super) label: fn(f64) -> String,
}

/// Bars that fill `area` where they are as high as the scale.
pub(super) fn draw_to(
    frame: &mut Frame<'_>,
    area: Rect,
    columns: &[Option<f64>],
    scale: &Scale,
    scene: Scene<'_>,
) {
    let theme = scene.theme;
    let levels = theme.levels();
    let full = levels.len() - 1;
    let rows = usize::from(area.height);
    let heights: Vec<usize> =
        columns.iter().map(|value| height(*value, scale.highest, full * rows)).collect();
    for (row, y) in area.rows().enumerate() {
        let below = (rows - 1 - row) * full;
        let bars: String =
            heights.iter().map(|height| levels[height.saturating_sub(below).min(full)]).collect();
        let side = match row {
            0 if scale.highest > 0.0 => (scale.label)(scale.highest),
            _ if row + 1 == rows => "0".to_owned(),
            _ => String::new(),
        };
        let line = Line::from(vec![
            Span::styled(format!("{side:>width$} ", width = scale.side - 1), theme.style(Tone::Dim)),
            Span::styled(bars, theme.style(Tone::Accent)),
        ]);
        frame.render_widget(line, y);
    }
}

/// Columns at the left of a chart that are no bars.
pub(super) const SIDE: usize = 9;

/// The highest value.
pub(super) fn highest(columns: &[Option<f64>]) -> f64 {
    columns.iter().flatten().copied().fold(0.0, f64::max)
}

/// The height of a bar, of so many steps.
fn height(value: Option<f64>, highest: f64, steps: usize) -> usize {
    match value {
        Some(value) if value > 0.0 && highest > 0.0 => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "from 0 to the number of steps"
            )]
            let height = (value / highest * steps as f64).round() as usize;
            height.clamp(1, steps)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Palette;

    #[test]
    fn bars_are_as_high_as_their_share_and_gaps_are_empty() {
        let columns = [Some(0.0), Some(0.001), Some(50.0), None, Some(100.0)];
        assert_eq!(sparkline(&columns, &Theme::new(Palette::None, false)), " ▁▄ █");
        assert_eq!(sparkline(&columns, &Theme::new(Palette::None, true)), " .= #");
        assert_eq!(sparkline(&[None, Some(0.0)], &Theme::new(Palette::None, false)), "  ");
    }
}
