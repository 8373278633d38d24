//! Checks a ggml Whisper file before whisper.cpp sees it.
//!
//! whisper.cpp 1.8 trusts sizes it reads, ends the process on some broken files and loads a file that was cut after its
//! word list as an "empty model for testing". So the whole file is walked here first: header, mel filters, word list and
//! every tensor's head. Only lengths are read, the weights are skipped.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The model file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the hearing model {}: {problem}", path.display())]
pub struct ModelError {
    /// The file as configured.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: ModelProblem,
}

/// What can be wrong with a model file.
#[derive(Debug, thiserror::Error)]
pub enum ModelProblem {
    /// Nothing there, or it may not be read.
    #[error("expected a Whisper model in ggml format: {0}")]
    Unreadable(io::Error),
    /// Some other kind of file.
    #[error("expected a Whisper model in ggml format (first bytes {MAGIC:#010x}), found {found:#010x}{}", hint(*found))]
    Magic { found: u32 },
    /// The file ends early.
    #[error("the file ends within {within} at byte {at}: it was not copied or downloaded whole")]
    Cut { within: &'static str, at: u64 },
    /// A number of the header that no Whisper model has.
    #[error("expected {field} to be {expected}, found {found}")]
    Header { field: &'static str, expected: &'static str, found: i64 },
    /// whisper.cpp did not take it although its form is right.
    #[error("whisper.cpp did not load it: {0}")]
    Refused(String),
    /// It knows English alone.
    #[error(
        "it understands English alone ({n_vocab} words), and Russian calls are served: use a multilingual model (without \".en\" in its name)"
    )]
    EnglishOnly { n_vocab: u32 },
}

/// What a Whisper file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelHeader {
    /// Words and special tokens.
    pub n_vocab: u32,
    /// Positions of the encoder, 20 ms each: 1500 for ordinary models.
    pub n_audio_ctx: u32,
    /// Tensors in the file.
    pub tensors: u32,
}

const MAGIC: u32 = 0x6767_6d6c;
/// From this size on a model has language tokens (whisper.cpp, `is_multilingual`).
const MULTILINGUAL: u32 = 51_865;

fn hint(found: u32) -> &'static str {
    match found {
        0x4655_4747 => " (a GGUF file, which is a language model)",
        0x0403_4b50 => " (a zip archive, perhaps PyTorch's)",
        _ => "",
    }
}

/// Walks the file.
///
/// # Errors
/// [`ModelError`] with the first problem.
pub fn check(path: &Path) -> Result<ModelHeader, ModelError> {
    let failed = |problem| ModelError { path: path.to_owned(), problem };
    let file = File::open(path).map_err(|e| failed(ModelProblem::Unreadable(e)))?;
    let length = file.metadata().map_err(|e| failed(ModelProblem::Unreadable(e)))?.len();
    let header =
        Walk { file: BufReader::new(file), at: 0, length, within: "its header" }.whole().map_err(failed)?;
    Ok(header)
}

struct Walk<R> {
    file: R,
    at: u64,
    length: u64,
    within: &'static str,
}

