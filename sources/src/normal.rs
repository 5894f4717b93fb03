//! The simulator: independent draws from a normal distribution.

use rand::SeedableRng;
use rand::TryRng;
use rand::rngs::{SysRng, Xoshiro256PlusPlus};
use rand_distr::{Distribution, StandardNormal};

use crate::source::{Reading, Source, SourceError};

/// Draws from a normal distribution.
///
/// The same mean, deviation and seed give the same series. The generator is xoshiro256++,
/// which `rand` keeps reproducible across platforms; it does not promise that for its
/// `StdRng`. A test pins the first draws, so that an upgrade that changes the series is
/// noticed. There is one exception: draws further than 3.65 deviations from the mean (one
/// in 4,000) use the platform's logarithm, and their last bit may differ between two C
/// libraries.
///
/// ```
/// use gaugelog_sources::{RandomNormal, Source};
/// let mut one = RandomNormal::new(14.0, 3.0, Some(7))?;
/// let mut other = RandomNormal::new(14.0, 3.0, Some(7))?;
/// assert_eq!(one.poll()?, other.poll()?);
/// # Ok::<(), gaugelog_sources::SourceError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomNormal {
    mean: f64,
    std_dev: f64,
    seed: u64,
    generator: Xoshiro256PlusPlus,
}

impl RandomNormal {
    /// The mean of the service's simulator.
    pub const DEFAULT_MEAN: f64 = 14.0;
    /// The standard deviation of the service's simulator.
    pub const DEFAULT_STD_DEV: f64 = 3.0;

    /// A normal distribution with this mean and standard deviation. Without a seed the
    /// operating system draws one. The description names it, so that any series can be
    /// repeated.
    ///
    /// # Errors
    /// A mean that is not finite, a deviation that is not finite or is negative, or an
    /// operating system that gives no random numbers.
    pub fn new(mean: f64, std_dev: f64, seed: Option<u64>) -> Result<Self, SourceError> {
        if !mean.is_finite() {
            return Err(SourceError::fatal(format!("mean is {mean}; it must be finite")));
        }
        if !std_dev.is_finite() || std_dev < 0.0 {
            return Err(SourceError::fatal(format!(
                "std_dev is {std_dev}; it must be finite and not negative"
            )));
        }
        let seed = match seed {
            Some(seed) => seed,
            None => SysRng.try_next_u64().map_err(|error| {
                SourceError::fatal(format!("cannot draw a seed from the system: {error}"))
            })?,
        };
        Ok(Self { mean, std_dev, seed, generator: Xoshiro256PlusPlus::seed_from_u64(seed) })
    }

    /// `mean=14,std_dev=3,seed=7`; each part may be left out.
    pub(crate) fn from_parameters(parameters: &str) -> Result<Self, SourceError> {
        let (mut mean, mut std_dev, mut seed) = (Self::DEFAULT_MEAN, Self::DEFAULT_STD_DEV, None);
        for parameter in parameters.split(',').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let wrong = |what| SourceError::fatal(format!("{name} is {value:?}, {what}"));
            let number = || value.parse::<f64>().map_err(|_| wrong("which is no number"));
            match name {
                "mean" => mean = number()?,
                "std_dev" => std_dev = number()?,
                "seed" => {
                    let wrong = |_| wrong("which is no whole number from 0");
                    seed = Some(value.parse().map_err(wrong)?);
                }
                _ => {
                    let message = format!("normal has mean, std_dev and seed, and no {name:?}");
                    return Err(SourceError::fatal(message));
                }
            }
        }
        Self::new(mean, std_dev, seed)
    }

    /// Draws again if a huge mean or deviation overflows. At least a third of all draws
    /// do not: those of up to one deviation towards zero.
    fn draw(&mut self) -> f64 {
        loop {
            let standard: f64 = StandardNormal.sample(&mut self.generator);
            let value = self.mean + self.std_dev * standard;
            if value.is_finite() {
                return value;
            }
        }
    }
}

impl Source for RandomNormal {
    fn name(&self) -> &str {
        "normal"
    }

    fn description(&self) -> String {
        format!(
            "draws from a normal distribution with mean {}, standard deviation {} and seed {}",
            self.mean, self.std_dev, self.seed
        )
    }

    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        Ok(Some(Reading::new(self.draw())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(mut source: RandomNormal, count: usize) -> Vec<f64> {
        (0..count).map(|_| source.draw()).collect()
    }

    #[test]
    fn a_seed_pins_the_series() {
        let source = RandomNormal::new(14.0, 3.0, Some(7)).unwrap();
        let first = [
            8.519974075071529,
            8.863543013199727,
            16.129987779055764,
            13.098667923527517,
            18.461658769895514,
        ];
        assert_eq!(draws(source, 5), first);
    }

    #[test]
    fn series_without_a_seed_differ_and_can_be_had_again() {
        let source = RandomNormal::new(0.0, 1.0, None).unwrap();
        let again = RandomNormal::new(0.0, 1.0, Some(source.seed)).unwrap();
        let other = RandomNormal::new(0.0, 1.0, None).unwrap();
        assert!(source.description().ends_with(&source.seed.to_string()));
        let series = draws(source, 3);
        assert_eq!(series, draws(again, 3));
        assert_ne!(series, draws(other, 3));
    }

    #[test]
    fn moments_are_those_asked_for() {
        let series = draws(RandomNormal::new(14.0, 3.0, Some(1)).unwrap(), 100_000);
        let mean = series.iter().sum::<f64>() / 1e5;
        let variance = series.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 1e5;
        // Five standard errors: 3/√1e5 of the mean, 9·√(2/1e5) of the variance.
        assert!((mean - 14.0).abs() < 5.0 * 0.0095, "{mean}");
        assert!((variance - 9.0).abs() < 5.0 * 0.0403, "{variance}");
    }

    #[test]
    fn parameters_out_of_range_are_named() {
        let cases = [
            (f64::NAN, 3.0, "mean is NaN; it must be finite"),
            (f64::INFINITY, 3.0, "mean is inf; it must be finite"),
            (14.0, -0.5, "std_dev is -0.5; it must be finite and not negative"),
            (14.0, f64::NAN, "std_dev is NaN; it must be finite and not negative"),
            (14.0, f64::INFINITY, "std_dev is inf; it must be finite and not negative"),
        ];
        for (mean, std_dev, message) in cases {
            let error = RandomNormal::new(mean, std_dev, Some(0)).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn parameters_are_read_from_text() {
        let source = RandomNormal::from_parameters("seed=1,mean=1e9,").unwrap();
        assert_eq!((source.mean, source.std_dev, source.seed), (1e9, 3.0, 1));
        for (text, message) in [
            ("median=3", "normal has mean, std_dev and seed, and no \"median\""),
            ("mean", "mean is \"\", which is no number"),
            ("mean=nan", "mean is NaN; it must be finite"),
            ("seed=-1", "seed is \"-1\", which is no whole number from 0"),
        ] {
            let error = RandomNormal::from_parameters(text).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn no_deviation_yields_the_mean() {
        assert_eq!(draws(RandomNormal::new(-2.5, 0.0, Some(3)).unwrap(), 4), [-2.5; 4]);
    }

    #[test]
    fn draws_that_overflow_are_drawn_again() {
        let source = RandomNormal::new(f64::MAX, f64::MAX, Some(5)).unwrap();
        assert!(draws(source, 1_000).iter().all(|value| value.is_finite()));
    }
}
