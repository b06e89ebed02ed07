//! The effects on one resource: what becomes of the answers to its creation and its deletion.

use moorage_cloud::Detail;
use moorage_plan::Reason;

use crate::error::Error;

/// How the creation of a resource ended.
///
/// # Errors
/// What the cloud says; `NameTaken` if somebody else in the world has the name.
pub fn created<D>(what: &str, put: Result<D, moorage_cloud::Error>) -> Result<(), Error> {
    put.map(drop).map_err(|error| {
        let is_taken = error.detail() == Detail::NameTaken;
        let error = Error::cloud(format!("failed to create {what}"), error);
        if is_taken { error.because(Reason::NameTaken) } else { error }
    })
}

/// How the deletion of a resource ended.
///
/// # Errors
/// What the cloud says.
pub fn deleted(what: &str, deleted: Result<(), moorage_cloud::Error>) -> Result<(), Error> {
    deleted.map_err(|error| Error::cloud(format!("failed to delete {what}"), error))
}
