//! Figures that stand in two places.

use std::fs;

use super::support;

/// The comparison in README.md has its times from one run, that of the table in docs/benchmarks.md.
#[test]
fn the_times_of_the_comparison_are_those_of_the_benchmarks() {
    let read = |file| fs::read_to_string(support::place::package().join(file)).expect("a page");
    let (readme, benchmarks) = (read("README.md"), read("docs/benchmarks.md"));
    let part = |text: &str, title: &str| {
        let (_, rest) = text.split_once(title).expect("the section");
        let end = rest.find("\n## ").unwrap_or(rest.len());
        rest[..end].to_owned()
    };
    let measured = part(&benchmarks, "## Start beside the peers\n");
    let measured: Vec<&str> = measured.split('|').map(str::trim).collect();
    let compared = part(&readme, "## Beside others\n");
    let rows = compared.lines().filter(|line| line.starts_with('|'));
    let mut rows = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let head = rows.next().expect("a head");
    let column = head.iter().position(|cell| *cell == "milliseconds");
    let column = column.expect("the column");
    let mut count = 0;
    for row in rows.skip(1) {
        let words = row[column].split([' ', ';']);
        for figure in words.filter(|word| word.parse::<f64>().is_ok()) {
            assert!(measured.contains(&figure), "{row:?}: {figure}");
            count += 1;
        }
    }
    assert!(count >= 4, "only {count} figures were found");
}
