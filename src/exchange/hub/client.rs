//! Requests to the hub: redirects, the token's way, repeated attempts.

use std::thread;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, Uri};
use ureq::{Agent, Body};

use super::error::HubFault;
use super::settings::{Settings, Token};
use super::watch::Watch;
use crate::exchange::tls::trusting;

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 8;

/// Asks the hub.
pub(super) struct Client {
    agent: Agent,
    endpoint: Uri,
    base: String,
    token: Option<Token>,
    timeout: Duration,
    attempts: u32,
    wait: Duration,
    patience: Duration,
    /// Whether files are copied into snapshots.
    pub copies: bool,
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Of the head alone; a redirect away from the hub is an answer too.
    Head,
    /// Of the bytes from here on.
    Get {
        /// The first of them.
        from: u64,
    },
}

/// An answer.
pub(super) struct Reply {
    /// Its status.
    pub status: u16,
    /// The heads of the answer and of the redirects to it, the first one first.
    pub heads: Vec<HeaderMap>,
    /// What follows the head.
    pub body: Body,
    /// The host that gave it.
    pub host: String,
    /// Its address without what may be secret.
    pub url: String,
}

impl Reply {
    /// The first value of a header, along the redirects.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.heads.iter().find_map(|head| head.get(name)?.to_str().ok())
    }
}

/// A failed attempt.
pub(super) struct Failed {
    /// What failed.
    pub fault: HubFault,
    /// Whether the same may go well another time.
    pub again: bool,
    /// How long the server bids us wait.
    pub after: Option<Duration>,
}

impl Failed {
    /// One that may go well another time.
    pub fn again(fault: HubFault) -> Self {
        Self { fault, again: true, after: None }
    }
}

impl From<HubFault> for Failed {
    fn from(fault: HubFault) -> Self {
        Self { fault, again: false, after: None }
    }
}

impl Client {
    /// A client for the hub that `settings` name.
    ///
    /// # Errors
    /// A certificate file or an address that cannot be read.
    pub fn new(settings: &Settings) -> Result<Self, HubFault> {
        let certificates = settings.certificates.as_deref();
        let tls = certificates.map(|path| trusting(path).map_err(HubFault::cache("read", path))).transpose()?;
        let timeout = Some(settings.timeout);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("promptmine/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.unwrap_or_default())
            .timeout_resolve(timeout)
            .timeout_connect(timeout)
            .timeout_per_read(timeout)
            .timeout_per_write(timeout)
            .build();
        let endpoint = settings.endpoint.parse().map_err(|_| HubFault::Variable {
            name: "HF_ENDPOINT",
            what: "is no address (https://..., or http://...)".into(),
        })?;
        Ok(Self {
            agent: config.new_agent(),
            endpoint,
            base: settings.endpoint.clone(),
            token: settings.token.clone(),
            timeout: settings.timeout,
            attempts: settings.attempts,
            wait: settings.wait,
            patience: settings.patience,
            copies: settings.copies,
        })
    }

    /// Whether a token goes with requests.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The fault of a read that failed.
    pub fn read_fault(&self, host: &str, error: &std::io::Error, what: String) -> HubFault {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
            Some(ureq::Error::Timeout(_)) => self.slow(host, what),
            _ if error.kind() == std::io::ErrorKind::TimedOut => self.slow(host, what),
            _ => HubFault::Unreachable { host: host.to_owned(), what: format!("{error}{what}") },
        }
    }

    fn slow(&self, host: &str, what: String) -> HubFault {
        HubFault::Slow { host: host.to_owned(), seconds: self.timeout.as_secs(), what }
    }

