//! The only system calls: files by position and by map, directories, the lock.

pub(crate) mod disk;
pub(crate) mod lock;
pub(crate) mod map;
