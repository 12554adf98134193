//! What a run's `series.json` becomes to be drawn: curves with a value a second, each in one unit.

use std::collections::BTreeMap;

use harness::bundle::Series;
use harness::queues::Queue;

use crate::text::Text;

/// What the values of a curve are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Messages, or updates: in that second, or that wait.
    Messages,
    /// A latency in seconds.
    Seconds,
    /// Memory in bytes.
    Bytes,
    /// Processors that are kept busy.
    Cores,
}

/// One value a second.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What it is of.
    pub name: Text,
    /// What its values are.
    pub unit: Unit,
    /// The values; none where it was not measured.
    pub values: Vec<Option<f64>>,
}

impl Curve {
    fn new(name: &str, unit: Unit, values: &[Option<u64>], by: f64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let value = |value: &Option<u64>| value.map(|value| value as f64 / by);
        Self { name: Text::new(name), unit, values: values.iter().map(value).collect() }
    }

    /// Its whole length in so many columns: the mean of the seconds that fall into each, or the second that a column is part of.
    #[must_use]
    pub fn columns(&self, columns: usize) -> Vec<Option<f64>> {
        let length = self.values.len();
        let of = |column: usize| {
            let from = column * length / columns.max(1);
            let to = ((column + 1) * length / columns.max(1)).max(from + 1).min(length);
            let known: Vec<f64> = self.values.get(from..to)?.iter().flatten().copied().collect();
            #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            (!known.is_empty()).then_some(mean)
        };
        (0..columns).map(of).collect()
    }
}

/// Every curve, those that most people look at first.
pub(super) fn of(series: &Series) -> Vec<Curve> {
    let micros = 1e6;
    let mut curves = vec![
        Curve::new("sent", Unit::Messages, &series.sent, 1.0),
        Curve::new("accepted", Unit::Messages, &series.accepted, 1.0),
        Curve::new("published", Unit::Messages, &series.published, 1.0),
        Curve::new("at clients", Unit::Messages, &series.at_client, 1.0),
    ];
    curves.extend(queues(series));
    curves.extend([
        Curve::new("to clients p50", Unit::Seconds, &series.at_client_p50_micros, micros),
        Curve::new("to clients p99", Unit::Seconds, &series.at_client_p99_micros, micros),
        Curve::new("to Kafka p50", Unit::Seconds, &series.published_p50_micros, micros),
        Curve::new("to Kafka p99", Unit::Seconds, &series.published_p99_micros, micros),
        Curve::new("memory, all", Unit::Bytes, &all(&series.resident_bytes), 1.0),
        Curve::new("CPU, all", Unit::Cores, &all(&series.cpu_micros), micros),
    ]);
    let each = |what: &str, unit, of: &BTreeMap<String, Vec<Option<u64>>>, by| {
        let curve = |(name, values): (&String, &Vec<Option<u64>>)| {
            Curve::new(&format!("{what} {name}"), unit, values, by)
        };
        of.iter().map(curve).collect::<Vec<Curve>>()
    };
    curves.extend(each("CPU", Unit::Cores, &series.cpu_micros, micros));
    curves.extend(each("memory", Unit::Bytes, &series.resident_bytes, 1.0));
    curves
}

/// What waited before each hop, in the order of a message's way. Older bundles know of the feed topics alone.
fn queues(series: &Series) -> Vec<Curve> {
    let known = Queue::ALL.into_iter().filter_map(|queue| Some((queue, series.queues.get(queue.as_str())?)));
    let curve = |name: &str, values: &[Option<u64>]| {
        Curve::new(&format!("wait: {name}"), Unit::Messages, values, 1.0)
    };
    let curves: Vec<Curve> = known.map(|(queue, values)| curve(queue.as_str(), values)).collect();
    if curves.is_empty() { vec![curve(Queue::Feed.as_str(), &series.lag)] } else { curves }
}

/// Those of all processes together; none where nothing is known of any.
fn all(of: &BTreeMap<String, Vec<Option<u64>>>) -> Vec<Option<u64>> {
    let length = of.values().map(Vec::len).max().unwrap_or_default();
    let sum = |second: usize| {
        of.values().filter_map(|values| *values.get(second)?).reduce(|sum, value| sum.saturating_add(value))
    };
    (0..length).map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_seconds_than_columns_are_averaged_and_fewer_are_stretched() {
        let curve = |values: &[Option<u64>]| Curve::new("lag", Unit::Messages, values, 1.0);
        let long = curve(&[Some(1), Some(3), None, Some(8), None, None]);
        assert_eq!(long.columns(3), [Some(2.0), Some(8.0), None]);
        let short = curve(&[Some(1), None]);
        assert_eq!(short.columns(4), [Some(1.0), Some(1.0), None, None]);
        assert_eq!(curve(&[]).columns(2), [None, None]);
    }

    #[test]
    fn processes_add_up_where_they_are_known() {
        let of = BTreeMap::from([
            ("a".to_owned(), vec![Some(1), None, None]),
            ("b".to_owned(), vec![Some(2), Some(5), None]),
        ]);
        assert_eq!(all(&of), [Some(3), Some(5), None]);
    }
}
