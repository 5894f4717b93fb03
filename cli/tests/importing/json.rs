//! Times and lines of JSON files.

use super::*;

#[test]
fn a_time_that_is_a_number_keeps_its_digits() {
    let nanosecond = 1_780_315_200_123_456_789;
    for (time, expected) in [
        ("1780315200.123456789", nanosecond),
        ("\"1780315200.123456789\"", nanosecond),
        ("\"2026-06-01T12:00:00\\u002e123456789Z\"", nanosecond),
        ("1780315200", 1_780_315_200_000_000_000),
        ("1.7803152e9", 1_780_315_200_000_000_000),
    ] {
        imports(&format!("{{\"time\":{time},\"value\":1}}"), &[], &[(expected, 1.0)]);
        imports(&format!("[{{\"value\":1,\"time\": {time} }}]"), &[], &[(expected, 1.0)]);
    }
    for (time, why) in [
        ("1.780315200123456789e9", "write the time 1.780315200123456789e9 without an exponent"),
        ("null", "the time is neither text nor a number"),
        ("[1]", "the time is neither text nor a number"),
    ] {
        let text = format!("{{\"time\":{time},\"value\":1}}");
        Files::new().import(text, &[]).fails_naming(&["line 1", why]);
    }
}

#[test]
fn an_error_names_the_line_of_its_object() {
    let text = "\n{\"time\":\"1970-01-01\",\n\"value\":1}\n\n{\"time\":\"noon\",\"value\":2}\n";
    let files = Files::new();
    files.import(text, &[]).fails_naming(&["line 5: ", "\"noon\"", "--skip 2"]);
    files.import(text, &["--skip", "1"]).fails_naming(&["line 5: "]);
}

#[test]
fn json_heeds_the_options_or_refuses_them() {
    let temp =
        "{\"time\":\"1970-01-01 00:00:00\",\"temp\":1.5}\n{\"time\":\"1970-01-02\",\"temp\":-2}\n";
    let two = [(0, 1.5), (DAY, -2.0)];
    imports(temp, &["--value", "temp"], &two);
    imports(
        "[{\"n\":1,\"ms\":0,\"value\":1.5},{\"n\":2,\"ms\":86400000,\"value\":-2}]",
        &["--time", "ms", "--time-unit", "ms"],
        &two,
    );
    imports(
        "{\"val\":1.5}\n{\"val\":null}\n{\"val\":2}\n",
        &["--start", "1970-01-01", "--every", "1d"],
        &[(0, 1.5), (2 * DAY, 2.0)],
    );
    let missing = "{\"time\":\"1970-01-01\",\"value\":1.5}\n{\"time\":\"\",\"value\":-9999}\n\
                   {\"time\":\"\",\"value\":\"off\"}\n{\"time\":\"\",\"value\":null}\n";
    imports(missing, &["--missing", "-9999,off"], &[(0, 1.5)]);

    let files = Files::new();
    for (options, parts) in [
        (&[][..], &["line 1", "no key \"value\" or \"val\"", "--value: \"temp\""][..]),
        (&["--value", "hum"], &["no key \"hum\"", "--value: \"temp\""]),
        (&["--time", "t", "--value", "temp"], &["no key \"t\"", "--time"]),
        (&["--time", "t,u"], &["JSON", "--time names one key"]),
        (&["--delimiter", ";"], &["JSON", "--delimiter is for CSV"]),
    ] {
        files.import(temp, options).fails_naming(parts);
    }
}

#[test]
fn a_text_in_json_may_have_a_decimal_comma() {
    let text =
        "{\"time\":\"1970-01-01\",\"value\":\"1,5\"}\n{\"time\":\"1970-01-02\",\"value\":-2}\n";
    Files::new().import(text, &[]).fails_naming(&["line 1", "\"1,5\"", "--decimal-comma"]);
    imports(text, &["--decimal-comma"], &[(0, 1.5), (DAY, -2.0)]);
}

#[test]
fn json_with_a_byte_order_mark_is_json() {
    let text = "\u{feff}[{\"time\":\"1970-01-01\",\"value\":1.5}]";
    imports(text, &[], &[(0, 1.5)]);
}

#[test]
fn a_key_that_an_object_has_twice_is_refused() {
    for (object, options, parts) in [
        ("\"value\":1,\"val\":2", &[][..], ["keys \"value\" and \"val\"", "with --value"]),
        ("\"value\":1,\"value\":2", &[], ["key \"value\" twice", "remove one"]),
        ("\"val\":1,\"time\":\"noon\"", &[], ["key \"time\" twice", "remove one"]),
        ("\"val\":1,\"time_added\":0", &[], ["keys \"time\" and \"time_added\"", "with --time"]),
        ("\"a\":1,\"a\":1", &["--value", "a"], ["key \"a\" twice", "remove one"]),
    ] {
        let text = format!("{{\"time\":\"1970-01-01\",{object}}}\n");
        Files::new().import(text, options).fails_naming(&parts);
    }
}

#[test]
fn an_object_of_more_than_1_mib_is_refused() {
    let good = "{\"time\":\"1970-01-01\",\"value\":1}";
    let open = format!("{{\"time\":\"{}", "x".repeat(4 << 20));
    let why = "here is an object of more than 1 MiB";
    for (text, line) in [
        (format!("{good}\n{good}\n{open}"), "line 3"),
        (format!("[{good},\n{good},{open}\"}}]"), "line 2"),
    ] {
        let files = Files::new();
        let parts = &[line, why, "the 2 rows before it are done"];
        let ran = files.import(&text, &[]).fails_naming(parts);
        assert!(!ran.stderr.contains("leave it out"), "{ran:?}");
        Files::new().import(&text, &["--skip", "3"]).fails_naming(&[line, why]);
    }
    // Many objects, and one that is long, are read.
    let objects = format!("{good}\n").repeat(100_000);
    let note = "x".repeat(500_000);
    let long = format!("{{\"note\":\"{note}\",\"time\":\"1970-01-01\",\"value\":2}}\n");
    let files = Files::new();
    files.import(objects + &long, &["--value", "value"]).succeeds();
    assert_eq!(files.stored().len(), 100_001);
}
