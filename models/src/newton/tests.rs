use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn start(n_columns: usize) -> Coefficients {
    Coefficients { slopes: vec![0.0; n_columns], intercept: 0.0 }
}

#[test]
fn the_intercept_alone_is_the_logit_of_the_mean() {
    let problem = Problem {
        design: &[],
        n_columns: 0,
        offsets: None,
        targets: &[1.0, 0.0, 0.0],
        weights: &[2.0, 1.0, 1.0],
        ridge: &[],
        centre: &[],
        lasso: None,
        orders: None,
    };
    let fitted = minimise(&problem, start(0), 1e-12).unwrap();
    assert!(fitted.intercept.abs() < 1e-9);
}

#[test]
fn a_weight_of_two_equals_the_row_twice() {
    let once = Problem {
        design: &[-1.0, 0.5, 1.0, 2.0],
        n_columns: 1,
        offsets: None,
        targets: &[0.0, 1.0, 0.0, 1.0],
        weights: &[1.0, 1.0, 2.0, 1.0],
        ridge: &[0.3],
        centre: &[1.0],
        lasso: None,
        orders: None,
    };
    let twice = Problem {
        design: &[-1.0, 0.5, 1.0, 1.0, 2.0],
        targets: &[0.0, 1.0, 0.0, 0.0, 1.0],
        weights: &[1.0; 5],
        ..once
    };
    let once = minimise(&once, start(1), 1e-12).unwrap();
    let twice = minimise(&twice, start(1), 1e-12).unwrap();
    assert!((once.slopes[0] - twice.slopes[0]).abs() < 1e-9);
    assert!((once.intercept - twice.intercept).abs() < 1e-9);
}

#[test]
fn separable_labels_without_a_ridge_are_an_error_or_a_steep_answer_with_one() {
    let separable = Problem {
        design: &[-1e3, -1e3, 1e3, 1e3],
        n_columns: 1,
        offsets: None,
        targets: &[0.0, 0.0, 1.0, 1.0],
        weights: &[1.0; 4],
        ridge: &[1.0],
        centre: &[0.0],
        lasso: None,
        orders: None,
    };
    let fitted = minimise(&separable, start(1), 1e-9).unwrap();
    assert!(fitted.slopes[0] > 0.0);
    let infinite = Problem { design: &[f64::NAN, 0.0, 1.0, 1.0], ..separable };
    assert!(minimise(&infinite, start(1), 1e-9).is_err());
}

/// y falls with the first column and rises with the second; both must rise.
#[test]
fn a_forbidden_sign_gives_zero_and_the_others_their_own_optimum() {
    let x = [[1.0, 0.9], [2.0, 1.0], [-1.0, 0.2], [0.5, -0.4], [-2.0, -1.5], [0.3, 0.8], [1.5, -0.7]];
    let targets = [0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0];
    let both: Vec<f64> = x.concat();
    let free = Problem {
        design: &both,
        n_columns: 2,
        offsets: None,
        targets: &targets,
        weights: &[1.0; 7],
        ridge: &[0.2; 2],
        centre: &[0.0; 2],
        lasso: None,
        orders: None,
    };
    let signs = minimise(&free, start(2), 1e-9).unwrap().slopes;
    assert!(signs[0] < 0.0 && signs[1] > 0.0, "{signs:?}");
    let held = minimise(&Problem { orders: Some(&[Order::Rising; 2]), ..free }, start(2), 1e-9).unwrap();
    let second: Vec<f64> = x.iter().map(|row| row[1]).collect();
    let alone = Problem { design: &second, n_columns: 1, ridge: &[0.2], centre: &[0.0], ..free };
    let alone = minimise(&alone, start(1), 1e-9).unwrap();
    assert_eq!(held.slopes[0].to_bits(), 0.0_f64.to_bits());
    assert!((held.slopes[1] - alone.slopes[0]).abs() < 1e-7, "{held:?} {alone:?}");
    let right = Problem { orders: Some(&[Order::Falling, Order::Rising]), ..free };
    let right = minimise(&right, start(2), 1e-9).unwrap();
    assert!(right.slopes.iter().zip(&signs).all(|(a, b)| (a - b).abs() < 1e-7), "{right:?} {signs:?}");
}

/// Columns that repeat each other with noise, some with heavy tails, some rare, and labels by some of them.
struct Correlated {
    design: Vec<f64>,
    targets: Vec<f64>,
    weights: Vec<f64>,
    orders: Vec<Order>,
}

