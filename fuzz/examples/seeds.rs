//! Writes the hand-made seeds into `seeds/`: real records of a real store, and some
//! operations on one. In `fuzz/`, with a nightly toolchain: `RUSTFLAGS='--cfg fuzzing'
//! cargo +nightly run --example seeds`.

use std::error::Error;
use std::fs;
use std::path::Path;

use gaugelog::{Observation, Store};

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    records(&seeds)?;
    // The chunk, the number of changes, and each change.
    for (name, input) in [
        ("whole", &[0, 0, 1][..]),
        ("flipped", &[1, 3, 0, 0, 4, 40, 0, 2, 0, 2, 7, 1, 3, 0, 3, 9, 9, 3, 1]),
        ("plain", &[2, 2, 1, 11, 1, 0, 3, 0, 7, 1, 12, 1, 1, 5, 6, 1]),
        ("lost", &[3, 3, 2, 4, 0, 1, 0, 9, 1, 9, 0, 0, 4, 1, 1, 0, 60, 2, 1]),
        ("decoders", &[4, 4, 1, 5, 0, 2, 1, 200, 1, 7, 0, 3, 2, 4, 1, 10, 1, 9, 4, 3, 7, 1]),
        ("headers", &[5, 3, 1, 0, 58, 1, 1, 0, 30, 255, 0, 2, 3, 4, 9, 0]),
    ] {
        write(&seeds, "chunk", name, input)?;
    }
    // The id, the first chunk, what the log is made with, the steps, the changes.
    for (name, input) in [
        ("appended", &[0, 0, 0, 6, 0, 3, 9, 3, 24, 6, 0][..]),
        ("made", &[1, 1, 2, 4, 113, 8, 1, 12, 22, 58, 3, 2, 5, 0, 0, 3, 0, 9]),
        ("large", &[0, 2, 1, 250, 7, 250, 3, 250, 4, 242, 5, 8, 1, 1, 0, 9, 0, 60, 3]),
        ("torn", &[2, 0, 0, 5, 80, 3, 88, 14, 96, 2, 1, 1, 0, 0, 2, 1, 3, 2, 0, 2, 5, 2, 1]),
        ("stale", &[3, 0, 1, 9, 4, 80, 5, 96, 4, 2, 1, 0, 0, 1, 7, 1, 1, 2, 2, 2]),
        ("signed", &[0, 1, 0, 4, 80, 3, 96, 4, 3, 0, 1, 0, 1, 1, 3, 3, 0, 0, 2, 1, 2, 2, 0, 7]),
        ("void", &[0, 0, 0, 5, 80, 4, 88, 96, 255, 0]),
    ] {
        write(&seeds, "log", name, input)?;
    }
    // The number of steps, the steps, the number of changes to files, the changes, and
    // how the store is opened, asked, and then appended to, repaired or copied.
    let after = [3, 0, 1, 2, 9, 3, 40, 200, 1, 2, 0, 0, 1, 3, 1, 251, 1, 60, 1, 0, 2, 5, 7];
    for (name, input) in [
        ("undamaged", &[5, 11, 2, 19, 6, 0, 0][..]),
        ("flipped", &[2, 1, 3, 1, 3, 1, 0, 1, 0, 1, 40, 3]),
        ("a_flipped_page", &[2, 11, 1, 1, 3, 0, 0, 1, 1, 0, 5, 3, 2]),
        ("zeroed", &[3, 0, 11, 4, 1, 3, 2, 1, 1, 0, 3, 9, 1]),
        ("signed_again", &[3, 11, 6, 2, 2, 0, 1, 1, 2, 2, 5, 1, 1, 1, 0, 3, 0, 1, 0, 7, 255, 1]),
        ("cut_short", &[2, 11, 10, 1, 5, 2, 1, 0, 90, 0, 0, 5]),
        ("removed", &[4, 11, 11, 5, 0, 2, 7, 2, 7, 5]),
        ("renamed", &[4, 11, 5, 11, 0, 1, 6, 2, 0, 1, 1]),
        ("of_another", &[4, 11, 5, 3, 0, 2, 8, 2, 0, 9, 5, 0]),
        ("of_a_copy", &[4, 3, 0, 11, 11, 2, 11, 0, 0, 11, 1, 0]),
        ("lost", &[3, 11, 1, 31, 1, 3, 1, 0, 1, 2, 3]),
        ("repaired", &[4, 11, 1, 15, 2, 0]),
        ("trimmed", &[4, 11, 11, 23, 1, 1, 7, 0]),
        ("many_lost", &[3, 11, 1, 2, 1, 12, 1, 0, 10, 0]),
        ("some_lost", &[3, 11, 1, 2, 1, 12, 1, 1, 19, 0]),
        ("many_listed", &[3, 11, 11, 2, 1, 12, 0, 8, 0, 0]),
        ("some_listed", &[3, 11, 11, 2, 1, 12, 0, 2, 0, 1]),
        ("a_link", &[2, 11, 1, 2, 13, 1, 0, 2, 1, 13, 0, 0, 0, 1, 0]),
    ] {
        write(&seeds, "directory", name, &[input, &after].concat())?;
    }
    // The options, then the operations: see `operate`.
    for (name, input) in [
        ("appends", &[1, 0, 1, 99, 3, 40, 1, 7, 9, 0, 64, 10, 30, 1, 16, 30, 2, 28][..]),
        ("a_writer", &[0, 7, 9, 3, 1, 50, 1, 60, 0, 1, 13, 0, 9, 0, 65, 14, 1, 15, 1, 28, 30, 3]),
        ("crashes", &[2, 3, 220, 1, 44, 25, 1, 2, 20, 1, 3, 23, 26, 3, 0, 0, 23, 30, 5, 30]),
        ("sealed", &[5, 3, 230, 2, 9, 17, 3, 210, 3, 1, 1, 17, 28, 10, 4, 29, 30, 4, 90]),
        ("trimmed", &[1, 3, 230, 0, 9, 23, 3, 230, 0, 1, 18, 1, 0, 23, 30, 2, 19, 0, 9, 28]),
        ("copied", &[3, 3, 230, 0, 9, 7, 9, 1, 27, 1, 3, 9, 27, 0, 29, 28]),
        ("refused", &[16, 6, 7, 6, 9, 1, 0, 128, 14, 1, 136, 0, 21, 15, 131, 23, 23, 23, 23, 1]),
    ] {
        write(&seeds, "operations", name, input)?;
    }
    for (name, input) in [
        ("numbers", "\0\0 14.2\r\n-1e300\n\n0x10\n.5\n1_0\ninfinity\nnan\n+7\n4.9e-324"),
        ("portions", "\u{1}\u{1}\u{c}13\n\u{e9}\u{2028}\n\t 15 \n\u{1b}[31mred"),
        ("long", "\u{7}\u{4}0.12345678901234567890"),
        (
            "times",
            "\0\01.5 2\n-0.000000001\t3\n2026-06-01T12:00:00.5Z 4\n2026-06-01 12:00Z 5\nnoon 6\n7 x",
        ),
    ] {
        write(&seeds, "lines", name, input.as_bytes())?;
    }
    for (name, input) in [
        ("normal", "\0normal:mean=14,std_dev=3,seed=7"),
        ("sensor", "\0sensor:hwmon/coretemp/temp1"),
        ("exec", "\0exec:sh -c 'echo \"1\"'"),
        ("address", "\0https://a:b@[::1]:80/x?y=%41#/main/temp"),
        ("thermometer", "\u{1}4b 46 7f ff 05 10 d8 : crc=d8 YES\n4b 46 7f ff 05 10 d8 t=20687"),
        ("whole", "\u{2} -1.5e3\r\n"),
        ("pointer", "\u{3}/main/0/a~1b\n{\"main\":[{\"a/b\":14.2}]}"),
        ("sample", "\u{3}up{a=\"\\\"b\"}\n# TYPE up gauge\nup{a=\"\\\"b\",c=\"d\"} 1 1700000000\n"),
    ] {
        write(&seeds, "texts", name, input.as_bytes())?;
    }
    Ok(())
}

