//! The names of a store's files.

/// States what the store consists of. It is what makes the directory a store.
pub(crate) const MANIFEST: &str = "manifest";
/// Space that is given up if a full disk would prevent a new manifest.
pub(crate) const BALLAST: &str = "ballast";
/// The suffix of a file that is not written completely yet.
pub(crate) const TEMPORARY: &str = ".tmp";
/// The suffix of a log that is kept because a chunk made of it lost observations.
pub(crate) const DAMAGED: &str = ".damaged";
/// The suffix of a file that was in the way of a new one.
pub(crate) const ASIDE: &str = ".aside";

/// `8f3a0000000000e1.log`.
pub(crate) fn log_name(id: u64) -> String {
    format!("{id:016x}.log")
}

/// `0000000042.chunk`.
pub(crate) fn chunk_name(number: u32) -> String {
    format!("{number:010}.chunk")
}

/// What a name in the directory means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Manifest,
    Log(u64),
    Chunk(u32),
    Ballast,
    /// Being written, or left by a process that died while writing.
    Temporary,
    /// A log kept until `repair`.
    Damaged(u64),
    /// Kept for the user to look at.
    Aside,
    /// Not ours.
    Other,
}

/// What `name` means. Only names that this crate writes itself are its own.
pub(crate) fn classify(name: &str) -> Name {
    if name == MANIFEST {
        return Name::Manifest;
    }
    if name == BALLAST {
        return Name::Ballast;
    }
    if let Some(whole) = name.strip_suffix(TEMPORARY) {
        let ours = matches!(
            classify(whole),
            Name::Manifest | Name::Log(_) | Name::Chunk(_) | Name::Ballast
        );
        return if ours { Name::Temporary } else { Name::Other };
    }
    if let Some(log) = name.strip_suffix(DAMAGED) {
        return match classify(log) {
            Name::Log(id) | Name::Damaged(id) => Name::Damaged(id),
            _ => Name::Other,
        };
    }
    if let Some(file) = name.strip_suffix(ASIDE) {
        let ours = matches!(classify(file), Name::Log(_) | Name::Chunk(_) | Name::Aside);
        return if ours { Name::Aside } else { Name::Other };
    }
    if let Some(id) = name.strip_suffix(".log").and_then(|id| u64::from_str_radix(id, 16).ok())
        && log_name(id) == name
    {
        return Name::Log(id);
    }
    if let Some(number) = name.strip_suffix(".chunk").and_then(|number| number.parse().ok())
        && chunk_name(number) == name
    {
        return Name::Chunk(number);
    }
    Name::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_no_other_name_is_ours() {
        assert_eq!(classify(&log_name(0x8f3a)), Name::Log(0x8f3a));
        assert_eq!(classify(&chunk_name(42)), Name::Chunk(42));
        assert_eq!(classify("0000000042.chunk.tmp"), Name::Temporary);
        assert_eq!(classify("manifest.tmp"), Name::Temporary);
        assert_eq!(classify("0000000000008f3a.log.tmp"), Name::Temporary);
        assert_eq!(classify("0000000000008f3a.log.damaged"), Name::Damaged(0x8f3a));
        assert_eq!(classify("0000000042.chunk.aside"), Name::Aside);
        assert_eq!(classify("0000000042.chunk.aside.aside"), Name::Aside);
        for other in
            ["42.chunk", "8F3A000000000000.log", "lost+found", "a.tmp", "+0000000001.chunk"]
        {
            assert_eq!(classify(other), Name::Other, "{other}");
        }
    }
}
