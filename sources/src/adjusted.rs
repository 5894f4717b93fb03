//! A source in other units.

use crate::sensor::scaled;
use crate::source::{Pace, Reading, Readings, Source, SourceError};

/// How a value is converted: (value + offset) × scale, as in the kernel's drivers and in
/// the spec `sensor:file=`.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjustment {
    /// Added first.
    pub offset: f64,
    /// The factor of the sum.
    pub scale: f64,
    /// The unit of the result, such as `°C`.
    pub unit: Option<String>,
}

impl Default for Adjustment {
    fn default() -> Self {
        Self { offset: 0.0, scale: 1.0, unit: None }
    }
}

impl Adjustment {
    fn changes_value(&self) -> bool {
        self.offset != 0.0 || self.scale != 1.0
    }
}

/// A source whose values are converted.
///
/// ```
/// use gaugelog_sources::{Adjusted, Adjustment, RandomNormal, Source};
/// let fahrenheit = RandomNormal::new(68.0, 0.0, None)?;
/// let adjustment =
///     Adjustment { offset: -32.0, scale: 5.0 / 9.0, unit: Some("°C".to_owned()) };
/// let mut celsius = Adjusted::new(fahrenheit, vec![adjustment]);
/// assert_eq!(celsius.poll()?.map(|reading| reading.value.round()), Some(20.0));
/// assert_eq!(celsius.unit(0).as_deref(), Some("°C"));
/// # Ok::<(), gaugelog_sources::SourceError>(())
/// ```
#[derive(Debug)]
pub struct Adjusted<S> {
    source: S,
    adjustments: Vec<Adjustment>,
}

impl<S: Source> Adjusted<S> {
    /// Adjusts the values of a source in order. Values without an adjustment stay as they
    /// are.
    #[must_use]
    pub fn new(source: S, adjustments: Vec<Adjustment>) -> Self {
        Self { source, adjustments }
    }

    fn adjust(&self, value: usize, mut reading: Reading) -> Reading {
        if let Some(adjustment) = self.adjustments.get(value).filter(|it| it.changes_value()) {
            reading.value = scaled(reading.value, adjustment.offset, adjustment.scale);
        }
        reading
    }
}

impl<S: Source> Source for Adjusted<S> {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn description(&self) -> String {
        self.value_description(0)
    }

    fn pace(&self) -> Pace {
        self.source.pace()
    }

    fn values(&self) -> usize {
        self.source.values()
    }

    fn value_description(&self, value: usize) -> String {
        let description = self.source.value_description(value);
        match self.adjustments.get(value).filter(|it| it.changes_value()) {
            Some(Adjustment { offset, scale, .. }) if *offset == 0.0 => {
                format!("{description}, times {}", shown(*scale))
            }
            Some(Adjustment { offset, scale, .. }) => {
                format!("{description}, plus {}, times {}", shown(*offset), shown(*scale))
            }
            None => description,
        }
    }

    fn unit(&self, value: usize) -> Option<String> {
        let own = self.adjustments.get(value).and_then(|it| it.unit.clone());
        own.or_else(|| self.source.unit(value))
    }

    fn is_local(&self) -> bool {
        self.source.is_local()
    }

    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        Ok(self.source.poll()?.map(|reading| self.adjust(0, reading)))
    }

    fn poll_all(&mut self) -> Result<Option<Readings>, SourceError> {
        let Some(readings) = self.source.poll_all()? else { return Ok(None) };
        let adjust = |(at, reading): (usize, Result<Option<Reading>, SourceError>)| {
            reading.map(|reading| reading.map(|reading| self.adjust(at, reading)))
        };
        Ok(Some(readings.into_iter().enumerate().map(adjust).collect()))
    }
}

/// A number with few zeros: `0.001`, `1e-9`.
fn shown(number: f64) -> String {
    let text = format!("{number:?}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two values, the second of which fails.
    struct Pair;

    impl Source for Pair {
        fn name(&self) -> &str {
            "pair"
        }

        fn description(&self) -> String {
            "a pair".to_owned()
        }

        fn values(&self) -> usize {
            2
        }

        fn is_local(&self) -> bool {
            true
        }

        fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
            Ok(Some(Reading::at(7, 20.0)))
        }

        fn poll_all(&mut self) -> Result<Option<Readings>, SourceError> {
            Ok(Some(vec![self.poll(), Err(SourceError::new("no"))]))
        }
    }

    #[test]
    fn each_value_has_its_own_adjustment() {
        let first = Adjustment { offset: 1.0, scale: 2.0, unit: None };
        assert_eq!([2.0, 0.001, 1e-9, -273.15].map(shown), ["2", "0.001", "1e-9", "-273.15"]);
        let second = Adjustment { unit: Some("m/s".to_owned()), ..Adjustment::default() };
        let mut source = Adjusted::new(Pair, vec![first, second]);
        let readings = source.poll_all().unwrap().unwrap();
        assert_eq!(*readings[0].as_ref().unwrap(), Some(Reading::at(7, 42.0)));
        assert_eq!(readings[1].as_ref().unwrap_err().to_string(), "no");
        assert_eq!(source.poll().unwrap(), Some(Reading::at(7, 42.0)));
        assert_eq!(source.value_description(0), "a pair, plus 1, times 2");
        assert_eq!(source.value_description(1), "a pair");
        assert_eq!((source.unit(0), source.unit(1).as_deref()), (None, Some("m/s")));
        assert!(source.is_local() && source.values() == 2);
    }

    #[test]
    fn decimals_stay_decimals() {
        let milli = Adjustment { offset: -11.0, scale: 0.001, unit: None };
        let mut source = Adjusted::new(Pair, vec![milli]);
        assert_eq!(source.poll().unwrap(), Some(Reading::at(7, 0.009)));
    }

    #[test]
    fn one_without_an_adjustment_stays_as_it_is() {
        let mut source = Adjusted::new(Pair, Vec::new());
        assert_eq!(source.poll().unwrap(), Some(Reading::at(7, 20.0)));
        assert_eq!((source.description().as_str(), source.unit(0)), ("a pair", None));
    }
}
