//! Chains of every length, by the right and the wrong authorities.

use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose};

use super::*;

/// A certificate, and who signs with it.
struct Made {
    pem: String,
    key: String,
    issuer: Issuer<'static, KeyPair>,
}

fn params(name: &str, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = is_ca;
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(2026, 1, 1), rcgen::date_time_ymd(2027, 1, 1));
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name, IsCa::Ca(BasicConstraints::Unconstrained));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn made(params: CertificateParams, above: Option<&Made>) -> Made {
    let key = KeyPair::generate().expect("a key");
    let signed = match above {
        Some(above) => params.signed_by(&key, &above.issuer),
        None => params.self_signed(&key),
    };
    Made { pem: signed.expect("it signs").pem(), key: key.serialize_pem(), issuer: Issuer::new(params, key) }
}

fn root(name: &str) -> Made {
    made(authority_params(name), None)
}

fn leaf(above: &Made, change: impl FnOnce(&mut CertificateParams)) -> Made {
    let mut params = params("contoso-press-7", IsCa::ExplicitNoCa);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    made(params, Some(above))
}

fn authority(made: &Made) -> Authority {
    Authority::from_pem(&made.pem).expect("an authority")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn summer() -> Timestamp {
    at("2026-07-01T00:00:00Z")
}

/// A leaf with what is above it.
fn chain(leaf: &Made, above: &[&Made]) -> Chain {
    let text: String = std::iter::once(leaf).chain(above.iter().copied()).map(|made| made.pem.as_str()).collect();
    Chain::from_pem(&text, &leaf.key).expect("a chain")
}

fn flaw_of(chain: &Chain, by: &[Authority], time: Timestamp) -> Option<ChainError> {
    chain.vouched_for(by, time).err()
}

#[test]
fn a_chain_says_whose_it_is_and_for_how_long() {
    let root = root("root");
    let read = chain(&leaf(&root, |_| ()), &[]);
    let ids = ["contoso-press-7", "contoso-press-8"].map(|id| RegistrationId::parse(id).expect("an id"));
    assert_eq!(ids.each_ref().map(|id| read.is_of(id)), [true, false]);
    assert_eq!(read.life(), (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")));
    // A device with two names could register as either.
    let two = leaf(&root, |params| params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), "contoso-press-8"));
    assert_eq!((chain(&two, &[]).is_of(&ids[0]), chain(&two, &[]).is_of(&ids[1])), (false, false));
}

#[test]
fn what_does_not_belong_together_is_no_chain() {
    let root = root("root");
    let (one, other) = (leaf(&root, |_| ()), leaf(&root, |_| ()));
    let refused = |chain: &str, key: &str| Chain::from_pem(chain, key).err();
    assert_eq!(refused("", &one.key), Some(ChainError::NotPem));
    assert_eq!(refused(&one.key, &one.key), Some(ChainError::NotPem));
    assert_eq!(refused(&certificate_pem(b"no certificate"), &one.key), Some(ChainError::Malformed));
    assert_eq!(refused(&one.pem, ""), Some(ChainError::NoKey));
    assert_eq!(refused(&one.pem, &other.key), Some(ChainError::OtherKey));
    // The certificate comes first, and not those above it.
    assert_eq!(refused(&format!("{}{}", root.pem, one.pem), &one.key), Some(ChainError::OtherKey));
}

#[test]
fn an_authority_vouches_itself_or_through_those_that_come_with_the_certificate() {
    let (root, other) = (root("root"), root("other"));
    let middle = made(authority_params("middle"), Some(&root));
    let device = leaf(&middle, |_| ());
    let (whole, alone) = (chain(&device, &[&middle]), chain(&device, &[]));
    let known = [authority(&other), authority(&root)];
    assert_eq!(whole.vouched_for(&known, summer()), Ok(&known[1]));
    assert_eq!(flaw_of(&alone, &known, summer()), Some(ChainError::Unknown));
    let known = [authority(&other), authority(&middle)];
    assert_eq!(alone.vouched_for(&known, summer()), Ok(&known[1]));
    assert_eq!(flaw_of(&whole, &known[..1], summer()), Some(ChainError::Unknown));
    assert_eq!(flaw_of(&whole, &[], summer()), Some(ChainError::Unknown));
}

#[test]
fn an_authority_of_the_same_name_with_another_key_vouches_for_nothing() {
    let (ours, theirs) = (root("root"), root("root"));
    assert_eq!(flaw_of(&chain(&leaf(&ours, |_| ()), &[]), &[authority(&theirs)], summer()), Some(ChainError::Unknown));
}

#[test]
fn a_chain_that_opens_nothing_is_told_by_its_flaw() {
    let root = root("root");
    let flaw = |change: fn(&mut CertificateParams)| flaw_of(&chain(&leaf(&root, change), &[]), &[authority(&root)], summer());
    assert_eq!(flaw(|_| ()), None);
    assert_eq!(flaw(|params| params.extended_key_usages.clear()), None);
    assert_eq!(flaw(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]), Some(ChainError::NotForClients));
    assert_eq!(flaw(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)), Some(ChainError::OfAnAuthority));
    assert_eq!(flaw(|params| params.not_after = rcgen::date_time_ymd(2026, 2, 1)), Some(ChainError::OutOfTime));
    let device = leaf(&root, |_| ());
    let forged = leaf(&device, |_| ());
    assert_eq!(flaw_of(&chain(&forged, &[&device]), &[authority(&root)], summer()), Some(ChainError::Broken));
}

