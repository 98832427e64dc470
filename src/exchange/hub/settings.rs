//! What the environment says of the hub, under the names that its Python client reads.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::HubError;
use super::error::HubFault;
use crate::exchange::tls;

/// The public hub.
const ENDPOINT: &str = "https://huggingface.co";
/// How long the hub may be silent.
const TIMEOUT: u64 = 10;

/// An access token. It is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token without the white space around it; none where nothing is left.
    ///
    /// # Errors
    /// If it holds a character that a header cannot.
    pub fn new(text: &str) -> Result<Option<Self>, String> {
        let text = text.trim();
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("holds a character that no access token has".into());
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// A text without the token in it.
    pub(in crate::exchange) fn hidden_in(&self, text: &str) -> String {
        text.replace(&self.0, "...")
    }

    /// The value of the header `authorization`.
    pub(in crate::exchange) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(...)")
    }
}

/// Where the hub and its cache are, and how they are asked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cache's folder.
    pub cache: PathBuf,
    /// The hub's address, without a slash at its end.
    pub endpoint: String,
    /// The user's token.
    pub token: Option<Token>,
    /// Whether no network is to be used.
    pub offline: bool,
    /// How long the hub may be silent before a request or a download counts as stuck.
    pub timeout: Duration,
    /// Attempts at one request, and at one file since its last byte.
    pub attempts: u32,
    /// How long to wait after the first failed attempt; twice as long after each further one.
    pub wait: Duration,
    /// The longest that a hub which is asked too often may bid us wait.
    pub patience: Duration,
    /// Whether files are copied into snapshots where they would be linked.
    pub copies: bool,
    /// A file of certificates to trust in place of the usual ones.
    pub certificates: Option<PathBuf>,
}

impl Settings {
    /// Those of this process's environment.
    ///
    /// # Errors
    /// A variable that does not hold what it should.
    pub fn from_environment() -> Result<Self, HubError> {
        let home = std::env::home_dir().unwrap_or_default();
        Self::read(&|name| std::env::var(name).ok(), home).map_err(HubError::settings)
    }

    fn read(variable: &dyn Fn(&str) -> Option<String>, home: PathBuf) -> Result<Self, HubFault> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let path = |name: &str| set(name).map(|value| expanded(&value, &home));
        let is_true = |name: &str| {
            set(name).is_some_and(|value| ["1", "ON", "YES", "TRUE"].contains(&value.to_uppercase().as_str()))
        };
        let hf_home = path("HF_HOME")
            .unwrap_or_else(|| path("XDG_CACHE_HOME").unwrap_or_else(|| home.join(".cache")).join("huggingface"));
        let cache =
            path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE")).unwrap_or_else(|| hf_home.join("hub"));
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.into()).trim().trim_end_matches('/').to_owned();
        if !endpoint.starts_with("https://") && !endpoint.starts_with("http://") {
            let what = "is no address (https://..., or http://...)".into();
            return Err(HubFault::Variable { name: "HF_ENDPOINT", what });
        }
        let timeout = match set("HF_HUB_DOWNLOAD_TIMEOUT") {
            None => TIMEOUT,
            Some(text) => match text.trim().parse() {
                Ok(seconds @ 1..=86_400) => seconds,
                _ => {
                    let what = "is no number of seconds from 1 to 86400".into();
                    return Err(HubFault::Variable { name: "HF_HUB_DOWNLOAD_TIMEOUT", what });
                }
            },
        };
        let certificates = tls::certificates(path);
        Ok(Self {
            cache,
            endpoint,
            token: match is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
                true => None,
                false => token(&set, path("HF_TOKEN_PATH").unwrap_or_else(|| hf_home.join("token")))?,
            },
            offline: is_true("HF_HUB_OFFLINE") || is_true("TRANSFORMERS_OFFLINE"),
            timeout: Duration::from_secs(timeout),
            attempts: 5,
            wait: Duration::from_millis(250),
            patience: Duration::from_secs(60),
            copies: is_true("HF_HUB_DISABLE_SYMLINKS"),
            certificates,
        })
    }
}

