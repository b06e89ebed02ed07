//! Who is held to the vendor's description, beyond what the services themselves hold everybody to.

use http::HeaderMap;
use http::header::USER_AGENT;

/// Whose requests are refused for whatever breaks the vendor's OpenAPI. Everybody else is answered as the service would
/// answer, which reads over a good deal of it; what breaks the OpenAPI is recorded in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strictness {
    /// Nobody's.
    Nobody,
    /// Those of a client whose `User-Agent` begins with this product, as `azsdk-rust-moorage` of `azsdk-rust-moorage/0.1.0`.
    Product(String),
    /// Everybody's.
    Everybody,
}

impl Default for Strictness {
    /// The operator's own, as the pipeline of `azure_core` names it.
    fn default() -> Self {
        Self::Product("azsdk-rust-moorage".to_owned())
    }
}

impl Strictness {
    /// Whether the sender of these headers is refused whatever breaks the OpenAPI.
    pub(crate) fn holds(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Nobody => false,
            Self::Product(product) => product_of(headers) == product,
            Self::Everybody => true,
        }
    }
}

/// The name of the first product of a `User-Agent`; empty without one.
pub(crate) fn product_of(headers: &HeaderMap) -> &str {
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    agent.split(['/', ' ']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::Strictness;

    fn held(agent: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", HeaderValue::from_str(agent).expect("it is text"));
        Strictness::default().holds(&headers)
    }

    #[test]
    fn the_operator_is_known_by_its_product_in_whichever_version_and_nobody_else_is() {
        assert!(held("azsdk-rust-moorage/0.1.0 (unknown; linux; x86_64)"));
        assert!(held("azsdk-rust-moorage"));
        for other in ["azsdk-rust-moorage-fork/1.0", "curl/8.5.0 azsdk-rust-moorage/0.1.0", "azsdk-rust-identity/1.0", ""] {
            assert!(!held(other), "{other}");
        }
        assert!(!Strictness::default().holds(&HeaderMap::new()));
    }
}
