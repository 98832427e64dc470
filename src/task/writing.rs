//! When a text that a model writes has come to its end.

use serde::{Deserialize, Serialize};

/// How long the texts may be that a model writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Writing {
    /// The most new tokens.
    pub max_new_tokens: usize,
    /// Where one of them comes, the text ends: a line break by default.
    pub stop: Vec<String>,
}

impl Default for Writing {
    fn default() -> Self {
        Self { max_new_tokens: 32, stop: vec!["\n".into()] }
    }
}

impl Writing {
    /// The text before the first stop, white space around it left out; `None` where there is none yet. White space in front of the text
    /// is no stop: a model may begin on a new line.
    pub fn ended<'t>(&self, text: &'t str) -> Option<&'t str> {
        let text = text.trim_start();
        let first = self.stop.iter().filter_map(|stop| text.find(stop.as_str())).min();
        first.map(|at| text[..at].trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_before_the_first_stop_that_is_not_in_front_of_it() {
        let writing = |stop: &[&str]| Writing { max_new_tokens: 8, stop: stop.iter().map(|&s| s.to_owned()).collect() };
        assert_eq!(writing(&["\n"]).ended("\n\n A storm. \nMore"), Some("A storm."));
        assert_eq!(writing(&["\n"]).ended("\n A storm."), None);
        assert_eq!(writing(&["。", "."]).ended("雨停了。A."), Some("雨停了"));
        assert_eq!(writing(&[]).ended("a\nb"), None);
    }
}
