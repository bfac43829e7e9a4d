//! Our models as ONNX: trees as `TreeEnsembleRegressor`, lines as a product, then weights, calibration and the sigmoid.
//!
//! Thresholds and values are doubles (attributes `…_as_tensor`), so that every row takes the path that it takes here.

use super::protobuf::Message;
use crate::additive::AdditiveModel;
use crate::calibrate::{Calibrator, Spline, Stretch};
use crate::model::Classifier;
use crate::probability::MAX_MARGIN;
use crate::tree::{Node, Tree};

/// The newest that every runtime of the last years reads.
const IR_VERSION: u64 = 8;
const OPSET: u64 = 17;
const ML_OPSET: u64 = 3;
/// `TensorProto.DataType.DOUBLE`.
const DOUBLE: u64 = 11;

/// One classifier of a blend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exported<'a> {
    pub(crate) weight: f64,
    pub(crate) classifier: &'a Classifier,
    /// Its encoded columns.
    pub(crate) width: usize,
}

/// A graph that grows by an operation at a time; each operation's output is named by its number.
#[derive(Debug, Default)]
struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    inputs: Vec<Message>,
}

/// The bytes of the model; `offset` names a last input that is added to the calibrated log-odds.
pub(crate) fn onnx(members: &[Exported<'_>], calibrator: Calibrator, offset: Option<&str>) -> Vec<u8> {
    let mut graph = Graph::default();
    let mut margin: Option<String> = None;
    for (at, member) in members.iter().enumerate() {
        let input = format!("encoded_{at}");
        graph.inputs.push(value(&input, member.width));
        let own = graph.member(member, &input);
        let weighted = graph.with("Mul", &own, member.weight);
        margin = Some(match margin {
            Some(sum) => graph.apply("Add", &[&sum, &weighted]),
            None => weighted,
        });
    }
    let margin = margin.unwrap_or_default();
    let mut calibrated = graph.calibrated(calibrator, &margin);
    if let Some(offset) = offset {
        graph.inputs.push(value(offset, 1));
        calibrated = graph.apply("Add", &[&calibrated, offset]);
    }
    graph.node("Identity", &[&margin], "margin", Vec::new());
    graph.node("Sigmoid", &[&calibrated], "probability", Vec::new());
    let graph = Message::default()
        .messages(1, &graph.nodes)
        .text(2, "holdfast")
        .messages(5, &graph.constants)
        .messages(11, &graph.inputs)
        .messages(12, &[value("margin", 1), value("probability", 1)]);
    let opset = |domain: &str, version| Message::default().text(1, domain).number(2, version);
    Message::default()
        .number(1, IR_VERSION)
        .text(2, "holdfast")
        .message(7, &graph)
        .messages(8, &[opset("", OPSET), opset("ai.onnx.ml", ML_OPSET)])
        .finish()
}

impl Graph {
    fn node(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: Vec<Message>) {
        let domain = if operator == "TreeEnsembleRegressor" { "ai.onnx.ml" } else { "" };
        let node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
        let node = node.text(2, output).text(4, operator).messages(5, &attributes).text(7, domain);
        self.nodes.push(node);
    }

    fn named(&mut self, operator: &str, inputs: &[&str], attributes: Vec<Message>) -> String {
        let output = format!("{}_{}", operator.to_lowercase(), self.nodes.len());
        self.node(operator, inputs, &output, attributes);
        output
    }

    fn apply(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.named(operator, inputs, Vec::new())
    }

    fn constant(&mut self, dims: &[usize], values: &[f64]) -> String {
        let name = format!("constant_{}", self.constants.len());
        self.constants.push(tensor(&name, dims, values));
        name
    }

    /// An operation on a tensor and one number.
    fn with(&mut self, operator: &str, input: &str, number: f64) -> String {
        let number = self.constant(&[1], &[number]);
        self.apply(operator, &[input, &number])
    }

    /// The log-odds of one classifier.
    fn member(&mut self, member: &Exported<'_>, input: &str) -> String {
        match member.classifier {
            Classifier::Linear(model) => {
                let weights = self.constant(&[member.width, 1], &model.weights);
                let product = self.apply("MatMul", &[input, &weights]);
                self.with("Add", &product, model.intercept)
            }
            Classifier::Boost(model) | Classifier::Additive(AdditiveModel { sum: model, .. }) => {
                let sum = self.trees(&model.trees, input, 1.0);
                self.with("Add", &sum, model.base)
            }
            Classifier::Forest(model) => {
                let share = self.trees(&model.trees, input, model.mean(1.0));
                let other = self.apply("Neg", &[&share]);
                let other = self.with("Add", &other, 1.0);
                let (share, other) = (self.apply("Log", &[&share]), self.apply("Log", &[&other]));
                let margin = self.apply("Sub", &[&share, &other]);
                let margin = self.with("Max", &margin, -MAX_MARGIN);
                self.with("Min", &margin, MAX_MARGIN)
            }
        }
    }

    /// The sum over trees, each value multiplied by `scale`.
    fn trees(&mut self, trees: &[Tree], input: &str, scale: f64) -> String {
        let (mut tree_ids, mut node_ids, mut columns) = (vec![], vec![], vec![]);
        let (mut thresholds, mut left_ids, mut right_ids) = (vec![], vec![], vec![]);
        let (mut missing_left, mut modes) = (vec![], vec![]);
        let (mut target_trees, mut target_nodes, mut values) = (vec![], vec![], vec![]);
        for (tree_id, tree) in (0_u64..).zip(trees) {
            for (node_id, node) in (0_u64..).zip(tree.nodes()) {
                tree_ids.push(tree_id);
                node_ids.push(node_id);
                let (column, threshold, to_left, left, right) = match *node {
                    Node::Leaf { value } => {
                        target_trees.push(tree_id);
                        target_nodes.push(node_id);
                        values.push(value * scale);
                        (0, 0.0, false, 0, 0)
                    }
                    Node::Split { column, threshold, missing_left, left, right } => {
                        (column, threshold, missing_left, left, right)
                    }
                };
                modes.push(if matches!(node, Node::Leaf { .. }) { "LEAF" } else { "BRANCH_LEQ" });
                columns.push(u64::from(column));
                thresholds.push(threshold);
                missing_left.push(u64::from(to_left));
                left_ids.push(u64::from(left));
                right_ids.push(u64::from(right));
            }
        }
        let targets = vec![0; values.len()];
        let attributes = vec![
            attribute("n_targets", 2).number(3, 1),
            text("aggregate_function", "SUM"),
            text("post_transform", "NONE"),
            numbers("nodes_treeids", &tree_ids),
            numbers("nodes_nodeids", &node_ids),
            numbers("nodes_featureids", &columns),
            modes.iter().fold(attribute("nodes_modes", 8), |list, mode| list.text(9, mode)),
            doubles("nodes_values_as_tensor", &thresholds),
            numbers("nodes_truenodeids", &left_ids),
            numbers("nodes_falsenodeids", &right_ids),
            numbers("nodes_missing_value_tracks_true", &missing_left),
            numbers("target_treeids", &target_trees),
            numbers("target_nodeids", &target_nodes),
            numbers("target_ids", &targets),
            doubles("target_weights_as_tensor", &values),
        ];
        let sum = self.named("TreeEnsembleRegressor", &[input], attributes);
        self.named("Cast", &[&sum], vec![attribute("to", 2).number(3, DOUBLE)])
    }

    fn calibrated(&mut self, calibrator: Calibrator, margin: &str) -> String {
        match calibrator {
            Calibrator::Identity => margin.to_owned(),
            Calibrator::Intercept { shift } => self.with("Add", margin, shift),
            Calibrator::Platt { slope, shift } => {
                let scaled = self.with("Mul", margin, slope);
                self.with("Add", &scaled, shift)
            }
            Calibrator::Beta { a, b, c } => {
                let negative = self.apply("Neg", &[margin]);
                let (up, down) = (self.softplus(margin), self.softplus(&negative));
                let (up, down) = (self.with("Mul", &up, b), self.with("Mul", &down, a));
                let difference = self.apply("Sub", &[&up, &down]);
                self.with("Add", &difference, c)
            }
            Calibrator::Spline(spline) => self.spline(&spline, margin),
        }
    }

    fn spline(&mut self, spline: &Spline, margin: &str) -> String {
        let (low, high) = spline.tails();
        let below = self.with("Add", margin, -low.0);
        let below = self.with("Min", &below, 0.0);
        let below = self.with("Mul", &below, low.1);
        let mut sum = self.with("Add", &below, spline.shift());
        for Stretch { from, to, slope, bend } in spline.stretches() {
            let held = self.with("Max", margin, from);
            let held = self.with("Min", &held, to);
            let u = self.with("Add", &held, -from);
            let bent = self.with("Mul", &u, bend);
            let bent = self.with("Add", &bent, slope);
            let risen = self.apply("Mul", &[&u, &bent]);
            sum = self.apply("Add", &[&sum, &risen]);
        }
        let above = self.with("Add", margin, -high.0);
        let above = self.with("Max", &above, 0.0);
        let above = self.with("Mul", &above, high.1);
        self.apply("Add", &[&sum, &above])
    }

    /// ln(1 + e^x) = max(x, 0) + ln(1 + e^−|x|), in doubles, which `Softplus` is not everywhere.
    fn softplus(&mut self, input: &str) -> String {
        let positive = self.with("Max", input, 0.0);
        let size = self.apply("Abs", &[input]);
        let size = self.apply("Neg", &[&size]);
        let size = self.apply("Exp", &[&size]);
        let size = self.with("Add", &size, 1.0);
        let rest = self.apply("Log", &[&size]);
        self.apply("Add", &[&positive, &rest])
    }
}

/// A tensor of any number of rows.
fn value(name: &str, columns: usize) -> Message {
    let rows = Message::default().text(2, "rows");
    let shape = Message::default().messages(1, &[rows, Message::default().number(1, columns as u64)]);
    let tensor = Message::default().number(1, DOUBLE).message(2, &shape);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

fn tensor(name: &str, dims: &[usize], values: &[f64]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensor = dims.iter().fold(Message::default(), |tensor, &dim| tensor.number(1, dim as u64));
    tensor.number(2, DOUBLE).text(8, name).bytes(9, &raw)
}

/// An attribute of an `AttributeProto.AttributeType`.
fn attribute(name: &str, kind: u64) -> Message {
    Message::default().text(1, name).number(20, kind)
}

fn text(name: &str, text: &str) -> Message {
    attribute(name, 3).text(4, text)
}

fn numbers(name: &str, numbers: &[u64]) -> Message {
    numbers.iter().fold(attribute(name, 7), |list, &number| list.number(8, number))
}

fn doubles(name: &str, values: &[f64]) -> Message {
    attribute(name, 4).message(5, &tensor(name, &[values.len()], values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boost::BoostModel;
    use crate::forest::ForestModel;
    use crate::logistic::LinearModel;
    use crate::probability::sigmoid;

    fn tree(threshold: f64, missing_left: bool, values: [f64; 3]) -> Tree {
        let split =
            |column, threshold, left| Node::Split { column, threshold, missing_left, left, right: left + 1 };
        let leaf = |value| Node::Leaf { value };
        let [first, second, third] = values;
        let nodes = vec![split(0, threshold, 1), leaf(first), split(1, -0.1, 3), leaf(second), leaf(third)];
        Tree::new(nodes, 2).unwrap()
    }

    /// The bytes that `tests/fixtures/onnx.py` checked with onnxruntime: all three learners, each calibrator.
    #[test]
    fn writes_what_onnxruntime_was_checked_with() {
        let trees = vec![tree(0.3, true, [0.2, -0.4, 0.7]), tree(-1.0, false, [0.15, 0.6, -0.3])];
        let shares = vec![tree(0.3, true, [0.2, 0.9, 0.5]), tree(-1.0, false, [0.15, 0.6, 0.3])];
        let classifiers = [
            Classifier::Boost(BoostModel { base: -0.4, trees }),
            Classifier::Forest(ForestModel { trees: shares }),
            Classifier::Linear(LinearModel { weights: vec![0.5, -1.25], intercept: 0.1 }),
        ];
        let members: Vec<Exported<'_>> = classifiers
            .iter()
            .zip([0.5, 0.25, 0.375])
            .map(|(classifier, weight)| Exported { weight, classifier, width: 2 })
            .collect();
        let values = [-2.0, -1.0, -0.1, 0.0, 0.3, 0.300_000_000_000_1, 2.5, f64::NAN];
        let all: Vec<[f64; 2]> = values.iter().flat_map(|&a| values.iter().map(move |&b| [a, b])).collect();
        for (name, calibrator) in [
            ("identity", Calibrator::Identity),
            ("intercept", Calibrator::Intercept { shift: 0.2 }),
            ("platt", Calibrator::Platt { slope: 0.8, shift: -0.1 }),
            ("beta", Calibrator::Beta { a: 0.9, b: 1.2, c: 0.05 }),
            ("spline", Calibrator::Spline(Spline::example())),
        ] {
            // A linear model's rows have no missing values: the first model is of trees alone.
            let is_trees = matches!(calibrator, Calibrator::Identity);
            let members = if is_trees { &members[..2] } else { &members };
            let rows = all.iter().filter(|row| is_trees || !row.iter().any(|value| value.is_nan()));
            let rows: Vec<&[f64; 2]> = rows.collect();
            let margins = rows.iter().map(|row| {
                members.iter().map(|m| m.weight * m.classifier.margin(m.classifier.raw(*row))).sum::<f64>()
            });
            let expected: Vec<serde_json::Value> = rows
                .iter()
                .zip(margins)
                .map(|(row, margin)| serde_json::json!([row, margin, sigmoid(calibrator.apply(margin))]))
                .collect();
            let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
            let bytes = onnx(members, calibrator, None);
            let table = format!("{}\n", serde_json::Value::from(expected));
            if std::env::var_os("HOLDFAST_WRITE_FIXTURES").is_some() {
                let write = |suffix: &str, bytes: &[u8]| {
                    crate::artifact::write(&fixtures.join(format!("onnx_{name}.{suffix}")), bytes).unwrap();
                };
                write("onnx", &bytes);
                write("json", table.as_bytes());
            }
            let read = |suffix: &str| std::fs::read(fixtures.join(format!("onnx_{name}.{suffix}"))).unwrap();
            assert!(read("onnx") == bytes, "{name}: check the new bytes with tests/fixtures/onnx.py");
            assert_eq!(String::from_utf8(read("json")).unwrap(), table);
        }
    }
}
