//! Digests that only those can compute who hold a key.

use std::fmt;

use crate::SymmetricKey;
use crate::hmac_sha256::hmac_sha256;

/// Keeps these digests apart from every other use of the same key.
const LABEL: &[u8] = b"moorage.dev/keyed-digest/v1\0";

/// What a secret content looks like to those who hold the key and to nobody else; 32 hexadecimal characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 16]);

/// Digests a sequence of parts under a key, so that a content can be recognised later without storing any of it.
///
/// Two sequences have the same digest only if they have the same parts in the same order.
pub fn keyed_digest<P: AsRef<[u8]>>(key: &SymmetricKey, parts: impl IntoIterator<Item = P>) -> Digest {
    let mut message = zeroize::Zeroizing::new(LABEL.to_vec());
    for part in parts {
        let part = part.as_ref();
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    let full = hmac_sha256(key.expose_bytes(), [message.as_slice()]);
    let (half, _) = full.split_first_chunk().expect("32 bytes have a first half");
    Digest(*half)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