#[test]
fn an_authority_in_a_chain_may_have_no_more_below_it_than_it_says() {
    let root = root("root");
    let mut narrow = authority_params("narrow");
    narrow.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let narrow = made(narrow, Some(&root));
    let below = made(authority_params("below"), Some(&narrow));
    let flaw = |above: &[&Made]| flaw_of(&chain(&leaf(above[0], |_| ()), above), &[authority(&root)], summer());
    assert_eq!(flaw(&[&narrow]), None);
    assert_eq!(flaw(&[&below, &narrow]), Some(ChainError::Broken));
}

#[test]
fn an_authority_vouches_for_nothing_before_or_after_its_own_time() {
    let mut short = authority_params("root");
    (short.not_before, short.not_after) = (rcgen::date_time_ymd(2026, 3, 1), rcgen::date_time_ymd(2026, 6, 1));
    let root = made(short, None);
    let read = chain(&leaf(&root, |_| ()), &[]);
    let flaw = |time: &str| flaw_of(&read, &[authority(&root)], at(time));
    assert_eq!(flaw("2026-05-01T00:00:00Z"), None);
    assert_eq!(flaw("2026-02-01T00:00:00Z"), Some(ChainError::OutOfTime));
    assert_eq!(flaw("2026-06-01T00:00:01Z"), Some(ChainError::OutOfTime));
}

#[test]
fn a_device_shows_all_below_an_authority_and_the_authority_itself_unless_it_is_a_root() {
    let root = root("root");
    let middle = made(authority_params("middle"), Some(&root));
    let device = leaf(&middle, |_| ());
    let shown = |chain: &Chain, to: &Made| chain.certificate(&authority(to)).matches("BEGIN CERTIFICATE").count();
    assert_eq!(shown(&chain(&device, &[&middle]), &root), 2);
    assert_eq!(shown(&chain(&device, &[&middle]), &middle), 2);
    assert_eq!(shown(&chain(&device, &[]), &middle), 2);
}

#[test]
fn the_authorities_that_come_with_a_certificate_are_those_of_its_chain_and_beside_it() {
    let root = root("root");
    let middle = made(authority_params("middle"), Some(&root));
    let device = leaf(&middle, |_| ());
    let subjects = |chain: &Chain, beside: &str| -> Vec<String> {
        chain.authorities(beside).expect("few").iter().map(|authority| authority.subject().to_owned()).collect()
    };
    assert_eq!(subjects(&chain(&device, &[&middle]), &root.pem), ["CN=middle", "CN=root"]);
    assert_eq!(subjects(&chain(&device, &[]), &device.pem), Vec::<String>::new());
}

