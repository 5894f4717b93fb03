//! The image, read back with the library's reader and by hand.

use std::io::{Cursor, Read};
use std::path::Path;

use backhand::{FilesystemReader, InnerNode};
use gaugelog_image::tree::{Entry, Tree};
use gaugelog_image::{gvmi, service, squashfs};
use serde_json::{Value, json};

fn tree() -> Tree {
    let mut tree = Tree::default();
    tree.directory("tmp", 0o1777);
    tree.file("golem/run/a", 0o755, vec![7; 3_000_000]);
    tree.file("golem/run/b", 0o755, vec![7; 3_000_000]);
    tree.file("etc/empty", 0o644, Vec::new());
    tree
}

/// The squashfs and the configuration of an image.
fn parts(image: &[u8]) -> (&[u8], Value) {
    let (rest, digits) = image.split_at(image.len() - 8);
    let length: usize = std::str::from_utf8(digits).expect("digits").parse().expect("a number");
    let (rest, json) = rest.split_at(rest.len() - length);
    let (squashfs, crc) = rest.split_at(rest.len() - 4);
    let crc = u32::from_le_bytes(crc.try_into().expect("four bytes"));
    assert_eq!(crc, crc32fast::hash(json));
    (squashfs, serde_json::from_slice(json).expect("JSON"))
}

#[test]
fn what_is_read_back_is_what_was_put_in() {
    let image = gvmi::encode(&tree(), &json!({"User": "ü"})).expect("encoded");
    let (bytes, config) = parts(&image);
    assert_eq!(config, json!({"User": "ü"}));
    let found =
        FilesystemReader::from_reader_with_offset_and_kind(Cursor::new(bytes), 0, squashfs::kind())
            .expect("a squashfs");
    let mut again = Tree::default();
    for node in found.files().filter(|node| node.fullpath != Path::new("/")) {
        assert_eq!((node.header.uid, node.header.gid, node.header.mtime), (0, 0, 0));
        let path = node.fullpath.strip_prefix("/").expect("absolute");
        match &node.inner {
            InnerNode::Dir(_) => again.directory(path, node.header.permissions),
            InnerNode::File(file) => {
                let mut bytes = Vec::new();
                found.file(file).reader().read_to_end(&mut bytes).expect("read");
                again.file(path, node.header.permissions, bytes);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(again == tree());
}

/// A field of the superblock: Linux `fs/squashfs/squashfs_fs.h`, `struct squashfs_super_block`.
fn field(squashfs: &[u8], at: usize, bytes: usize) -> u64 {
    squashfs[at..at + bytes].iter().rev().fold(0, |field, byte| field << 8 | u64::from(*byte))
}

#[test]
fn the_superblock_says_what_the_runtime_can_mount() {
    let image = gvmi::encode(&tree(), &json!({})).expect("encoded");
    let (squashfs, _) = parts(&image);
    assert_eq!(&squashfs[..4], b"hsqs");
    assert_eq!((field(squashfs, 12, 4), field(squashfs, 22, 2)), (1 << 20, 20), "block size");
    assert_eq!(field(squashfs, 20, 2), 4, "compressed by xz");
    assert_eq!(field(squashfs, 24, 2) & 0x0400, 0, "options that an older kernel may not know");
    assert_eq!((field(squashfs, 28, 2), field(squashfs, 30, 2)), (4, 0), "version");
}

#[test]
fn a_compression_that_the_runtime_lacks_is_refused_by_name() {
    let mut squashfs = squashfs::encode(&tree()).expect("encoded");
    for (number, name) in [
        (1, None),
        (3, None),
        (4, None),
        (5, None),
        (2, Some("lzma")),
        (6, Some("zstd")),
        (0, Some("number 0")),
        (77, Some("number 77")),
    ] {
        squashfs[20] = number;
        let error = gvmi::around(squashfs.clone(), &json!({})).err();
        assert_eq!(error.is_some(), name.is_some(), "{number}");
        let error = error.unwrap_or_default();
        assert!(error.contains(name.unwrap_or_default()), "{error}");
    }
    gvmi::around(b"hsqs".to_vec(), &json!({})).expect_err("no superblock");
}

#[test]
fn the_same_files_give_the_same_bytes_whatever_the_order() {
    let image = gvmi::encode(&tree(), &json!({})).expect("encoded");
    let mut other = Tree::default();
    for (path, entry) in tree().entries().collect::<Vec<_>>().into_iter().rev() {
        match entry {
            Entry::Directory(permissions) => other.directory(path, *permissions),
            Entry::File(permissions, bytes) => other.file(path, *permissions, bytes.clone()),
        }
    }
    assert!(gvmi::encode(&other, &json!({})).expect("encoded") == image);
    other.file("etc/empty", 0o600, Vec::new());
    assert!(gvmi::encode(&other, &json!({})).expect("encoded") != image);
}

#[test]
fn one_program_under_several_names_is_stored_once() {
    // Bytes that do not compress: two blocks and a little more.
    let noise = || (0..525_000_u32).flat_map(|n| n.wrapping_mul(0x9E37_79B1).to_le_bytes());
    let sized = |names: &[&str]| {
        let mut tree = Tree::default();
        names.iter().for_each(|name| tree.file(name, 0o755, noise().collect()));
        gvmi::encode(&tree, &json!({})).expect("encoded").len()
    };
    assert!(sized(&["a", "b", "c"]) < sized(&["a"]) + 16 * 1024);
}

#[test]
fn an_image_is_named_by_its_hash() {
    // NIST, example values of SHA3-224: the empty message.
    let empty = "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7";
    assert_eq!(gvmi::name(&[]), empty);
}

#[test]
fn the_configuration_declares_the_volumes() {
    assert_eq!(service::config()["Volumes"], json!({"/golem/in": {}, "/golem/out": {}}));
}

#[test]
fn a_program_that_needs_a_linker_is_refused() {
    let dynamic = std::env::current_exe().expect("this test");
    let error = service::tree(&dynamic).expect_err("not static");
    assert!(error.contains("crt-static"), "{error}");
    let error = service::tree(Path::new("/nowhere/gaugelog")).expect_err("nothing there");
    assert!(error.contains("/nowhere/gaugelog"), "{error}");
}

#[test]
fn a_directory_is_written_once_and_as_it_is() {
    let place = tempfile::tempdir().expect("a directory");
    let root = place.path().join("root");
    tree().write_to(&root).expect("written");
    assert_eq!(std::fs::read(root.join("golem/run/a")).expect("read"), vec![7; 3_000_000]);
    let mode = |name: &str| {
        let metadata = std::fs::metadata(root.join(name)).expect("there");
        std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777
    };
    assert_eq!((mode("tmp"), mode("golem"), mode("golem/run/a")), (0o1777, 0o755, 0o755));
    let error = tree().write_to(&root).expect_err("it is there");
    assert!(error.contains("root"), "{error}");
}
