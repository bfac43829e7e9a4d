//! Answers in the words of the protocol.

use holdfast_actions::band::Band;
use holdfast_actions::guardrail::Delivery;
use holdfast_actions::health::Health;
use holdfast_actions::playbook::Channel;
use holdfast_actions::response::{Escalation, Trigger};
use holdfast_actions::{Account, Action, Assessment, Reason, Suppressed, answer_account, assess};
use holdfast_features::signal::Signal;
use holdfast_features::stage::{Basis, Placement, Stage};
use holdfast_features::{Dimension, FeatureSpec, Kind, Role, Timestamp, Value};
use holdfast_models::calibrate::Rung;
use holdfast_models::{HorizonRisk, ModelRef, OutcomeProbabilities, Prediction, Scratch};
use holdfast_proto::v1;

use crate::loaded::Loaded;
use crate::request::Known;

/// The score alone.
pub(crate) fn score(loaded: &Loaded, subject: Known<'_>) -> v1::Score {
    scored(loaded, subject, assess(loaded.policy(), loaded.bundle(), &account(subject)))
}

/// The score and why.
pub(crate) fn explanation(loaded: &Loaded, subject: Known<'_>) -> v1::ExplainResponse {
    let specs = loaded.bundle().model.specs();
    let answer = answer_account(loaded.policy(), loaded.bundle(), &account(subject));
    let mut contributions: Vec<v1::Contribution> = answer
        .explanation
        .contributions
        .iter()
        .map(|&(position, logit)| contribution(&specs[position], subject.row.value(position), logit))
        .collect();
    contributions.sort_by(|a, b| b.logit.abs().total_cmp(&a.logit.abs()));
    let dimensions = answer.reasons.by_dimension.iter().map(|(dimension, logit)| v1::DimensionContribution {
        dimension: optional_dimension(*dimension).into(),
        logit: *logit,
    });
    v1::ExplainResponse {
        base_logit: answer.explanation.base,
        contributions,
        dimensions: dimensions.collect(),
        reasons_for: reasons(answer.reasons.raising),
        reasons_against: reasons(answer.reasons.lowering),
        reasons_unknown: reasons(answer.reasons.no_data),
        score: Some(scored(loaded, subject, answer.assessment)),
    }
}

/// The score, why, and what to do.
pub(crate) fn recommendation(loaded: &Loaded, subject: Known<'_>) -> v1::RecommendResponse {
    let mut answer = answer_account(loaded.policy(), loaded.bundle(), &account(subject));
    let signals = std::mem::take(&mut answer.assessment.signals);
    v1::RecommendResponse {
        reasons_for: reasons(answer.reasons.raising),
        reasons_against: reasons(answer.reasons.lowering),
        reasons_unknown: reasons(answer.reasons.no_data),
        signals: signals.into_iter().map(signal).collect(),
        actions: (1..).zip(answer.actions).map(|(rank, action)| recommended(rank, action)).collect(),
        suppressed: answer.suppressed.into_iter().map(suppressed).collect(),
        escalation: answer.escalation.map(escalation),
        notes: answer.notes,
        arr_at_risk: answer.arr_at_risk,
        currency: answer.currency.unwrap_or_default(),
        score: Some(scored(loaded, subject, answer.assessment)),
    }
}

/// The model's name and version.
pub(crate) fn model_version(model: &ModelRef) -> v1::ModelVersion {
    let version = model.version.map(|version| version.to_string()).unwrap_or_default();
    v1::ModelVersion { name: model.name.to_string(), version }
}

/// How probabilities were calibrated.
pub(crate) fn calibration(rung: Rung) -> v1::CalibrationMethod {
    match rung {
        Rung::Identity => v1::CalibrationMethod::Identity,
        Rung::Intercept => v1::CalibrationMethod::Intercept,
        Rung::Platt => v1::CalibrationMethod::Platt,
        Rung::Beta => v1::CalibrationMethod::Beta,
        Rung::Spline => v1::CalibrationMethod::Spline,
    }
}

/// A column that a request may give.
pub(crate) fn feature(spec: &FeatureSpec) -> v1::Feature {
    v1::Feature {
        name: spec.name.clone(),
        dimension: optional_dimension(spec.dimension).into(),
        kind: match spec.kind {
            Kind::Number => v1::FeatureKind::Number,
            Kind::Boolean => v1::FeatureKind::Boolean,
            Kind::Category => v1::FeatureKind::Category,
        }
        .into(),
        role: match spec.role {
            Role::Feature => v1::FeatureRole::Feature,
            Role::Context => v1::FeatureRole::Context,
        }
        .into(),
        unit: spec.unit.clone(),
        meaning: spec.meaning.clone(),
    }
}

