//! Rows of another length than the first, and what a first row is.

use super::*;

const DAILY: [&str; 4] = ["--start", "1970-01-01", "--every", "1d"];

#[track_caller]
fn refuses(text: &str, options: &[&str], parts: &[&str]) {
    Files::new().import(text, options).fails_naming(parts);
}

#[test]
fn a_comma_in_a_number_is_no_end_of_a_cell() {
    let timed = "time,value\n1970-01-01,998\n1970-01-02,1,000\n";
    refuses(timed, &[], &["line 3", "3 cells, and the heading has 2", "commas between thousands"]);
    refuses("value\n1,5\n2,5\n", &DAILY, &["line 2", "2 cells", "--decimal-comma", "--delimiter"]);
    // Here the first rows are shorter, or longer.
    let named = ["--time", "1", "--value", "2"];
    let bare = timed.strip_prefix("time,value\n").unwrap();
    refuses(bare, &named, &["line 2", "3 cells, and the first row has 2"]);
    refuses("1970-01-01,1,000\n1970-01-02,998\n", &named, &["line 2", "2 cells", "complete it"]);
    // A delimiter at the end of each line makes no column.
    refuses("time,value,\n1970-01-01,1,000,\n", &[], &["line 2", "4 cells", "heading has 2"]);
    // As R's write.table does it.
    refuses("time,value\n1,1970-01-01,5\n", &named, &["line 2", "3 cells"]);
}

#[test]
fn below_a_heading_the_last_cells_may_be_missing_or_empty() {
    let expected = [(0, 1.0), (DAY, 2.0), (2 * DAY, 3.0)];
    let text = "time,value,note\n1970-01-01,1\n1970-01-02,2,x\n1970-01-03,3,x,, \n";
    imports(text, &[], &expected);
    imports("time,value,\n1970-01-01,1\n1970-01-02,2,\n1970-01-03,3,,\n", &[], &expected);
}

#[test]
fn a_first_row_with_a_number_or_a_time_is_no_heading() {
    let broken = "1970-01-01T00:00:0O,5\n1970-01-02T00:00:00,6\n";
    refuses(broken, &[], &["line 1, column 1", "\"1970-01-01T00:00:0O\"", "--skip 1"]);
    refuses(broken, &["--time", "1", "--value", "2"], &["line 1", "\"1970-01-01T00:00:0O\""]);
    let expected = [(0, 5.0), (DAY, 6.0), (2 * DAY, 7.0)];
    let second = [&DAILY[..], &["--value", "2"]].concat();
    // Here a row more or less would shift all times.
    let either = ["line 1: this row may be a heading or not", "complete it", "by words"];
    refuses(",5\n1,6\n2,7\n", &second, &either);
    refuses(",0\n0,5\n1,6\n2,7\n", &second, &either);
    imports(",5\nx,6\n2,7\n", &second, &expected);
    imports("n,v\n,5\n1,6\n2,7\n", &second, &expected);
    imports("\"\"\n6\n7\n", &DAILY, &expected[1..]);
    // A heading with a number in it is no heading, until the command says so.
    let years = "day,1969\n1970-01-01,5\n1970-01-02,6\n";
    refuses(years, &[], &["line 1, column 1", "\"day\"", "pass it with --skip 1"]);
    imports(years, &["--skip", "1"], &expected[..2]);
}

#[test]
fn a_dry_run_names_no_time_where_it_is_made() {
    let files = Files::new();
    let ran = files.import("v\n5\n", &[&DAILY[..], &["--dry-run"]].concat()).succeeds();
    assert!(ran.stdout.contains("first row  \"5\" is the value\n"), "{ran:?}");
}

#[test]
fn a_decimal_comma_stands_between_no_cells() {
    let expected = [(0, 1.5), (DAY, 2.5)];
    for text in [
        "1970-01-01;1,5\n1970-01-02;2,5\n",
        "1970-01-01,\"1,5\"\n1970-01-02,\"2,5\"\n",
        "day;v;w\n1970-01-01;1,5;\"a, b, c\"\n1970-01-02;2,5;\n",
    ] {
        imports(text, &["--decimal-comma"], &expected);
    }
    imports("value\n1,5\n2,5\n", &[&DAILY[..], &["--decimal-comma"]].concat(), &expected);
    let bare = "1970-01-01;1,5\n1970-01-02;2,5\n";
    refuses(bare, &[], &["no column has times", "another --delimiter"]);
}

