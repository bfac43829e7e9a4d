//! Health, 0 to 100: how an account does against its own segment, apart from the churn probability.
//!
//! For each feature of a dimension whose good direction is known, the account's percentile in its segment
//! is turned so that 1 is best; their mean is the dimension's standing. A mean of percentiles crowds around
//! one half, so it is not the score itself: the standing of one half, the middle of the segment, scores
//! 75, nothing 0 and the best 100, straight in between. So the middle of a segment is *low risk*, the worst
//! third of standings is *high risk*, and *healthy* takes standing clearly above the middle on most features.
//!
//! Features without data are left out. A dimension without any gives its weight to the others, engagement and
//! relationship first, and the account is marked data-sparse; nobody is marked down for a silent channel.

use holdfast_features::signal::SignalKind;
use holdfast_features::stage::Stage;
use holdfast_features::{Dimension, Direction, Role, Row, Value};
use serde::Serialize;

use crate::band::Band;
use crate::rule::Noting;

/// The name under which training files the overall health in the benchmarks, so that an account's quartile
/// among its tier is known when it is answered.
pub const BENCHMARK: &str = "health.overall";

/// How health is made.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthPolicy {
    /// Shares of usage, engagement, financial and relationship by stage; each row sums to 1.
    pub weights: [[f64; 4]; 5],
    /// The score of an account in the middle of its segment.
    pub median_score: f64,
    /// The best band of an account whose executive sponsor left.
    pub sponsor_left_cap: Band,
    /// The best band of an account whose champion left.
    pub champion_left_cap: Band,
    /// The best band of an account that asked to cancel.
    pub cancel_requested_cap: Band,
}

/// How an account does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// Weighted mean of the dimensions, 0 (worst) to 100 (best); `None` where no dimension has data.
    pub overall: Option<f64>,
    /// The four dimensions, in the order of [`Dimension::ALL`].
    pub dimensions: [DimensionHealth; 4],
    /// Some dimension has no data; never so for a table that declares no dimensions.
    pub data_sparse: bool,
}

/// How an account does in one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DimensionHealth {
    /// Which one.
    pub dimension: Dimension,
    /// 0 (worst) to 100 (best) against the segment; `None` without data.
    pub score: Option<f64>,
    /// Its share in the overall health, 0 to 1; 0 without data.
    pub weight: f64,
    /// The number of features with data behind the score.
    pub n_features: usize,
}

impl HealthPolicy {
    pub(crate) fn read(section: &mut Noting<'_, '_, '_>) -> Self {
        let mut weights = |stage: &str, default: [u64; 4]| section.shares(stage, default);
        let onboarding = weights("onboarding", [40, 35, 10, 15]);
        let adoption = weights("adoption", [50, 25, 10, 15]);
        let value = weights("value_realisation", [35, 20, 20, 25]);
        let expansion = weights("expansion", [35, 20, 20, 25]);
        let renewal = weights("renewal", [25, 20, 30, 25]);
        let bands = Band::ALL.map(|band| (band.name(), band));
        let named = |band: Band| (band.name(), band);
        Self {
            weights: [onboarding, adoption, value, expansion, renewal],
            median_score: section.number("median_score", 75.0, 1.0..=99.0),
            sponsor_left_cap: section.choice("sponsor_left_cap", named(Band::Medium), &bands),
            champion_left_cap: section.choice("champion_left_cap", named(Band::Low), &bands),
            cancel_requested_cap: section.choice("cancel_requested_cap", named(Band::High), &bands),
        }
    }

    /// The shares of the four dimensions in `stage`; an unknown stage counts as value realisation.
    #[must_use]
    pub fn weights_of(&self, stage: Option<Stage>) -> [f64; 4] {
        let [onboarding, adoption, value, expansion, renewal] = self.weights;
        match stage {
            Some(Stage::Onboarding) => onboarding,
            Some(Stage::Adoption) => adoption,
            Some(Stage::ValueRealisation) | None => value,
            Some(Stage::Expansion) => expansion,
            Some(Stage::Renewal) => renewal,
        }
    }

