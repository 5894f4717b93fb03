//! Access for the fuzz targets (`fuzz/`), which are built with `--cfg fuzzing`: reads the
//! texts that sources get, without a server or a sensor.

use crate::{http, sensor};

/// What the fragment of an address finds on a page; `None` if it is not a valid fragment.
pub fn find_on_page(fragment: Option<&str>, page: &str) -> Option<Result<f64, String>> {
    http::find_on_page(fragment, page)
}

/// The temperature in the file of a 1-wire thermometer.
pub fn celsius(text: &str) -> Result<f64, String> {
    sensor::celsius(text)
}
