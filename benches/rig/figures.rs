//! Sizes from the environment, and what is made of many measurements.

/// A size that the environment may set.
pub fn size(name: &str, default: usize) -> usize {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no whole number")))
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    assert!(!values.is_empty(), "nothing was measured");
    values[values.len() / 2]
}
