//! Prometheus' text format, as far as the services write it: a name, labels, a number.

/// What one process told of itself at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples(Vec<Sample>);

/// One number.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Samples {
    /// Reads a whole answer. Comments and lines that cannot be read are left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(Sample::parse).collect())
    }

    /// The values of all series of this name that have all these labels.
    pub fn each<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = f64> + 'a {
        let of_name = self.0.iter().filter(move |sample| sample.name == name);
        of_name
            .filter(|sample| labels.iter().all(|(key, value)| sample.label(key) == Some(value)))
            .map(|sample| sample.value)
    }

    /// What they add up to; `None` where there is none.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.each(name, labels).reduce(|sum, value| sum + value)
    }

    /// A counter's sum over the series whose label `key` has none of `values`.
    #[must_use]
    pub fn sum_without(&self, name: &str, key: &str, values: &[&str]) -> Option<f64> {
        self.by(name, key)
            .filter(|(label, _)| !values.contains(label))
            .map(|(_, value)| value)
            .reduce(|a, b| a + b)
    }

    /// Every series of this name by its value of one label.
    pub fn by<'a>(&'a self, name: &'a str, key: &'a str) -> impl Iterator<Item = (&'a str, f64)> + 'a {
        self.by_where(name, key, &[])
    }

    /// As [`Self::by`], of those series that have all these labels.
    pub fn by_where<'a>(
        &'a self,
        name: &'a str,
        key: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = (&'a str, f64)> + 'a {
        let of_name = self.0.iter().filter(move |sample| sample.name == name);
        of_name
            .filter(|sample| labels.iter().all(|(key, value)| sample.label(key) == Some(value)))
            .filter_map(move |sample| Some((sample.label(key)?, sample.value)))
    }

    /// A quantile of a summary (`"0.99"`), in its own unit. One that nothing has been added to lately says 0, which no
    /// measured time is.
    #[must_use]
    pub fn quantile(&self, name: &str, quantile: &str) -> Option<f64> {
        self.each(name, &[("quantile", quantile)]).find(|value| *value != 0.0)
    }
}

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let end = line.find(['{', ' '])?;
        let (name, rest) = line.split_at(end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => parse_labels(rest)?,
            None => (Vec::new(), rest),
        };
        // A time may follow.
        let value = rest.split_whitespace().next()?.parse::<f64>().ok()?;
        (!name.is_empty() && value.is_finite()).then(|| Self { name: name.to_owned(), labels, value })
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// Reads `key="value",…}` and returns what follows.
fn parse_labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (key, after) = rest.split_once("=\"")?;
        let (value, after) = parse_value(after)?;
        labels.push((key.to_owned(), value));
        rest = after;
    }
}

/// Reads a label's value to its closing quote.
fn parse_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(index + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP up something\n\
        sent_total 12\n\
        messages_total{outcome=\"accepted\",provider=\"a\\\"b\\\\c\"} 5\n\
        messages_total{outcome=\"refused\",provider=\"md\"} 2\n\
        seconds{quantile=\"0.5\"} 0.25\nseconds{quantile=\"0.99\"} 0\n\
        broken{outcome=\"x 5\nalso_broken\nnot_a_number NaN\n";

    #[test]
    fn series_are_found_by_name_and_labels() {
        let samples = Samples::parse(TEXT);
        assert_eq!(samples.sum("sent_total", &[]), Some(12.0));
        assert_eq!(samples.sum("messages_total", &[]), Some(7.0));
        assert_eq!(samples.sum("messages_total", &[("outcome", "refused")]), Some(2.0));
        assert_eq!(samples.sum("messages_total", &[("provider", "a\"b\\c")]), Some(5.0));
        assert_eq!(samples.sum_without("messages_total", "outcome", &["accepted"]), Some(2.0));
        assert_eq!(samples.sum("absent", &[]), None);
        assert_eq!(samples.0.len(), 5);
    }

    #[test]
    fn an_empty_summary_has_no_quantiles() {
        let samples = Samples::parse(TEXT);
        assert_eq!(samples.quantile("seconds", "0.5"), Some(0.25));
        assert_eq!(samples.quantile("seconds", "0.99"), None);
    }
}
