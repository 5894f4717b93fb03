//! The sources that can be named on the command line.

use std::str::FromStr;

use gaugelog_sources::{Lines, RandomNormal, Source};

/// A source that was named, with its parameters in order.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// Draws from a normal distribution.
    Normal(RandomNormal),
    /// Standard input.
    Stdin,
}

impl Input {
    pub(super) fn open(self) -> Box<dyn Source> {
        match self {
            Self::Normal(source) => Box::new(source),
            Self::Stdin => Box::new(Lines::stdin()),
        }
    }
}

impl FromStr for Input {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':').unwrap_or((text, "")) {
            ("normal", parameters) => normal(parameters).map(Self::Normal),
            ("stdin", "") => Ok(Self::Stdin),
            ("stdin", _) => Err("stdin takes no parameters".to_owned()),
            _ => Err("there are the sources normal and stdin".to_owned()),
        }
    }
}

/// `mean=14,std_dev=3,seed=7`, each of which may be left out.
fn normal(parameters: &str) -> Result<RandomNormal, String> {
    let mut mean = RandomNormal::DEFAULT_MEAN;
    let mut std_dev = RandomNormal::DEFAULT_STD_DEV;
    let mut seed = None;
    for parameter in parameters.split(',').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let wrong = |_| format!("{name} is {value:?}, which is no number");
        match name {
            "mean" => mean = value.parse().map_err(wrong)?,
            "std_dev" => std_dev = value.parse().map_err(wrong)?,
            "seed" => {
                let wrong = |_| format!("seed is {value:?}; it must be a whole number from 0");
                seed = Some(value.parse().map_err(wrong)?);
            }
            _ => return Err(format!("normal has mean, std_dev and seed, and no {name:?}")),
        }
    }
    RandomNormal::new(mean, std_dev, seed).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_named_with_their_parameters() {
        for (text, description) in [
            ("normal:seed=7", "mean 14, standard deviation 3 and seed 7"),
            ("normal:mean=-2.5,std_dev=0,seed=0", "mean -2.5, standard deviation 0 and seed 0"),
            ("normal:seed=1,mean=1e9,", "mean 1000000000, standard deviation 3 and seed 1"),
        ] {
            let source = text.parse::<Input>().unwrap().open();
            assert!(source.description().ends_with(description), "{}", source.description());
        }
        assert_eq!("normal".parse::<Input>().unwrap().open().name(), "normal");
        assert_eq!("stdin".parse::<Input>().unwrap().open().name(), "stdin");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, message) in [
            ("", "there are the sources normal and stdin"),
            ("Normal", "there are the sources normal and stdin"),
            ("stdin:x", "stdin takes no parameters"),
            ("normal:median=3", "normal has mean, std_dev and seed, and no \"median\""),
            ("normal:mean", "mean is \"\", which is no number"),
            ("normal:mean=nan", "mean is NaN; it must be finite"),
            ("normal:std_dev=-1", "std_dev is -1; it must be finite and not negative"),
            ("normal:seed=-1", "seed is \"-1\"; it must be a whole number from 0"),
        ] {
            assert_eq!(text.parse::<Input>().unwrap_err(), message);
        }
    }
}
