//! `gaugelog export --format parquet`.

use std::fs;
use std::process::{Command, Stdio};

use parquet::basic::{Compression, Encoding, LogicalType, TimeUnit, Type};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::program::{TOOL, names_in};
use super::*;

fn export(bench: &Bench, options: &[&str]) -> Vec<Row> {
    let given = ["export", "room.log", "--format", "parquet", "-o", "room.parquet"];
    bench.run(&[&given, options].concat()).succeeds();
    read(&bench.path("room.parquet"))
}

#[test]
fn times_and_values_read_back_to_the_bit() {
    let times = [0, 1, 999, 1_000, -1, -999, -1_000, -1_001, i64::MIN, i64::MAX];
    let values = [-0.0, 0.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -5e-324, 0.1];
    let all: Vec<Observation> = times
        .iter()
        .flat_map(|time_ns| values.iter().map(|value| Observation::new(*time_ns, *value)))
        .collect();
    let bench = Bench::holding(&all);
    let expected: Vec<Row> = (0..).zip(&all).map(|(at, it)| row(at, *it)).collect();
    assert_eq!(export(&bench, &[]), expected);
    let before_1970 = export(&bench, &["--until", "1970-01-01"]);
    let times: Vec<i64> = before_1970.iter().map(|row| row.1).collect();
    assert_eq!(times.len(), 5 * values.len(), "{times:?}");
    assert!(times.iter().all(|time_ns| *time_ns < 0), "{times:?}");
}

/// Several row groups, whose values have a dictionary or do not.
#[test]
fn many_observations_read_back() {
    const ALL: u64 = 600_000;
    let bench = Bench::holding(&observations(0..ALL));
    assert_eq!(export(&bench, &[]), rows(0..ALL));
    assert_eq!(encodings(&bench, 3), (3, vec![Encoding::BYTE_STREAM_SPLIT]));
    assert_eq!(encodings(&bench, 0), (3, vec![Encoding::DELTA_BINARY_PACKED]));

    // Few values first, then too many for a dictionary.
    let mut all = observations(0..ALL);
    all[..270_000].iter_mut().for_each(|it| it.value = (it.value % 9.0).round());
    let bench = Bench::holding(&all);
    let expected: Vec<Row> = (0..).zip(&all).map(|(at, it)| row(at, *it)).collect();
    assert_eq!(export(&bench, &[]), expected);
    let (_, values) = encodings(&bench, 3);
    assert_eq!(values, [Encoding::PLAIN, Encoding::RLE_DICTIONARY]);
}

/// How many row groups there are, and the encodings of a column in the first, but for that of
/// levels.
fn encodings(bench: &Bench, column: usize) -> (usize, Vec<Encoding>) {
    let reader = open(&bench.path("room.parquet"));
    let metadata = reader.metadata();
    let column = metadata.row_group(0).column(column);
    assert!(matches!(column.compression(), Compression::GZIP(_)));
    let encodings = column.encodings().filter(|encoding| *encoding != Encoding::RLE);
    (metadata.num_row_groups(), encodings.collect())
}

#[test]
fn an_empty_file_has_its_columns() {
    let bench = Bench::holding(&observations(0..10));
    assert_eq!(export(&bench, &["--since", "2100-01-01"]), []);
    let reader = open(&bench.path("room.parquet"));
    let schema = reader.metadata().file_metadata().schema_descr();
    let columns: Vec<_> =
        schema.columns().iter().map(|it| (it.name(), it.physical_type())).collect();
    let expected = [
        ("seq", Type::INT64),
        ("time", Type::INT64),
        ("nanos", Type::INT32),
        ("value", Type::DOUBLE),
        ("series", Type::BYTE_ARRAY),
    ];
    assert_eq!(columns, expected);
    let time = LogicalType::timestamp(true, TimeUnit::MICROS);
    assert_eq!(schema.column(1).logical_type_ref(), Some(&time));
}

#[test]
fn standard_output_takes_a_file_unless_it_is_a_terminal() {
    let bench = Bench::holding(&observations(0..10));
    let command = |output: Stdio| {
        let mut command = Command::new(TOOL);
        command.args(["export", "room.log", "--format", "parquet"]).current_dir(&bench.dir);
        command.stdout(output).output().unwrap()
    };
    let path = bench.path("piped.parquet");
    fs::write(&path, command(Stdio::piped()).stdout).unwrap();
    assert_eq!(read(&path), rows(0..10));

    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    let refused = command(terminal.into());
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8(refused.stderr).unwrap().contains("give --output FILE"));
}

#[test]
fn statistics_of_buckets_are_refused() {
    let bench = Bench::holding(&observations(0..10));
    let ran = bench.run(&["export", "room.log", "--format", "parquet", "--every", "1h"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("--format parquet is for observations; use csv"), "{ran:?}");
}

#[test]
fn a_file_that_cannot_be_written_is_not_there() {
    let bench = Bench::holding(&observations(0..300_000));
    let mut limited = Command::new("sh");
    let limit = "ulimit -f 10 && exec \"$0\" export room.log --format parquet -o room.parquet";
    limited.args(["-c", limit, TOOL]).current_dir(&bench.dir);
    Ran::of(limited).fails_naming(&["room.parquet: cannot write the file: File too large"]);
    assert_eq!(names_in(bench.dir.path()), ["room.log"]);
}
