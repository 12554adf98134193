//! Scales: where on a plot a value is, and which values are worth a line.

/// How many marks an axis has at most, about.
const MARKS: f64 = 5.0;

/// A scale from values to places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    kind: Kind,
    /// The lowest and the highest value.
    values: (f64, f64),
    /// Where these are on the plot.
    places: (f64, f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Linear,
    Logarithmic,
}

impl Scale {
    /// Equal steps for equal differences.
    pub(super) fn linear(values: (f64, f64), places: (f64, f64)) -> Self {
        // A plot of one value alone has room, too.
        let high = if values.1 > values.0 { values.1 } else { values.0 + 1.0 };
        Self { kind: Kind::Linear, values: (values.0, high), places }
    }

    /// From 0 to a round value that is at least this.
    pub(super) fn from_zero(most: f64, places: (f64, f64)) -> Self {
        let step = step(most.max(1e-9));
        Self::linear((0.0, (most / step).ceil().max(1.0) * step), places)
    }

    /// Equal steps for equal ratios; both are widened to powers of ten. What is below the lowest is drawn there.
    pub(super) fn logarithmic(values: (f64, f64), places: (f64, f64)) -> Self {
        let low = values.0.max(1.0).log10().floor();
        let high = values.1.max(1.0).log10().ceil().max(low + 1.0);
        Self { kind: Kind::Logarithmic, values: (low, high), places }
    }

    /// Where a value is.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = match self.kind {
            Kind::Linear => value,
            Kind::Logarithmic => value.max(1e-9).log10(),
        };
        let ((low, high), (from, to)) = (self.values, self.places);
        from + (value.clamp(low, high) - low) / (high - low) * (to - from)
    }

    /// The values that are worth a line.
    pub(super) fn marks(&self) -> Vec<f64> {
        let (low, high) = self.values;
        match self.kind {
            Kind::Linear => {
                let step = step(high - low);
                let first = (low / step).ceil();
                let count = ((high / step) - first + 1e-9).floor().max(0.0);
                steps(count).map(|index| (first + index) * step).collect()
            }
            Kind::Logarithmic => {
                let every = ((high - low) / (MARKS + 1.0)).ceil().max(1.0);
                steps((high - low) / every).map(|index| 10_f64.powf(low + index * every)).collect()
            }
        }
    }
}

/// 0, 1, 2, … up to this.
fn steps(last: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(0.0), |index| Some(index + 1.0)).take_while(move |index| *index <= last + 1e-9)
}

/// 1, 2 or 5 times a power of ten, so that a span has about as many marks as an axis may have.
fn step(span: f64) -> f64 {
    let rough = span / MARKS;
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * 0.999).unwrap_or(10.0);
    factor * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_cover_the_values() {
        let scale = Scale::from_zero(873.0, (100.0, 0.0));
        assert_eq!(scale.marks(), [0.0, 200.0, 400.0, 600.0, 800.0, 1_000.0]);
        assert_eq!((scale.place(0.0), scale.place(1_000.0), scale.place(500.0)), (100.0, 0.0, 50.0));
        let seconds = Scale::linear((0.0, 63.0), (0.0, 630.0));
        assert_eq!(seconds.marks(), [0.0, 20.0, 40.0, 60.0]);
    }

    #[test]
    fn a_logarithmic_scale_goes_from_one_power_of_ten_to_another() {
        let scale = Scale::logarithmic((340.0, 52_000.0), (300.0, 0.0));
        assert_eq!(scale.marks(), [100.0, 1_000.0, 10_000.0, 100_000.0]);
        assert_eq!((scale.place(1_000.0), scale.place(3.0)), (200.0, 300.0));
    }

    #[test]
    fn nothing_at_all_still_has_a_scale() {
        assert!(Scale::from_zero(0.0, (10.0, 0.0)).place(0.0) == 10.0);
        assert!(Scale::linear((0.0, 0.0), (0.0, 1.0)).place(0.0).is_finite());
        assert!(Scale::logarithmic((0.0, 0.0), (1.0, 0.0)).place(0.0).is_finite());
    }
}