fn correlated(n_rows: usize, n_columns: usize, seed: u64) -> Correlated {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut uniform = || rng.random_range(-1.0..1.0_f64);
    let (mut design, mut targets, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..n_rows {
        let shared: [f64; 4] = std::array::from_fn(|_| 1.7 * uniform());
        let mut margin = -1.0;
        for column in 0..n_columns {
            let value = 0.9 * shared[column % 4] + 0.3 * uniform();
            let value = match column % 7 {
                5 => (3.0 * value).sinh() / 10.0,
                6 => f64::from(u8::from(value > 1.2)),
                _ => value,
            };
            margin += [0.8, -0.6, 0.0, 0.4, 0.0][column % 5] * value / 3.0;
            design.push(value);
        }
        targets.push(f64::from(u8::from(uniform() < 2.0 * sigmoid(margin) - 1.0)));
        weights.push(1.0 + 0.5 * uniform());
    }
    let order = |column: usize| [Order::Rising, Order::Falling, Order::Falling, Order::Free][column / 2 % 4];
    Correlated { design, targets, weights, orders: (0..n_columns).map(order).collect() }
}

/// By how much the conditions of Karush, Kuhn and Tucker are missed, at worst; signs are checked on the way.
fn missed(problem: &Problem<'_>, found: &Coefficients) -> f64 {
    let point = problem.point(found.slopes.iter().copied().chain([found.intercept]).collect());
    let gradient = gradient(problem, &point);
    let of = |((&at, g), bound): ((&f64, &f64), &Bound)| {
        assert_eq!(at, bound.order.allowed(at), "{bound:?}");
        if at != 0.0 {
            return (g + bound.lasso.copysign(at)).abs();
        }
        let (may_rise, may_fall) = (bound.order != Order::Falling, bound.order != Order::Rising);
        let up = if may_rise { -g - bound.lasso } else { 0.0 };
        let down = if may_fall { g - bound.lasso } else { 0.0 };
        up.max(down).max(0.0)
    };
    point.at.iter().zip(&gradient).zip(&problem.bounds()).map(of).fold(0.0, f64::max)
}

#[test]
fn the_conditions_of_an_optimum_hold_whatever_the_signs_and_the_start() {
    for (seed, (n_columns, ridge)) in [(40, 30.0), (90, 3.0), (150, 0.3)].into_iter().enumerate() {
        let Correlated { design, targets, weights, orders } = correlated(400, n_columns, seed as u64);
        let ridge = vec![ridge; n_columns];
        let problem = Problem {
            design: &design,
            n_columns,
            offsets: None,
            targets: &targets,
            weights: &weights,
            ridge: &ridge,
            centre: &vec![0.0; n_columns],
            lasso: None,
            orders: Some(&orders),
        };
        let found = minimise(&problem, start(n_columns), 1e-9).unwrap();
        assert!(missed(&problem, &found) < 1e-6, "{}", missed(&problem, &found));
        assert!(found.slopes.contains(&0.0), "some signs must bind");
        // A far start, such as the optimum without signs.
        let far = Coefficients { slopes: vec![2.0; n_columns], intercept: -3.0 };
        let again = minimise(&problem, far, 1e-9).unwrap();
        assert!(missed(&problem, &again) < 1e-6, "{}", missed(&problem, &again));
        assert!(found.slopes.iter().zip(&again.slopes).all(|(a, b)| (a - b).abs() < 1e-6));
        let lasso = vec![2.0; n_columns];
        for orders in [Some(orders.as_slice()), None] {
            let sparse = Problem { lasso: Some(&lasso), orders, ..problem };
            let found = minimise(&sparse, start(n_columns), 1e-9).unwrap();
            assert!(missed(&sparse, &found) < 1e-6, "{}", missed(&sparse, &found));
            let zeros = found.slopes.iter().filter(|slope| **slope == 0.0).count();
            assert!(zeros > 5 && zeros < n_columns, "{zeros} of {n_columns}");
        }
    }
}

/// x = ((7j + 5)·i + 3j) mod (11 + 2j) / (5 + j) − 1, the last column mixed with the first; weight = 1 + 0.5·(i mod 3),
/// label = (5i² + 3i) mod 17 < 17·σ(−0.5 + 1.5·x₀ − x₂ + 0.2·x₃). Reference numbers: scikit-learn 1.9.1,
/// `LogisticRegression(C=1/strength, l1_ratio=share, solver="saga", tol=1e-14)` with sample weights.
#[test]
fn the_elastic_net_equals_that_of_scikit_learn() {
    let (mut design, mut targets, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..60_u32 {
        let value = |j: u32| f64::from((i * (7 * j + 5) + 3 * j) % (11 + 2 * j)) / f64::from(5 + j) - 1.0;
        let mut row: [f64; 5] = [0, 1, 2, 3, 4].map(value);
        row[4] = 0.3 * row[4] + 0.8 * row[0];
        let margin = -0.5 + 1.5 * row[0] - row[2] + 0.2 * row[3];
        targets.push(f64::from(u8::from(f64::from((i * i * 5 + i * 3) % 17) < 17.0 * sigmoid(margin))));
        weights.push(1.0 + f64::from(i % 3) * 0.5);
        design.extend(row);
    }
    assert_eq!(targets.iter().sum::<f64>(), 34.0);
    let expected = [
        (
            (4.0, 0.5),
            [0.700_076_441_659, 0.400_823_530_933, -0.566_069_338_815, 0.055_262_866_901, 0.294_284_697_499],
            0.228_940_964_551,
        ),
        ((6.0, 1.0), [0.472_296_915_374, 0.0, -0.028_918_301_280, 0.0, 0.0], 0.200_201_638_881),
        (
            (2.0, 0.0),
            [0.839_150_176_219, 0.651_876_306_091, -0.859_735_978_035, 0.274_243_846_564, 0.579_094_289_132],
            0.266_498_140_198,
        ),
    ];
    for ((strength, share), slopes, intercept) in expected {
        let problem = Problem {
            design: &design,
            n_columns: 5,
            offsets: None,
            targets: &targets,
            weights: &weights,
            ridge: &[strength * (1.0 - share); 5],
            centre: &[0.0; 5],
            lasso: Some(&[strength * share; 5]),
            orders: None,
        };
        let found = minimise(&problem, start(5), 1e-9).unwrap();
        assert!((found.intercept - intercept).abs() < 1e-9, "{found:?}");
        for (found, expected) in found.slopes.iter().zip(slopes) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            assert_eq!(*found == 0.0, expected == 0.0, "exact zeros");
        }
    }
}
