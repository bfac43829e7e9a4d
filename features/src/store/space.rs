//! Where packed blocks are kept: in memory up to a budget, then in one temporary file without a name, which
//! is gone with the process however that ends.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Blocks in memory and on disk.
#[derive(Debug)]
pub(super) struct Space {
    budget: usize,
    in_memory: AtomicUsize,
    file: Mutex<Option<Spill>>,
}

#[derive(Debug)]
struct Spill {
    file: File,
    length: u64,
}

/// A block that is kept.
#[derive(Debug)]
pub(super) enum Kept {
    Memory(Box<[u8]>),
    Disk { offset: u64, length: usize },
}

impl Space {
    /// With room for `budget` bytes in memory.
    pub(super) fn new(budget: usize) -> Self {
        Self { budget, in_memory: AtomicUsize::new(0), file: Mutex::new(None) }
    }

    pub(super) fn budget(&self) -> usize {
        self.budget
    }

    pub(super) fn keep(&self, bytes: &[u8]) -> io::Result<Kept> {
        let length = bytes.len();
        if self.in_memory.fetch_add(length, Ordering::Relaxed) + length <= self.budget {
            return Ok(Kept::Memory(bytes.into()));
        }
        self.in_memory.fetch_sub(length, Ordering::Relaxed);
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let spill = match &mut *guard {
            Some(spill) => spill,
            none => none.insert(Spill { file: tempfile::tempfile()?, length: 0 }),
        };
        let offset = spill.length;
        spill.file.seek(SeekFrom::Start(offset))?;
        spill.file.write_all(bytes)?;
        spill.length += length as u64;
        Ok(Kept::Disk { offset, length })
    }

    /// Gives the memory of a block back that is let go of.
    pub(super) fn forget(&self, kept: &Kept) {
        if let Kept::Memory(bytes) = kept {
            self.in_memory.fetch_sub(bytes.len(), Ordering::Relaxed);
        }
    }

    pub(super) fn read<'a>(&self, kept: &'a Kept) -> io::Result<Cow<'a, [u8]>> {
        match kept {
            Kept::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
            Kept::Disk { offset, length } => {
                let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
                let spill = guard.as_mut().ok_or(io::ErrorKind::NotFound)?;
                let mut bytes = vec![0; *length];
                spill.file.seek(SeekFrom::Start(*offset))?;
                spill.file.read_exact(&mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// Bytes in the temporary file.
    pub(super) fn n_spilled(&self) -> u64 {
        let guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        guard.as_ref().map_or(0, |spill| spill.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exceeds_the_budget_goes_to_disk_and_comes_back() {
        let space = Space::new(5);
        let blocks: [&[u8]; 4] = [b"abc", b"defg", b"hi", b"j"];
        let kept: Vec<Kept> = blocks.iter().map(|block| space.keep(block).unwrap()).collect();
        let on_disk: Vec<bool> = kept.iter().map(|one| matches!(one, Kept::Disk { .. })).collect();
        assert_eq!(on_disk, [false, true, false, true]);
        assert_eq!(space.n_spilled(), 5);
        for (block, kept) in blocks.iter().zip(&kept) {
            assert_eq!(&*space.read(kept).unwrap(), *block);
        }
    }
}
