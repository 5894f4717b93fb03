//! Ways in for the fuzz targets (`fuzz/`), which are built with `--cfg fuzzing`: what
//! reads the texts that a source is given, without a server or a sensor.

use crate::{http, sensor};

/// What the fragment of an address finds on a page; `None` where it is no fragment.
pub fn find_on_page(fragment: Option<&str>, page: &str) -> Option<Result<f64, String>> {
    http::find_on_page(fragment, page)
}

/// The temperature that a 1-wire thermometer's file tells.
pub fn celsius(text: &str) -> Result<f64, String> {
    sensor::celsius(text)
}
