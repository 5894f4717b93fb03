//! Files cut short, at every length.

use super::super::cut;
use super::specimen::{KINDS, Specimen};
use super::tampering::{Bench, Tampering};
use super::{Scattered, amount, side_by_side};

#[test]
fn a_file_cut_short_at_any_length_costs_what_it_held_after_it() {
    for specimen in KINDS.map(Specimen::make) {
        let lengths = Scattered::new(specimen.bytes());
        let describe = |index| {
            let (file, length) = specimen.locate(lengths.at(index));
            format!("{} cut to {length}", specimen.files[file].name)
        };
        let what = format!("cutting a file of a store: {specimen}");
        side_by_side(&what, amount(lengths.all, 500), describe, || {
            let mut bench = Bench::new(&specimen);
            let (specimen, lengths) = (&specimen, &lengths);
            move |index| {
                let (file, length) = specimen.locate(lengths.at(index));
                let touched = vec![(file, length..u64::MAX)];
                bench.try_out(&Tampering { touched, ..Tampering::default() }, |path| {
                    cut(&path.join(&specimen.files[file].name), length);
                });
            }
        });
    }
}
