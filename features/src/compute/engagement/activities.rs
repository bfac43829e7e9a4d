//! The activities of an account as known at an observation, and what one pass over them tells.

use std::cell::OnceCell;
use std::ops::Range;

use crate::compute::window::{count, days_since, is_within, mean, median, recent};
use crate::history::{Activity, ActivityStatus, ActivityType, Initiator};
use crate::time::{DAY, Timestamp};

/// The activities known at an observation; at least one. In the order of knowledge.
pub(in crate::compute) struct Activities<'a> {
    visible: &'a [Activity],
    pub(in crate::compute) as_of: Timestamp,
    seen: OnceCell<Seen<'a>>,
}

/// What all known activities tell, gathered in one pass for the features that ask.
#[derive(Default)]
pub(in crate::compute) struct Seen<'a> {
    pub(in crate::compute) last_28: Tally,
    pub(in crate::compute) last_90: Tally,
    /// The 90 days before the last 90.
    pub(in crate::compute) prior_90: Tally,
    pub(in crate::compute) last_365: Tally,
    pub(in crate::compute) ever: Tally,
    /// Held meetings, answers and what the customer began: the latest.
    pub(super) two_way: Option<Timestamp>,
    /// Bit n: such contact between n and n + 1 weeks ago; 12 weeks.
    pub(super) two_way_weeks: u32,
    /// What the customer began.
    pub(in crate::compute) by_customer: Option<Timestamp>,
    /// E-mails that the customer began or answered.
    pub(super) wrote: Option<Timestamp>,
    pub(super) meeting_held: Option<Timestamp>,
    pub(super) review_held: Option<Timestamp>,
    pub(super) review_missed: Option<Timestamp>,
    pub(super) taught: Option<Timestamp>,
    pub(super) posted: Option<Timestamp>,
    /// The latest activity with a sentiment, and the sentiment.
    pub(super) tone: Option<(Timestamp, f64)>,
    /// Each contact that an activity names, in the order of the first.
    pub(in crate::compute) threads: Vec<Thread<'a>>,
}

/// Activities of a window by what they were.
#[derive(Default)]
pub(in crate::compute) struct Tally {
    pub(super) all: u32,
    pub(super) automated: u32,
    /// Those that tell who began.
    pub(in crate::compute) initiator_told: u32,
    pub(in crate::compute) by_customer: u32,
    /// E-mails, calls and meetings that we began, by hand.
    pub(super) outreach: u32,
    /// E-mails among them, and those answered before the observation.
    pub(super) emails_ours: u32,
    pub(super) emails_answered: u32,
    pub(super) emails_theirs: u32,
    /// Any answer to any activity.
    pub(super) answers: u32,
    /// Calls, meetings and reviews.
    pub(super) meetings: u32,
    pub(super) meetings_held: u32,
    pub(super) reviews: u32,
    pub(super) reviews_held: u32,
    /// Trainings and webinars.
    pub(super) lessons: u32,
    pub(super) lessons_held: u32,
    pub(super) community: u32,
    /// Two-way contacts, by the time of the answer where it was one.
    pub(super) two_way: u32,
    /// Sentiments told, those below 0, and the lowest.
    pub(super) tones: u32,
    pub(super) tones_negative: u32,
    pub(super) tone_lowest: Option<f64>,
}

/// What is known of the conversation with one contact.
pub(in crate::compute) struct Thread<'a> {
    pub(in crate::compute) contact_id: &'a str,
    /// The latest activity that no machine sent.
    pub(in crate::compute) last: Option<Timestamp>,
    /// The latest that the contact began.
    pub(in crate::compute) last_begun: Option<Timestamp>,
    pub(in crate::compute) last_two_way: Option<Timestamp>,
    /// Two-way contacts in the last 90 days.
    pub(in crate::compute) two_way_90: u32,
    /// And in the 90 days before.
    pub(in crate::compute) two_way_prior_90: u32,
}

/// Where the pieces of the look-back end, in days: windows begin and end there. The last is more than any history has.
const PIECES: [i64; 5] = [28, 90, 180, 365, 1_000_000];

