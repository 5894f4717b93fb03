use super::*;

const PAGE: &str = r#"
# HELP node_load1 1m load average.
# TYPE node_load1 gauge
node_load1 0.21
temp{chip="a",sensor="temp1"} 38.85
temp{chip="a",sensor="temp2"} 4e1 1700000000000
  temp { chip = "b \"x\" \\ \n é", sensor="temp1" , } -1 # {trace="1"} 2
temperature 99
empty{} 5
nan NaN
inf{a="1"} +Inf
word warm
none
twice 1
twice 1
torn{a="b
plain{a="1"} 8
plain 7
plain{b="2",c=""} 9
level{"room.name"="attic"} 3
level{"room.name"="cellar",floor="-1"} 4
{"http.requests", "http.method"="GET"} 12
{"http.requests", method="PUT"} 13
beside{a=~"x"} 1
beside{a="x"} 2
"#;

fn found(fragment: &str) -> Result<f64, String> {
    Selector::parse(fragment).unwrap().unwrap().find(&Text::whole(PAGE))
}

#[test]
fn a_sample_is_found_by_name_and_labels() {
    for (fragment, value) in [
        ("node_load1", 0.21),
        ("node_load1{}", 0.21),
        ("temp{sensor=\"temp2\"}", 40.0),
        ("temp{sensor=\"temp1\", chip=\"a\"}", 38.85),
        (r#"temp{chip="b \"x\" \\ \n é"}"#, -1.0),
        ("empty", 5.0),
        ("level{\"room.name\"=\"attic\"}", 3.0),
        ("{\"http.requests\",\"http.method\"=\"GET\"}", 12.0),
        ("{\"http.requests\",method=\"PUT\"}", 13.0),
        // A line that is not a sample is skipped if another one is.
        ("beside{a=\"x\"}", 2.0),
    ] {
        assert_eq!(found(fragment), Ok(value), "{fragment}");
    }
}

#[test]
fn of_several_the_one_without_further_labels_is_meant() {
    for (fragment, value) in [
        ("plain", 7.0),
        ("plain{a=\"\"}", 7.0),
        ("plain{a=\"1\"}", 8.0),
        ("plain{b=\"2\"}", 9.0),
        ("plain{a=\"\",b=\"\"}", 7.0),
    ] {
        assert_eq!(found(fragment), Ok(value), "{fragment}");
    }
}

#[test]
fn labels_are_compared_as_prometheus_does() {
    for (fragment, value) in [
        ("temp{sensor!=\"temp1\"}", 40.0),
        ("temp{chip=~\"b .*\"}", -1.0),
        ("temp{chip=~\"a|c\",sensor=~\".*2\"}", 40.0),
        ("temp{chip!~\"a\"}", -1.0),
        ("level{floor!=\"\"}", 4.0),
        ("level{floor!~\".+\"}", 3.0),
    ] {
        assert_eq!(found(fragment), Ok(value), "{fragment}");
    }
    let several = found("temp{chip=~\"b\"}").unwrap_err();
    assert!(several.starts_with("there is no sample with these labels"), "all of it: {several}");
    let error = Selector::parse("temp{chip=~\"(\"}").unwrap().unwrap_err();
    assert!(error.starts_with("\"(\" is not a regular expression: "), "{error}");
}

#[test]
fn none_several_and_no_numbers_are_shown() {
    for (fragment, message) in [
        ("load1", "there is no sample of load1"),
        (
            "temp",
            "there are 3 such samples: temp{chip=\"a\",sensor=\"temp1\"} \
             temp{chip=\"a\",sensor=\"temp2\"} \
             temp { chip = \"b \\\"x\\\" \\\\ \\n é\", sensor=…",
        ),
        (
            "temp{chip=\"c\"}",
            "there is no sample with these labels; there is temp{chip=\"a\",sensor=\"temp1\"} \
             temp{chip=\"a\",sensor=\"temp2\"} \
             temp { chip = \"b \\\"x\\\" \\\\ \\n é\", sensor=…",
        ),
        ("nan", "nan is \"NaN\", which is not a finite number"),
        ("inf", "inf{a=\"1\"} is \"+Inf\", which is not a finite number"),
        ("word", "word is \"warm\", which is not a finite number"),
        ("none", "none is \"\", which is not a finite number"),
        ("twice", "there are 2 such samples: twice twice"),
        ("torn", "\"torn{a=\"b\" is not a sample"),
    ] {
        assert_eq!(found(fragment).unwrap_err(), message, "{fragment}");
    }
}

#[test]
fn the_last_line_of_a_page_that_may_have_broken_off_needs_its_end() {
    let find = |text: &str, is_open_metrics| {
        let page = Text { is_whole: false, is_open_metrics, ..Text::whole(text) };
        Selector::parse("t").unwrap().unwrap().find(&page)
    };
    assert_eq!(find("u 1\nt 14\n", false), Ok(14.0));
    assert_eq!(find("t 14\nu 1", false), Ok(14.0));
    assert_eq!(find("u 1\nt 14", false).unwrap_err(), "the page was cut off within \"t 14\"");
    assert_eq!(find("u 1\n", false).unwrap_err(), "there is no sample of t");
    for whole in ["t 14\n# EOF\n", "t 14\n# EOF"] {
        assert_eq!(find(whole, true), Ok(14.0));
    }
    let torn = "the page was cut off: the line \"# EOF\" is missing at its end";
    assert_eq!(find("t 14\n", true).unwrap_err(), torn);
    assert_eq!(find("t 14\n# EO", true).unwrap_err(), torn);
}

#[test]
fn what_is_no_selector_is_refused() {
    for text in [
        "1a",
        "a b",
        "a{",
        "a{b}",
        "a{b=c}",
        "a{b=\"c}",
        "a{=\"c\"}",
        "{a=\"b\"}",
        "a}",
        "é",
        "a{b=\"c\" d=\"e\"}",
        "a{\"b\"}",
        "a{b==\"c\"}",
    ] {
        assert!(Selector::parse(text).is_none(), "{text}");
    }
}
