//! How many entries a protocol buffer of ONNX has, counted before any memory is taken for them.
//!
//! An empty message is two bytes in a file and some hundred in memory, so the size of a file does not bound what reading it takes.

use crate::problem::ImportError;

/// The most entries of a file: nodes, names, attributes, tensors, numbers that are not packed.
const MOST_ENTRIES: usize = 1 << 17;

/// The messages that are read, where they hold others.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    /// Nothing in it is repeated.
    Leaf,
}

/// What a length-delimited field holds; `None` where it is no message, or none that is read.
const fn within(message: Message, field: u64) -> Option<Message> {
    Some(match (message, field) {
        (Message::Model, 7) => Message::Graph,
        (Message::Graph, 1) => Message::Node,
        (Message::Graph | Message::Attribute, 5) => Message::Tensor,
        (Message::Graph, 11 | 12) => Message::ValueInfo,
        (Message::Node, 5) => Message::Attribute,
        (Message::ValueInfo, 2) => Message::Type,
        (Message::Type, 1) => Message::TensorType,
        (Message::TensorType, 2) => Message::Shape,
        (Message::Shape, 1) | (Message::Tensor, 13) | (Message::Model, 8) => Message::Leaf,
        _ => return None,
    })
}

/// # Errors
/// When there are too many. What is no protocol buffer is left to the reader.
pub(crate) fn check_entries(bytes: &[u8]) -> Result<(), ImportError> {
    let mut left = MOST_ENTRIES;
    match count(bytes, Message::Model, &mut left) {
        None if left == 0 => Err(ImportError::Entries { most: MOST_ENTRIES }),
        Some(()) | None => Ok(()),
    }
}

/// Takes every field from `left`; `None` where too few are left, or the bytes are none of a message.
fn count(mut bytes: &[u8], message: Message, left: &mut usize) -> Option<()> {
    while !bytes.is_empty() {
        *left = left.checked_sub(1).filter(|left| *left > 0).or_else(|| {
            *left = 0;
            None
        })?;
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => {
                varint(&mut bytes)?;
            }
            1 => bytes = bytes.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (content, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                if let Some(inner) = within(message, key >> 3) {
                    count(content, inner, left)?;
                }
            }
            5 => bytes = bytes.get(4..)?,
            _ => return None,
        }
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_messages_are_counted_before_they_are_read() {
        // A graph of empty nodes.
        let nodes: Vec<u8> = [0x0a, 0].repeat(MOST_ENTRIES);
        let mut file = vec![0x3a];
        let mut length = nodes.len();
        while length >= 0x80 {
            file.push(length as u8 | 0x80);
            length >>= 7;
        }
        file.push(length as u8);
        file.extend(&nodes);
        assert!(matches!(check_entries(&file), Err(ImportError::Entries { .. })));
        assert!(check_entries(&[0x3a, 4, 0x0a, 0, 0x0a, 0]).is_ok());
        for broken in [&[0x3a, 9, 0x0a][..], &[0xff; 12], &[0x0b], &[0x09, 1]] {
            assert!(check_entries(broken).is_ok(), "prost says what is wrong with {broken:?}");
        }
    }
}
