//! Keys and signatures, made with nothing but HMAC and a seed.

use std::collections::{BTreeSet, HashMap};

use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The HMAC-SHA256 of a message.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message).as_ref().to_vec()
}

/// Standard base64.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Standard base64 decoded.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Eight hexadecimal digits that stand for a secret where it must not be shown.
pub(crate) fn fingerprint(secret: &str) -> String {
    let hash = digest::digest(&digest::SHA256, secret.as_bytes());
    hex(&hash.as_ref()[..4])
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A number from 0 up to 1, the same for the same seed and count.
pub(crate) fn fraction(seed: &[u8; 32], count: u64) -> f64 {
    unit(&hmac_sha256(seed, &count.to_be_bytes()))
}

/// The first bytes of a hash as a number from 0 up to 1.
pub(crate) fn unit(hash: &[u8]) -> f64 {
    let mut first = [0_u8; 4];
    first.copy_from_slice(&hash[..4]);
    f64::from(u32::from_be_bytes(first)) / (f64::from(u32::MAX) + 1.0)
}

/// The seed of a run: from a text, or drawn.
pub(crate) fn seed(text: Option<&str>) -> [u8; 32] {
    let mut seed = [0_u8; 32];
    match text {
        Some(text) => {
            let hash = digest::digest(&digest::SHA256, text.as_bytes());
            seed.copy_from_slice(hash.as_ref());
        }
        None => rand::fill(&mut seed).expect("the system gives random bytes"),
    }
    seed
}

/// The first 32 digits as a GUID.
fn grouped(digits: &str) -> String {
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32]].join("-")
}

/// Makes keys and names from the seed, and remembers every secret that was made or taken.
///
/// A key depends on what it is for and on how often one was made for that, not on the order in
/// which things happen.
pub(crate) struct Keyring {
    seed: [u8; 32],
    made: HashMap<String, u64>,
    held: BTreeSet<String>,
}

impl Keyring {
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, made: HashMap::new(), held: BTreeSet::new() }
    }

    fn draw(&mut self, purpose: &str) -> [Vec<u8>; 2] {
        let count = self.made.entry(purpose.to_owned()).or_default();
        *count += 1;
        ["a", "b"].map(|half| {
            let label = format!("{purpose}\n{count}\n{half}");
            hmac_sha256(&self.seed, label.as_bytes())
        })
    }

    /// A base64 key of 32 bytes, the usual length.
    pub fn key(&mut self, purpose: &str) -> String {
        let [first, _] = self.draw(purpose);
        self.keep(encode(&first))
    }

    /// A base64 key of 64 bytes, twice the usual length.
    pub fn long_key(&mut self, purpose: &str) -> String {
        let [first, second] = self.draw(purpose);
        self.keep(encode(&[first, second].concat()))
    }

    /// An opaque bearer token.
    pub fn token(&mut self, purpose: &str) -> String {
        let [first, second] = self.draw(purpose);
        self.keep(format!("sim-{}", hex(&[first, second].concat())))
    }

    /// A name of this many hexadecimal digits, at most 64; no secret.
    pub fn name(&mut self, purpose: &str, digits: usize) -> String {
        let [first, _] = self.draw(purpose);
        hex(&first)[..digits.min(64)].to_owned()
    }

    /// A number from 0 up to 1 for a count.
    pub fn fraction(&self, count: u64) -> f64 {
        fraction(&self.seed, count)
    }

    /// Another GUID at every time; no secret.
    pub fn guid(&mut self, purpose: &str) -> String {
        grouped(&self.name(purpose, 32))
    }

    /// The same GUID at every time; no secret.
    pub fn lasting_guid(&self, purpose: &str) -> String {
        grouped(&hex(&hmac_sha256(&self.seed, purpose.as_bytes())))
    }

    /// Remembers a secret; asterisks in its place are none.
    pub fn keep(&mut self, secret: String) -> String {
        if secret.bytes().any(|byte| byte != b'*') && !self.held.contains(&secret) {
            self.held.insert(secret.clone());
        }
        secret
    }

    /// Every secret that was ever made or taken.
    pub fn held(&self) -> Vec<String> {
        self.held.iter().cloned().collect()
    }
}
