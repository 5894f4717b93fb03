use super::*;

fn found(page: &str, fragment: &str) -> Result<f64, String> {
    find(page, &parse(fragment).unwrap())
}

#[test]
fn pointers_lead_to_numbers() {
    let page = r#"{"main": {"temp": 21.5, "": 1, "a/b": 2, "m~n": 3, "a b": "-4e1"},
                   "list": [5, {"x": 18446744073709551615}], "é": 1e-400}"#;
    for (fragment, value) in [
        ("/main/temp", 21.5),
        ("/main/", 1.0),
        ("/main/a~1b", 2.0),
        ("/main/m~0n", 3.0),
        ("/main/a%20b", -40.0),
        ("/main/a b", -40.0),
        ("/list/0", 5.0),
        ("/list/1/x", 18_446_744_073_709_551_615.0),
        ("/%C3%A9", 0.0),
    ] {
        assert_eq!(found(page, fragment), Ok(value), "{fragment}");
    }
    assert_eq!(found(" 7\n", ""), Ok(7.0));
    // To the last bit, like the reference implementation of reading decimals.
    assert_eq!(found("[0.1234567890123456789]", "/0"), Ok(0.123_456_789_012_345_68));
}

/// Pages of devices and of programs that print what their language calls a number.
#[test]
fn what_stands_beside_the_value_does_not_cost_it() {
    for page in [
        r#"{"temp": 21.5, "h": NaN}"#,
        r#"{"h": -Infinity, "temp": 21.5}"#,
        r#"{"h": 1e999, "temp": 21.5}"#,
        r#"{"h": None, "on": True, "temp": 21.5}"#,
        r#"{"h": 007, "i": +1, "j": .5, "k": 0x1F, "temp": 21.5}"#,
        "{\"name\": \"a\tb\nc\", \"temp\": 21.5}",
        r#"{"name": "\ud800", "\udc00": 1, "temp": 21.5}"#,
        r#"{"name": "\x41\'", "temp": 21.5}"#,
        "{\"unit\": \"\u{fffd}C\", \"temp\": 21.5,}",
        "{\"temp\": 21.5, \"list\": [1, 2,],}\0\0",
        "{temp: 21.5}",
    ] {
        assert_eq!(found(page, "/temp"), Ok(21.5), "{page}");
    }
    let deep =
        format!("{{\"a\": {}1{}, \"temp\": 21.5}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(found(&deep, "/temp"), Ok(21.5));
    assert_eq!(found(&deep, "/a").unwrap_err(), "#/a is an array of 1, which is not a number");
}

#[test]
fn a_value_is_chosen_by_what_stands_beside_it() {
    let page = r#"{"sensors": [{"name": "cellar", "id": 1, "temp": 9.5},
                               {"name": "attic", "id": 2.0, "on": true, "temp": 31.5}, 7],
                   "byid": {"x1": {"name": "attic", "temp": 30}, "x2": {"temp": 1}}}"#;
    for (fragment, value) in [
        ("/sensors[name==\"attic\"]/temp", 31.5),
        ("/sensors[id==2]/temp", 31.5),
        ("/sensors[on==true]/temp", 31.5),
        ("/sensors[name==\"cellar\"][id==1]/temp", 9.5),
        ("/byid[name==\"attic\"]/temp", 30.0),
    ] {
        assert_eq!(found(page, fragment), Ok(value), "{fragment}");
    }
    for (fragment, message) in [
        (
            "/sensors[name==\"roof\"]/temp",
            "#/sensors[name==\"roof\"]: there is none; there is \"cellar attic\"",
        ),
        ("/sensors[id==\"2\"]/temp", "#/sensors[id==\"2\"]: there is none; there is \"1 2.0\""),
        (
            "/sensors/0/name[a==1]",
            "#/sensors/0/name[a==1]: there is nothing to choose from; it is the string \"cellar\"",
        ),
    ] {
        assert_eq!(found(page, fragment).unwrap_err(), message);
    }
    let twice = r#"[{"name": "a", "t": 1}, {"name": "a", "t": 2}]"#;
    assert_eq!(
        found(twice, "/[name==\"a\"]/t").unwrap_err(),
        "#[name==\"a\"]: there are 2 of them"
    );
}

#[test]
fn what_is_found_instead_is_shown() {
    let page = r#"{"t": "warm", "on": true, "no": null, "a": [1, 2], "o": {"x": 1, "y": 2},
                   "two": 1, "two": 2, "nan": "NaN", "esc": "\u001b[2J", "h": 1e999}"#;
    for (fragment, message) in [
        ("/t", "#/t is the string \"warm\", which is not a finite number"),
        ("/nan", "#/nan is the string \"NaN\", which is not a finite number"),
        ("/esc", "#/esc is the string \"\\u{1b}[2J\", which is not a finite number"),
        ("/h", "#/h is 1e999, which is not a finite number"),
        ("/on", "#/on is true, which is not a number"),
        ("/no", "#/no is null, which is not a number"),
        ("/a", "#/a is an array of 2, which is not a number"),
        ("/o", "#/o is an object of 2, which is not a number"),
        ("", "the page is an object of 10, which is not a number"),
        ("/two", "#/two: it is there several times"),
        ("/o/z", "#/o/z: there is none; there is \"x y\""),
        ("/a/2", "#/a/2: there is none; it is an array of 2"),
        ("/a/01", "#/a/01: there is none; it is an array of 2"),
        ("/a/-", "#/a/-: there is none; it is an array of 2"),
        ("/t/x", "#/t/x: there is none; above it is the string \"warm\""),
    ] {
        assert_eq!(found(page, fragment).unwrap_err(), message);
    }
}

#[test]
fn what_is_not_json_or_not_whole_is_shown() {
    for (page, message) in [
        ("", "the page is empty"),
        ("<html>", "\"<html>\" is not JSON: there is \"<\" at line 1 column 1"),
        ("{\"a\": 1}\n x", "\"{\"a\": 1}\\n x\" is not JSON: there is \"x\" at line 2 column 2"),
        ("{\"a\": 1", "the page was cut off within \"{\"a\": 1\""),
        ("{\"a\": 14, \"b\": \"x", "the page was cut off within \"{\"a\": 14, \"b\": \"x\""),
        (
            "{\"a\" \u{1b}1}",
            "\"{\"a\" \\u{1b}1}\" is not JSON: there is \"\\u{1b}\" at line 1 column 6",
        ),
    ] {
        assert_eq!(found(page, "/a").unwrap_err(), message);
    }
}
