//! The only way to write: observations become frames of the log, then durable, then
//! chunks.

pub(crate) mod append;
mod encoding;
mod failed;
pub(crate) mod handle;
pub(crate) mod held;
pub(crate) mod orphans;
mod queue;
mod retain;
pub(crate) mod rotate;
pub(crate) mod seal;
pub(crate) mod session;
pub(crate) mod writer;
