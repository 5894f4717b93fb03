//! The name of a state, from which it can be made again.

use std::fmt;
use std::str::FromStr;

/// How the first process ended, and the state that this left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The power was cut; the number of the state that it left.
    Cut(u64),
    /// Killed after this many bytes of a write, or after another operation.
    Kill(usize),
}

/// One state: of a workload that was cut or killed at one of its moments, or of the
/// process that went on afterwards and was cut in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) workload: String,
    pub(super) moment: usize,
    pub(super) end: End,
    pub(super) second: Option<Second>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Second {
    pub(super) recovery: u64,
    pub(super) moment: usize,
    /// The number of the state that the second cut left.
    pub(super) number: u64,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.workload, self.moment)?;
        match self.end {
            End::Cut(number) => write!(f, "cut:{number}")?,
            End::Kill(bytes) => write!(f, "kill:{bytes}")?,
        }
        match self.second {
            Some(Second { recovery, moment, number }) => write!(f, "/{recovery}:{moment}:{number}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (first, second) =
                text.split_once('/').map_or((text, None), |it| (it.0, Some(it.1)));
            let [workload, moment, end, number] = split(first)?;
            let end = match end {
                "cut" => End::Cut(number.parse().ok()?),
                "kill" => End::Kill(number.parse().ok()?),
                _ => return None,
            };
            let second = match second.map(split) {
                None => None,
                Some(parts) => {
                    let [recovery, moment, number] = parts?;
                    Some(Second {
                        recovery: recovery.parse().ok()?,
                        moment: moment.parse().ok()?,
                        number: number.parse().ok()?,
                    })
                }
            };
            Some(Self { workload: workload.into(), moment: moment.parse().ok()?, end, second })
        };
        parse().ok_or_else(|| format!("{text} is not a state; an example is single:17:cut:5/2:9:3"))
    }
}

fn split<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split(':').collect::<Vec<_>>().try_into().ok()
}
