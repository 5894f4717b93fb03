use super::super::shapes::Shape;
use super::*;

#[test]
fn the_axis_is_the_time_that_is_asked_for() {
    let at = |second: i64| Some(Observation::new(second * 1_000_000_000, 1.0));
    let one = Some(1.0);
    let (first, last) = (at(400), at(500));
    let figures = [Figures { count: 2, first, last, min: one, max: one, ..Figures::default() }];
    let part = |since: Option<i64>, until: Option<i64>, second: i64| {
        let [since, until] = [since, until].map(|it| it.map(|it| it * 1_000_000_000));
        let look = Look { since, until, ..Look::default() };
        let plan = Plan::new(&[None], &figures, &look).expect("observations");
        let fraction = plan.scales.times.fraction(i128::from(second) * 1_000_000_000);
        (fraction * 100.0).round()
    };
    for (since, until, second, expected) in [
        (None, None, 450, 50.0),
        (Some(0), Some(1_000), 500, 50.0),
        (Some(300), None, 400, 50.0),
        (None, Some(600), 500, 50.0),
        // Now, where observations are of the future.
        (None, Some(450), 450, 50.0),
    ] {
        assert_eq!(part(since, until, second), expected, "{since:?} {until:?}");
    }
}

#[test]
fn the_band_covers_no_column_that_holds_nothing() {
    let at = |second: i64, value: f64| Some(Observation::new(second * 1_000_000_000, value));
    let figures = [Figures {
        count: 9,
        first: at(0, 0.0),
        last: at(1_000, 1.0),
        min: Some(0.0),
        max: Some(1.0),
        ..Figures::default()
    }];
    let plan = Plan::new(&[None], &figures, &Look::default()).expect("observations");
    let (Grid { first_ns, width_ns }, top) = (plan.grid, plan.scales.frame.top);
    let width = i64::try_from(width_ns).expect("a second");
    let column = |number: i64| {
        let start_ns = first_ns + number * width;
        let first = Observation::new(start_ns, 0.0);
        let last = Observation::new(start_ns + width / 2, 1.0);
        Column { start_ns, count: 2, first, last, min: 0.0, max: 1.0, mean: 0.5 }
    };
    let drawing = plan.draw(&[[100, 101, 102, 103, 107].map(column).to_vec()]);
    let band = |shape: &Shape| match shape {
        Shape::Area { outline, .. } if outline[0].1 > top => {
            let x = outline.iter().map(|(x, _)| *x);
            Some(x.clone().fold(0.0, f64::max) - x.fold(f64::INFINITY, f64::min))
        }
        _ => None,
    };
    let widths: Vec<f64> = drawing.shapes.iter().filter_map(band).collect();
    let [four, alone] = widths[..] else { panic!("{widths:?}") };
    assert!((3.9..4.1).contains(&four) && (2.9..3.1).contains(&alone), "{widths:?}");
}
