//! What must hold of the rules whatever the rules are, and what each form of pattern means.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

mod corpus;
mod glob;
mod layers;
mod table;