impl<R: Read + Seek> Walk<R> {
    fn whole(mut self) -> Result<ModelHeader, ModelProblem> {
        let found = self.number().map_err(|_| ModelProblem::Magic { found: 0 })? as u32;
        if found != MAGIC {
            return Err(ModelProblem::Magic { found });
        }
        // The least n_vocab is where whisper.cpp's special tokens end; the other bounds leave room above whisper-large.
        let n_vocab = self.within("n_vocab", "50364 to 60000", 50_364, 60_000)?;
        let n_audio_ctx = self.within("n_audio_ctx", "16 to 4096", 16, 4096)?;
        let audio_state = self.within("n_audio_state", "32 to 4096", 32, 4096)?;
        let audio_head = self.within("n_audio_head", "1 to 64", 1, 64)?;
        self.within("n_audio_layer", "1 to 64", 1, 64)?;
        self.within("n_text_ctx", "16 to 4096", 16, 4096)?;
        let text_state = self.within("n_text_state", "32 to 4096", 32, 4096)?;
        let text_head = self.within("n_text_head", "1 to 64", 1, 64)?;
        self.within("n_text_layer", "1 to 64", 1, 64)?;
        let mels = self.within("n_mels", "80 to 128", 80, 128)?;
        self.within("ftype", "a known file type", 0, 3000)?;
        for (field, state, head) in
            [("n_audio_head", audio_state, audio_head), ("n_text_head", text_state, text_head)]
        {
            if state % head != 0 {
                let expected = "a divisor of its layer's width";
                return Err(ModelProblem::Header { field, expected, found: head.into() });
            }
        }
        if text_state != audio_state {
            let expected = "equal to n_audio_state";
            return Err(ModelProblem::Header { field: "n_text_state", expected, found: text_state.into() });
        }
        self.within = "its mel filters";
        let filters = self.within("the mel filters' count", "equal to n_mels", mels, mels)?;
        let fft = self.within("the mel filters' width", "201", 201, 201)?;
        self.skip(u64::from(filters) * u64::from(fft) * 4)?;
        self.words(n_vocab)?;
        let tensors = self.tensors()?;
        Ok(ModelHeader { n_vocab, n_audio_ctx, tensors })
    }

    fn words(&mut self, n_vocab: u32) -> Result<(), ModelProblem> {
        self.within = "its word list";
        let words = self.within("the word list's length", "1 to n_vocab", 1, n_vocab)?;
        let mut space = false;
        for _ in 0..words {
            let length = self.within("a word's length in bytes", "0 to 1024", 0, 1024)?;
            let mut word = [0; 1];
            if length == 1 {
                self.file.read_exact(&mut word).map_err(|e| self.ended(e))?;
                self.at += 1;
                space |= word == *b" ";
            } else {
                self.skip(length.into())?;
            }
        }
        // whisper.cpp looks this word up with no way out when it is missing.
        if !space {
            return Err(ModelProblem::Header {
                field: "the word \" \"",
                expected: "in the word list",
                found: 0,
            });
        }
        Ok(())
    }

    fn tensors(&mut self) -> Result<u32, ModelProblem> {
        self.within = "its weights";
        let mut tensors = 0;
        while self.at < self.length || tensors == 0 {
            let dimensions = self.within("a tensor's dimensions", "1 to 4", 1, 4)?;
            let name = self.within("a tensor's name in bytes", "1 to 256", 1, 256)?;
            let kind = self.number()?;
            let Some((bytes, block)) = type_size(kind) else {
                let expected = "a type of ggml's";
                return Err(ModelProblem::Header { field: "a tensor's type", expected, found: kind.into() });
            };
            let mut elements = 1_u64;
            for _ in 0..dimensions {
                let size = self.within("a tensor's size", "1 to 1048576", 1, 1 << 20)?;
                elements = elements.saturating_mul(size.into());
            }
            self.skip(name.into())?;
            self.skip((elements / block).saturating_mul(bytes))?;
            tensors += 1;
        }
        Ok(tensors)
    }

    fn number(&mut self) -> Result<i32, ModelProblem> {
        let mut bytes = [0; 4];
        self.file.read_exact(&mut bytes).map_err(|e| self.ended(e))?;
        self.at += 4;
        Ok(i32::from_le_bytes(bytes))
    }

    fn within(
        &mut self,
        field: &'static str,
        expected: &'static str,
        least: u32,
        most: u32,
    ) -> Result<u32, ModelProblem> {
        let found = self.number()?;
        u32::try_from(found).ok().filter(|n| (least..=most).contains(n)).ok_or(ModelProblem::Header {
            field,
            expected,
            found: found.into(),
        })
    }