    /// The health of the account in `row`. `percentile` answers, for a feature and a value, which share of
    /// the account's segment lies below it (ties count half), or `None` where that is not known.
    #[must_use]
    pub fn health(
        &self,
        row: Row<'_>,
        stage: Option<Stage>,
        percentile: impl Fn(&str, f64) -> Option<f64>,
    ) -> Health {
        let mut sums = [(0.0_f64, 0_usize); 4];
        for (index, spec) in row.table().specs().iter().enumerate() {
            let Some(dimension) = spec.dimension else { continue };
            let Value::Number(value) = row.value(index) else { continue };
            if spec.role != Role::Feature || spec.direction == Direction::Unknown || value.is_nan() {
                continue;
            }
            let Some(below) = percentile(&spec.name, value) else { continue };
            let standing = if spec.direction == Direction::LowersRisk { below } else { 1.0 - below };
            let (sum, count) = &mut sums[position(dimension)];
            *sum += standing;
            *count += 1;
        }
        let mut dimensions = Dimension::ALL.map(|dimension| {
            let (sum, n_features) = sums[position(dimension)];
            #[expect(clippy::cast_precision_loss, reason = "a count of features")]
            let score = (n_features > 0).then(|| self.score(sum / n_features as f64));
            DimensionHealth { dimension, score, weight: 0.0, n_features }
        });
        let known = dimensions.map(|dimension| dimension.score.is_some());
        let weights = redistributed(self.weights_of(stage), known);
        for (dimension, weight) in dimensions.iter_mut().zip(weights) {
            dimension.weight = weight;
        }
        let total: f64 = weights.iter().sum();
        let overall = (total > 0.0).then(|| {
            let weighted: f64 =
                dimensions.iter().map(|dimension| dimension.weight * dimension.score.unwrap_or(0.0)).sum();
            weighted / total
        });
        let is_declared = row.table().specs().iter().any(|spec| spec.dimension.is_some());
        Health { overall, dimensions, data_sparse: is_declared && known.contains(&false) }
    }

    /// The best band that the account may have with these signals on, where one of them caps it.
    #[must_use]
    pub fn cap(&self, is_on: impl Fn(SignalKind) -> bool) -> Option<(SignalKind, Band)> {
        [
            (SignalKind::SponsorLeft, self.sponsor_left_cap),
            (SignalKind::ChampionLeft, self.champion_left_cap),
            (SignalKind::CancelRequested, self.cancel_requested_cap),
        ]
        .into_iter()
        .filter(|(kind, _)| is_on(*kind))
        .max_by_key(|(_, band)| *band)
    }

    /// The score of a standing of 0 to 1.
    fn score(&self, standing: f64) -> f64 {
        let score = if standing <= 0.5 {
            2.0 * standing * self.median_score
        } else {
            self.median_score + 2.0 * (standing - 0.5) * (100.0 - self.median_score)
        };
        score.clamp(0.0, 100.0)
    }
}

impl Health {
    /// The health of one dimension.
    #[must_use]
    pub fn of(&self, dimension: Dimension) -> &DimensionHealth {
        &self.dimensions[position(dimension)]
    }
}

fn position(dimension: Dimension) -> usize {
    match dimension {
        Dimension::Usage => 0,
        Dimension::Engagement => 1,
        Dimension::Financial => 2,
        Dimension::Relationship => 3,
    }
}

/// The weights with those of unknown dimensions given to engagement and relationship where these are known,
/// else to all that are known, in proportion. All zero where nothing is known.
fn redistributed(weights: [f64; 4], known: [bool; 4]) -> [f64; 4] {
    let free: f64 = weights.iter().zip(known).filter(|(_, known)| !known).map(|(weight, _)| weight).sum();
    let first = [false, true, false, true];
    let takers: [bool; 4] = std::array::from_fn(|i| known[i] && first[i]);
    let takers = if takers.contains(&true) { takers } else { known };
    let taken: f64 = weights.iter().zip(takers).filter(|(_, takes)| *takes).map(|(weight, _)| weight).sum();
    let n_takers = takers.iter().filter(|takes| **takes).count();
    std::array::from_fn(|i| {
        if !known[i] {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "at most four")]
        let share = match (takers[i], taken > 0.0) {
            (false, _) => 0.0,
            (true, true) => weights[i] / taken,
            (true, false) => 1.0 / n_takers as f64,
        };
        weights[i] + free * share
    })
}

#[cfg(test)]
mod tests {
    use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
    use proptest::prelude::*;

    use super::*;
    use crate::policy::tests::default_policy;

