//! TLS from the operator's PEM files: whom the server is, and whom it lets in.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// Contents of PEM files.
pub struct Pem {
    pub certificates: Vec<u8>,
    pub key: Vec<u8>,
    /// Roots: clients must then show a certificate of theirs.
    pub client_roots: Option<Vec<u8>>,
}

impl std::fmt::Debug for Pem {
    /// The key is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pem").finish_non_exhaustive()
    }
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the {what} cannot be used: {detail}")]
pub struct TlsError {
    what: &'static str,
    detail: String,
}

fn unusable<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> TlsError {
    move |error| TlsError {
        what,
        detail: error.to_string(),
    }
}

/// What takes TLS connections for HTTP/2.
pub(crate) fn acceptor(pem: &Pem) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable("TLS versions"))?;
    let builder = match &pem.client_roots {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            let roots = Arc::new(root_store(roots)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(unusable("roots of clients"))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = certificates(&pem.certificates, "certificate")?;
    let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(unusable("private key"))?;
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(unusable("certificate with its key"))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn root_store(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for root in certificates(pem, "roots of clients")? {
        store.add(root).map_err(unusable("roots of clients"))?;
    }
    Ok(store)
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.map_err(unusable(what))
}
