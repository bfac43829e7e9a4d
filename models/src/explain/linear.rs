//! A linear model's SHAP values in closed form: weight × (value − background mean), summed by feature.

use super::Background;
use crate::logistic::LinearModel;

pub(super) fn shares(
    model: &LinearModel,
    row: &[f64],
    background: &Background,
    sources: &[usize],
    shares: &mut [f64],
) {
    let n_rows: f64 = background.rows(row.len()).map(|_| 1.0).sum();
    let mut means = vec![0.0; row.len()];
    for other in background.rows(row.len()) {
        for (mean, value) in means.iter_mut().zip(other) {
            *mean += value / n_rows;
        }
    }
    for (column, &source) in sources.iter().enumerate() {
        shares[source] += model.weights[column] * (row[column] - means[column]);
    }
}
