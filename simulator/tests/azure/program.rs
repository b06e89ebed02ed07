//! The simulator as a program.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

#[test]
fn the_program_says_where_it_listens_and_ends_with_its_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let mut child = Command::new(env!("CARGO_BIN_EXE_moorage-simulator"))
        .args(["--until-stdin-closes", "--seed", "demo", "--latency", "10ms", "--network", "10.0.0.0/8=westeurope", "--ca-file"])
        .arg(&ca)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address: std::net::SocketAddr = line.trim().parse().unwrap();
    assert!(address.ip().is_loopback());
    assert!(std::fs::read_to_string(&ca).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
