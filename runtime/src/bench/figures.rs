//! Figures: numbers with a unit and, where there are several, their spread.

use std::time::Duration;

use serde::Serialize;

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figure {
    /// What it says.
    pub(super) name: String,
    /// In what it is counted.
    pub(super) unit: &'static str,
    /// The number, or the median of many.
    pub(super) value: f64,
    /// How the numbers spread, where there are many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spread: Option<Spread>,
}

/// How numbers spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) min: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
    /// How many there are.
    pub(super) count: usize,
}

impl Figure {
    /// A single number.
    pub(super) fn one(name: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self { name: name.into(), unit, value: rounded(value), spread: None }
    }

    /// Many numbers; none where nothing was measured.
    pub(super) fn many(name: impl Into<String>, unit: &'static str, mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let spread = Spread {
            min: rounded(min),
            p95: rounded(part(&values, 95)),
            p99: rounded(part(&values, 99)),
            max: rounded(max),
            count: values.len(),
        };
        Some(Self { name: name.into(), unit, value: rounded(part(&values, 50)), spread: Some(spread) })
    }

    /// Many lengths of time, in milliseconds.
    pub(super) fn lengths(name: impl Into<String>, lengths: &[Duration]) -> Option<Self> {
        Self::many(name, "ms", lengths.iter().map(millis).collect())
    }
}

/// A length of time in milliseconds.
pub(super) fn millis(length: &Duration) -> f64 {
    length.as_secs_f64() * 1000.0
}

/// The number below which so many of a hundred are (nearest rank).
fn part(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

/// More digits than these say nothing.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_numbers_have_a_median_and_a_spread() {
        let figure = Figure::many("wait", "ms", (1..=100).rev().map(f64::from).collect()).unwrap();
        let spread = figure.spread.unwrap();
        assert_eq!((figure.value, spread.min, spread.p95, spread.p99, spread.max), (50.0, 1.0, 95.0, 99.0, 100.0));
        assert_eq!(Figure::many("wait", "ms", Vec::new()), None);
        assert_eq!(Figure::many("wait", "ms", vec![7.0004]).map(|figure| figure.value), Some(7.0));
    }
}
