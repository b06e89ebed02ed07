//! Certificates that somebody else issued, with those above them.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::{CertificateDer, UnixTime};
use thiserror::Error;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::RegistrationId;
use crate::authority::{Authority, LONGEST_TEXT, MOST_CERTIFICATES, TooMany, certificate_pem, certificates, told, validity};

/// A device's own certificate that somebody else issued, with those above it, and its key; wiped when dropped, never printed.
#[derive(Clone)]
pub struct Chain {
    leaf: Vec<u8>,
    above: Vec<Vec<u8>>,
    names: Vec<String>,
    not_before: Timestamp,
    not_after: Timestamp,
    key: Zeroizing<String>,
}

/// Why a chain opens nothing; never holds any part of a key.
#[expect(missing_docs, reason = "each message says it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ChainError {
    #[error("it holds no certificate in PEM")]
    NotPem,
    #[error("a certificate of it is malformed")]
    Malformed,
    #[error("it holds more than {MOST_CERTIFICATES} certificates, or more than {} KiB of them: the device's own, and at most {} above it", LONGEST_TEXT >> 10, MOST_CERTIFICATES - 1)]
    TooLong,
    #[error("it holds no private key in PEM (PKCS#8, PKCS#1 or SEC 1, not encrypted)")]
    NoKey,
    #[error("its private key is not that of its certificate")]
    OtherKey,
    #[error("it leads to no authority that is accepted")]
    Unknown,
    #[error("it is that of an authority, and not of a device")]
    OfAnAuthority,
    #[error("it is not for clients (extendedKeyUsage lacks clientAuth)")]
    NotForClients,
    #[error("a certificate of it does not hold now")]
    OutOfTime,
    #[error("a certificate of it may not vouch for the one below it")]
    Broken,
}

impl Chain {
    /// Reads a certificate, and those above it, and its key, as `tls.crt` and `tls.key` of a Secret have them.
    ///
    /// # Errors
    /// When one of them is not there, or they do not belong together.
    pub fn from_pem(chain: &str, key: &str) -> Result<Self, ChainError> {
        let mut above = certificates(chain)?;
        if above.is_empty() {
            return Err(ChainError::NotPem);
        }
        let leaf = above.remove(0);
        let own = KeyPair::from_pem(key).map_err(|_| ChainError::NoKey)?;
        let (_, parsed) = X509Certificate::from_der(&leaf).map_err(|_| ChainError::Malformed)?;
        if own.subject_public_key_info() != parsed.public_key().raw {
            return Err(ChainError::OtherKey);
        }
        let (not_before, not_after) = validity(&parsed).ok_or(ChainError::Malformed)?;
        let names = parsed.subject().iter_common_name().map(|name| name.as_str().unwrap_or_default().to_owned()).collect();
        Ok(Self { names, not_before, not_after, key: Zeroizing::new(key.to_owned()), leaf, above })
    }

    /// Whether the device registers as this id with it: its one common name is the id.
    pub fn is_of(&self, id: &RegistrationId) -> bool {
        self.names == [id.as_str()]
    }

    /// The common names of its certificate, as people read them, in one line and not without end.
    pub fn subject(&self) -> String {
        told(&self.names.join(", "))
    }

    /// From when until when its certificate holds.
    pub fn life(&self) -> (Timestamp, Timestamp) {
        (self.not_before, self.not_after)
    }

    /// The authorities that come with it: those of the chain, and of a text beside it, such as `ca.crt` of its Secret.
    ///
    /// # Errors
    /// `TooLong` if there are more beside it than a chain may have.
    pub fn authorities(&self, beside: &str) -> Result<Vec<Authority>, ChainError> {
        let all = self.above.iter().cloned().chain(certificates(beside)?);
        Ok(all.filter_map(|der| Authority::from_der(der).ok()).collect())
    }

    /// The authority among these that vouches for the certificate at a time, itself or through the rest of the chain, of which no two are
    /// taken that bear one name: how many ways there are through them must not be up to whoever wrote them.
    ///
    /// # Errors
    /// When none does.
    pub fn vouched_for<'a>(&self, by: &'a [Authority], at: Timestamp) -> Result<&'a Authority, ChainError> {
        let (mut flaw, path) = (ChainError::Unknown, self.path());
        for authority in by {
            match self.leads_to(authority, &path, at) {
                Ok(()) => return Ok(authority),
                Err(ChainError::Unknown) => {}
                Err(other) => flaw = other,
            }
        }
        Err(flaw)
    }

    /// The one way up from the certificate by the names of issuers, as far as it goes.
    fn path(&self) -> Vec<CertificateDer<'_>> {
        let names = |der: &[u8]| {
            let (_, read) = X509Certificate::from_der(der).ok()?;
            Some((read.subject().as_raw().to_vec(), read.issuer().as_raw().to_vec()))
        };
        let above: Vec<_> = self.above.iter().filter_map(|der| Some((der, names(der)?))).collect();
        let (mut path, mut passed) = (Vec::new(), HashSet::new());
        let mut next = names(&self.leaf).map(|(_, issuer)| issuer);
        while let Some(name) = next.take() {
            if let Some((der, (subject, issuer))) = above.iter().find(|(_, (subject, _))| *subject == name)
                && passed.insert(subject)
            {
                path.push(CertificateDer::from(der.as_slice()));
                next = Some(issuer.clone());
            }
        }
        path
    }

    fn leads_to(&self, authority: &Authority, above: &[CertificateDer<'_>], at: Timestamp) -> Result<(), ChainError> {
        let (trusted, leaf) = (CertificateDer::from(authority.der()), CertificateDer::from(self.leaf.as_slice()));
        let anchor = anchor_from_trusted_cert(&trusted).map_err(|error| flaw(&error))?;
        let leaf = EndEntityCert::try_from(&leaf).map_err(|error| flaw(&error))?;
        let seconds = u64::try_from(at.as_second()).map_err(|_| ChainError::OutOfTime)?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let anchors = [anchor];
        leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, above, time, KeyUsage::client_auth(), None, None)
            .map_err(|error| flaw(&error))?;
        // One that is trusted is not checked for its own time.
        if authority.not_before() <= at && at <= authority.not_after() { Ok(()) } else { Err(ChainError::OutOfTime) }
    }

    /// The certificate and all above it that a device shows to somebody who trusts this authority, in PEM.
    pub fn certificate(&self, authority: &Authority) -> String {
        let is_shown = authority.is_root() || self.above.iter().any(|der| der == authority.der());
        let last = (!is_shown).then(|| authority.der());
        let all = std::iter::once(self.leaf.as_slice()).chain(self.above.iter().map(Vec::as_slice)).chain(last);
        all.map(certificate_pem).collect()
    }

    /// The private key, in PEM, as it came.
    pub fn expose_key(&self) -> &Zeroizing<String> {
        &self.key
    }
}

impl From<TooMany> for ChainError {
    fn from(_: TooMany) -> Self {
        Self::TooLong
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain([redacted])")
    }
}

fn flaw(error: &webpki::Error) -> ChainError {
    use webpki::Error;
    match error {
        Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => ChainError::Unknown,
        Error::CaUsedAsEndEntity => ChainError::OfAnAuthority,
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => ChainError::NotForClients,
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } | Error::InvalidCertValidity => ChainError::OutOfTime,
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) | Error::UnsupportedCertVersion => ChainError::Malformed,
        _ => ChainError::Broken,
    }
}

#[cfg(test)]
mod tests;