/// Authorities of one name that vouch for each other in every way there is.
fn crossed(count: usize, algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<Made> {
    let keys: Vec<_> = (0..count).map(|_| KeyPair::generate_for(algorithm).expect("a key")).collect();
    let issued = |key: &KeyPair, by: &KeyPair| {
        let params = authority_params("same");
        let issuer = Issuer::from_params(&params, by);
        params.signed_by(key, &issuer).expect("it signs").pem()
    };
    let all = keys.iter().enumerate().flat_map(|(at, key)| keys.iter().skip(at + 1).map(move |by| (key, by)));
    all.map(|(key, by)| {
        let own = KeyPair::try_from(key.serialize_der()).expect("a key");
        Made { pem: issued(key, by), key: key.serialize_pem(), issuer: Issuer::new(authority_params("same"), own) }
    })
    .collect()
}

#[test]
fn more_certificates_than_a_chain_has_are_not_read() {
    let root = root("root");
    let device = leaf(&root, |_| ());
    let read = |above: usize| Chain::from_pem(&format!("{}{}", device.pem, root.pem.repeat(above)), &device.key);
    assert!(read(8).is_ok());
    assert_eq!(read(9).err(), Some(ChainError::TooLong));
    assert_eq!(read(8).expect("a chain").authorities(&root.pem.repeat(10)).err(), Some(ChainError::TooLong));
    let long = format!("{}{}", device.pem, " ".repeat(LONGEST_TEXT));
    assert_eq!(Chain::from_pem(&long, &device.key).err(), Some(ChainError::TooLong));
}

/// The least of several, for a machine that has other things to do.
fn quickest<T>(mut run: impl FnMut() -> T) -> Duration {
    let time = |()| {
        let began = std::time::Instant::now();
        std::hint::black_box(run());
        began.elapsed()
    };
    [(); 5].map(time).into_iter().min().expect("some")
}

#[test]
fn no_chain_takes_long_whoever_wrote_it() {
    let most = Duration::from_millis(50);
    let crossed = crossed(9, &rcgen::PKCS_ECDSA_P384_SHA384);
    let device = leaf(&crossed[0], |_| ());
    let bomb: String = std::iter::once(&device).chain(crossed.iter().cycle().take(2_200)).map(|made| made.pem.as_str()).collect();
    assert!(quickest(|| Chain::from_pem(&bomb, &device.key)) < most);
    assert!(quickest(|| Authority::from_pem(&bomb)) < most);

    // As many as are read, and as many authorities of the same name to try, of which none vouches.
    let chain = chain(&device, &crossed.iter().take(8).collect::<Vec<_>>());
    let strangers: Vec<_> = (0..16).map(|_| authority(&root("same"))).collect();
    let took = quickest(|| assert_eq!(flaw_of(&chain, &strangers, summer()), Some(ChainError::Unknown)));
    assert!(took < most, "{took:?}");
}

#[test]
fn of_two_of_one_name_the_first_is_taken() {
    let (root, other) = (root("root"), root("other"));
    let key = KeyPair::generate().expect("a key");
    let by = |above: &Made| authority_params("middle").signed_by(&key, &above.issuer).expect("it signs").pem();
    let (crossed, own) = (by(&other), by(&root));
    let middle = Made { pem: own.clone(), key: String::new(), issuer: Issuer::new(authority_params("middle"), key) };
    let device = leaf(&middle, |_| ());
    let read = |first: &str, second: &str| Chain::from_pem(&format!("{}{first}{second}", device.pem), &device.key).expect("a chain");
    assert_eq!(flaw_of(&read(&own, &crossed), &[authority(&root)], summer()), None);
    assert_eq!(flaw_of(&read(&crossed, &own), &[authority(&root)], summer()), Some(ChainError::Unknown));
}

#[test]
fn a_chain_is_printed_without_its_key() {
    assert_eq!(format!("{:?}", chain(&leaf(&root("root"), |_| ()), &[])), "Chain([redacted])");
}

proptest! {
    #[test]
    fn a_certificate_with_any_bit_changed_opens_nothing(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let root = root("root");
        let device = leaf(&root, |_| ());
        let mut der = certificates(&device.pem).expect("one").remove(0);
        let place = place.index(der.len());
        der[place] ^= 1 << bit;
        let opens = Chain::from_pem(&certificate_pem(&der), &device.key)
            .is_ok_and(|chain| chain.vouched_for(&[authority(&root)], summer()).is_ok());
        prop_assert!(!opens, "bit {} of byte {}", bit, place);
    }
}
