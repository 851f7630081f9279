//! Reads the caller's secrets in its own environment.
//!
//! - Area: environment
//! - Known: most sandboxes measured ("read GH_TOKEN / AWS_*"); the list of jai
//! - Held by: variables that look like secrets do not pass

use crate::support::World;

#[test]
fn is_refused() {
    for name in [
        "GH_TOKEN",
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "NPM_TOKEN",
        "OPENAI_API_KEY",
        "MY_APIKEY",
        "DB_PASSWORD",
        "DATABASE_URL",
        "REDIS_URL",
        "MONGODB_URI",
        "SENTRY_DSN",
        "SLACK_WEBHOOK_URL",
        "SIGNING_PRIVATE_KEY",
        "APP_SECRET",
        "X_CREDENTIALS",
        "SERVICE_AUTH_TOKEN",
        "STORAGE_CONNECTION_STRING",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "KUBECONFIG",
        "VAULT_TOKEN",
        "CARGO_REGISTRY_TOKEN",
        "PGPASSWORD",
    ] {
        let world = World::new().env(name, "hunter2");
        world.hidden("env");
        world.hidden(&format!("echo ${name}"));
        world.hidden("tr '\\0' '\\n' < /proc/self/environ");
    }
}
