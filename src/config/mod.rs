//! Configuration files: raw serde types, layers that know their source, the merged policy.

pub mod builtin;
pub mod discover;
pub mod edit;
pub mod error;
pub mod key;
pub mod load;
pub mod merge;
pub mod raw;
pub mod source;
pub mod trust;

pub use error::{Diagnostic, Error};
pub use load::{Profile, Request, load};