    /// Does `attempt` until it goes well, gives up, or was done often enough. An attempt says through its argument that it got
    /// further than the one before, and then counts as the first.
    ///
    /// # Errors
    /// That of the last attempt.
    pub fn repeat<T>(
        &self,
        watch: &dyn Watch,
        mut attempt: impl FnMut(&mut bool) -> Result<T, Failed>,
    ) -> Result<T, HubFault> {
        let mut failures = 0;
        loop {
            let mut progress = false;
            let failed = match attempt(&mut progress) {
                Ok(found) => return Ok(found),
                Err(failed) => failed,
            };
            failures = if progress { 1 } else { failures + 1 };
            let wait = failed.after.unwrap_or(self.wait * 2u32.saturating_pow(failures - 1));
            if !failed.again || failures >= self.attempts || wait > self.patience {
                return Err(failed.fault);
            }
            watch.note(&format!("{}; trying again in {} s", failed.fault, wait.as_secs_f64()));
            thread::sleep(wait);
        }
    }

    /// Asks for an address below the endpoint and follows redirects.
    ///
    /// # Errors
    /// No connection, a redirect that is not followed, and every status that is none of success, `what` being what was asked
    /// for.
    pub fn ask(&self, method: Method, address: &str, what: &str) -> Result<Reply, Failed> {
        let mut url = format!("{}{address}", self.base);
        let mut heads = Vec::new();
        for _ in 0..=MAX_REDIRECTS {
            let uri: Uri = url.parse().map_err(|_| answer(&url, "is no address"))?;
            let response = self.send(method, &uri)?;
            let status = response.status().as_u16();
            let (parts, body) = response.into_parts();
            let to = parts.headers.get("location").and_then(|to| to.to_str().ok()).map(str::to_owned);
            heads.push(parts.headers);
            let host = host(&uri);
            if let (301..=303 | 307 | 308, Some(to)) = (status, to) {
                let to = joined(&uri, &to).ok_or_else(|| answer(&url, "leads to what is no address"))?;
                let away = origin(&to) != origin(&uri);
                if uri.scheme_str() == Some("https") && to.scheme_str() != Some("https") {
                    let (from, to) = (shown(&uri), shown(&to));
                    return Err(HubFault::Redirect { from, to, why: "which is not encrypted" }.into());
                }
                // The hub itself knows what lies in its store.
                let is_known = heads.iter().any(|head| head.contains_key("x-linked-etag"));
                if method == Method::Head && (away || is_known) {
                    return Ok(Reply { status, heads, body, host, url: shown(&uri) });
                }
                url = to.to_string();
                continue;
            }
            let reply = Reply { status, heads, body, host, url: shown(&uri) };
            return self.judged(reply, method, what);
        }
        Err(HubFault::Redirect { from: self.base.clone() + address, to: "itself".into(), why: "over and over" }.into())
    }

    fn send(&self, method: Method, uri: &Uri) -> Result<Response<Body>, Failed> {
        let mut request = match method {
            Method::Head => self.agent.head(uri),
            Method::Get { .. } => self.agent.get(uri),
        };
        // Bytes as they are, so that sizes and checksums are theirs.
        request = request.header("accept-encoding", "identity");
        if let Method::Get { from: from @ 1.. } = method {
            request = request.header("range", format!("bytes={from}-"));
        }
        if let Some(token) = &self.token
            && origin(uri) == origin(&self.endpoint)
        {
            request = request.header("authorization", token.header());
        }
        let host = host(uri);
        request.call().map_err(|error| match error {
            ureq::Error::Timeout(_) => Failed::again(self.slow(&host, String::new())),
            ureq::Error::Io(error) => Failed::again(self.read_fault(&host, &error, String::new())),
            ureq::Error::HostNotFound => {
                HubFault::Unreachable { host, what: "its name is not known here".into() }.into()
            }
            error => Failed::again(HubFault::Unreachable { host, what: error.to_string() }),
        })
    }