    /// Two features a dimension, one good when high and one good when low.
    fn table(values: [Option<f64>; 8]) -> FeatureTable {
        let mut specs = Vec::new();
        for dimension in Dimension::ALL {
            for direction in [Direction::LowersRisk, Direction::RaisesRisk] {
                let mut spec =
                    FeatureSpec::prepared(&format!("{}_{direction:?}", dimension.name()), Kind::Number);
                spec.dimension = Some(dimension);
                spec.direction = direction;
                specs.push(spec);
            }
        }
        let columns = values.map(|value| Column::Number(vec![value.unwrap_or(f64::NAN)])).to_vec();
        FeatureTable::new(specs, columns, 1).unwrap()
    }

    /// Values are their own percentiles.
    fn health(values: [Option<f64>; 8], stage: Stage) -> Health {
        default_policy().health.health(table(values).row(0), Some(stage), |_, value| Some(value))
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn the_middle_of_the_segment_is_75_and_the_best_100() {
        let middle = health([Some(0.5); 8], Stage::Adoption);
        assert!(close(middle.overall.unwrap(), 75.0));
        assert!(!middle.data_sparse);
        let best = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0].map(Some);
        assert!(close(health(best, Stage::Renewal).overall.unwrap(), 100.0));
        let worst = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0].map(Some);
        assert!(close(health(worst, Stage::Renewal).overall.unwrap(), 0.0));
    }

    #[test]
    fn the_stage_decides_the_weights() {
        let good_usage = [1.0, 0.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5].map(Some);
        let adoption = health(good_usage, Stage::Adoption).overall.unwrap();
        let renewal = health(good_usage, Stage::Renewal).overall.unwrap();
        assert!(close(adoption, 0.5 * 100.0 + 0.5 * 75.0), "{adoption}");
        assert!(close(renewal, 0.25 * 100.0 + 0.75 * 75.0), "{renewal}");
    }

    #[test]
    fn a_dimension_without_data_gives_its_weight_to_engagement_and_relationship_first() {
        let mut values = [Some(0.5); 8];
        values[0] = None;
        values[1] = None;
        let sparse = health(values, Stage::Adoption);
        assert!(sparse.data_sparse);
        let weights = sparse.dimensions.map(|dimension| dimension.weight);
        let expected = [0.0, 0.25 + 0.5 * 25.0 / 40.0, 0.10, 0.15 + 0.5 * 15.0 / 40.0];
        assert!(weights.iter().zip(expected).all(|(found, expected)| close(*found, expected)), "{weights:?}");

        let only_usage = health([Some(0.5), None, None, None, None, None, None, None], Stage::Adoption);
        assert!(close(only_usage.of(Dimension::Usage).weight, 1.0));
        assert_eq!(only_usage.of(Dimension::Usage).n_features, 1);

        let nothing = health([None; 8], Stage::Adoption);
        assert_eq!(nothing.overall, None);
        assert!(nothing.data_sparse);
    }

    #[test]
    fn departures_cap_the_band() {
        let policy = default_policy().health;
        assert_eq!(policy.cap(|_| false), None);
        let left = |kind| kind == SignalKind::SponsorLeft || kind == SignalKind::ChampionLeft;
        assert_eq!(policy.cap(left), Some((SignalKind::SponsorLeft, Band::Medium)));
    }

    proptest! {
        #[test]
        fn health_is_within_bounds_and_weights_sum_to_one(
            values in proptest::array::uniform8(proptest::option::of(0.0_f64..=1.0)),
            stage in proptest::sample::select(Stage::ALL.to_vec()),
        ) {
            let health = health(values, stage);
            let total: f64 = health.dimensions.iter().map(|dimension| dimension.weight).sum();
            match health.overall {
                Some(overall) => {
                    prop_assert!((0.0..=100.0).contains(&overall));
                    prop_assert!((total - 1.0).abs() < 1e-9);
                }
                None => prop_assert!(values.iter().all(Option::is_none)),
            }
        }

        #[test]
        fn better_standing_never_lowers_health(
            values in proptest::array::uniform8(0.0_f64..=1.0), which in 0_usize..4, step in 0.0_f64..=1.0
        ) {
            let before = health(values.map(Some), Stage::Adoption).overall;
            let mut better = values;
            better[2 * which] = (better[2 * which] + step).min(1.0);
            prop_assert!(health(better.map(Some), Stage::Adoption).overall >= before);
        }
    }
}