    fn skip(&mut self, bytes: u64) -> Result<(), ModelProblem> {
        let end = self.at.saturating_add(bytes);
        if end > self.length {
            return Err(ModelProblem::Cut { within: self.within, at: self.length });
        }
        // Within the file's length, so it fits.
        self.file.seek(SeekFrom::Current(bytes as i64)).map_err(ModelProblem::Unreadable)?;
        self.at = end;
        Ok(())
    }

    fn ended(&self, error: io::Error) -> ModelProblem {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            ModelProblem::Cut { within: self.within, at: self.length }
        } else {
            ModelProblem::Unreadable(error)
        }
    }
}

/// Refuses a model without language tokens.
pub(super) fn multilingual(path: &Path, header: ModelHeader) -> Result<(), ModelError> {
    if header.n_vocab >= MULTILINGUAL {
        return Ok(());
    }
    let problem = ModelProblem::EnglishOnly { n_vocab: header.n_vocab };
    Err(ModelError { path: path.to_owned(), problem })
}

/// Bytes and elements of a block of each type that Whisper files hold (ggml.h, `ggml_type`).
fn type_size(kind: i32) -> Option<(u64, u64)> {
    Some(match kind {
        0 => (4, 1),
        1 | 30 => (2, 1),
        2 => (18, 32),
        3 => (20, 32),
        6 => (22, 32),
        7 => (24, 32),
        8 => (34, 32),
        10 => (84, 256),
        11 => (110, 256),
        12 => (144, 256),
        13 => (176, 256),
        14 => (210, 256),
        _ => return None,
    })
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A file whose form is right and whose weights are one small tensor.
    pub(in super::super) fn form() -> Vec<u8> {
        let mut file = Vec::new();
        let mut number = |n: i32| file.extend(n.to_le_bytes());
        number(MAGIC as i32);
        [51_865, 500, 192, 3, 4, 64, 192, 3, 2, 80, 8].into_iter().for_each(&mut number);
        [80, 201].into_iter().for_each(&mut number);
        file.extend([0; 80 * 201 * 4]);
        file.extend(2_i32.to_le_bytes());
        for word in [" ", "да"] {
            file.extend((word.len() as i32).to_le_bytes());
            file.extend(word.as_bytes());
        }
        for n in [2, 4, 8, 64, 2] {
            file.extend(i32::to_le_bytes(n));
        }
        file.extend(b"name");
        file.extend([0; 34 * 4]);
        file
    }

    fn walk(file: &[u8]) -> Result<ModelHeader, ModelProblem> {
        Walk { file: io::Cursor::new(file), at: 0, length: file.len() as u64, within: "its header" }.whole()
    }

    #[test]
    fn a_file_of_the_right_form_is_walked_to_its_end() {
        assert_eq!(walk(&form()).unwrap(), ModelHeader { n_vocab: 51_865, n_audio_ctx: 500, tensors: 1 });
    }

    #[test]
    fn a_file_cut_at_any_byte_is_refused() {
        let file = form();
        for cut in (0..300).chain(file.len() - 200..file.len()) {
            let problem = walk(&file[..cut]).unwrap_err();
            let expected = if cut < 4 { "Magic" } else { "Cut" };
            assert!(format!("{problem:?}").starts_with(expected), "{cut}: {problem}");
        }
    }

    #[test]
    fn a_number_that_no_model_has_is_named() {
        for at in 1..11 {
            for bad in [-1, 0, i32::MAX] {
                let mut file = form();
                file[at * 4..at * 4 + 4].copy_from_slice(&i32::to_le_bytes(bad));
                let problem = walk(&file).unwrap_err();
                assert!(matches!(problem, ModelProblem::Header { .. }), "{at}: {problem}");
            }
        }
    }

    #[test]
    fn another_kind_of_file_is_named() {
        let problem = walk(b"GGUF and more").unwrap_err();
        assert!(problem.to_string().contains("a GGUF file"), "{problem}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(at in 0_usize..66_000, byte: u8) {
            let mut file = form();
            let at = at % file.len();
            file[at] = byte;
            let _ = walk(&file);
        }
    }
}
