//! `gaugelog import` reads what people have, and what `export` and `--dump` write.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cells_and_headings;
mod interrupted;
mod json;
#[path = "../program/mod.rs"]
mod program;
mod quotes_and_lines;
mod refused;

use std::fs;
use std::path::{Path, PathBuf};

use gaugelog::{Observation, Store};
use program::{Ran, SERVICE, TOOL, names_in, program};
use tempfile::TempDir;

const DAY: i64 = 86_400_000_000_000;

struct Files {
    dir: TempDir,
    store: PathBuf,
}

impl Files {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("store");
        Self { dir, store }
    }

    /// `gaugelog import` of a file with this text.
    fn import(&self, text: impl AsRef<[u8]>, options: &[&str]) -> Ran {
        let file = self.dir.path().join("file");
        fs::write(&file, text).unwrap();
        self.import_file(&file, options)
    }

    fn import_file(&self, file: &Path, options: &[&str]) -> Ran {
        let mut command = program(TOOL);
        command.arg("import").arg(&self.store).arg(file).args(options);
        Ran::of(command)
    }

    fn stored(&self) -> Vec<(i64, f64)> {
        let snapshot = Store::open_read_only(&self.store).unwrap().snapshot().unwrap();
        let all = snapshot.by_sequence(..).map(Result::unwrap);
        all.map(|(_, it)| (it.timestamp_ns, it.value)).collect()
    }
}

/// What one command makes of a file.
#[track_caller]
fn imports(text: &str, options: &[&str], expected: &[(i64, f64)]) {
    let files = Files::new();
    let ran = files.import(text, options).succeeds();
    assert_eq!(files.stored(), expected, "{text}\n{ran:?}");
    let count = format!("{} observation", expected.len());
    assert!(ran.stdout.contains(&count), "{ran:?}");
}

#[test]
fn csv_as_people_have_it_is_understood() {
    let two = [(0, 1.5), (DAY, -2.0)];
    imports("time,value\n1970-01-01T00:00:00Z,1.5\n1970-01-02T00:00:00Z,-2\n", &[], &two);
    imports("1970-01-01,1.5\n1970-01-02,-2\n", &[], &two);
    imports(
        "\u{feff}Date;Temp\r\n1970-01-01;1,5\r\n1970-01-02;-2,0\r\n",
        &["--decimal-comma"],
        &two,
    );
    imports(
        "# from a logger\nwhen\tx\n1970-01-01 00:00:00\t1.5\n1970-01-02 00:00\t-2\n",
        &[],
        &two,
    );
    imports(
        "day,time,station,temp\n1970-01-01,00:00:00,Kew,1.5\n1970-01-02,00:00:00,Kew,-2\n",
        &["--time", "day,time", "--value", "temp"],
        &two,
    );
    imports("a,b\n1.5,01.01.1970\n-2,02.01.1970\n", &["--time-format", "%d.%m.%Y"], &two);
    imports("0,1.5\n86400,-2\n", &["--time-unit", "s", "--time", "1"], &two);
    imports("v\n1.5\n-2\n", &["--start", "1970-01-01", "--rate", "0.000011574074074074073"], &two);
    imports(
        "1970,7,1.5\n1971,8,3\n",
        &["--time-format", "%Y", "--time", "1", "--value", "3"],
        &[(0, 1.5), (365 * DAY, 3.0)],
    );
    imports("Date,Open,Close\n1970-01-01,9,1.5\n1970-01-02,9,-2\n", &["--value", "close"], &two);
    imports(
        "\"time, UTC\",\"value\"\n\"1970-01-01T00:00:00Z\",\"1.5\"\n\"1970-01-02T00:00:00Z\",\"-2\"\n",
        &[],
        &two,
    );
    imports(
        "time,value\n1970-01-01 01:00:00,1.5\n1970-01-02 01:00:00,-2\n",
        &["--tz", "Europe/Berlin"],
        &two,
    );
}

#[test]
fn a_missing_value_is_skipped_and_counted_and_no_other_text_is_one() {
    let text =
        "date,t\n1970-01-01,1.5\n1970-01-02,\n1970-01-03,NA\n1970-01-04,-9999\n1970-01-05,2\n";
    let files = Files::new();
    let ran = files.import(text, &["--missing", "-9999"]).succeeds();
    assert!(ran.stdout.contains("2 observations imported, 3 rows without a value"), "{ran:?}");
    assert_eq!(files.stored(), [(0, 1.5), (4 * DAY, 2.0)]);
    let files = Files::new();
    let long = "date,t\n".to_owned() + &"1970-01-01,1.5\n".repeat(150) + "1970-01-02,n/a\n";
    files.import(long, &[]).fails_naming(&[
        "line 152",
        "\"n/a\" is no finite number",
        "--missing n/a",
    ]);
}

