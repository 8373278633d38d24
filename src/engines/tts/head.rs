//! What a server's sound begins with: a WAV's header, or at once raw samples.

/// Headers longer than this are none. Chosen: 44 bytes are usual, some write a list of tags.
const LONGEST: usize = 16 * 1024;

/// Takes the beginning of a stream apart.
#[derive(Debug)]
pub(super) struct Head {
    raw_hz: u32,
    held: Vec<u8>,
    /// Known once the header, or its absence, is.
    rate_hz: Option<u32>,
}

/// A WAV that is not 16-bit mono.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a WAV of 16-bit mono PCM, found {0}")]
pub(super) struct WrongWav(String);

impl Head {
    /// Sound without a header is at `raw_hz`.
    pub(super) fn new(raw_hz: u32) -> Self {
        Self { raw_hz, held: Vec::new(), rate_hz: None }
    }

    /// Takes bytes and gives those that are samples, with their rate; none while the header is not whole.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Option<(u32, Vec<u8>)>, WrongWav> {
        if let Some(rate_hz) = self.rate_hz {
            return Ok(Some((rate_hz, bytes.to_vec())));
        }
        self.held.extend_from_slice(bytes);
        let magic = self.held.len().min(4);
        if self.held[..magic] != b"RIFF"[..magic] {
            self.rate_hz = Some(self.raw_hz);
            return Ok(Some((self.raw_hz, std::mem::take(&mut self.held))));
        }
        let Some((rate_hz, start)) = wav(&self.held)? else {
            if self.held.len() > LONGEST {
                return Err(WrongWav(format!("no sound within {LONGEST} bytes")));
            }
            return Ok(None);
        };
        self.rate_hz = Some(rate_hz);
        let held = std::mem::take(&mut self.held);
        Ok(Some((rate_hz, held[start..].to_vec())))
    }
}

/// The rate and where the samples begin; none while more bytes are needed. Sizes of the whole and of the sound are not
/// believed: a streaming server does not know them.
fn wav(bytes: &[u8]) -> Result<Option<(u32, usize)>, WrongWav> {
    let mut at = 12;
    let mut format = None;
    while let Some(head) = bytes.get(at..at + 8) {
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        at += 8;
        match &head[..4] {
            b"data" => {
                return match format {
                    Some(rate_hz) => Ok(Some((rate_hz, at))),
                    None => Err(WrongWav("sound before its format".into())),
                };
            }
            b"fmt " => {
                let Some(fmt) = bytes.get(at..at + 16) else { return Ok(None) };
                let number = |at: usize| u16::from_le_bytes([fmt[at], fmt[at + 1]]);
                let (kind, channels, bits) = (number(0), number(2), number(14));
                // 1 is PCM; 0xfffe is "extensible", which says the same at more length.
                if !matches!(kind, 1 | 0xfffe) || channels != 1 || bits != 16 {
                    return Err(WrongWav(format!("format {kind}, {channels} channel(s), {bits} bit")));
                }
                format = Some(u32::from_le_bytes([fmt[4], fmt[5], fmt[6], fmt[7]]));
            }
            _ => {}
        }
        // Chunks begin at even places.
        at = at.saturating_add(size).saturating_add(size & 1);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn file(bits: u16) -> Vec<u8> {
        let mut file = b"RIFF\xff\xff\xff\xffWAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file.extend(24_000_u32.to_le_bytes());
        file.extend([0; 6]);
        file.extend(bits.to_le_bytes());
        file.extend(b"data\xff\xff\xff\xff\x01\x02\x03\x04");
        file
    }

    fn torn(file: &[u8], piece: usize) -> Result<(u32, Vec<u8>), WrongWav> {
        let mut head = Head::new(8000);
        let mut all = (0, Vec::new());
        for part in file.chunks(piece) {
            if let Some((rate_hz, body)) = head.push(part)? {
                all.0 = rate_hz;
                all.1.extend(body);
            }
        }
        Ok(all)
    }

    #[test]
    fn a_header_torn_anywhere_is_read_and_raw_sound_passes() {
        for piece in 1..60 {
            assert_eq!(torn(&file(16), piece), Ok((24_000, vec![1, 2, 3, 4])), "{piece}");
            assert_eq!(torn(&[1, 2, 3], piece), Ok((8000, vec![1, 2, 3])));
            assert_eq!(torn(b"RIP", piece), Ok((8000, b"RIP".to_vec())));
        }
    }

    #[test]
    fn another_kind_of_wav_is_refused() {
        assert!(torn(&file(24), 100).unwrap_err().to_string().contains("24 bit"));
        let endless = [b"RIFF....WAVEjunk\xff\xff\xff\x7f".as_slice(), &[0; 20_000]].concat();
        assert!(torn(&endless, 1000).is_err());
    }
}
