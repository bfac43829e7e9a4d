//! Accounts and events by number while facts are packed.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use foldhash::fast::FixedState;

use crate::history::Text;

/// Where an account's facts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its number.
    pub(crate) code: u32,
    /// The part that holds its range of ids.
    pub(crate) part: usize,
}

/// The accounts named so far.
#[derive(Debug)]
pub(crate) struct AccountNames {
    bounds: Vec<Text>,
    places: Mutex<HashMap<Text, Place, FixedState>>,
}

/// The events named so far.
#[derive(Debug, Default)]
pub(crate) struct EventNames(Mutex<HashMap<Text, u32, FixedState>>);

impl AccountNames {
    pub(super) fn new(bounds: Vec<Text>) -> Self {
        Self { bounds, places: Mutex::default() }
    }

    /// The place of the account `id`.
    pub(crate) fn place(&self, id: &str) -> Place {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&place) = places.get(id) {
            return place;
        }
        let part = self.bounds.partition_point(|bound| **bound <= *id);
        let place = Place { code: u32::try_from(places.len()).unwrap_or(u32::MAX), part };
        places.insert(id.into(), place);
        place
    }

    /// The ids of the accounts of these codes, in no particular order.
    pub(super) fn ids(&self, codes: &HashSet<u32>) -> Vec<Text> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.iter().filter(|(_, place)| codes.contains(&place.code)).map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn bounds(&self) -> &[Text] {
        &self.bounds
    }

    /// The ids by code.
    pub(super) fn into_ids(self) -> Vec<Text> {
        let places = self.places.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut ids: Vec<(u32, Text)> = places.into_iter().map(|(id, place)| (place.code, id)).collect();
        ids.sort_unstable_by_key(|(code, _)| *code);
        ids.into_iter().map(|(_, id)| id).collect()
    }
}

impl EventNames {
    /// The code of the event `name`.
    pub(crate) fn code(&self, name: &str) -> u32 {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&code) = codes.get(name) {
            return code;
        }
        let code = u32::try_from(codes.len()).unwrap_or(u32::MAX);
        codes.insert(name.into(), code);
        code
    }

    /// The names, ascending, and the position among them of each code: codes depend on which thread came first.
    pub(super) fn into_sorted(self) -> (Vec<Text>, Vec<u32>) {
        let codes = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut named: Vec<(Text, u32)> = codes.into_iter().collect();
        named.sort_unstable();
        let mut position_of = vec![0; named.len()];
        for (position, (_, code)) in named.iter().enumerate() {
            position_of[*code as usize] = u32::try_from(position).unwrap_or(u32::MAX);
        }
        (named.into_iter().map(|(name, _)| name).collect(), position_of)
    }
}
