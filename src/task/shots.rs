//! How many labelled examples a trial may use.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::task::TaskError;

/// How many labelled examples a trial may use: `0`, `16`, `full` or `given` in YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shots {
    /// That many of each class, drawn by seed; 0 is zero-shot.
    Count(usize),
    /// Every distinct example.
    Full,
    /// The published splits, untouched.
    Given,
}

impl fmt::Display for Shots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(k) => write!(f, "{k}"),
            Self::Full => f.write_str("full"),
            Self::Given => f.write_str("given"),
        }
    }
}

impl FromStr for Shots {
    type Err = TaskError;

    fn from_str(text: &str) -> Result<Self, TaskError> {
        match text {
            "full" => Ok(Self::Full),
            "given" => Ok(Self::Given),
            // `+5` parses as a number, but is no count that we would print.
            _ if text.starts_with('+') => Err(TaskError::UnknownShots { found: text.to_owned() }),
            _ => text.parse().map(Self::Count).map_err(|_| TaskError::UnknownShots { found: text.to_owned() }),
        }
    }
}

impl Serialize for Shots {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(k) => serializer.serialize_u64(*k as u64),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Shots {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Shots;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count per class such as 0 or 16, full, or given")
            }

            fn visit_u64<E: de::Error>(self, k: u64) -> Result<Shots, E> {
                usize::try_from(k).map(Shots::Count).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Shots, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shots_print_as_they_are_written() {
        for text in ["0", "16", "full", "given"] {
            assert_eq!(text.parse::<Shots>().unwrap().to_string(), text);
            let yaml: Shots = serde_yaml::from_str(text).unwrap();
            assert_eq!(yaml, text.parse().unwrap());
            assert_eq!(serde_yaml::to_string(&yaml).unwrap().trim(), text);
        }
    }

    #[test]
    fn other_words_are_refused_with_the_known_ones() {
        for text in ["", "-1", "+1", "1.5", "all", "Full"] {
            let message = text.parse::<Shots>().unwrap_err().to_string();
            assert!(message.contains("full, given"), "{message}");
        }
        assert!(serde_yaml::from_str::<Shots>("-1").is_err());
    }
}
