//! PNG with a palette: charts have few colours, and a byte a pixel packs well.

use std::cmp::Reverse;
use std::collections::HashMap;

const PALETTE_MAX: usize = 256;

/// Encodes RGB pixels of a picture of this size.
///
/// Up to 256 colours are kept exactly; beyond that the most frequent are, and
/// the rest (rare blends at edges) become their nearest.
pub(super) fn png(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let (palette, indices) = indexed(pixels);
    let mut bytes = Vec::with_capacity(32 * 1024);
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.concat());
    encoder.set_compression(png::Compression::Balanced);
    // The default filters are for photographs; indices have no gradients.
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indices)?;
    writer.finish()?;
    Ok(bytes)
}

/// The palette, most frequent first, and each pixel's place in it.
fn indexed(pixels: &[u8]) -> (Vec<[u8; 3]>, Vec<u8>) {
    // Runs of one colour: hashing once a run, not once a pixel.
    let mut ids: HashMap<[u8; 3], usize> = HashMap::new();
    let mut colours: Vec<([u8; 3], usize)> = Vec::new();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for run in pixels.as_chunks::<3>().0.chunk_by(|a, b| a == b) {
        let id = *ids.entry(run[0]).or_insert(colours.len());
        if id == colours.len() {
            colours.push((run[0], 0));
        }
        colours[id].1 += run.len();
        runs.push((id, run.len()));
    }
    let mut by_frequency = colours.clone();
    // Then by colour: the same picture is the same bytes.
    by_frequency.sort_unstable_by_key(|&(colour, pixels)| (Reverse(pixels), colour));
    let palette: Vec<[u8; 3]> =
        by_frequency.into_iter().take(PALETTE_MAX).map(|(colour, _)| colour).collect();
    let places: Vec<u8> = colours.iter().map(|&(colour, _)| nearest(&palette, colour)).collect();
    let mut indices = Vec::with_capacity(pixels.len() / 3);
    for (id, length) in runs {
        indices.resize(indices.len() + length, places[id]);
    }
    (palette, indices)
}

fn nearest(palette: &[[u8; 3]], colour: [u8; 3]) -> u8 {
    let distance = |other: &[u8; 3]| -> u32 {
        other.iter().zip(colour).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
    };
    let place = (0..palette.len()).min_by_key(|&i| distance(&palette[i])).unwrap_or(0);
    u8::try_from(place).expect("a palette has at most 256 colours")
}
