//! An axis of numbers: where a value stands and what the ticks say.
//!
//! A label has room for about eight characters. Where values need more, the
//! axis shows `(value − base) / 10^power` and its title says so: 1e9 ± 1e-3
//! keeps its thousandths, 1e308 and 1e-310 neither overflow nor vanish.

use super::number;

/// Values so close together, relative to their size, are shown as offsets.
const OFFSET_FROM: f64 = 1e6;

/// A linear axis over finite numbers.
#[derive(Clone, Debug)]
pub(super) struct ValueAxis {
    base: f64,
    /// The base as decimal digits, where there is one.
    base_text: Option<String>,
    /// Values are divided by ten to this power.
    power: i32,
    /// Ends of the axis, in its own (offset and divided) numbers.
    low: f64,
    high: f64,
}

impl ValueAxis {
    /// An axis from `low` to `high`, longer at both ends by the `margin` part of that.
    pub(super) fn new(low: f64, high: f64, margin: f64) -> Self {
        let (low, high) = if low <= high { (low, high) } else { (high, low) };
        let (base, base_text) = base(low, high);
        let largest = (low - base).abs().max((high - base).abs());
        let power = if largest == 0.0 { 0 } else { power_for(number::exponent(largest)) };
        let mut axis = Self { base, base_text, power, low: 0.0, high: 1.0 };
        let (low, high) = (axis.own(low), axis.own(high));
        let spread = if high > low {
            (high - low) * margin
        } else if high == 0.0 {
            1.2
        } else {
            high.abs() * 0.12
        };
        (axis.low, axis.high) = (low - spread, high + spread);
        axis
    }

    /// An axis of counts, from 0 to at least `most` and never shorter than one.
    pub(super) fn counts(most: f64, margin: f64) -> Self {
        let mut axis = Self::new(0.0, most.max(1.0), margin);
        axis.low = 0.0;
        axis
    }

    /// A value as the axis counts: less the base, over the power of ten.
    pub(super) fn own(&self, value: f64) -> f64 {
        let value = value - self.base;
        if self.power < -300 {
            value * 1e300 / 10f64.powi(self.power + 300)
        } else {
            value / 10f64.powi(self.power)
        }
    }

    /// The axis' own number at a place from 0 to 1.
    pub(super) fn own_at(&self, part: f64) -> f64 {
        self.low + (self.high - self.low) * part
    }

    /// A length of the axis in its own numbers (no base in a difference).
    pub(super) fn own_length(&self, length: f64) -> f64 {
        Self { base: 0.0, ..self.clone() }.own(length)
    }

    /// Where a value stands: 0 at the low end, 1 at the high end, little beyond.
    pub(super) fn fraction(&self, value: f64) -> f64 {
        self.fraction_of_own(self.own(value))
    }

    /// The same for a value in the axis' own numbers.
    pub(super) fn fraction_of_own(&self, own: f64) -> f64 {
        ((own - self.low) / (self.high - self.low)).clamp(-0.5, 1.5)
    }

    /// Round ticks, about `ticks_max` of them at most: where each stands, and its label.
    pub(super) fn ticks(&self, ticks_max: u32) -> Vec<(f64, String)> {
        self.ticks_from(ticks_max, 0.0)
    }

    /// Ticks of a count: whole numbers only.
    pub(super) fn whole_ticks(&self, ticks_max: u32) -> Vec<(f64, String)> {
        self.ticks_from(ticks_max, 1.0 / 10f64.powi(self.power))
    }

    /// Ticks with a step of `least` or more. One tick alone says nothing of the scale, so
    /// the step is then a smaller one.
    fn ticks_from(&self, ticks_max: u32, least: f64) -> Vec<(f64, String)> {
        let widest = step((self.high - self.low) / f64::from(ticks_max.max(2)));
        // A third of 1, 2 or 5 is above the one before the next smaller of them.
        let narrower = |wider: &f64| Some(step(wider / 3.0));
        let steps = std::iter::successors(Some(widest), narrower).take(3);
        let mut ticks = Vec::new();
        for step in steps {
            ticks = self.ticks_by(step.max(least));
            if ticks.len() > 1 {
                break;
            }
        }
        ticks
    }

    fn ticks_by(&self, step: f64) -> Vec<(f64, String)> {
        let decimals = decimals_of(step);
        let slack = step * 1e-9;
        let first = ((self.low - slack) / step).ceil();
        (0..64)
            .map(|i| (first + f64::from(i)) * step)
            .take_while(|&own| own <= self.high + slack)
            .map(|own| (self.fraction_of_own(own), self.label(own, decimals)))
            .collect()
    }

    fn label(&self, own: f64, decimals: usize) -> String {
        let text = number::fixed(own, decimals);
        let sign = if self.base_text.is_some() && own > 0.0 { "+" } else { "" };
        format!("{sign}{text}")
    }

    /// The axis' title: `value`, and what was taken from it.
    pub(super) fn title(&self, name: &str) -> String {
        let mut title = name.to_owned();
        if let Some(base) = &self.base_text {
            let (sign, base) = base.strip_prefix('−').map_or(("−", base.as_str()), |b| ("+", b));
            title = format!("{title} {sign} {base}");
        }
        if self.power != 0 {
            title = format!("{title}, in {}", number::power_of_ten(self.power));
        }
        title
    }
}

