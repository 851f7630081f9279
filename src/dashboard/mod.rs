//! The audit log in a browser of this machine: read-only, for whoever holds the token.
//!
//! A sandbox with `network: open` shares the host's loopback, so everything here is written for a
//! reader who may connect as often as he likes. Without the token he gets the empty page and nothing
//! else. The token is in no file and in no argument: it is printed to the user's terminal, and the
//! browser keeps it for itself. Not in a cookie, because cookies know no ports: a server in a sandbox
//! would be sent it.
//!
//! ```text
//! server -> request -> guard -> { digest, history, stream } -> reply
//! ```

mod digest;
mod guard;
mod history;
mod reply;
mod request;
mod server;
mod stream;

pub use digest::Digest;
pub use guard::Token;
pub use server::Server;
