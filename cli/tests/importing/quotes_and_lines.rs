//! Quotes that are not closed, and the lines that errors name.

use super::*;

#[test]
fn a_quote_that_is_closed_in_a_later_row_is_refused_with_its_line() {
    let open = "time,note,value\n1970-01-01,\"ok\",1\n1970-01-02,\"valve 3,2\n\
                1970-01-03,\"ok\",3\n1970-01-04,\"ok\",4\n";
    let files = Files::new();
    let parts = ["line 3: a quote begins a cell here", "the next one, in line 4,", "close"];
    files.import(open, &[]).fails_naming(&parts);
    files.import("1970-01-01,\"1\"2\n", &[]).fails_naming(&["line 1: a quote begins a cell"]);
    let paced = ["--start", "now", "--every", "1s"];
    files.import("v\n\n\"1\"2\n3\n", &paced).fails_naming(&["line 3: a quote begins a cell"]);
    assert!(!files.store.exists());

    // After the part of the file that is looked at first, the rows before it are stored.
    let rows = |n: usize| "1970-01-02,\"a \"\"b\"\"\n\",2\n".repeat(n);
    let begin = "time,note,value\n# \"of\" a \"logger\n";
    let late = begin.to_owned() + &rows(30_000) + "1970-01-03,\"valve 3,2\n" + &rows(20);
    let parts = ["line 60003: a quote begins a cell here", "the 30,000 rows", "--skip 30000"];
    let ran = files.import(&late, &[]).fails_naming(&parts);
    assert!(!ran.stderr.contains("leave it out"), "{ran:?}");
    assert_eq!(files.stored().len(), 30_000);
    let mended = late.replace("\"valve 3,", "\"valve 3\",");
    files.import(&mended, &["--skip", "30000"]).succeeds();
    assert_eq!(files.stored().len(), 30_021);
}

#[test]
fn comments_and_blank_lines_are_no_part_of_a_row() {
    let row = "1970-01-01,1\n".repeat(10_000);
    for (lines, count) in [("# a \"comment\n", 100_000), ("\n", 2 << 20), ("\r\n", 1 << 20)] {
        let text = row.clone() + &lines.repeat(count) + "1970-01-02,x\n";
        let files = Files::new();
        let line = format!("line {}: \"x\"", 10_001 + count);
        files.import(text, &[]).fails_naming(&[&line]);
        assert_eq!(files.stored().len(), 10_000);
    }
    // Here the part that is looked at first has no row.
    let above = "# of a logger\n".repeat(10_000) + "1970-01-01,1\n";
    Files::new().import(above, &[]).fails_naming(&["no whole row of data", "shorten the comments"]);
}

#[test]
fn a_line_may_end_as_no_other_does() {
    for (first, others) in [("\n", "\r\n"), ("\r\n", "\n"), ("\r", "\r"), ("\n", "\r")] {
        let text = format!("t,v{first}1970-01-01,1{others}{others}1970-01-02,x{others}");
        let named = ["--time", "t", "--value", "v"];
        let files = Files::new();
        files.import(&text, &named).fails_naming(&["line 4: \"x\""]);
        let text = text.replace("-01,1", "-01,");
        files.import(&text, &[]).fails_naming(&["line 4, column 2: \"x\""]);
        let open = text.replace('x', "\"x");
        files.import(&open, &[]).fails_naming(&["line 4: a quote begins a cell"]);
    }
}