#[test]
fn a_file_that_breaks_off_in_the_middle_goes_on_where_it_was() {
    let rows = |range: std::ops::Range<i64>| {
        range.map(|n| format!("{},{n}\n", 1_780_315_200 + n)).collect::<String>()
    };
    let files = Files::new();
    let broken = rows(0..70_000) + "1780385200,x\n" + &rows(70_001..70_010);
    let ran = files.import(&broken, &["--time", "1", "--value", "2"]);
    let ran = ran.fails_naming(&["line 70001", "70,000 rows", "--skip 70000", "--skip 70001"]);
    assert_eq!(files.stored().len(), 70_000, "{ran:?}");
    let mended = rows(0..70_010);
    files.import(&mended, &["--time", "1", "--value", "2", "--skip", "70000"]).succeeds();
    let values: Vec<f64> = files.stored().iter().map(|(_, value)| *value).collect();
    assert_eq!(values, (0..70_010).map(f64::from).collect::<Vec<_>>(), "nothing twice");
}

/// Follows the advice of an error: the bad row is left out, and all others are stored once.
#[track_caller]
fn a_bad_row_is_passed(text: impl AsRef<[u8]>, options: &[&str], row: usize, stored: usize) {
    let files = Files::new();
    let ran = files.import(&text, options);
    ran.fails_naming(&[
        &format!("the {} rows before it are done", row - 1),
        &format!("leave it out with --skip {row}"),
    ]);
    files.import(&text, &[options, &["--skip", &row.to_string()]].concat()).succeeds();
    assert_eq!(files.stored().len(), stored);
}

#[test]
fn skip_passes_a_row_that_cannot_be_parsed() {
    let rows = |n: std::ops::Range<i64>, bad: &str| {
        let row = |n| match n {
            121 => bad.to_owned(),
            n => format!("{},{n}\n", 1_780_315_200 + n),
        };
        n.map(row).collect::<String>()
    };
    a_bad_row_is_passed(rows(1..151, "1780315321,bad\n"), &["--value", "2"], 121, 149);
    a_bad_row_is_passed(rows(1..151, "2026,1\n"), &["--value", "2"], 121, 149);
    let bytes = rows(1..151, "1780315321,1!\n").into_bytes();
    let bytes: Vec<u8> =
        bytes.into_iter().map(|byte| if byte == b'!' { 0xFF } else { byte }).collect();
    a_bad_row_is_passed(bytes, &["--value", "2"], 121, 149);
    // The hour that occurs twice.
    let mut local = "time,value\n".to_owned();
    local.extend((0..110).map(|n| format!("2026-10-24 {:02}:{:02}:00,{n}\n", n / 60, n % 60)));
    let local = local + "2026-10-25 02:30:00,1\n2026-10-25 03:30:00,2\n";
    a_bad_row_is_passed(local, &["--tz", "Europe/Berlin"], 111, 111);

    let good = "{\"time\": \"2026-01-01T00:00:00Z\", \"value\": 1}";
    for bad in ["{\"time\": \"noon\", \"value\": 1}", "{\"time\": 1}", "7"] {
        a_bad_row_is_passed(format!("{good}\n{good}\n{bad}\n{good}\n"), &[], 3, 3);
        a_bad_row_is_passed(format!("[{good},\n{good},\n{bad},\n{good}]"), &[], 3, 3);
    }
    // Where an object is broken, nothing says where the next one begins.
    let ran = Files::new().import(format!("{good}\n{{]\n{good}\n"), &[]);
    let ran = ran.fails_naming(&["line 2", "the 1 row before it is done", "--skip 1"]);
    assert!(!ran.stderr.contains("leave it out"), "{ran:?}");
}

#[test]
fn rows_that_are_skipped_say_nothing_about_the_columns() {
    let units = "time,temp\n,°C\n1970-01-01,1.5\n1970-01-02,-2\n";
    let two = [(0, 1.5), (DAY, -2.0)];
    imports(units, &["--skip", "1"], &two);
    imports(units, &["--skip", "1", "--time", "time", "--value", "temp"], &two);
}

#[test]
fn a_day_and_its_clock_may_be_in_two_columns() {
    let minute = 60_000_000_000;
    let expected = [(DAY + 30 * minute, 1.5), (DAY + 40 * minute, 2.5)];
    imports("date,time,temp\n1970-01-02,00:30,1.5\n1970-01-02,00:40:00,2.5\n", &[], &expected);
    imports("at;temp;day\n00:30;1.5;1970-01-02\n00:40;2.5;1970-01-02\n", &[], &expected);
    let files = Files::new();
    files.import("date,at,temp\n1970-01-02,8:5:1,1.5\n", &[]).fails_naming(&[
        "column 2 has times of the day",
        "--time 1,2",
        "--time-format",
    ]);
    assert!(!files.store.exists());
}

