//! Reads private keys and state with secrets in the project.
//!
//! - Area: hidden files
//! - Known: the protection lists of vetto, cplt and the Go aigate
//! - Held by: the built-in list hides them at any depth

use crate::support::World;

#[test]
fn is_refused() {
    for name in [
        "server.pem",
        "deep/tls.key",
        "store.p12",
        "a/cert.pfx",
        "terraform.tfstate",
        "prod.tfvars",
    ] {
        World::new().secret(name).hidden(&format!("cat {name}"));
    }
}
