//! Files cut short, at every length.

use std::fs::OpenOptions;

use super::specimen::every_specimen;
use super::tampering::{Bench, Tampering};
use super::{Scattered, amount, side_by_side};

#[test]
fn a_file_cut_short_at_any_length_costs_what_it_held_behind_it() {
    for specimen in every_specimen() {
        let lengths = Scattered::new(specimen.bytes());
        let describe = |index| {
            let (file, length) = specimen.locate(lengths.at(index));
            format!("{} cut to {length}", specimen.files[file].name)
        };
        let what = format!("cutting a file of a store of {specimen}");
        side_by_side(&what, amount(lengths.all, 300), describe, || {
            let mut bench = Bench::new(&specimen);
            let (specimen, lengths) = (&specimen, &lengths);
            move |index| {
                let (file, length) = specimen.locate(lengths.at(index));
                let touched = vec![(file, length..u64::MAX)];
                bench.try_out(&Tampering { touched, ..Tampering::default() }, |path| {
                    let path = path.join(&specimen.files[file].name);
                    let file = OpenOptions::new().write(true).open(path);
                    file.and_then(|file| file.set_len(length)).expect("cut");
                });
            }
        });
    }
}
