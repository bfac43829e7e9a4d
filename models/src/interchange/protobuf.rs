//! Protocol Buffers on the wire, as far as ONNX needs them: numbers, bytes and messages under a field number.
//!
//! A dozen messages are written and none is read, which is less than a generated schema would bring along.

/// A message that is written field by field.
#[derive(Debug, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// A whole number, an enum or a flag.
    pub(super) fn number(mut self, field: u32, number: u64) -> Self {
        self.varint(u64::from(field) << 3);
        self.varint(number);
        self
    }

    /// Bytes or a text.
    pub(super) fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(self, field: u32, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(super) fn message(self, field: u32, message: &Self) -> Self {
        self.bytes(field, &message.bytes)
    }

    pub(super) fn messages(self, field: u32, messages: &[Self]) -> Self {
        messages.iter().fold(self, |all, message| all.message(field, message))
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// Seven bits a byte, the lowest first.
    #[expect(clippy::cast_possible_truncation, reason = "the lowest byte is what is wanted")]
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_encoding_guide() {
        assert_eq!(Message::default().number(1, 150).finish(), [0x08, 0x96, 0x01]);
        let text = Message::default().text(2, "testing");
        assert_eq!(text.bytes, [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
        let inner = Message::default().number(1, 150);
        assert_eq!(Message::default().message(3, &inner).finish(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
    }
}