impl<'a> Activities<'a> {
    /// `None` where no activity is known yet.
    pub(in crate::compute) fn at(activities: &'a [Activity], as_of: Timestamp) -> Option<Self> {
        let visible = &activities[..activities.partition_point(|one| one.visible_at < as_of)];
        (!visible.is_empty()).then_some(Self { visible, as_of, seen: OnceCell::new() })
    }

    /// What one pass over all of them tells.
    pub(in crate::compute) fn seen(&self) -> &Seen<'a> {
        self.seen.get_or_init(|| Seen::of(self.visible, self.as_of))
    }

    /// Activities within `days` before the observation.
    pub(super) fn within(&self, days: Range<i64>) -> impl Iterator<Item = &'a Activity> {
        let as_of = self.as_of;
        let visible: &'a [Activity] = self.visible;
        recent(visible, as_of, days.end, |one| one.visible_at)
            .iter()
            .filter(move |one| is_within(one.occurred_at, as_of, &days))
    }

    pub(super) fn personal(&self, days: Range<i64>) -> impl Iterator<Item = &'a Activity> {
        self.within(days).filter(|one| one.is_automated != Some(true))
    }

    pub(super) fn response_hours(&self, days: Range<i64>) -> f64 {
        let as_of = self.as_of;
        median(self.within(days).filter_map(|one| answered_before(one, as_of).and(one.response_hours)))
    }

    pub(super) fn sentiment(&self, days: Range<i64>) -> f64 {
        mean(self.within(days).filter_map(|one| one.sentiment))
    }

    /// Days since that time of the pass; NaN where there is none.
    pub(in crate::compute) fn days_since(&self, time: Option<Timestamp>) -> f64 {
        days_since(self.as_of, time.into_iter())
    }

    /// Calls, meetings and reviews cancelled or missed since the latest held one.
    pub(super) fn missed_in_a_row(&self) -> f64 {
        let since = self.seen().meeting_held;
        let missed = self.after(since).filter(|one| is_meeting(one) && !is_held(one));
        count(missed)
    }

    /// What we began by hand since the customer was last heard from.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = &'a Activity> {
        self.after(self.seen().two_way).filter(|one| is_outreach(one))
    }

    fn after(&self, since: Option<Timestamp>) -> impl Iterator<Item = &'a Activity> + use<'a> {
        let since = since.unwrap_or(Timestamp(i64::MIN));
        let start = self.visible.partition_point(|one| one.visible_at <= since);
        self.visible[start..].iter().filter(move |one| one.occurred_at > since)
    }
}

impl<'a> Seen<'a> {
    fn of(visible: &'a [Activity], as_of: Timestamp) -> Self {
        let mut seen = Self::default();
        // By the piece of the look-back; windows are put together from them at the end.
        let mut pieces: [Tally; PIECES.len()] = Default::default();
        for one in visible {
            let answered = answered_before(one, as_of);
            let two_way = two_way(one, answered);
            seen.add_times(one, answered, two_way);
            if let Some(piece) = piece_of(age(one.occurred_at, as_of)) {
                pieces[piece].add(one, answered);
            }
            let two_way_age = two_way.map(|at| age(at, as_of));
            if let Some(piece) = two_way_age.and_then(piece_of) {
                pieces[piece].two_way += 1;
            }
            if let Some(age) = two_way_age.filter(|age| holds(&(0..12 * 7), *age)) {
                // A week holds its start, the more distant end, and not its end.
                seen.two_way_weeks |= 1 << ((age - 1) / (7 * DAY));
            }
            if let Some(contact_id) = &one.contact_id {
                seen.thread(contact_id).add(one, two_way, as_of);
            }
        }
        let windows = [
            (&mut seen.last_28, 0..1),
            (&mut seen.last_90, 0..2),
            (&mut seen.prior_90, 2..3),
            (&mut seen.last_365, 0..4),
            (&mut seen.ever, 0..5),
        ];
        for (window, of) in windows {
            pieces[of].iter().for_each(|piece| window.take_in(piece));
        }
        seen
    }

