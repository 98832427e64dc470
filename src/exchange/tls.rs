//! Which certificates are trusted when a hub or a service is asked.

use std::io;
use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Variables that name a file of certificates, as curl and Python's clients read them; the first that is set counts.
const VARIABLES: [&str; 3] = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// The file of certificates to trust in place of the usual ones, where one is named.
pub(super) fn certificates(path: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    VARIABLES.into_iter().find_map(path)
}

/// Trusts the certificates in a file of PEM and no others.
///
/// # Errors
/// The file cannot be read, or holds no certificate: then nothing could be trusted.
pub(super) fn trusting(certificates: &Path) -> io::Result<TlsConfig> {
    let bytes = std::fs::read(certificates)?;
    let found: Vec<Certificate<'static>> = parse_pem(&bytes)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no certificate (PEM is expected)"));
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&found)).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_names_the_certificates() {
        let only = |set: &'static str| move |name: &str| (name == set).then(|| PathBuf::from(set));
        assert_eq!(certificates(only("CURL_CA_BUNDLE")), Some("CURL_CA_BUNDLE".into()));
        assert_eq!(certificates(|name| Some(name.into())), Some("SSL_CERT_FILE".into()));
        assert_eq!(certificates(only("OTHER")), None);
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        assert_eq!(trusting(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&path, "not PEM").unwrap();
        assert_eq!(trusting(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
