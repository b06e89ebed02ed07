//! Symmetric keys, which cannot be printed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

const SHORTEST: usize = 16;
const LONGEST: usize = 64;
/// Base64 text of the longest key, and the bytes that a decoder may touch for it.
const LONGEST_TEXT: usize = 88;
const DECODED_TEXT: usize = 66;

/// A symmetric key of 16 to 64 bytes; wiped when dropped, compared in constant time, never printed.
#[derive(Clone)]
pub struct SymmetricKey(Zeroizing<Vec<u8>>);

/// Why a text or a byte string is no symmetric key; never holds any part of it.
#[expect(missing_docs, reason = "each message says it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    #[error("the key is empty")]
    Empty,
    #[error("the key is masked with asterisks")]
    Masked,
    #[error("the key is not base64 with its padding")]
    NotBase64,
    #[error("the key has {0} bytes, a symmetric key has 16 to 64")]
    Length(usize),
    #[error("the key's text is longer than the base64 of 64 bytes")]
    TooLong,
}

impl SymmetricKey {
    /// Takes raw key bytes.
    ///
    /// # Errors
    /// When there are fewer than 16 or more than 64 bytes
    /// (Microsoft: "Symmetric key attestation in DPS", detailed attestation process).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        match bytes.len() {
            0 => Err(KeyError::Empty),
            SHORTEST..=LONGEST => Ok(Self(Zeroizing::new(bytes.to_vec()))),
            other => Err(KeyError::Length(other)),
        }
    }

    /// Reads a key from standard base64 with padding; blanks around it, such as a file's last newline, are ignored.
    ///
    /// # Errors
    /// When the text is empty, masked, not base64, or of a wrong length.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let text = text.trim_ascii();
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if text.bytes().all(|byte| byte == b'*') {
            return Err(KeyError::Masked);
        }
        if text.len() > LONGEST_TEXT {
            return Err(KeyError::TooLong);
        }
        let mut bytes = Zeroizing::new([0_u8; DECODED_TEXT]);
        let length = STANDARD.decode_slice(text, bytes.as_mut_slice()).map_err(|_| KeyError::NotBase64)?;
        Self::from_bytes(&bytes[..length])
    }

    /// The key in base64, as services and devices exchange it; wiped when dropped.
    pub fn expose_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice()))
    }

    /// The raw key bytes.
    pub fn expose_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; 32]> for SymmetricKey {
    fn from(bytes: [u8; 32]) -> Self {
        let bytes = Zeroizing::new(bytes);
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl From<[u8; 64]> for SymmetricKey {
    fn from(bytes: [u8; 64]) -> Self {
        let bytes = Zeroizing::new(bytes);
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl PartialEq for SymmetricKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for SymmetricKey {}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey(…)")
    }
}