    fn judged(&self, reply: Reply, method: Method, what: &str) -> Result<Reply, Failed> {
        let Reply { status, host, url, .. } = &reply;
        let (host, status) = (host.clone(), *status);
        let code = reply.header("x-error-code").unwrap_or_default();
        match status {
            200..=299 => Ok(reply),
            // A partial file that is complete, or longer than the file.
            416 if matches!(method, Method::Get { from: 1.. }) => Ok(reply),
            401 | 403 if code == "GatedRepo" => {
                let hint = match self.has_token() {
                    true => "it is gated, and the owner of HF_TOKEN has not been granted access on its page",
                    false => "it is gated; ask for access on its page and set HF_TOKEN",
                };
                Err(HubFault::Denied { host, status, hint }.into())
            }
            401 | 403 => {
                let hint = match self.has_token() {
                    true => "it does not exist, or the owner of HF_TOKEN may not read it",
                    false => "it does not exist, or it is private and HF_TOKEN is not set",
                };
                Err(HubFault::Denied { host, status, hint }.into())
            }
            404 | 410 => {
                let hint = match code {
                    "RevisionNotFound" => ": no branch, tag or commit of that name",
                    "EntryNotFound" => ": no such file",
                    _ => "",
                };
                Err(HubFault::NotFound { what: what.to_owned(), host, hint }.into())
            }
            429 => {
                let after = reply.header("retry-after").and_then(|text| text.trim().parse::<u64>().ok());
                let fault = HubFault::TooOften { host, after };
                Err(Failed { fault, again: true, after: after.map(Duration::from_secs) })
            }
            408 | 500..=599 => Err(Failed::again(HubFault::Status { url: url.clone(), status })),
            _ => Err(HubFault::Status { url: url.clone(), status }.into()),
        }
    }
}

fn answer(url: &str, what: &str) -> HubFault {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    HubFault::Answer { url: url.to_owned(), what: what.to_owned() }
}

/// Scheme, host and port: who a request goes to.
fn origin(uri: &Uri) -> (String, String, u16) {
    let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    (scheme, uri.host().unwrap_or_default().to_ascii_lowercase(), port)
}

/// The host, with its port where that is not the usual one.
fn host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    uri.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// An address without its query, which may be signed, and without what stands before the host.
fn shown(uri: &Uri) -> String {
    format!("{}://{}{}", uri.scheme_str().unwrap_or_default(), host(uri), uri.path())
}

/// Where a redirect from `uri` leads.
fn joined(uri: &Uri, to: &str) -> Option<Uri> {
    let to = to.split('#').next().unwrap_or(to);
    let scheme = uri.scheme_str()?;
    let whole = if to.starts_with("http://") || to.starts_with("https://") {
        to.to_owned()
    } else if let Some(rest) = to.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if to.starts_with('/') {
        format!("{scheme}://{}{to}", host(uri))
    } else if to.split('/').next().is_some_and(|first| first.contains(':')) {
        // Another scheme.
        return None;
    } else {
        let folder = uri.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{}{folder}/{to}", host(uri))
    };
    let uri: Uri = whole.parse().ok()?;
    uri.host().is_some_and(|host| !host.is_empty()).then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn redirects_lead_where_a_browser_would_go() {
        let from = uri("https://hub.co:444/a/b/c?x=1");
        let to = |text: &str| joined(&from, text).map(|uri| uri.to_string());
        assert_eq!(to("/x?y").as_deref(), Some("https://hub.co:444/x?y"));
        assert_eq!(to("d#e").as_deref(), Some("https://hub.co:444/a/b/d"));
        assert_eq!(to("//cdn.co/x").as_deref(), Some("https://cdn.co/x"));
        assert_eq!(to("http://cdn.co/x").as_deref(), Some("http://cdn.co/x"));
        assert_eq!(to("file:///etc/passwd"), None);
    }

    #[test]
    fn another_scheme_host_or_port_is_someone_else() {
        let hub = origin(&uri("https://hub.co/a"));
        assert_eq!(hub, origin(&uri("https://HUB.co:443/b")));
        for other in ["http://hub.co/a", "https://hub.co:444/a", "https://cdn.hub.co/a", "https://hub.co@evil.co/a"] {
            assert_ne!(hub, origin(&uri(other)), "{other}");
        }
    }

    #[test]
    fn an_address_is_shown_without_signature_and_user() {
        assert_eq!(shown(&uri("https://me:secret@cdn.co/x?sig=secret")), "https://cdn.co/x");
    }
}