#[test]
fn an_error_names_the_line_of_its_row() {
    let named = ["--time", "t", "--value", "v"];
    for text in [
        "# of a logger\n\nt,v\n\n# a battery\n1970-01-01,5\n1970-01-02,x\n",
        "t,v,n\n1970-01-01,5,\"a\n\nb\"\n\n\n1970-01-02,x,\"c\nd\"\n",
        "\n\n\nt,v\n1970-01-01,5\n\n1970-01-02,x",
    ] {
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            refuses(&text, &named, &["line 7: \"x\""]);
            refuses(&text.replace("-01,5", "-01,"), &[], &["line 7, column 2: \"x\""]);
        }
    }
    let counted = "# of a logger\n\nt,v\n1,5\n\n\n2,x\n";
    let paced = [&DAILY[..], &["--value", "v"]].concat();
    for text in [counted.to_owned(), counted.replace('\n', "\r\n")] {
        refuses(&text, &paced, &["line 7: \"x\""]);
    }
}

/// A column of texts, or of few times, does not speak against the one that is of times.
#[test]
fn a_column_whose_cells_are_all_times_is_the_time() {
    let form = ["--time-format", "%Y%m%d"];
    imports("station,day,temp\nKew,19700101,14.5\n", &form, &[(0, 14.5)]);
    imports("day,temp\n19700101,14.5\n19700102,\n", &form, &[(0, 14.5)]);
    let minute = 1_780_315_200_000_000_000;
    imports(
        "1780315200,5,\n1780315260,6,2026-06-01\n",
        &["--value", "2"],
        &[(minute, 5.0), (minute + 60_000_000_000, 6.0)],
    );
}

#[test]
fn a_comment_with_a_blank_at_its_end_is_no_row() {
    imports("# of a logger \n5\n6\n", &DAILY, &[(0, 5.0), (DAY, 6.0)]);
    imports("# of a logger\t\r\nv\r\n5\r\n", &DAILY, &[(0, 5.0)]);
}

#[test]
fn any_control_character_may_end_cells() {
    imports("t\x01v\n1970-01-01\x015\n", &["--delimiter", "\x01"], &[(0, 5.0)]);
}

#[test]
fn rows_that_are_skipped_have_as_many_cells_as_the_others() {
    let text = "1970-01-01,999.5\n1970-01-02,1,234\n1970-01-03,2,345\n";
    let (second, third) = (["--value", "2", "--skip", "1"], ["--value", "2", "--skip", "2"]);
    let width = ["3 cells, and the first row has 2", "commas between thousands"];
    refuses(text, &["--value", "2"], &["line 2", width[0], width[1]]);
    refuses(text, &second, &["line 2", width[0], width[1]]);
    refuses(text, &third, &["line 3", width[0], width[1]]);
    // A row about the file is none of them.
    imports("5\n1970-01-01,1\n1970-01-02,2\n", &second, &[(0, 1.0), (DAY, 2.0)]);
}

#[test]
fn a_row_that_ends_before_the_value_or_the_time_is_named() {
    let value = "time,value\n1970-01-01,5\n1970-01-02\n";
    let why = "line 3: it has 1 cell, and none in column 2; complete it";
    refuses(value, &[], &["no column has numbers alone", why]);
    refuses(value, &["--value", "value"], &[why]);
    let time = "n,value,time\nx,5,1970-01-01\nx,6\n";
    let why = "line 3: it has 2 cells, and none in column 3; complete it";
    refuses(time, &[], &["no column has times", why]);
    refuses(time, &["--time", "time"], &[why]);
}

#[test]
fn a_heading_with_a_number_in_it_is_passed_and_its_columns_have_numbers() {
    let text = "date,temp,7\n1970-01-01,1.5,3\n1970-01-02,2.5,4\n";
    let named = ["--time", "date", "--value", "temp"];
    let why = "the first row is taken for data, as it has a number or a time";
    refuses(text, &named, &["no column \"date\"", why, "by number", "--skip 1"]);
    let numbered = ["--time", "1", "--value", "2", "--skip", "1"];
    imports(text, &numbered, &[(0, 1.5), (DAY, 2.5)]);
}
