//! The names of a store's files, and which segments a directory lists.

use std::path::Path;

use crate::disk::{Operation, call};
use crate::error::{Error, ErrorKind, Result};

const ROWS: &str = "rows";

/// A store has no more segments than this, so that what is kept of each fits in
/// memory: 4 TiB of the usual size.
pub(crate) const SEGMENTS_MAX: usize = 65_536;

/// How often a directory is listed again where its listing shows a gap: a
/// listing that races a rename may show neither name.
const LISTINGS: usize = 4;

/// The file that holds segment `ordinal`.
pub(crate) fn rows_name(ordinal: u64) -> String {
    format!("{ordinal:010}.{ROWS}")
}

/// A file that belongs to segment `ordinal` and can be made again from it.
pub(crate) fn derived_name(ordinal: u64, kind: &str) -> String {
    format!("{ordinal:010}.{kind}")
}

/// The ordinals of the segment files in `directory`, in order.
pub(crate) fn ordinals(directory: &Path) -> Result<Vec<u64>> {
    settled(|| list_once(directory))
}

/// The ordinals of the segment files that `list` finds, in order.
fn settled(mut list: impl FnMut() -> Result<Vec<u64>>) -> Result<Vec<u64>> {
    let mut ordinals = list()?;
    for _ in 1..LISTINGS {
        let whole = ordinals.first().is_none_or(|first| *first == 1)
            && ordinals.windows(2).all(|pair| pair[1] == pair[0] + 1);
        if whole {
            break;
        }
        ordinals = list()?;
    }
    Ok(ordinals)
}

fn list_once(directory: &Path) -> Result<Vec<u64>> {
    let doing = "list the directory";
    let entries = call(directory, Operation::List, || std::fs::read_dir(directory));
    let mut ordinals = Vec::new();
    for entry in entries.map_err(|error| Error::io(directory, doing, error))? {
        let name = entry.map_err(|error| Error::io(directory, doing, error))?.file_name();
        ordinals.extend(name.to_str().and_then(ordinal_of));
        if ordinals.len() > SEGMENTS_MAX {
            let detail = format!(
                "there are more than {SEGMENTS_MAX} files named as segments, and no store has so \
                 many; move away those that are not its own"
            );
            return Err(Error::new(ErrorKind::Damaged, directory, detail));
        }
    }
    ordinals.sort_unstable();
    Ok(ordinals)
}

/// The ordinal in a segment file's name; `None` for any other name.
pub(crate) fn ordinal_of(name: &str) -> Option<u64> {
    let ordinal = name.strip_suffix(ROWS)?.strip_suffix('.')?.parse().ok()?;
    // Only the one spelling counts, so that no two files claim an ordinal.
    (ordinal > 0 && rows_name(ordinal) == name).then_some(ordinal)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where the directory is listed as `listings` say.
    fn found(listings: &[&[u64]]) -> (Vec<u64>, usize) {
        let mut count = 0;
        let list = || {
            count += 1;
            Ok(listings[(count - 1).min(listings.len() - 1)].to_vec())
        };
        (settled(list).expect("listed"), count)
    }

    #[test]
    fn rule_7_a_gap_is_believed_only_after_listing_again() {
        assert_eq!(found(&[&[1, 2, 3]]), (vec![1, 2, 3], 1));
        assert_eq!(found(&[&[1, 3], &[1, 2, 3]]), (vec![1, 2, 3], 2));
        assert_eq!(found(&[&[2, 3], &[1, 3], &[1, 2, 3]]), (vec![1, 2, 3], 3));
        // One that stays is believed in the end.
        assert_eq!(found(&[&[1, 3]]), (vec![1, 3], LISTINGS));
        assert_eq!(found(&[&[]]), (vec![], 1));
    }

    #[test]
    fn only_the_one_spelling_of_an_ordinal_is_a_segment() {
        assert_eq!(ordinal_of("0000000012.rows"), Some(12));
        assert_eq!(ordinal_of(&rows_name(u64::MAX)), Some(u64::MAX));
        for name in ["12.rows", "+000000012.rows", "0000000012.tree", "0000000000.rows", "rows"] {
            assert_eq!(ordinal_of(name), None, "{name}");
        }
    }
}