/// The token of the variables, or that of the file that a login wrote.
fn token(set: &dyn Fn(&str) -> Option<String>, file: PathBuf) -> Result<Option<Token>, HubFault> {
    for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
        if let Some(text) = set(name) {
            return Token::new(&text).map_err(|what| HubFault::Variable { name, what });
        }
    }
    match std::fs::read_to_string(&file) {
        Ok(text) => Token::new(&text)
            .map_err(|what| HubFault::Variable { name: "HF_HOME", what: format!("{}: {what}", file.display()) }),
        // Nobody logged in.
        Err(_) => Ok(None),
    }
}

/// A path whose `~` is the home folder.
fn expanded(text: &str, home: &std::path::Path) -> PathBuf {
    match text.strip_prefix('~') {
        Some("") => home.to_path_buf(),
        Some(rest) if rest.starts_with('/') => home.join(&rest[1..]),
        _ => PathBuf::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, HubFault> {
        let lookup = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Settings::read(&lookup, PathBuf::from("/home/me"))
    }

    #[test]
    fn the_cache_is_where_the_python_client_has_it() {
        let cache = |variables: &[(&str, &str)]| read(variables).unwrap().cache.display().to_string();
        assert_eq!(cache(&[]), "/home/me/.cache/huggingface/hub");
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/x")]), "/x/huggingface/hub");
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "~/hf")]), "/home/me/hf/hub");
        assert_eq!(cache(&[("HF_HOME", "/hf"), ("HUGGINGFACE_HUB_CACHE", "/old")]), "/old");
        assert_eq!(cache(&[("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HUB_CACHE", "/new")]), "/new");
        assert_eq!(cache(&[("HF_HUB_CACHE", "")]), "/home/me/.cache/huggingface/hub");
    }

    #[test]
    fn the_variables_mean_what_they_mean_to_the_python_client() {
        let settings = read(&[("HF_HUB_OFFLINE", "yes"), ("HF_ENDPOINT", "http://localhost:1/ ")]).unwrap();
        assert!(settings.offline);
        assert_eq!(settings.endpoint, "http://localhost:1");
        assert!(read(&[("TRANSFORMERS_OFFLINE", "1")]).unwrap().offline);
        assert!(!read(&[("HF_HUB_OFFLINE", "0")]).unwrap().offline);
        assert_eq!(read(&[("HF_HUB_DOWNLOAD_TIMEOUT", "3")]).unwrap().timeout, Duration::from_secs(3));
        let fault = read(&[("HF_ENDPOINT", "ftp://x")]).unwrap_err().to_string();
        assert_eq!(fault, "the variable HF_ENDPOINT is no address (https://..., or http://...)");
        assert!(read(&[("HF_HUB_DOWNLOAD_TIMEOUT", "soon")]).unwrap_err().to_string().contains("1 to 86400"));
    }

    #[test]
    fn a_token_comes_from_the_variable_or_else_from_the_file_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        let home = folder.path().display().to_string();
        let header = |variables: &[(&str, &str)]| read(variables).unwrap().token.map(|token| token.header());
        assert_eq!(header(&[("HF_HOME", &home)]), Some("Bearer hf_file".into()));
        assert_eq!(header(&[("HF_HOME", &home), ("HF_TOKEN", " hf_own ")]), Some("Bearer hf_own".into()));
        assert_eq!(header(&[("HF_HOME", &home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        assert_eq!(header(&[]), None);
        let settings = read(&[("HF_TOKEN", "hf_secret")]).unwrap();
        assert!(!format!("{settings:?}").contains("secret"));
        let fault = read(&[("HF_TOKEN", "hf_secret\u{e9}")]).unwrap_err();
        assert_eq!(fault.to_string(), "the variable HF_TOKEN holds a character that no access token has");
    }
}
