//! Microsoft Entra: the token endpoint and the documents that lead to it.

pub(crate) mod token;