/// What to subtract, as number and as text: a round number near values that
/// differ only in digits for which a label has no room.
fn base(low: f64, high: f64) -> (f64, Option<String>) {
    let span = high - low;
    let largest = low.abs().max(high.abs());
    // Where the span overflows, the values are not close together.
    if span == 0.0 || !span.is_finite() || largest / span < OFFSET_FROM {
        return (0.0, None);
    }
    let middle = low / 2.0 + high / 2.0;
    let size = number::exponent(middle);
    let digits = usize::try_from(size - number::exponent(span) - 1).unwrap_or(0);
    let rounded: f64 = format!("{middle:.digits$e}").parse().unwrap_or(middle);
    let text = if (-4..15).contains(&size) {
        let decimals = i32::try_from(digits).unwrap_or(0) - size;
        number::trimmed(number::fixed(rounded, usize::try_from(decimals).unwrap_or(0)))
    } else {
        number::scientific(rounded, digits)
    };
    (rounded, Some(text))
}

/// The power of ten for numbers of an exponent: none for what is easily read,
/// else a multiple of three.
fn power_for(exponent: i32) -> i32 {
    if (-4..9).contains(&exponent) { 0 } else { exponent.div_euclid(3) * 3 }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`.
pub(super) fn step(least: f64) -> f64 {
    if !(least.is_finite() && least > 0.0) {
        return 1.0;
    }
    let unit = 10f64.powi(number::exponent(least));
    [1.0, 2.0, 5.0].into_iter().map(|n| n * unit).find(|&s| s >= least).unwrap_or(10.0 * unit)
}

fn decimals_of(step: f64) -> usize {
    usize::try_from(-number::exponent(step * (1.0 + 1e-9))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> (String, Vec<String>) {
        let axis = ValueAxis::new(low, high, 0.05);
        (axis.title("value"), axis.ticks(6).into_iter().map(|(_, label)| label).collect())
    }

    #[test]
    fn ticks_are_round() {
        let (title, ticks) = labels(8.1, 22.8);
        assert_eq!((title.as_str(), ticks.join(" ").as_str()), ("value", "10 15 20"));
        assert_eq!(labels(-0.1, 0.1).1.join(" "), "−0.10 −0.05 0.00 0.05 0.10");
    }

    #[test]
    fn no_tick_is_alone() {
        for ticks_max in [2, 3, 4] {
            for high in 11..100 {
                let axis = ValueAxis::new(10.5, f64::from(high), 0.06);
                let ticks = axis.ticks(ticks_max);
                assert!(ticks.len() > 1, "{ticks:?} up to {high} of {ticks_max}");
                assert!(ticks.len() <= 5, "{ticks:?} up to {high} of {ticks_max}");
            }
        }
    }

    #[test]
    fn a_large_offset_moves_to_the_title() {
        let (title, ticks) = labels(1e9 - 1e-3, 1e9 + 1e-3);
        assert_eq!(title, "value − 1,000,000,000");
        assert_eq!(ticks.join(" "), "−0.0010 −0.0005 0.0000 +0.0005 +0.0010");
        assert_eq!(labels(-1e9 - 1e-3, -1e9 + 1e-3).0, "value + 1,000,000,000");
    }

    #[test]
    fn powers_of_ten_move_to_the_title() {
        assert_eq!(labels(-1e308, 1e308).0, "value, in 10³⁰⁶");
        assert_eq!(labels(1e-310, 2e-310).0, "value, in 10⁻³¹²");
        assert_eq!(labels(0.0, 5e9).0, "value, in 10⁹");
        assert_eq!(labels(0.0, 1000.0).0, "value");
    }

    #[test]
    fn every_range_has_a_few_ticks_inside_and_apart() {
        let sizes = [0.0, 5e-324, 1e-310, 1e-5, 0.3, 1.0, 99.5, 1e9, 1e16, 1e300, f64::MAX];
        for a in sizes {
            for b in sizes {
                for (low, high) in [(a, b), (-a, b), (-a, -b), (a, a.next_up().min(f64::MAX))] {
                    let axis = ValueAxis::new(low, high, 0.05);
                    for ticks_max in [2, 3, 4, 8] {
                        let ticks = axis.ticks(ticks_max);
                        let most = ticks_max.max(3) as usize + 2;
                        assert!((2..=most).contains(&ticks.len()), "{low:e} {high:e}: {ticks:?}");
                        assert!(ticks.windows(2).all(|t| t[0].0 < t[1].0 && t[0].1 != t[1].1));
                        let is_short = |label: &str| label.chars().count() <= 14;
                        assert!(ticks.iter().all(|(_, label)| is_short(label)), "{ticks:?}");
                    }
                    for v in [low, high] {
                        assert!((0.0..=1.0).contains(&axis.fraction(v)), "{low:e} {high:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn counts_are_whole_numbers() {
        let axis = ValueAxis::counts(1.0, 0.1);
        let labels: Vec<_> = axis.whole_ticks(6).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels.join(" "), "0 1");
    }
}