/// A point in time.
#[expect(clippy::cast_possible_truncation, reason = "less than a billion")]
pub(crate) fn time(time: Timestamp) -> prost_types::Timestamp {
    let (seconds, micros) = (time.0.div_euclid(1_000_000), time.0.rem_euclid(1_000_000));
    prost_types::Timestamp { seconds, nanos: (micros * 1_000) as i32 }
}

/// What was done for it before is in its row.
fn account(subject: Known<'_>) -> Account<'_> {
    Account { row: subject.row, as_of: subject.as_of, readings: subject.readings, touches: &[] }
}

fn scored(loaded: &Loaded, subject: Known<'_>, assessment: Assessment) -> v1::Score {
    let prediction = assessment.prediction;
    let placement = assessment.stage;
    v1::Score {
        account_id: subject.account_id.to_owned(),
        as_of: Some(time(subject.as_of)),
        model: Some(model_version(loaded.model())),
        probability: prediction.probability,
        p_low: prediction.p_low,
        p_high: prediction.p_high,
        horizon_days: loaded.bundle().manifest.horizon_days(subject.row).unwrap_or_default(),
        band: band(assessment.band).into(),
        stage: placement.map_or(v1::Stage::Unspecified, |placed| stage(placed.stage)).into(),
        stage_basis: placement.map_or(v1::StageBasis::Unspecified, stage_basis).into(),
        underlying_stage: placement.map_or(v1::Stage::Unspecified, |placed| stage(placed.underlying)).into(),
        health: Some(health(&assessment.health, assessment.health_band, assessment.health_percentile)),
        band_reasons: assessment.band_reasons,
        horizon_risks: horizon_risks(loaded, subject, &prediction),
        outcomes: loaded
            .bundle()
            .outcome_probabilities(subject.row, &prediction, &mut Scratch::default())
            .map(outcomes),
    }
}

fn outcomes(found: OutcomeProbabilities) -> v1::OutcomeProbabilities {
    let OutcomeProbabilities { churned, contracted, renewed, expanded } = found;
    v1::OutcomeProbabilities { churned, contracted, renewed, expanded }
}

fn horizon_risks(loaded: &Loaded, subject: Known<'_>, prediction: &Prediction) -> Vec<v1::HorizonRisk> {
    let risks = loaded.bundle().horizon_risks(subject.row, prediction);
    let message =
        |risk: HorizonRisk| v1::HorizonRisk { days: risk.days, churn_probability: risk.churn_probability };
    risks.into_iter().flatten().map(message).collect()
}

fn health(health: &Health, of_health: Option<Band>, percentile: Option<f64>) -> v1::Health {
    let dimensions = health.dimensions.iter().map(|one| v1::DimensionHealth {
        dimension: dimension(one.dimension).into(),
        score: one.score,
        weight: one.weight,
        n_features: u32::try_from(one.n_features).unwrap_or(u32::MAX),
    });
    v1::Health {
        overall: health.overall,
        dimensions: dimensions.collect(),
        data_sparse: health.data_sparse,
        band: of_health.map_or(v1::Band::Unspecified, band).into(),
        percentile,
    }
}

fn contribution(spec: &FeatureSpec, value: Value<'_>, logit: f64) -> v1::Contribution {
    use v1::feature_value::Kind::{Boolean, Missing, Number, Text};
    let kind = match (spec.kind, value) {
        (_, Value::Number(number)) if number.is_nan() => Missing(v1::Missing {}),
        (Kind::Boolean, Value::Number(number)) => Boolean(number != 0.0),
        (_, Value::Number(number)) => Number(number),
        (_, Value::Text(Some(text))) => Text(text.to_owned()),
        (_, Value::Text(None)) => Missing(v1::Missing {}),
    };
    v1::Contribution {
        feature: spec.name.clone(),
        dimension: optional_dimension(spec.dimension).into(),
        value: Some(v1::FeatureValue { kind: Some(kind) }),
        unit: spec.unit.clone(),
        logit,
    }
}

fn reasons(reasons: Vec<Reason>) -> Vec<v1::Reason> {
    let reason = |reason: Reason| v1::Reason {
        dimension: optional_dimension(reason.dimension).into(),
        feature: reason.feature,
        logit: reason.log_odds,
        text: reason.text,
    };
    reasons.into_iter().map(reason).collect()
}

fn signal(signal: Signal) -> v1::Signal {
    let evidence = signal.evidence.into_iter().map(|evidence| v1::Evidence {
        feature: evidence.feature.to_owned(),
        value: evidence.value,
        unit: evidence.unit.to_owned(),
        window_days: evidence.window_days,
        text: evidence.text,
    });
    v1::Signal {
        kind: signal.kind.name().to_owned(),
        dimension: optional_dimension(signal.dimension).into(),
        evidence: evidence.collect(),
        text: signal.text,
    }
}

fn recommended(rank: u32, action: Action) -> v1::Action {
    v1::Action {
        play_id: action.play,
        title: action.title,
        rank,
        dimension: optional_dimension(action.dimension).into(),
        reasons: action.reasons,
        due_within_hours: action.due_within_hours,
        due_at: Some(time(action.due_at)),
        owner_role: action.owner_role,
        channel: channel(action.channel).into(),
        delivery: match action.delivery {
            Delivery::Automated => v1::Delivery::Automated,
            Delivery::Draft => v1::Delivery::Draft,
            Delivery::Person => v1::Delivery::Person,
        }
        .into(),
        approval_reason: action.approval,
        steps: action.steps,
        resources: action.resources,
        success_criteria: action.success_criteria,
        escalation: action.escalation,
        talking_points: action.talking_points,
        probability_fall: action.probability_fall,
        expected_saved_arr: action.expected_saved_arr,
        expected_new_arr: action.expected_new_arr,
        cost: action.cost,
    }
}

fn suppressed(suppressed: Suppressed) -> v1::SuppressedAction {
    v1::SuppressedAction {
        play_id: suppressed.play,
        title: suppressed.title,
        guardrail: suppressed.guardrail.name().to_owned(),
        reason: suppressed.why,
    }
}

fn escalation(escalation: Escalation) -> v1::Escalation {
    let reasons = escalation.reasons.into_iter().map(|(trigger, text)| v1::EscalationReason {
        trigger: match trigger {
            Trigger::HealthDrop => v1::EscalationTrigger::HealthDrop,
            Trigger::SponsorSilent => v1::EscalationTrigger::SponsorSilent,
            Trigger::RenewalAtRisk => v1::EscalationTrigger::RenewalAtRisk,
            Trigger::StrategicAtRisk => v1::EscalationTrigger::StrategicAtRisk,
        }
        .into(),
        text,
    });
    v1::Escalation { reasons: reasons.collect(), respond_within_hours: escalation.respond_within_hours }
}

fn dimension(dimension: Dimension) -> v1::Dimension {
    match dimension {
        Dimension::Usage => v1::Dimension::Usage,
        Dimension::Engagement => v1::Dimension::Engagement,
        Dimension::Financial => v1::Dimension::Financial,
        Dimension::Relationship => v1::Dimension::Relationship,
    }
}

fn optional_dimension(declared: Option<Dimension>) -> v1::Dimension {
    declared.map_or(v1::Dimension::Unspecified, dimension)
}

fn band(band: Band) -> v1::Band {
    match band {
        Band::Healthy => v1::Band::Healthy,
        Band::Low => v1::Band::LowRisk,
        Band::Medium => v1::Band::MediumRisk,
        Band::High => v1::Band::HighRisk,
    }
}

fn stage(stage: Stage) -> v1::Stage {
    match stage {
        Stage::Onboarding => v1::Stage::Onboarding,
        Stage::Adoption => v1::Stage::Adoption,
        Stage::ValueRealisation => v1::Stage::ValueRealisation,
        Stage::Expansion => v1::Stage::Expansion,
        Stage::Renewal => v1::Stage::Renewal,
    }
}

fn stage_basis(placement: Placement) -> v1::StageBasis {
    match placement.basis {
        Basis::Days => v1::StageBasis::Days,
        Basis::Outcomes => v1::StageBasis::Outcomes,
        Basis::Signals => v1::StageBasis::Signals,
        Basis::TermEnd => v1::StageBasis::TermEnd,
    }
}

fn channel(channel: Channel) -> v1::Channel {
    match channel {
        Channel::Email => v1::Channel::Email,
        Channel::InApp => v1::Channel::InApp,
        Channel::Call => v1::Channel::Call,
        Channel::Meeting => v1::Channel::Meeting,
        Channel::Webinar => v1::Channel::Webinar,
        Channel::Training => v1::Channel::Training,
        Channel::Internal => v1::Channel::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_epoch_have_positive_nanoseconds() {
        let at = |micros| time(Timestamp(micros));
        assert_eq!((at(1_500_000).seconds, at(1_500_000).nanos), (1, 500_000_000));
        assert_eq!((at(-1).seconds, at(-1).nanos), (-1, 999_999_000));
    }
}
