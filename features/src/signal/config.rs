//! The thresholds of the signals, `[decisions.signals]`.

use serde::{Deserialize, Serialize};

use crate::settings::Section;

/// When a signal fires. Shares are fractions (0.2 is 20 %).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalConfig {
    /// Fall of users or events over 14 days that is a decline.
    pub usage_decline: f64,
    /// Events in the 14 days before, below which a fall of events says nothing.
    pub usage_decline_events: f64,
    /// Users in the 14 days before, below which a fall of users says nothing.
    pub usage_decline_users: f64,
    /// Tickets in 7 days that are a spike.
    pub support_spike_tickets: f64,
    /// Rise of distinct events over 14 days that is an exploration spike.
    pub exploration_spike: f64,
    /// Distinct events in the 14 days before, below which a rise says nothing.
    pub exploration_spike_events: f64,
    /// Days without a new event after which adoption may have stalled.
    pub adoption_stall_days: f64,
    /// Days without contact begun by the executive sponsor.
    pub sponsor_silent_days: f64,
    /// For how many days a departure, a missed review or a missed milestone stays a signal.
    pub recent_days: f64,
    /// How many times slower answers must be.
    pub response_slowing: f64,
    /// Fall of the mean sentiment, on its scale of −1 to 1.
    pub sentiment_fall: f64,
    /// Highest score of a detractor.
    pub nps_detractor: f64,
    /// For how many days a detractor's answer stays a signal.
    pub nps_days: f64,
    /// Days after which an unpaid invoice is late.
    pub payment_late_days: f64,
    /// Collection attempts that make an open invoice late.
    pub payment_attempts: f64,
    /// Share of seats in use that is over capacity.
    pub over_capacity: f64,
    /// Share of seats in use that is under-use.
    pub under_used: f64,
    /// Days after the start by which first value should be reached.
    pub first_value_days: f64,
    /// Days before a term's end at which the renewal is near.
    pub renewal_near_days: f64,
    /// Shortest term in months of which the renewal is announced.
    pub renewal_term_months: f64,
    /// Fall of the health score over 30 days, in points.
    pub health_drop: f64,
}

impl Default for SignalConfig {
    fn default() -> Self {
        Self {
            usage_decline: 0.2,
            usage_decline_events: 10.0,
            usage_decline_users: 3.0,
            support_spike_tickets: 3.0,
            exploration_spike: 0.5,
            exploration_spike_events: 2.0,
            adoption_stall_days: 90.0,
            sponsor_silent_days: 60.0,
            recent_days: 90.0,
            response_slowing: 2.0,
            sentiment_fall: 0.3,
            nps_detractor: 6.0,
            nps_days: 180.0,
            payment_late_days: 15.0,
            payment_attempts: 2.0,
            over_capacity: 0.9,
            under_used: 0.3,
            first_value_days: 60.0,
            renewal_near_days: 90.0,
            renewal_term_months: 6.0,
            health_drop: 20.0,
        }
    }
}

impl SignalConfig {
    /// Reads `[decisions.signals]`; what is absent keeps its default.
    pub fn from_section(section: &mut Section<'_, '_>) -> Self {
        let mut config = Self::default();
        let mut read = |key: &str, value: &mut f64, high: f64| {
            *value = section.number(key, *value, 0.0..=high);
        };
        read("usage_decline", &mut config.usage_decline, 1.0);
        read("usage_decline_events", &mut config.usage_decline_events, 1e9);
        read("usage_decline_users", &mut config.usage_decline_users, 1e9);
        read("support_spike_tickets", &mut config.support_spike_tickets, 1e6);
        read("exploration_spike", &mut config.exploration_spike, 100.0);
        read("exploration_spike_events", &mut config.exploration_spike_events, 1e6);
        read("adoption_stall_days", &mut config.adoption_stall_days, 3_650.0);
        read("sponsor_silent_days", &mut config.sponsor_silent_days, 3_650.0);
        read("recent_days", &mut config.recent_days, 3_650.0);
        read("response_slowing", &mut config.response_slowing, 100.0);
        read("sentiment_fall", &mut config.sentiment_fall, 2.0);
        read("nps_detractor", &mut config.nps_detractor, 10.0);
        read("nps_days", &mut config.nps_days, 3_650.0);
        read("payment_late_days", &mut config.payment_late_days, 3_650.0);
        read("payment_attempts", &mut config.payment_attempts, 1_000.0);
        read("over_capacity", &mut config.over_capacity, 10.0);
        read("under_used", &mut config.under_used, 1.0);
        read("first_value_days", &mut config.first_value_days, 3_650.0);
        read("renewal_near_days", &mut config.renewal_near_days, 3_650.0);
        read("renewal_term_months", &mut config.renewal_term_months, 120.0);
        read("health_drop", &mut config.health_drop, 100.0);
        config
    }
}
