//! What a Ready credential with a certificate must hold, and what authorities its group must accept.

use jiff::Timestamp;
use moorage_keys::{Authority, Leaf, RegistrationId};
use x509_parser::pem::parse_x509_pem;

use crate::case::{Proof, SERVICE, group_id};
use crate::cloud_view::{HOSTS, Sight};
use crate::credential::Held;
use crate::devices::register_with;
use crate::story::Story;

/// Nothing, if the certificate is its device's, of its group's first authority, and young enough.
pub fn flaw(held: &Held<'_>) -> Result<(), String> {
    held.expect(&held.place())?;
    held.only(&["registrationId", "idScope", "provisioningHost", "tls.crt", "tls.key", "ca.crt"])?;
    let authority = held.story.authorities.known(held.t, 0).ok_or("there is no authority")?;
    let (_, pem) = parse_x509_pem(held.entry("tls.crt").as_bytes()).map_err(|_| "its certificate is none")?;
    let leaf = pem.parse_x509().map_err(|_| "its certificate is none")?;
    let id = held.story.case.registration_id(held.t, held.d);
    for (what, name, wanted) in [("device", leaf.subject(), &id), ("authority", leaf.issuer(), &authority.subject)] {
        let named = name.iter_common_name().next().and_then(|name| name.as_str().ok());
        if named != Some(wanted.as_str()) {
            return Err(format!("its certificate's {what} is {named:?}, and not {wanted}"));
        }
    }
    let same = |one: &str, other: &str| one.split_whitespace().eq(other.split_whitespace());
    if !same(held.entry("ca.crt"), &authority.certificate) {
        return Err("its ca.crt is not its authority's certificate".to_owned());
    }
    let until = Timestamp::from_second(leaf.validity().not_after.timestamp()).expect("in range");
    held.is_young("certificate", &held.object["spec"]["certificate"]["duration"], until)?;
    let told = held.object["status"]["notAfter"].as_str().and_then(|text| text.parse().ok());
    if told == Some(until) { Ok(()) } else { Err(format!("it says that it ends at {told:?}, and it ends at {until}")) }
}

/// What is wrong with by what a Ready group of certificates knows its devices.
pub fn trust(story: &Story<'_>, t: usize) -> Option<String> {
    let line = Sight::of(&story.world.cloud).line(&format!("service {SERVICE}"), &format!("group {} ", group_id(t)))?;
    let (named, two) = match story.case.tenants[t].enrollment.proof {
        Proof::Keys => return None,
        Proof::Signed(two) => (story.authorities.both(t).map(|known| known.map(|one| format!("\"CN={}\"", one.subject))), two),
        Proof::Referred(two) => ([0, 1].map(|n| Some(crate::case::authority_name(t, n))), two),
    };
    let trusted = named.map(|name| name.is_some_and(|name| line.contains(&format!(" {name} "))));
    (trusted != [true, two]).then(|| format!("EnrollmentGroup {} is Ready, and trusts others than it should: {line}", group_id(t)))
}

/// A device that people have certified registers with a hub of its tenant, in a group that refers to authorities of the service.
///
/// # Errors
/// If it does not.
pub async fn certified_elsewhere(story: &Story<'_>, t: usize) -> Result<(), String> {
    let authority = story.authorities.known(t, 0).ok_or("there is no authority")?;
    let id = format!("{}-elsewhere", crate::case::TENANTS[t]);
    let signer = Authority::from_pem(&authority.certificate).expect("an authority");
    let (from, until) = (story.world.now() - jiff::SignedDuration::from_mins(5), story.world.now() + jiff::SignedDuration::from_hours(20));
    let leaf = Leaf::issue(&signer, &authority.key, &RegistrationId::parse(&id).expect("an id"), (from, until)).expect("it signs");
    let scope = story.world.cloud.seed(|azure| azure.id_scope(SERVICE)).unwrap_or_default();
    let entries = [
        ("registrationId", id),
        ("idScope", scope),
        ("provisioningHost", "global.azure-devices-provisioning.net".to_owned()),
        ("tls.crt", leaf.certificate().to_owned()),
        ("tls.key", leaf.expose_key().to_string()),
    ];
    let entries = entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let (hub, _) = register_with(story, entries).await?;
    let own = (0..story.case.tenants[t].hubs.len()).any(|h| hub == format!("{}{HOSTS}", crate::case::hub_name(t, h)));
    if own { Ok(()) } else { Err(format!("it was assigned to {hub}, which is not its tenant's")) }
}
