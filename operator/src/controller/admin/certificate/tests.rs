//! Certificates in files that change, and one that is shown to a client.

use std::path::Path;

use axum::{Router, routing::get};
use rcgen::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::controller::admin::connections;

fn files(folder: &Path) -> CertificateFiles {
    CertificateFiles { certificate: folder.join("tls.crt"), key: folder.join("tls.key") }
}

fn made() -> (Certificate, KeyPair) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    (params.self_signed(&key).expect("a certificate"), key)
}

fn write(files: &CertificateFiles, certificate: &Certificate, key: &KeyPair) {
    std::fs::write(&files.certificate, certificate.pem()).expect("written");
    std::fs::write(&files.key, key.serialize_pem()).expect("written");
}

/// The certificate that is shown now.
fn shown(shown: &Shown) -> CertificateDer<'static> {
    shown.0.lock().expect("not poisoned").cert[0].clone()
}

/// Waits until another than `last` is shown.
async fn until_replaced(certificate: &Shown, last: &CertificateDer<'_>) {
    let replaced = async {
        while shown(certificate) == *last {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(READ_EVERY * 10, replaced).await.expect("the newer one is shown");
}

#[tokio::test]
async fn a_client_that_knows_the_certificate_is_answered_over_tls() -> anyhow::Result<()> {
    let certificate = ServerCertificate::self_signed(vec!["localhost".to_owned()])?;
    let mut roots = RootCertStore::empty();
    roots.add(shown(&certificate.shown))?;
    let client = rustls::ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let client = TlsConnector::from(Arc::new(client.with_root_certificates(roots).with_no_client_auth()));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, stop) = (listener.local_addr()?, CancellationToken::new());
    let routes = Router::new().route("/metrics", get(|| async { "counted" }));
    let serving = tokio::spawn(connections::serve(listener, Some(certificate.acceptor()?), routes, stop.clone()));
    let mut stream = client.connect(ServerName::try_from("localhost")?, TcpStream::connect(address).await?).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("counted"), "{answer}");
    stop.cancel();
    serving.await??;
    Ok(())
}

#[tokio::test]
async fn files_without_a_certificate_and_its_key_are_refused_and_nothing_of_them_is_told() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let files = files(folder.path());
    let ((certificate, key), (_, other)) = (made(), made());
    let begin = format!("-----BEGIN {} KEY-----", "PRIVATE");
    let malformed = format!("{begin}SECRET\nSECRET\n");
    let table = [
        (certificate.pem(), other.serialize_pem(), "certificate and key cannot be used together"),
        (certificate.pem(), malformed.clone(), "there is no private key in PEM"),
        (certificate.pem(), String::new(), "there is no private key in PEM"),
        (String::new(), key.serialize_pem(), "there is no certificate"),
        (malformed, key.serialize_pem(), "the certificate is malformed PEM"),
    ];
    for (certificate, key, expected) in table {
        std::fs::write(&files.certificate, certificate)?;
        std::fs::write(&files.key, key)?;
        let error = ServerCertificate::read(files.clone()).await.err().context("it is unusable")?;
        let told = format!("{error:#}");
        assert!(told.contains(expected) && !told.contains("SECRET"), "{told}");
    }
    std::fs::remove_file(&files.key)?;
    let error = ServerCertificate::read(files.clone()).await.err().context("there is no key")?;
    assert_eq!(error.to_string(), format!("failed to read {}", files.key.display()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_changes_is_shown_and_one_that_is_unusable_is_not() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let files = files(folder.path());
    let ((first, first_key), (second, second_key), (third, third_key)) = (made(), made(), made());
    write(&files, &first, &first_key);
    let certificate = ServerCertificate::read(files.clone()).await?;
    let seen = certificate.shown.clone();
    assert_eq!(shown(&seen), *first.der());
    let following = tokio::spawn(certificate.follow());

    write(&files, &second, &second_key);
    until_replaced(&seen, first.der()).await;
    assert_eq!(shown(&seen), *second.der());

    for unusable in [true, false] {
        if unusable {
            write(&files, &third, &first_key);
        } else {
            std::fs::remove_file(&files.certificate)?;
        }
        tokio::time::sleep(READ_EVERY * 3).await;
        assert_eq!(shown(&seen), *second.der(), "the last one that could be used");
    }

    write(&files, &third, &third_key);
    until_replaced(&seen, second.der()).await;
    assert_eq!(shown(&seen), *third.der());
    following.abort();
    Ok(())
}
