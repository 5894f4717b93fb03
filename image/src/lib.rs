//! The image of a Golem VM: which files are in it (in [`service`]), as a [`tree`], and
//! the bytes that the runtime boots (in [`gvmi`]). Most of these are a [`squashfs`].
//!
//! The same program gives the same image, bit for bit. It does not depend on the time, a
//! user or the order of a directory.

pub mod gvmi;
pub mod service;
pub mod squashfs;
pub mod tree;
mod xz;

/// An error is one line for the person who makes the image.
pub type Result<T> = std::result::Result<T, String>;
