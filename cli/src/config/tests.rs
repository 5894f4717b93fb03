use std::fs;
use std::sync::Arc;

use gaugelog_sources::Source;
use proptest::prelude::*;

use super::*;

/// The sources of a file that is not there, or what is wrong with it.
fn parsed_at(path: &str, text: &str) -> Result<Vec<Configured>, Vec<String>> {
    let document = Document::of(path, text);
    let (mut sources, mut forwards, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    read(&document, &mut sources, &mut forwards, &mut problems);
    problems.extend(clashes(&sources));
    destinations(forwards, &sources, &mut problems);
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

fn parsed(text: &str) -> Result<Vec<Configured>, Vec<String>> {
    parsed_at("house.toml", text)
}

fn only(text: &str) -> Entry {
    let mut sources = parsed(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    assert_eq!(sources.len(), 1, "{text}");
    sources.remove(0).entry
}

fn problems(text: &str) -> Vec<String> {
    parsed(text).err().unwrap_or_default()
}

fn opened(entry: &Entry) -> Box<dyn Source> {
    entry.open(Arc::default()).unwrap()
}

#[test]
fn defaults_hold_for_what_says_nothing_else() {
    let sources = parsed(
        "every = '10s'\nalign = true\nkeep = '90d'\n[source.b]\nspec = 'normal'\n\
         [source.a]\nspec = 'normal'\nevery = '1m'\nalign = false\n",
    )
    .unwrap();
    let [b, a] = &sources[..] else { panic!("{} sources", sources.len()) };
    assert_eq!((b.entry.name.as_str(), b.place.as_str()), ("b", "house.toml:4"));
    assert_eq!((a.entry.name.as_str(), a.place.as_str()), ("a", "house.toml:6"));
    assert!(b.entry.terms.align && !a.entry.terms.align);
    assert_eq!(b.entry.terms.every.as_secs(), 10);
    assert_eq!(a.entry.terms.every.as_secs(), 60);
    assert_eq!(a.entry.terms.keep, b.entry.terms.keep);
}

#[test]
fn several_values_are_one_source() {
    let entry = only(
        "[source.station]\nurl = 'http://host/now'\nscale = 2\n\
         values = { temp = '#/temp', rain = { at = 'rate:#/rain', scale = 0.1, unit = 'mm/s' } }\n",
    );
    let source = opened(&entry);
    assert_eq!(source.values(), 2);
    let names: Vec<&str> = entry.values.iter().map(|value| value.name.as_str()).collect();
    assert_eq!(names, ["temp", "rain"]);
    assert_eq!(source.value_description(0), "the number at http://host/now#/temp, times 2");
    let rain = "the change a second of the number at http://host/now#/rain, times 0.1";
    assert_eq!(source.value_description(1), rain);
    assert_eq!((source.unit(0), source.unit(1).as_deref()), (None, Some("mm/s")));
    let program = only("[source.x]\nspec = 'exec:ups -q'\nvalues = { load = '#/load' }\n");
    assert!(opened(&program).description().contains("ups prints at #/load"));
}

/// A text, the line that is wrong, and parts of what is said of it.
const WRONG: &[(&str, usize, &[&str])] = &[
    ("every = '10s'\nevery = '1s'\n", 2, &["this is not TOML"]),
    ("\na = [1\n\n", 2, &["this is not TOML"]),
    ("every = '10'\n", 1, &["every = '10'", "it has no unit; write 10ms"]),
    ("every = 10\n", 1, &["every = 10", "a text in quotes"]),
    ("align = 'yes'\n", 1, &["align = 'yes'", "true or false"]),
    ("keep_bytes = '5 potatoes'\n", 1, &["write something like 500MB"]),
    ("spec = 'normal'\n", 1, &["spec: this is for one source; write it below its [source.NAME]"]),
    (
        "[sources.a]\nspec = 'normal'\n",
        1,
        &["sources: the top of a file has no such key; did you mean source?"],
    ),
    ("[[source]]\nspec = 'normal'\n", 1, &["[source.NAME]"]),
    ("source = 3\n", 1, &["[source.NAME]"]),
    ("[source]\nroom = 'normal'\n", 2, &["room = 'normal'", "write a table"]),
    ("[source.'a b']\nspec = 'normal'\n", 1, &["a b: ", "cannot be a name"]),
    ("[source.a]\nevery = '1s'\n", 1, &["add url = \"…\" or spec"]),
    ("[source.a]\nspec = 'normal'\nurl = 'http://h/'\n", 3, &["leave one of them out"]),
    ("[source.a]\nspec = 'nomral'\n", 2, &["there are the sources exec, http"]),
    ("[source.a]\nurl = 'ftp://me:hunter2@h/'\n", 2, &["does not begin with http://"]),
    ("[source.a]\nurl = 'http://me:hunter2@h/a b'\n", 2, &["write %20"]),
    (
        "[source.a]\nspec = 'normal'\nunits = 'm'\n",
        3,
        &["units: a source has no such key; did you mean unit?"],
    ),
    ("[source.a]\nspec = 'normal'\nparsnips = 1\n", 3, &["the nearest is ", "all are spec, url"]),
    ("[source.a]\nspec = 'normal'\nscale = inf\n", 3, &["scale = inf", "a finite number"]),
    ("[source.a]\nspec = 'normal'\nunit = ' '\n", 3, &["write a unit"]),
    ("[source.a]\nspec = 'normal'\npin = 'x'\n", 3, &["64 hexadecimal digits"]),
    ("[source.a]\nspec = 'normal'\nbody = 'x'\n", 3, &["body: this is for pages"]),
    ("[source.a]\nspec = 'normal'\ntz = 'UTC'\n", 3, &["tz: this is for stdin"]),
    (
        "[source.a]\nspec = 'stdin'\nevery = '1s'\n",
        3,
        &["every: this is for sources that are polled"],
    ),
    ("[source.a]\nspec = 'stdin'\ntime_unit = 'h'\n", 3, &["it may be s, ms, us or ns"]),
    ("[source.a]\nspec = 'normal'\nvalues = { a = '#/a' }\n", 3, &["they are for pages"]),
    ("[source.a]\nurl = 'http://h/#/a'\nvalues = { a = '#/a' }\n", 3, &["leave it out"]),
    ("[source.a]\nspec = 'exec:x # y'\nvalues = { a = '#/a' }\n", 3, &["leave it out"]),
    ("[source.a]\nspec = 'rate:exec:x #/y'\nvalues = { a = '#/a' }\n", 3, &["leave it out"]),
    ("[source.a]\nurl = 'http://h/'\nvalues = { a = '/a' }\n", 3, &["a = '/a'", "begins with #"]),
    ("[source.a]\nurl = 'http://h/'\nvalues = { a = '#/~9' }\n", 2, &["#/~9"]),
    ("[source.a]\nurl = 'http://h/'\nvalues = {}\n", 3, &["name at least one"]),
    ("[source.a]\nurl = 'http://h/'\n[source.a.values.b]\nunit = 'm'\n", 3, &["add at = "]),
    (
        "[source.a]\nurl = 'http://h/'\n[source.a.values.b]\nat = '#/b'\nunti = 'm'\n",
        5,
        &["did you mean unit?"],
    ),
    (
        "[source.a]\nurl = 'http://h/'\nheaders = { Host = 'hunter2' }\n",
        3,
        &["\"Host\" cannot be set"],
    ),
    (
        "[source.a]\nurl = 'http://h/'\n[source.a.headers]\nX = 'a'\nY = 7\n",
        5,
        &["Y: write a text"],
    ),
    (
        "[source.a]\nurl = 'http://me:hunter2@h/'\nheaders = { Authorization = 'hunter2' }\n",
        2,
        &["remove one"],
    ),
    (
        "[source.a]\nurl = 'http://h/'\nbearer_token_file = '/no/token'\n",
        3,
        &["/no/token: No such file"],
    ),
    ("[source.a]\nurl = 'http://h/'\nbearer_token_file = '/dev'\n", 3, &["not a regular file"]),
    (
        "ca_file = '/no/ca.pem'\n[source.a]\nurl = 'https://h/'\n",
        3,
        &["ca_file /no/ca.pem: No such file"],
    ),
    (
        "[source.a]\nspec = 'normal'\n[source.b]\nurl = 'http://h/'\nvalues = { a = '#/a' }\n",
        3,
        &["the source at house.toml:1", "rename one"],
    ),
    ("[source.a]\nspec = 'stdin'\n\n[source.b]\nspec = 'stdin'\n", 4, &["there is only one"]),
    ("\u{feff}every = '\u{7}'\n", 1, &["this is not TOML"]),
    ("[forward]\nto = 'http://h/'\n", 1, &["in two brackets, [[forward]]"]),
    ("\n[[forward]]\nevery = '1s'\n", 2, &["it says not where to; add to = "]),
    ("[[forward]]\nto = 'http://me:hunter2@h/'\nevry = '1s'\n", 3, &["did you mean every?"]),
    ("[[forward]]\nto = 'ftp://me:hunter2@h/'\n", 2, &["to: ", "neither http: nor https:"]),
    ("[[forward]]\nto = 'http://h/'\nprotocol = 3\n", 3, &["write 1 or 2"]),
    ("[[forward]]\nto = 'http://h/'\ncollisions = 'all'\n", 3, &["last, refuse and spread"]),
    ("[[forward]]\nto = 'http://h/'\nlabels = { 'a-b' = 'c' }\n", 3, &["a label's name has"]),
    ("[[forward]]\nto = 'http://h/'\nstores = 'a'\n", 3, &["write a list of texts"]),
    ("[[forward]]\nto = 'http://h/'\nstores = ['a']\n", 1, &["no source has the store a"]),
    ("[[forward]]\nto = 'https://h/'\ncert = 'house.toml'\n", 3, &["No such file"]),
    ("[[forward]]\nto = 'http://h/'\nbearer_token_file = 'none'\n", 2, &["none: cannot read it"]),
    (
        "[source.a]\nspec = 'normal'\n[[forward]]\nto = 'http://h/'\n[[forward]]\nto = 'http://h/'\n",
        5,
        &["the destination at house.toml:3 has the cursor h too", "cursor = \"NAME\""],
    ),
    (
        "[source.a-b]\nspec = 'normal'\n[source.a_b]\nspec = 'normal'\n[[forward]]\nto = 'http://h/'\n",
        5,
        &["a-b and a_b would both be the series a_b{"],
    ),
];

#[test]
fn what_is_wrong_is_named_with_its_line_and_the_way_out() {
    for (text, line, parts) in WRONG {
        let problems = problems(text);
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        let problem = &problems[0];
        assert!(problem.starts_with(&format!("house.toml:{line}: ")), "{text}: {problem}");
        assert!(!problem.contains("hunter2") && !problem.contains('\n'), "{problem}");
        for part in *parts {
            assert!(problem.contains(part), "no {part:?} in {problem}");
        }
    }
}

#[test]
fn each_source_that_is_wrong_is_named() {
    let text = "evry = '1s'\n[source.a]\n[source.b]\nspec = 'normal'\n[source.c]\nspec = ''\n";
    let found = problems(text);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("house.toml:1: evry") && found[0].contains("every?"), "{found:?}");
}

/// As by a finger that missed.
#[test]
fn of_every_key_a_wrong_one_leads_to_it() {
    for key in KEYS {
        let name = &key.name[..key.name.len() - 1];
        let text = format!("[source.a]\nspec = 'normal'\n{name} = 1\n");
        let problem = problems(&text).remove(0);
        let said =
            format!("house.toml:3: {name}: a source has no such key; did you mean {}?", key.name);
        assert_eq!(problem, said);
    }
}

#[test]
fn two_are_equal_where_nothing_matters() {
    let text = "[source.a]\nurl = 'https://h/'\nevery = '60s'\n";
    let same = "# A remark.\nevery = '5s'\n\n[source.a]\nevery = '1m' \nurl = \"https://h/\"\n";
    assert!(only(text) == only(same));
    for other in [
        "[source.b]\nurl = 'https://h/'\nevery = '60s'\n",
        "[source.a]\nurl = 'https://h/x'\nevery = '60s'\n",
        "[source.a]\nurl = 'https://h/'\n",
        "keep = '1d'\n[source.a]\nurl = 'https://h/'\nevery = '60s'\n",
        "[source.a]\nurl = 'https://h/'\nevery = '60s'\nunit = '°C'\n",
        "[source.a]\nurl = 'https://h/'\nevery = '60s'\nheaders = { a = 'b' }\n",
        "[source.a]\nurl = 'https://h/'\nevery = '60s'\nvalues = { a = '#/a' }\n",
    ] {
        assert!(only(text) != only(other), "{other}");
    }
}

#[test]
fn what_named_files_hold_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("house.toml");
    let (token, ca) = (dir.path().join("token"), dir.path().join("ca.pem"));
    let text = "ca_file = 'ca.pem'\n[source.a]\nurl = 'https://h/'\nbearer_token_file = 'token'\n\
                [source.b]\nspec = 'normal'\n";
    let certificate = fs::read("../sources/tests/pages/version1.pem").unwrap();
    let read = || parsed_at(path.to_str().unwrap(), text).unwrap();
    fs::write(&token, "0815\n").unwrap();
    fs::write(&ca, &certificate).unwrap();
    let first = read();
    fs::write(&token, " 0815 ").unwrap();
    let is_equal = |other: &[Configured]| {
        let equal = |(one, other): (&Configured, &Configured)| one.entry == other.entry;
        first.iter().zip(other).map(equal).collect::<Vec<bool>>()
    };
    assert_eq!(is_equal(&read()), [true, true]);
    fs::write(&token, "4711\n").unwrap();
    assert_eq!(is_equal(&read()), [false, true]);
    fs::write(&token, "0815\n").unwrap();
    fs::write(&ca, [b"# another\n", &certificate[..]].concat()).unwrap();
    assert_eq!(is_equal(&read()), [false, true], "of a source that is no page it does not matter");
    for (bytes, why) in
        [(&b""[..], "a token has"), (b"a b", "a token has"), (b"a\nb", "a token has")]
    {
        fs::write(&token, bytes).unwrap();
        let problem = parsed_at(path.to_str().unwrap(), text).err().unwrap().remove(0);
        assert!(problem.contains(why) && problem.contains("token: "), "{problem}");
    }
}

/// The names in the first column of the table, and which may stand at the top.
#[test]
fn the_documentation_has_every_key() {
    let text = include_str!("../../../docs/configuration.md");
    let (of_sources, of_destinations) = text.split_once("## Forwarding").unwrap();
    let named = |text: &str| -> Vec<(String, bool)> {
        let rows = text.lines().filter(|line| line.starts_with("| `"));
        let first = rows.filter_map(|row| row.split('|').nth(1));
        let names = first.flat_map(|cell| cell.split(',').map(str::trim));
        let bare = |name: &str| name.trim_end_matches(" *").trim_matches('`').to_owned();
        names.map(|name| (bare(name), name.ends_with('*'))).collect()
    };
    let keys: Vec<(String, bool)> =
        KEYS.iter().map(|key| (key.name.to_owned(), key.may_be_default)).collect();
    assert_eq!(named(of_sources), keys);
    let keys: Vec<(String, bool)> =
        forward::KEYS.iter().map(|name| ((*name).to_owned(), false)).collect();
    assert_eq!(named(of_destinations), keys);
}

#[test]
fn destinations_are_equal_where_nothing_matters() {
    let read = |text: &str| {
        let document = Document::of("house.toml", text);
        let (mut sources, mut forwards, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        read(&document, &mut sources, &mut forwards, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        forwards.remove(0).0
    };
    let text = "[[forward]]\nto = 'http://h/'\nlabels = { a = 'b' }\n";
    assert!(read(text) == read("[[forward]]\nevery = '5s'\nlabels.a = 'b'\nto = \"http://h/\"\n"));
    for other in ["metric = 'a'", "every = '1m'", "protocol = 2", "stores = ['a']", "cursor = 'x'"]
    {
        assert!(read(text) != read(&format!("{text}{other}\n")), "{other}");
    }
}

/// Pieces of configurations, put together at random.
fn texts() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "[",
        "]",
        "[[",
        "]]",
        "=",
        "\n",
        "\n",
        "\n",
        ".",
        ",",
        "'",
        "\"",
        "'''",
        "\"\"\"",
        "#",
        "{",
        "}",
        "[source.a]\n",
        "[source.b]\n",
        "[source.",
        "source",
        "spec = 'normal'\n",
        "[[forward]]\n",
        "to = 'http://h/'\n",
        "stores = ['a']\n",
        "labels = { a = 'b' }\n",
        "url = 'https://h/'\n",
        "values = { t = '#/t' }\n",
        "every = '1s'\n",
        "scale = 0.1\n",
        "headers = { a = 'b' }\n",
        "body",
        "tz",
        "strict = true\n",
        "'stdin'",
        "unit = '°C'\n",
        "1979-05-27",
        "0x1f",
        "1e999",
        "nan",
        "-1",
        "true",
        "\r\n",
        "\u{feff}",
        "\u{7}",
        "\\u12",
        "bearer_token_file = '/no'\n",
        "keep_bytes",
        "'1GiB'",
        "a",
        "ü",
        " ",
    ];
    let piece =
        prop_oneof![9 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => ".{0,3}"];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_text_is_a_configuration_or_has_an_error_in_a_line(text in texts()) {
        let lines = text.split('\n').count();
        for problem in problems(&text) {
            let rest = problem.strip_prefix("house.toml:").unwrap();
            let (line, what) = rest.split_once(": ").unwrap();
            prop_assert!((1..=lines).contains(&line.parse().unwrap()), "{problem}");
            prop_assert!(!what.is_empty() && !problem.contains(['\n', '\u{7}']), "{problem:?}");
        }
    }

    #[test]
    fn the_line_that_is_wrong_is_named(before in 0usize..30, after in 0usize..30, at_top: bool) {
        let source = |at: usize| format!("[source.s{at}]\nspec = 'normal' # a remark\n\n");
        let mut text: String = if at_top { "evrey = '1s'\n".to_owned() } else { String::new() };
        text.extend((0..before).map(source));
        if !at_top {
            text.push_str("[source.wrong]\nspec = 'normal'\nevrey = '1s'\n");
        }
        text.extend((before..before + after).map(source));
        let line = if at_top { 1 } else { 3 * before + 3 };
        let problems = problems(&text);
        prop_assert_eq!(problems.len(), 1);
        prop_assert!(problems[0].starts_with(&format!("house.toml:{line}: evrey: ")), "{:?}", problems);
        prop_assert!(problems[0].ends_with("did you mean every?"), "{:?}", problems);
    }
}
