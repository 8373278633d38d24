//! WAV files of telephone sound: mono, signed 16 bit.

use std::fs;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use super::Rate;

/// Sound from a file, or for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Samples in a second.
    pub rate: Rate,
    /// The samples.
    pub samples: Vec<i16>,
}

/// Why a file gave no sound.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// The file could not be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no WAV, or a torn one.
    #[error("{}: expected a WAV file: {source}", .path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What the WAV reader says.
        source: hound::Error,
    },
    /// It is a WAV of another kind.
    #[error("{}: expected mono, signed 16 bit, at a rate of AudioSocket such as 8000 Hz; found {found}", .path.display())]
    Kind {
        /// Which file.
        path: PathBuf,
        /// Its channels, bits and rate.
        found: String,
    },
}

/// The rates that AudioSocket has (kinds 0x10 to 0x18), and so a tape of what was played.
const RATES: [u32; 9] = [8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000];

/// Reads a file of one of AudioSocket's nine rates.
///
/// # Errors
/// [`WavError`] says which file and what it is instead.
pub fn read(path: &Path) -> Result<Sound, WavError> {
    let bytes = fs::read(path).map_err(|source| WavError::Io { path: path.to_owned(), source })?;
    parse(&bytes, path)
}

/// The same from bytes; the path is for the error alone.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<Sound, WavError> {
    let format = |source| WavError::Format { path: path.to_owned(), source };
    let reader = hound::WavReader::new(Cursor::new(bytes)).map_err(format)?;
    let spec = reader.spec();
    let telephone = spec.channels == 1
        && spec.bits_per_sample == 16
        && spec.sample_format == hound::SampleFormat::Int
        && RATES.contains(&spec.sample_rate);
    if !telephone {
        let kind = match spec.sample_format {
            hound::SampleFormat::Int => "integer",
            hound::SampleFormat::Float => "float",
        };
        let found = format!(
            "{} channel(s), {} bit {kind}, {} Hz",
            spec.channels, spec.bits_per_sample, spec.sample_rate
        );
        return Err(WavError::Kind { path: path.to_owned(), found });
    }
    let samples = reader.into_samples::<i16>().collect::<Result<_, _>>().map_err(format)?;
    Ok(Sound { rate: Rate(spec.sample_rate), samples })
}

/// Writes a file, of any rate.
///
/// # Errors
/// [`WavError::Io`] or [`WavError::Format`].
pub fn write(path: &Path, rate: Rate, samples: &[i16]) -> Result<(), WavError> {
    let format = |source| WavError::Format { path: path.to_owned(), source };
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate.0,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::with_capacity(44 + samples.len() * 2));
    let mut writer = hound::WavWriter::new(&mut bytes, spec).map_err(format)?;
    for sample in samples {
        writer.write_sample(*sample).map_err(format)?;
    }
    writer.finalize().map_err(format)?;
    fs::write(path, bytes.into_inner()).map_err(|source| WavError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("call.wav");
        let samples: Vec<i16> = (-200..200).map(|n| n * 160).collect();
        for rate in RATES.map(Rate) {
            write(&path, rate, &samples).expect("written");
            assert_eq!(read(&path).expect("read"), Sound { rate, samples: samples.clone() });
        }
    }

    #[test]
    fn a_wav_of_another_kind_says_what_it_is() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("voice.wav");
        write(&path, Rate(22_050), &[1, 2, 3]).expect("written");
        let error = read(&path).expect_err("22,050 Hz is no telephone").to_string();
        assert!(
            error.ends_with(
                "expected mono, signed 16 bit, at a rate of AudioSocket such as 8000 Hz; found 1 channel(s), 16 bit integer, 22050 Hz"
            ),
            "{error}"
        );
    }

    #[test]
    fn torn_and_foreign_bytes_are_errors() {
        let path = Path::new("x.wav");
        for bytes in [&b""[..], b"RIFF", b"ID3\x04 not a wav", &[0xff; 100]] {
            assert!(matches!(parse(bytes, path), Err(WavError::Format { .. })));
        }
        assert!(matches!(read(Path::new("no/such.wav")), Err(WavError::Io { .. })));
    }
}
