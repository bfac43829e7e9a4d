//! Financial: what is paid, on which terms, how punctually, and what is on offer.

mod book;
mod contract;
mod invoices;
mod lateness;
mod opportunities;
mod revenue;

use super::declared::Declared;

pub(super) use contract::ContractView;
pub(super) use invoices::Invoices;
pub(super) use opportunities::Opportunities;

/// All of them.
pub(super) const FEATURES: [&[Declared]; 6] = [
    contract::CONTRACT,
    book::FEATURES,
    revenue::REVENUE,
    invoices::INVOICES,
    lateness::LATENESS,
    opportunities::OPPORTUNITIES,
];
