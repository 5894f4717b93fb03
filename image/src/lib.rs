//! The image of a Golem VM: which files are in it (in [`service`]), as a [`tree`],
//! and the bytes that the runtime boots (in [`gvmi`]), of which most are a [`squashfs`].
//!
//! The same program gives the same image, bit for bit: no time, no user and no order
//! of a directory's listing comes into it.

pub mod gvmi;
pub mod service;
pub mod squashfs;
pub mod tree;
mod xz;

/// An error is one line for whoever makes the image.
pub type Result<T> = std::result::Result<T, String>;
