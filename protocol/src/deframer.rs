//! Finds the frames in a stream of bytes, without believing their lengths.

/// Reads the length in front of each frame and refuses what cannot be one.
///
/// It holds no bytes: the caller keeps what it received in its own buffer, asks how long the next
/// frame is, and cuts it off once it is complete.
///
/// ```
/// use thalweg_protocol::{FrameSplitter, NextFrame};
///
/// let splitter = FrameSplitter::new(1024);
/// assert_eq!(splitter.next_frame(&[0, 0]), Ok(NextFrame::Incomplete { missing: 2 }));
/// assert_eq!(splitter.next_frame(&[0, 0, 0, 2, 7]), Ok(NextFrame::Incomplete { missing: 1 }));
/// assert_eq!(splitter.next_frame(&[0, 0, 0, 2, 7, 8, 9]), Ok(NextFrame::Complete { body: 4..6 }));
/// assert!(splitter.next_frame(b"HTTP/1.1 400").is_err());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FrameSplitter {
    frame_bytes_max: usize,
}

/// What the bytes received so far amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextFrame {
    /// More bytes are needed.
    Incomplete {
        /// At least so many: to complete the length if it is incomplete itself, else the frame.
        missing: usize,
    },
    /// The frame is complete.
    Complete {
        /// Where it lies in the bytes given, without its length. The next frame starts at the end.
        body: std::ops::Range<usize>,
    },
}

/// A length that no frame can have: the peer is not Kafka, or the stream is out of step. The
/// connection is of no further use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is negative.
    #[error("the peer announced a frame of {0} bytes: it does not speak Kafka's protocol")]
    Negative(i32),
    /// The length exceeds the limit.
    #[error(
        "the peer announced a frame of {length} bytes, more than the {frame_bytes_max} allowed: \
         either it does not speak Kafka's protocol (TLS or HTTP on this port?), or the limit is too low"
    )]
    TooLong {
        /// The length announced.
        length: usize,
        /// The limit, `frame_bytes_max`.
        frame_bytes_max: usize,
    },
}

impl FrameSplitter {
    /// Refuses frames longer than `frame_bytes_max`, the length itself not counted.
    pub const fn new(frame_bytes_max: usize) -> Self {
        Self { frame_bytes_max }
    }

    /// Looks at the front of `received`.
    ///
    /// # Errors
    /// The length is negative or above the limit.
    pub fn next_frame(&self, received: &[u8]) -> Result<NextFrame, FrameError> {
        let Some((prefix, rest)) = received.split_first_chunk::<4>() else {
            return Ok(NextFrame::Incomplete {
                missing: 4 - received.len(),
            });
        };
        let announced = i32::from_be_bytes(*prefix);
        let length = usize::try_from(announced).map_err(|_| FrameError::Negative(announced))?;
        if length > self.frame_bytes_max {
            let frame_bytes_max = self.frame_bytes_max;
            return Err(FrameError::TooLong {
                length,
                frame_bytes_max,
            });
        }
        match length.checked_sub(rest.len()) {
            Some(missing) if missing > 0 => Ok(NextFrame::Incomplete { missing }),
            _ => Ok(NextFrame::Complete {
                body: 4..4 + length,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_of_a_frame_is_incomplete_and_says_by_how_much() {
        let bytes = [0, 0, 0, 3, 1, 2, 3];
        let splitter = FrameSplitter::new(3);
        for cut in 0..bytes.len() {
            let missing = if cut < 4 { 4 - cut } else { bytes.len() - cut };
            let next = splitter.next_frame(&bytes[..cut]);
            assert_eq!(next, Ok(NextFrame::Incomplete { missing }), "{cut} bytes");
        }
        assert_eq!(
            splitter.next_frame(&bytes),
            Ok(NextFrame::Complete { body: 4..7 })
        );
    }

    #[test]
    fn an_empty_frame_is_complete() {
        assert_eq!(
            FrameSplitter::new(0).next_frame(&[0; 4]),
            Ok(NextFrame::Complete { body: 4..4 })
        );
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_its_bytes_arrive() {
        let splitter = FrameSplitter::new(100);
        assert_eq!(
            splitter.next_frame(&101i32.to_be_bytes()),
            Err(FrameError::TooLong {
                length: 101,
                frame_bytes_max: 100
            })
        );
        assert_eq!(
            splitter.next_frame(&[0xff; 4]),
            Err(FrameError::Negative(-1))
        );
        assert_eq!(
            splitter.next_frame(&[0x80, 0, 0, 0]),
            Err(FrameError::Negative(i32::MIN))
        );
    }
}
