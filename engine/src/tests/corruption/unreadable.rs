//! Sectors and pages that cannot be read: an I/O error counts as corruption of the bytes
//! there.

use std::ops::Range;

use super::specimen::{KINDS, Specimen};
use super::tampering::{Bench, Tampering};
use super::{Scattered, amount, side_by_side};
use crate::os::disk::watch;

/// A sector of the device, a page of the page cache.
const UNITS: [u64; 2] = [512, 4_096];

#[test]
fn an_unreadable_sector_or_page_costs_what_it_hit() {
    for specimen in KINDS.map(Specimen::make) {
        for unit in UNITS {
            let units = units(&specimen, unit);
            let choose = |index: u64| units[usize::try_from(index).expect("small")].clone();
            let order = Scattered::new(units.len() as u64);
            let describe = |index| format!("{:?}", choose(order.at(index)));
            let what = format!("{unit} bytes unreadable in a store: {specimen}");
            let count = amount(order.all, u64::MAX);
            side_by_side(&what, count, describe, || {
                let bench = Bench::new(&specimen);
                move |index| {
                    let (file, bytes) = choose(order.at(index));
                    unreadable(&bench, file, &bytes);
                }
            });
        }
    }
}

fn units(specimen: &Specimen, unit: u64) -> Vec<(usize, Range<u64>)> {
    let files = specimen.files.iter().enumerate();
    let each = files.flat_map(|(file, stored)| {
        let length = stored.bytes.len() as u64;
        let starts = (0..length).step_by(usize::try_from(unit).expect("small"));
        starts.map(move |start| (file, start..(start + unit).min(length)))
    });
    each.collect()
}

fn unreadable(bench: &Bench<'_>, file: usize, bytes: &Range<u64>) {
    let specimen = bench.specimen;
    specimen.write_to(bench.path());
    let path = bench.path().join(&specimen.files[file].name);
    watch::set_unreadable(vec![(path, bytes.clone())]);
    let tampering = Tampering { touched: vec![(file, bytes.clone())], ..Tampering::default() };
    bench.judge(&tampering, true);
    watch::set_unreadable(Vec::new());
}
