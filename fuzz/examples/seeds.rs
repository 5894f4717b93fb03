//! Writes the seeds made by hand into `seeds/`: real records of a real store,
//! and a few things to do to one. `cargo run --example seeds`, in `fuzz/`.

use std::error::Error;
use std::fs;
use std::path::Path;

use gaugelog::{Observation, Store};

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    records(&seeds)?;
    // How many steps, the steps, how many things are done to the files, which,
    // and how the store is opened, asked, appended to and opened again.
    let behind = [0, 0, 1, 2, 0, 9, 1, 4, 1, 60, 30, 200, 1, 3, 1, 1, 5, 4, 20, 7];
    for (name, input) in [
        ("undamaged", &[5, 0, 3, 5, 6, 2, 0][..]),
        ("flipped", &[2, 1, 3, 1, 3, 1, 0, 1, 0, 1, 40, 3]),
        ("zeroed", &[3, 0, 5, 4, 1, 3, 2, 1, 1, 0, 3, 9, 1]),
        ("signed_again", &[3, 8, 6, 2, 2, 0, 1, 1, 2, 2, 5, 1, 1, 1, 0, 3, 0, 1, 0, 7, 255, 1]),
        ("cut_short", &[2, 8, 10, 1, 5, 2, 1, 0, 90, 0, 0, 5]),
        ("removed", &[4, 3, 3, 5, 0, 2, 7, 2, 7, 5]),
        ("renamed", &[4, 3, 5, 3, 0, 1, 6, 2, 0, 1, 1]),
        ("of_another", &[4, 3, 5, 3, 0, 2, 8, 2, 0, 9, 5, 0]),
    ] {
        write(&seeds, "directory", name, &[input, &behind].concat())?;
    }
    // The options, then what is done: see `operate`.
    for (name, input) in [
        ("appends", &[1, 0, 1, 99, 0, 2, 40, 1, 7, 9, 0, 64, 10, 0, 15, 1, 15, 2][..]),
        ("a_writer", &[0, 4, 5, 3, 1, 50, 1, 60, 0, 1, 7, 0, 5, 0, 65, 7, 9, 8, 1, 14, 15, 3]),
        ("crashes", &[2, 2, 255, 1, 44, 12, 1, 2, 20, 1, 3, 11, 12, 3, 0, 0, 11, 15, 5, 30]),
        ("derived", &[5, 2, 250, 2, 9, 13, 7, 2, 210, 3, 1, 1, 13, 1, 10, 4, 14, 15, 4, 90]),
        ("refused", &[16, 3, 4, 3, 6, 1, 0, 128, 7, 1, 136, 0, 10, 8, 131, 11, 11, 11, 11, 1]),
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

/// The beginning of a real record, and what chunks and logs are made and changed by.
fn records(seeds: &Path) -> Done {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("store");
    let store = Store::create(&path)?;
    store.append(Observation::new(1_000, -1.5))?;
    let record = fs::read(path.join("manifest"))?;
    write(seeds, "manifest", "record", &[&[0, 1], &record[..200]].concat())?;
    write(seeds, "manifest", "name", b"\x07\x000000000012.chunk")?;
    let counting: Vec<u8> = (0..60).collect();
    for target in ["log", "chunk"] {
        for first in 0..4_u8 {
            let name = format!("counting_from_{first}");
            write(seeds, target, &name, &[&[first, 3, 7], &counting[..]].concat())?;
        }
    }
    Ok(())
}
