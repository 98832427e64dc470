//! Which part of an experiment a process runs.

use std::fmt;
use std::str::FromStr;

/// More parts than anybody has machines for.
const MOST: usize = 10_000;

/// One of several parts that an experiment's trials are shared out among, as the command line writes it: `2/3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    /// Which, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("I/N is expected, a whole number from 1 to N of N shards (N at most {MOST}), as in 2/3");
        let (number, of) = text.split_once('/').ok_or_else(fault)?;
        let whole = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse::<usize>().map_err(|_| fault()),
            false => Err(fault()),
        };
        let shard = Self { number: whole(number)?, of: whole(of)? };
        if (1..=shard.of.min(MOST)).contains(&shard.number) && shard.of <= MOST { Ok(shard) } else { Err(fault()) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_read_as_it_is_written() {
        for (number, of) in [(1, 1), (2, 3), (10_000, 10_000)] {
            let shard = Shard { number, of };
            assert_eq!(shard.to_string().parse(), Ok(shard));
        }
    }

    #[test]
    fn what_is_no_part_of_a_whole_is_refused() {
        for text in
            ["", "1", "0/3", "4/3", "1/0", "-1/3", "+1/3", "1/3/5", "a/b", "1 / 3", "1/10001", "99999999999999999999/3"]
        {
            assert!(text.parse::<Shard>().unwrap_err().contains("as in 2/3"), "{text}");
        }
    }
}
