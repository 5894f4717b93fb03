//! The colours of pictures, on light and on dark paper.
//!
//! Lines and bars have a contrast of at least 3 to the paper (WCAG 2.2, 1.4.11). Blue and
//! orange stay apart for every kind of colour vision, and what they mark differs in form.

/// Red, green, blue.
pub(super) type Rgb = (u8, u8, u8);

/// How many series one picture has colours for.
pub const SERIES_MAX: usize = 8;

/// Opacity of the band from minimum to maximum, and of the area of a distribution.
pub(super) const PALE: f64 = 0.28;

/// Opacity of the band of one standard deviation around the mean.
pub(super) const DEVIATION: f64 = 0.18;

/// The colours of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Theme {
    pub(super) paper: Rgb,
    pub(super) ink: Rgb,
    pub(super) muted: Rgb,
    pub(super) axis: Rgb,
    pub(super) grid: Rgb,
    /// The first is that of a picture with one series.
    pub(super) series: [Rgb; SERIES_MAX],
    pub(super) bar: Rgb,
    pub(super) mean: Rgb,
    pub(super) median: Rgb,
}

pub(super) const LIGHT: Theme = Theme {
    paper: (255, 255, 255),
    ink: (31, 41, 51),
    muted: (97, 110, 124),
    axis: (154, 165, 177),
    grid: (228, 231, 235),
    series: [
        (34, 98, 148),
        (201, 84, 18),
        (38, 124, 78),
        (122, 84, 176),
        (186, 42, 66),
        (0, 122, 134),
        (132, 92, 48),
        (196, 62, 136),
    ],
    bar: (84, 146, 190),
    mean: (209, 92, 25),
    median: (104, 74, 158),
};

pub(super) const DARK: Theme = Theme {
    paper: (20, 25, 31),
    ink: (232, 236, 240),
    muted: (160, 171, 183),
    axis: (98, 110, 123),
    grid: (42, 50, 59),
    series: [
        (104, 174, 226),
        (240, 140, 72),
        (112, 194, 136),
        (182, 152, 232),
        (242, 112, 124),
        (82, 198, 204),
        (208, 168, 118),
        (236, 132, 188),
    ],
    bar: (74, 134, 180),
    mean: (240, 140, 72),
    median: (182, 152, 232),
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colours as WCAG defines it, from 1 to 21.
    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let part = |byte: u8| match f64::from(byte) / 255.0 {
            low if low <= 0.04045 => low / 12.92,
            high => ((high + 0.055) / 1.055).powf(2.4),
        };
        let light = |(r, g, b): Rgb| 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b) + 0.05;
        let (a, b) = (light(a), light(b));
        a.max(b) / a.min(b)
    }

    #[test]
    fn lines_bars_and_letters_stand_out_from_the_paper() {
        for theme in [LIGHT, DARK] {
            let mut marks = theme.series.to_vec();
            marks.extend([theme.bar, theme.mean, theme.median]);
            for mark in marks {
                let found = contrast(mark, theme.paper);
                assert!(found >= 3.0, "{mark:?} on {:?}: {found:.2}", theme.paper);
            }
            for letters in [theme.ink, theme.muted] {
                assert!(contrast(letters, theme.paper) >= 4.5, "{letters:?}");
            }
        }
    }
}
