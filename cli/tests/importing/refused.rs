//! Files that are not imported, and why.

use super::*;

#[test]
fn an_import_that_fails_at_its_first_row_names_no_row_before_it() {
    for text in
        ["time,value\n1970-01-01,x\n1970-01-02,2\n", "{\"time\":\"1970-01-01\",\"value\":\"x\"}\n"]
    {
        let files = Files::new();
        let ran = files.import(text, &["--time", "time", "--value", "value"]);
        let ran = ran.fails_naming(&["nothing was imported", "mend the line", "--skip 1"]);
        assert!(!ran.stderr.contains("--skip 0") && files.stored().is_empty(), "{ran:?}");
    }
}

#[test]
fn a_dry_run_names_the_first_row_that_an_import_would_refuse() {
    let files = Files::new();
    let semicolons = "t;v\n1970-01-01;\"20,5\"\n";
    let named = ["--time", "t", "--value", "v", "--dry-run"];
    let refused = |text: &str, parts: &[&str]| {
        let ran = files.import(text, &named);
        assert!(ran.status == Some(1) && ran.stdout.contains("column 2, \"v\""), "{ran:?}");
        parts.iter().for_each(|part| assert!(ran.stderr.contains(part), "no {part:?} in {ran:?}"));
    };
    refused(semicolons, &["line 2", "\"20,5\"", "--decimal-comma", "before it: 0 with a value"]);
    let late = "t,v\n".to_owned() + &"1970-01-01,1\n1970-01-02,\n".repeat(200) + "1970-01-03,x\n";
    refused(&late, &["line 402", "before it: 200 with a value, 200 without one"]);
    let ran = files.import("{\"time\":\"noon\",\"value\":1}", &["--dry-run"]);
    assert!(ran.status == Some(1) && ran.stderr.contains("\"noon\""), "{ran:?}");
    assert_eq!(names_in(files.dir.path()), ["file"]);
}

#[test]
fn a_time_that_the_clock_shows_twice_is_refused_or_chosen() {
    // From 00:30 UTC on, in summer time; an hour later the clock shows the same.
    let text = "time,value\n2026-10-25 02:30,1.5\n2026-10-25 03:00,2\n";
    let berlin = ["--tz", "Europe/Berlin"];
    let files = Files::new();
    files.import(text, &berlin).fails_naming(&["line 2", "occurs twice", "--ambiguous earlier"]);
    let form = [&berlin[..], &["--time-format", "%Y-%m-%d %H:%M"]].concat();
    files.import(text, &form).fails_naming(&["line 2", "occurs twice", "--ambiguous earlier"]);
    let none = "time,value\n2026-03-29 02:30,1.5\n";
    files.import(none, &berlin).fails_naming(&["line 2", "does not exist", "such as +01:00"]);
    let (hour, two) = (3_600_000_000_000, 1_792_893_600_000_000_000);
    for (which, hours) in [("earlier", 3), ("later", 1)] {
        let expected = [(two - hours * hour / 2, 1.5), (two, 2.0)];
        imports(text, &[&form[..], &["--ambiguous", which]].concat(), &expected);
    }
}

#[test]
fn what_is_not_understood_is_refused_before_anything_is_stored() {
    let files = Files::new();
    for (text, options, parts) in [
        ("# of nothing\n", &[][..], &["no row"][..]),
        ("Nothing was measured.\n", &[], &["no column has times"]),
        ("a,b\nx,y\n", &[], &["no column has times", "1 \"a\", 2 \"b\"", "--time-format"]),
        ("t,a,b\n1970-01-01,1,2\n", &[], &["several columns have numbers", "--value", "3 \"b\""]),
        ("t,a\n1970-01-01,x\n", &[], &["no column has numbers"]),
        ("t,a\n1970-01-01,1\n", &["--value", "c"], &["there is no column \"c\"", "2 \"a\""]),
        ("t,a\n1970-01-01,1\n", &["--value", "3"], &["there is no column \"3\""]),
        ("{\"a\": 1}\n", &[], &["line 1", "no key \"value\" or \"val\"", "--value: \"a\""]),
        ("[{\"time\": \"noon\", \"value\": 1}]", &[], &["line 1", "\"noon\"", "--time-format"]),
    ] {
        let ran = files.import(text, options).fails_naming(parts);
        assert!(ran.stderr.contains("/file"), "{ran:?}");
        assert!(!files.store.exists() || files.stored().is_empty(), "{text}");
    }
    for (cell, parts) in [
        ("\"1,234.5\"", ["line 2, column 3", "\"1,234.5\" is no finite number"]),
        ("20.5 °C", ["line 2, column 3", "\"20.5 °C\""]),
        ("#DIV/0!", ["\"#DIV/0!\"", "--missing '#DIV/0!'"]),
    ] {
        let text = format!("time,place,t\n1970-01-01,Kew,{cell}\n1970-01-02,Kew,2\n");
        files.import(text, &[]).fails_naming(&parts);
    }
    files
        .import("at,t\nMon 2026-06-02,2\n", &["--time-format", "%a %Y-%m-%d"])
        .fails_naming(&["line 2, column 1", "\"Mon 2026-06-02\" is no time of the form"]);
    let dotted = "time,t\n01.06.2026,2\n";
    files.import(dotted, &[]).fails_naming(&[
        "line 2, column 1",
        "\"01.06.2026\"",
        "--time-format",
    ]);
    let packed = [b"\x1f\x8b\x08\0".to_vec(), vec![0xff; 40]].concat();
    files.import(packed, &[]).fails_naming(&["compressed by gzip", "zcat", "gaugelog import"]);
    files.import(b"PK\x03\x04\xff", &[]).fails_naming(&["save it as CSV"]);
    files.import(b"PAR1\x15\x04\xff", &[]).fails_naming(&["it is Parquet", "convert it to CSV"]);
    files.import(b"t,a\n1970-01-01,1\xff\n", &[]).fails_naming(&["UTF-8"]);
    files
        .import_file(&files.dir.path().join("none"), &[])
        .fails_naming(&["none", "cannot read it"]);
    files.import_file(files.dir.path(), &[]).fails_naming(&["this is a directory"]);
    for options in
        [&["--rate", "1"][..], &["--start", "now", "--rate", "0"], &["--delimiter", "ab"]]
    {
        let ran = files.import("1\n", options);
        assert_eq!(ran.status, Some(2), "{ran:?}");
    }
}
