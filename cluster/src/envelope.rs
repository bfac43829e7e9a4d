//! A list of facts as bytes: each after its length, 4 bytes, little end first.

/// A list that ends within a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a list of facts is cut short: client, scheduler and executors must be of one version")]
pub(crate) struct CutShort;

/// Adds `fact`, which is shorter than 4 GB as every value of a `Binary` column is.
pub(crate) fn append(list: &mut Vec<u8>, fact: &[u8]) {
    let length = u32::try_from(fact.len()).unwrap_or(u32::MAX);
    list.extend_from_slice(&length.to_le_bytes());
    list.extend_from_slice(fact);
}

/// The facts of `list`, in its order.
pub(crate) fn read(list: &[u8]) -> impl Iterator<Item = Result<&[u8], CutShort>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((length, facts)) = rest.split_first_chunk() else {
            rest = &[];
            return Some(Err(CutShort));
        };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((fact, after)) = facts.split_at_checked(length) else {
            rest = &[];
            return Some(Err(CutShort));
        };
        rest = after;
        Some(Ok(fact))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read() {
        let mut list = Vec::new();
        for fact in [b"one".as_slice(), b"", b"three"] {
            append(&mut list, fact);
        }
        let facts: Result<Vec<&[u8]>, _> = read(&list).collect();
        assert_eq!(facts, Ok(vec![b"one".as_slice(), b"", b"three"]));
    }

    #[test]
    fn a_list_that_is_cut_anywhere_is_told() {
        let mut list = Vec::new();
        append(&mut list, b"fact");
        for end in 1..list.len() {
            assert_eq!(read(&list[..end]).last(), Some(Err(CutShort)), "cut after {end} bytes");
        }
    }
}