#[test]
fn the_column_of_the_time_is_named_or_written_like_one() {
    let second = 1_000_000_000;
    imports(
        "n,timestamp_ms,value\n1,86400250,20.5\n",
        &["--time-unit", "ms"],
        &[(DAY + second / 4, 20.5)],
    );
    let serial = "serial,time,temp\n1000000001,1970-01-02 00:00:00,20.5\n";
    imports(serial, &["--value", "temp"], &[(DAY, 20.5)]);
    imports(
        "serial,when,temp\n1000000001,1970-01-02 00:00:00,2\n",
        &["--value", "temp"],
        &[(DAY, 2.0)],
    );
    imports("1000000001,1.5\n", &[], &[(1_000_000_001 * second, 1.5)]);
    imports("7,1000000001\n", &["--time-unit", "s"], &[(1_000_000_001 * second, 7.0)]);
    imports("7,1000000001\n", &["--time-format", "%s"], &[(1_000_000_001 * second, 7.0)]);

    let files = Files::new();
    for (text, options, parts) in [
        (serial, &[][..], &["several columns have numbers", "--value"][..]),
        ("time,value\n1.7803152E+12,1\n", &["--time-unit", "ms"], &["no column has times"]),
        ("time,n,value\n1.7803152E+12,7,1\n", &["--time-unit", "ms"], &["no column has times"]),
        (
            "a,b\n1,2\n",
            &["--time-unit", "ms"],
            &["may be times", "with --time;", "1 \"a\", 2 \"b\""],
        ),
        ("when,n\n1.7803152E+12,7\n", &["--time-unit", "ms"], &["may be times", "with --time;"]),
        ("a,b\n1000000001,1000000002\n", &[], &["may be times", "with --time;"]),
        // Only the values are written as the form has it.
        (
            "1767225600.25,5\n1767225601.25,6\n",
            &["--time-format", "%s"],
            &["may be times", "with --time;"],
        ),
    ] {
        files.import(text, options).fails_naming(parts);
        assert!(!files.store.exists());
    }
}

#[test]
fn the_delimiter_is_found_below_lines_about_the_file() {
    let two = [(0, 1.5), (DAY, -2.0)];
    for delimiter in [",", ";", "\t", "|"] {
        let rows = "time;value\n1970-01-01 00:00:00;1.5\n1970-01-02 00:00:00;-2\n";
        let rows = rows.replace(';', delimiter);
        imports(&format!("Station Berlin\n{rows}"), &[], &two);
    }
    let rows = "time;value\n1970-01-01;1,5\n1970-01-02;-2,0\n";
    imports(&format!("Berlin, Germany\n{rows}"), &["--decimal-comma"], &two);
    for first in ["sep=;\n", "SEP=;\r\n", "\u{feff}sep=;\n"] {
        for options in [&["--decimal-comma"][..], &["--decimal-comma", "--delimiter", ";"]] {
            imports(&format!("{first}{rows}"), options, &two);
        }
    }
    // Nothing but that line says which of the two it is.
    imports("sep=;\n1970-01-01;1,5\n1970-01-02;-2,0\n", &["--decimal-comma"], &two);
}

#[test]
fn a_character_on_the_border_of_the_sample_is_whole() {
    // Rows so long that the first hundred do not fit.
    let row = |n: usize| format!("1970-01-01,{n},{}\n", "°".repeat(500));
    for shift in ["", "x"] {
        let text = format!("date,value,note{shift}\n") + &(0..100).map(row).collect::<String>();
        let expected: Vec<(i64, f64)> = (0..100).map(|n| (0, f64::from(n))).collect();
        imports(&text, &[], &expected);
    }
}

#[test]
fn an_export_of_an_empty_store_is_imported() {
    for format in ["csv", "jsonl", "json"] {
        let files = Files::new();
        let origin = files.dir.path().join("origin");
        Store::create(&origin).unwrap();
        let mut command = program(TOOL);
        command.arg("export").arg(&origin).args(["--format", format]);
        imports(&Ran::of(command).succeeds().stdout, &[], &[]);
    }
    imports("when,temp\n", &["--time", "when", "--value", "temp"], &[]);
    imports("value\n", &["--start", "1970-01-01", "--every", "1d"], &[]);
}

#[test]
fn missing_values_have_decimal_commas_too() {
    let text = "date;t\n1970-01-01;1,5\n1970-01-02;-99,9\n1970-01-03;-99\n1970-01-04;off\n";
    let expected = [(0, 1.5), (2 * DAY, -99.0)];
    imports(text, &["--decimal-comma", "--missing", "-99,9", "--missing", "off"], &expected);
    imports(text, &["--decimal-comma", "--missing", "off,-99,9"], &expected);
}

