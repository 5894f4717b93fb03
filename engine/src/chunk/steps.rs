//! Times that are one fixed step apart within each page, as an import or a simulator
//! gives them: a page holds only its first.

/// The step from each time to the next within the pages, which have these `rows`; `None`
/// if it is not always the same.
pub(super) fn of_times(times: &[i64], rows: &[usize]) -> Option<i64> {
    let mut step = None;
    let mut times = times;
    for rows in rows {
        let page = times.split_off(..*rows).expect("the rows add up");
        let [first, rest @ ..] = page else { continue };
        let [second, ..] = rest else { continue };
        let step = *step.get_or_insert(second.checked_sub(*first)?);
        if !page.windows(2).all(|pair| pair[0].checked_add(step) == Some(pair[1])) {
            return None;
        }
    }
    Some(step.unwrap_or(0))
}

/// The bytes of the pages.
pub(super) fn encode(times: &[i64], rows: &[usize]) -> Vec<Vec<u8>> {
    let mut times = times;
    let page_of = |rows: &usize| {
        let page = times.split_off(..*rows).expect("the rows add up");
        page.first().map_or_else(Vec::new, |first| first.to_le_bytes().to_vec())
    };
    rows.iter().map(page_of).collect()
}

/// The step that `meta` states.
pub(super) fn decode_step(meta: &[u8]) -> Option<i64> {
    meta.try_into().ok().map(i64::from_le_bytes)
}

/// Fills `into` with the times of a page; `None` if they are beyond the range of times.
pub(super) fn decode(page: &[u8], step: i64, into: &mut [i64]) -> Option<()> {
    if into.is_empty() {
        return page.is_empty().then_some(());
    }
    let first = i64::from_le_bytes(page.try_into().ok()?);
    let steps = i128::try_from(into.len() - 1).ok()?;
    i64::try_from(i128::from(first) + steps * i128::from(step)).ok()?;
    let mut next = first;
    for time in into {
        *time = next;
        next = next.wrapping_add(step);
    }
    Some(())
}
