//! What was done for an account before: what the plays' cooldowns rest on.

use holdfast_features::{Row, Timestamp};
use serde::{Deserialize, Serialize};

/// The context column that holds the touches of the last year: `action@YYYY-MM-DD`, joined with `;`.
pub const COLUMN: &str = "recent_plays";

/// A play that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// The play's id.
    pub play: String,
    /// When; for touches read from a row, the start of the day.
    pub at: Timestamp,
}

/// The touches that `row` tells of, and the parts of its text that tell of none.
///
/// A part that cannot be read is neither guessed nor a reason to answer nothing: the others count, and the
/// answer says of it that no cooldown was kept.
#[must_use]
pub fn of_row<'a>(row: Row<'a>) -> (Vec<Touch>, Vec<&'a str>) {
    row.text(COLUMN).map(of_text).unwrap_or_default()
}

/// As [`of_row`], for the text itself. An action's id may hold an `@`, the last one begins the day.
#[must_use]
pub fn of_text(text: &str) -> (Vec<Touch>, Vec<&str>) {
    let mut touches = Vec::new();
    let mut unread = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        match touch(part) {
            Some(touch) => touches.push(touch),
            None => unread.push(part),
        }
    }
    (touches, unread)
}

fn touch(part: &str) -> Option<Touch> {
    let (play, day) = part.rsplit_once('@')?;
    // A time of day or seconds since 1970 are times, but not what the column holds.
    let is_a_day = day.len() == "YYYY-MM-DD".len() && day.as_bytes()[4] == b'-';
    let at = Timestamp::parse(day).ok().filter(|_| is_a_day)?;
    (!play.is_empty()).then(|| Touch { play: play.to_owned(), at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(play: &str, day: &str) -> Touch {
        Touch { play: play.to_owned(), at: Timestamp::parse(day).unwrap() }
    }

    #[test]
    fn every_part_is_an_action_and_its_day() {
        let (touches, unread) =
            of_text("discovery_call@2025-05-20;mail@home@2025-05-02; webinar@2024-12-31;");
        assert_eq!(
            touches,
            [
                touch("discovery_call", "2025-05-20"),
                touch("mail@home", "2025-05-02"),
                touch("webinar", "2024-12-31")
            ]
        );
        assert!(unread.is_empty());
        assert_eq!(of_text(""), (vec![], vec![]));
    }

    #[test]
    fn what_cannot_be_read_is_named_and_hides_nothing_else() {
        let (touches, unread) = of_text(
            "call;call@;@2025-05-20;call@2025-13-01;call@1747699200;call@2025-05-20T10:00;a@2025-05-20",
        );
        assert_eq!(touches, [touch("a", "2025-05-20")]);
        assert_eq!(
            unread,
            ["call", "call@", "@2025-05-20", "call@2025-13-01", "call@1747699200", "call@2025-05-20T10:00"]
        );
    }
}
