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