    /// The conversation with a contact, where there is one.
    pub(in crate::compute) fn with(&self, contact_id: &str) -> Option<&Thread<'a>> {
        self.threads.iter().find(|thread| is_same(thread.contact_id, contact_id))
    }

    fn add_times(&mut self, one: &Activity, answered: Option<Timestamp>, two_way: Option<Timestamp>) {
        let at = one.occurred_at;
        let by_customer = one.initiated_by == Some(Initiator::Customer);
        self.two_way = self.two_way.max(two_way);
        if by_customer {
            self.by_customer = self.by_customer.max(Some(at));
        }
        if one.activity_type == ActivityType::Email {
            self.wrote = self.wrote.max(by_customer.then_some(at)).max(answered);
        }
        if is_meeting(one) && is_held(one) {
            self.meeting_held = self.meeting_held.max(Some(at));
        }
        let latest = match (one.activity_type, is_held(one)) {
            (ActivityType::Qbr, true) => Some(&mut self.review_held),
            (ActivityType::Qbr, false) => Some(&mut self.review_missed),
            (ActivityType::Training | ActivityType::Webinar, true) => Some(&mut self.taught),
            (ActivityType::Community, _) => Some(&mut self.posted),
            _ => None,
        };
        if let Some(latest) = latest {
            *latest = (*latest).max(Some(at));
        }
        if let Some(tone) = one.sentiment {
            // Of several at one time the lowest.
            let is_later = |(then, lowest): (Timestamp, f64)| at > then || (at == then && tone < lowest);
            self.tone = if self.tone.is_none_or(is_later) { Some((at, tone)) } else { self.tone };
        }
    }

    fn thread(&mut self, contact_id: &'a str) -> &mut Thread<'a> {
        let known = self.threads.iter().position(|thread| is_same(thread.contact_id, contact_id));
        let index = known.unwrap_or_else(|| {
            self.threads.push(Thread {
                contact_id,
                last: None,
                last_begun: None,
                last_two_way: None,
                two_way_90: 0,
                two_way_prior_90: 0,
            });
            self.threads.len() - 1
        });
        &mut self.threads[index]
    }
}

impl Tally {
    /// Adds what another window tallied.
    fn take_in(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.all, other.all),
            (&mut self.automated, other.automated),
            (&mut self.initiator_told, other.initiator_told),
            (&mut self.by_customer, other.by_customer),
            (&mut self.outreach, other.outreach),
            (&mut self.emails_ours, other.emails_ours),
            (&mut self.emails_answered, other.emails_answered),
            (&mut self.emails_theirs, other.emails_theirs),
            (&mut self.answers, other.answers),
            (&mut self.meetings, other.meetings),
            (&mut self.meetings_held, other.meetings_held),
            (&mut self.reviews, other.reviews),
            (&mut self.reviews_held, other.reviews_held),
            (&mut self.lessons, other.lessons),
            (&mut self.lessons_held, other.lessons_held),
            (&mut self.community, other.community),
            (&mut self.two_way, other.two_way),
            (&mut self.tones, other.tones),
            (&mut self.tones_negative, other.tones_negative),
        ] {
            *sum += more;
        }
        self.tone_lowest = self.tone_lowest.into_iter().chain(other.tone_lowest).reduce(f64::min);
    }

    fn add(&mut self, one: &Activity, answered: Option<Timestamp>) {
        use ActivityType as Type;
        let is_ours = one.initiated_by == Some(Initiator::Vendor) && one.is_automated != Some(true);
        let is_theirs = one.initiated_by == Some(Initiator::Customer);
        let is_email = one.activity_type == Type::Email;
        let held = u32::from(is_held(one));
        self.all += 1;
        self.automated += u32::from(one.is_automated == Some(true));
        self.initiator_told += u32::from(one.initiated_by.is_some());
        self.by_customer += u32::from(is_theirs);
        self.outreach += u32::from(is_outreach(one));
        self.emails_ours += u32::from(is_email && is_ours);
        self.emails_answered += u32::from(is_email && is_ours && answered.is_some());
        self.emails_theirs += u32::from(is_email && is_theirs);
        self.answers += u32::from(answered.is_some());
        match one.activity_type {
            Type::Call | Type::Meeting | Type::Qbr => {
                self.meetings += 1;
                self.meetings_held += held;
                self.reviews += u32::from(one.activity_type == Type::Qbr);
                self.reviews_held += u32::from(one.activity_type == Type::Qbr) * held;
            }
            Type::Training | Type::Webinar => {
                self.lessons += 1;
                self.lessons_held += held;
            }
            Type::Community => self.community += 1,
            Type::Email => {}
        }
        if let Some(tone) = one.sentiment {
            self.tones += 1;
            self.tones_negative += u32::from(tone < 0.0);
            self.tone_lowest = Some(self.tone_lowest.map_or(tone, |lowest| lowest.min(tone)));
        }
    }
}

