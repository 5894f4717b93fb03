//! `--init`: creates the store, once.

use std::path::Path;

use gaugelog::Store;

use crate::exit::Exit;

pub(super) fn run(store: &Path) -> Result<(), Exit> {
    Store::create(store)?;
    Ok(())
}
