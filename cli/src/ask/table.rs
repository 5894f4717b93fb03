//! Text in columns, for a terminal.

/// Rows under a heading: the first `left` columns to the left, the others, of numbers, to
/// the right. An empty last column leaves no spaces at the ends of lines.
pub(crate) fn table(heading: &[String], rows: &[Vec<String>], left: usize) -> String {
    let lines = || std::iter::once(heading).chain(rows.iter().map(Vec::as_slice));
    let width = |column: usize| {
        lines().map(|line| line.get(column).map_or(0, |cell| cell.chars().count())).max()
    };
    let widths: Vec<usize> = (0..heading.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines() {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let cells: Vec<String> = cells.collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_left_and_numbers_right() {
        let cells = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [cells(["a", "1,000", "2.5"]), cells(["longer", "7", ""])];
        let expected = "store   count  mean\n\
                        a       1,000   2.5\n\
                        longer      7\n";
        assert_eq!(table(&cells(["store", "count", "mean"]), &rows, 1), expected);
    }
}