impl Thread<'_> {
    fn add(&mut self, one: &Activity, two_way: Option<Timestamp>, as_of: Timestamp) {
        let is_within = |days: &Range<i64>| two_way.is_some_and(|at| holds(days, age(at, as_of)));
        if one.is_automated != Some(true) {
            self.last = self.last.max(Some(one.occurred_at));
        }
        if one.initiated_by == Some(Initiator::Customer) {
            self.last_begun = self.last_begun.max(Some(one.occurred_at));
        }
        self.last_two_way = self.last_two_way.max(two_way);
        self.two_way_90 += u32::from(is_within(&(0..90)));
        self.two_way_prior_90 += u32::from(is_within(&(90..180)));
    }
}

/// Whether two ids are the same: those of one account differ at their ends, if anywhere.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().next_back() == other.bytes().next_back() && one == other
}

/// Microseconds from `time` to the observation.
fn age(time: Timestamp, as_of: Timestamp) -> i64 {
    as_of.0.saturating_sub(time.0)
}

/// The piece of the look-back that holds a time of that age; `None` from the observation on.
fn piece_of(age: i64) -> Option<usize> {
    PIECES.iter().position(|end| age <= end * DAY).filter(|_| age > 0)
}

/// [`is_within`] for a time of that age.
fn holds(days: &Range<i64>, age: i64) -> bool {
    age > days.start * DAY && age <= days.end * DAY
}

pub(super) fn is_meeting(one: &Activity) -> bool {
    matches!(one.activity_type, ActivityType::Call | ActivityType::Meeting | ActivityType::Qbr)
}

pub(super) fn is_held(one: &Activity) -> bool {
    matches!(one.status, None | Some(ActivityStatus::Completed))
}

/// What we began by hand and what asks for an answer.
fn is_outreach(one: &Activity) -> bool {
    (is_meeting(one) || one.activity_type == ActivityType::Email)
        && one.initiated_by == Some(Initiator::Vendor)
        && one.is_automated != Some(true)
}

/// When the customer answered, if before the observation.
fn answered_before(one: &Activity, as_of: Timestamp) -> Option<Timestamp> {
    answered_at(one).filter(|&answered| answered < as_of)
}

/// When the customer answered: the hours count from the activity.
pub(in crate::compute) fn answered_at(one: &Activity) -> Option<Timestamp> {
    let hours = one.response_hours?;
    #[expect(clippy::cast_possible_truncation, reason = "saturates, which is far in the future")]
    let micros = (hours / 24.0 * DAY_MICROS) as i64;
    Some(one.occurred_at + micros)
}

#[expect(clippy::cast_precision_loss, reason = "exact: below 2^53")]
const DAY_MICROS: f64 = DAY as f64;

/// When both sides took part; `None` for what only we sent.
fn two_way(one: &Activity, answered: Option<Timestamp>) -> Option<Timestamp> {
    if one.is_automated == Some(true) {
        return None;
    }
    let attended = is_held(one)
        && !matches!(one.activity_type, ActivityType::Email | ActivityType::Community)
        && (one.status.is_some() || one.initiated_by.is_none());
    if one.initiated_by == Some(Initiator::Customer) || attended {
        return Some(one.occurred_at);
    }
    answered
}
