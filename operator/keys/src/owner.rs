//! Names that tell by whom a thing was made that can bear no tag.

use sha2::{Digest, Sha256};

const LABEL: &[u8] = b"moorage.dev/owner/v1\0";
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The 16 characters (80 bits, lower-case base32) that stand for an owner in names which can carry no tag.
///
/// It depends on what survives a restore: the installation and the object's kind, namespace and name, not its uid.
pub fn owner_hash(installation: &str, kind: &str, namespace: &str, name: &str) -> String {
    let mut hash = Sha256::new_with_prefix(LABEL);
    for part in [installation, kind, namespace, name] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize()
        .as_slice()
        .chunks_exact(5)
        .take(2)
        .flat_map(|chunk| {
            let bits = chunk.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
            (0..8).rev().map(move |place| {
                let [.., five_bits] = (bits >> (place * 5) & 31).to_be_bytes();
                char::from(ALPHABET[usize::from(five_bits)])
            })
        })
        .collect()
}
