//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write};

use super::instrument::{MICROS, Reading};

/// The content type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Names with values, as they stand behind the name of a figure.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

/// A text in the making.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    /// The name of the figure that is being written.
    name: String,
}

impl Exposition {
    /// Begins a counter; its name ends with `_total`.
    pub fn counter(&mut self, name: &str, help: &str) -> &mut Self {
        self.begin(name, help, "counter")
    }

    /// Begins a gauge.
    pub fn gauge(&mut self, name: &str, help: &str) -> &mut Self {
        self.begin(name, help, "gauge")
    }

    /// Writes a value of the figure that was begun.
    pub fn value(&mut self, labels: Labels<'_>, value: impl Display) -> &mut Self {
        let name = std::mem::take(&mut self.name);
        self.sample(&name, labels, None, value);
        self.name = name;
        self
    }

    /// Writes a histogram of lengths of time.
    pub fn seconds(&mut self, name: &str, help: &str, labels: Labels<'_>, reading: &Reading) {
        self.histogram(name, help, labels, reading, MICROS);
    }

    /// Writes a histogram of numbers.
    pub fn numbers(&mut self, name: &str, help: &str, labels: Labels<'_>, reading: &Reading) {
        self.histogram(name, help, labels, reading, 1.0);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    #[expect(clippy::cast_precision_loss, reason = "figures beyond 2^53 are none that anybody looks at closely")]
    fn histogram(&mut self, name: &str, help: &str, labels: Labels<'_>, reading: &Reading, unit: f64) {
        self.begin(name, help, "histogram");
        let bucket = format!("{name}_bucket");
        for (bound, below) in &reading.below {
            self.sample(&bucket, labels, Some(&(*bound as f64 / unit).to_string()), below);
        }
        self.sample(&bucket, labels, Some("+Inf"), reading.count);
        self.sample(&format!("{name}_sum"), labels, None, reading.sum as f64 / unit);
        self.sample(&format!("{name}_count"), labels, None, reading.count);
    }

    fn begin(&mut self, name: &str, help: &str, kind: &str) -> &mut Self {
        debug_assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing into a text cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        name.clone_into(&mut self.name);
        self
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, bound: Option<&str>, value: impl Display) {
        self.text.push_str(name);
        let all: Vec<_> = labels.iter().copied().chain(bound.map(|bound| ("le", bound))).collect();
        for (place, (label, text)) in all.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{before}{label}=\"{text}\"");
        }
        if !all.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::telemetry::metrics::Histogram;

    #[test]
    fn figures_look_as_prometheus_wants_them() {
        let mut exposition = Exposition::default();
        exposition.counter("steward_calls_total", "Calls.").value(&[("tool", "a\"b\\c\n")], 3).value(&[], 0);
        exposition.gauge("steward_up", "Two\nlines.").value(&[], 1);
        let histogram = Histogram::new(&[500, 1_000_000]);
        histogram.record(400);
        histogram.record(2_000_000);
        exposition.seconds("steward_attempt_seconds", "How long.", &[("kind", "x")], &histogram.read());
        expect![[r#"
            # HELP steward_calls_total Calls.
            # TYPE steward_calls_total counter
            steward_calls_total{tool="a\"b\\c\n"} 3
            steward_calls_total 0
            # HELP steward_up Two\nlines.
            # TYPE steward_up gauge
            steward_up 1
            # HELP steward_attempt_seconds How long.
            # TYPE steward_attempt_seconds histogram
            steward_attempt_seconds_bucket{kind="x",le="0.0005"} 1
            steward_attempt_seconds_bucket{kind="x",le="1"} 1
            steward_attempt_seconds_bucket{kind="x",le="+Inf"} 2
            steward_attempt_seconds_sum{kind="x"} 2.0004
            steward_attempt_seconds_count{kind="x"} 2
        "#]]
        .assert_eq(&exposition.finish());
    }
}
