//! Reads the credentials of cloud tools.
//!
//! - Area: credentials of the home
//! - Known: most sandboxes measured; the Go aigate
//! - Held by: the built-in list hides them

use crate::support::World;

#[test]
fn is_refused() {
    World::new().hides_in_home(&[
        ".aws/credentials",
        ".aws/sso/cache/token.json",
        ".azure/accessTokens.json",
        ".config/gcloud/application_default_credentials.json",
        ".kube/config",
        ".docker/config.json",
        ".terraform.d/credentials.tfrc.json",
        ".vault-token",
        ".config/op/config",
    ]);
}