fn write(seeds: &Path, target: &str, name: &str, bytes: &[u8]) -> Done {
    fs::create_dir_all(seeds.join(target))?;
    Ok(fs::write(seeds.join(target).join(name), bytes)?)
}

/// The records of a store with a chunk.
fn records(seeds: &Path) -> Done {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("store");
    // Seeds are the same in each run.
    gaugelog::fuzzing::count_identities_from(1);
    let store = Store::create(&path)?;
    let some = |from: i64, to: i64| -> Vec<Observation> {
        (from..to).map(|n| Observation::new(n * 1000, (n % 5) as f64 - 1.5)).collect()
    };
    // A chunk, in this build.
    store.append_batch(&some(0, 2_048))?;
    store.append_batch(&some(2_048, 2_050))?;

    let manifest = fs::read(path.join("manifest"))?;
    write(seeds, "manifest", "record", &[&[0, 0], &manifest[..512]].concat())?;
    write(seeds, "manifest", "signed", &[&[0, 1], &manifest[..256]].concat())?;
    write(seeds, "manifest", "summary", &[&[5, 0], &manifest[104..192]].concat())?;
    let id = &manifest[32..40];
    let id_number = u64::from_le_bytes(id.try_into()?);
    let log = fs::read(path.join(format!("{id_number:016x}.log")))?;
    let frame = [&[3, 0][..], id, &8192_u32.to_le_bytes(), &log[8192..8240]].concat();
    write(seeds, "manifest", "frame", &frame)?;
    let mark = [&[3, 1][..], id, &8240_u32.to_le_bytes(), &log[8240..8256]].concat();
    write(seeds, "manifest", "mark", &mark)?;
    let chunk = fs::read(path.join("0000000000.chunk"))?;
    let length = usize::try_from(u32::from_le_bytes(chunk[52..56].try_into()?))?;
    write(seeds, "manifest", "chunk_header", &[&[4, 0], &chunk[..length]].concat())?;
    write(seeds, "manifest", "sketch", &[6, 5, 0, 1, 4, 7, 2, 2])?;
    write(seeds, "manifest", "chunk_name", b"\x07\x000000000012.chunk")?;
    write(seeds, "manifest", "log_name", b"\x07\x000123456789abcdef.log")
}
