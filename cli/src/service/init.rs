//! `--init`: creates the store, once.

use super::Place;
use crate::exit::Exit;

pub(super) fn run(store: &Place) -> Result<(), Exit> {
    store.options.create(&store.path)?;
    Ok(())
}