#[test]
fn the_advice_about_a_missing_value_can_be_pasted() {
    let rows = |n| format!("1970-01-01,{n}\n");
    let text = "date,t\n".to_owned() + &(0..150).map(rows).collect::<String>();
    for (cell, word) in [("#N/A", "'#N/A'"), ("not valid", "'not valid'")] {
        let text = format!("{text}1970-01-02,{cell}\n");
        Files::new().import(&text, &[]).fails_naming(&[&format!("--missing {word}")]);
        Files::new().import(&text, &["--missing", cell]).succeeds();
    }
}

#[test]
fn each_row_counts_where_times_are_made() {
    let daily = ["--start", "1970-01-01", "--every", "1d"];
    let missing = [&daily[..], &["--missing", "#N/A"]].concat();
    let expected = [(0, 1.0), (2 * DAY, 3.0), (4 * DAY, 5.0)];
    imports("1\n\n3\n#N/A\n5\n", &missing, &expected);
    imports("# a logger\n\nvalue\n1\n\n3\n#N/A\n5\n", &missing, &expected);
    imports("value\n#N/A\n\n3\n", &missing, &[(2 * DAY, 3.0)]);
    imports("n,value\n1,1\n\n2,3\n3,\n4,5\n", &[&daily[..], &["--value", "2"]].concat(), &expected);
    imports("1\n\n3\n#N/A\n5\n", &[&daily[..], &["--skip", "4"]].concat(), &[(4 * DAY, 5.0)]);

    let files = Files::new();
    let ran = files.import("1\n\n3\n#N/A\n5\n", &daily);
    ran.fails_naming(&["line 4: \"#N/A\"", "the 3 rows before it", "--missing '#N/A'"]);
    assert_eq!(files.stored(), [(0, 1.0), (2 * DAY, 3.0)]);
    // Elsewhere a comment may stand anywhere, and a blank line is nothing.
    let timed = "1970-01-01,1\n\n# a new battery\n1970-01-02,2\n";
    imports(timed, &[], &[(0, 1.0), (DAY, 2.0)]);
}

#[test]
fn what_export_and_dump_write_comes_back_bit_for_bit() {
    let mut bits = 1_u64;
    let mut draw = || {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bits
    };
    let mut all =
        vec![Observation::new(i64::MIN, -0.0), Observation::new(i64::MAX, f64::MIN_POSITIVE / 8.0)];
    while all.len() < 3_000 {
        let value = f64::from_bits(draw());
        if value.is_finite() {
            all.push(Observation::new(draw().cast_signed(), value));
        }
    }
    let files = Files::new();
    let origin = files.dir.path().join("origin");
    Store::create(&origin).unwrap().append_batch(&all).unwrap();
    for format in ["csv", "jsonl", "json"] {
        let file = files.dir.path().join(format);
        let mut command = program(TOOL);
        command.arg("export").arg(&origin).args(["--format", format, "-o"]).arg(&file);
        Ran::of(command).succeeds();
        let copy = Files {
            dir: tempfile::tempdir().unwrap(),
            store: files.dir.path().join(format.to_owned() + ".log"),
        };
        copy.import_file(&file, &[]).succeeds();
        let stored = copy.stored();
        assert_eq!(stored.len(), all.len());
        for ((time, value), expected) in stored.iter().zip(&all) {
            assert_eq!((*time, value.to_bits()), (expected.timestamp_ns, expected.value.to_bits()));
        }
        let summary = |path: &Path| {
            Store::open_read_only(path).unwrap().snapshot().unwrap().summary().unwrap()
        };
        assert_eq!(summary(&copy.store), summary(&origin));
    }
    // A dump cuts times to the second before, and has no second before the first.
    let later = files.dir.path().join("later");
    Store::create(&later).unwrap().append_batch(&all[1..]).unwrap();
    let mut dump = program(SERVICE);
    dump.arg("--log").arg(&later).arg("--dump");
    let dumped = files.import(Ran::of(dump).succeeds().stdout, &[]);
    dumped.succeeds();
    assert_eq!(files.stored().len(), all.len() - 1);
}

#[test]
fn a_dry_run_says_what_was_understood_and_imports_nothing() {
    let files = Files::new();
    let ran = files.import("when;°C\n1970-01-01;1.5\n", &["--dry-run"]).succeeds();
    let expected = "delimiter  ';'\n\
                    heading    the first row\n\
                    time       column 1, \"when\"\n\
                    value      column 2, \"°C\"\n\
                    first row  \"1970-01-01\" is the time, \"1.5\" the value\n\
                    rows       1 with a value\n";
    assert_eq!(ran.stdout, expected);
    assert_eq!(names_in(files.dir.path()), ["file"]);
}
