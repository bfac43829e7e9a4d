//! One open Parquet file for readers on several threads. Clones of a `File` share their position, so that of two readers
//! each may get bytes from where the other is.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// A file whose readers have positions of their own.
#[derive(Debug, Clone)]
pub(super) struct SharedFile {
    file: Arc<Mutex<File>>,
    length: u64,
}

/// A reader with its position.
#[derive(Debug)]
pub(super) struct Part {
    of: SharedFile,
    at: u64,
}

impl SharedFile {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file: Arc::new(Mutex::new(file)), length })
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.of.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let found = file.read(buffer)?;
        self.at += found as u64;
        Ok(found)
    }
}

impl Length for SharedFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for SharedFile {
    type T = BufReader<Part>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(Part { of: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let mut bytes = vec![0; length];
        Part { of: self.clone(), at: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn readers_side_by_side_get_their_own_bytes() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        file.write_all(&content).unwrap();
        let shared = SharedFile::new(file).unwrap();
        assert_eq!(shared.len(), content.len() as u64);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (shared, content) = (&shared, &content);
                scope.spawn(move || {
                    for start in (thread * 1_000..content.len() - 5_000).step_by(7_919) {
                        assert_eq!(
                            shared.get_bytes(start as u64, 5_000).unwrap(),
                            content[start..start + 5_000]
                        );
                        let mut read = vec![0; 300];
                        shared.get_read(start as u64).unwrap().read_exact(&mut read).unwrap();
                        assert_eq!(read, content[start..start + 300]);
                    }
                });
            }
        });
        assert!(shared.get_bytes(content.len() as u64 - 1, 2).is_err());
    }
}
