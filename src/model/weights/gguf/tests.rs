//! Headers as they should be, and as they should not.

use std::collections::BTreeMap;

use safetensors::SafeTensors;

use super::*;

/// A file that says what it is told to say.
#[derive(Clone)]
struct Written {
    version: u32,
    keys: Vec<Vec<u8>>,
    tensors: Vec<Vec<u8>>,
    n_keys: Option<u64>,
    n_tensors: Option<u64>,
    data: usize,
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn key(name: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&text(name)[..], &kind.to_le_bytes(), value].concat()
}

fn list(kind: u32, count: u64, values: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &count.to_le_bytes(), values].concat()
}

fn tensor(name: &str, axes: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let axes: Vec<u8> = axes.iter().flat_map(|axis| axis.to_le_bytes()).collect();
    let n_axes = (axes.len() / 8) as u32;
    [&text(name)[..], &n_axes.to_le_bytes(), &axes, &kind.to_le_bytes(), &offset.to_le_bytes()].concat()
}

impl Written {
    /// Two tensors of f32 and a text.
    fn sound() -> Self {
        Self {
            version: 3,
            keys: vec![key("general.architecture", 8, &text("llama"))],
            tensors: vec![tensor("a", &[2, 3], 0, 0), tensor("b", &[4], 0, 32)],
            n_keys: None,
            n_tensors: None,
            data: 48,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let n_tensors = self.n_tensors.unwrap_or(self.tensors.len() as u64);
        let n_keys = self.n_keys.unwrap_or(self.keys.len() as u64);
        let mut bytes = [b"GGUF", &self.version.to_le_bytes()[..]].concat();
        bytes.extend(n_tensors.to_le_bytes());
        bytes.extend(n_keys.to_le_bytes());
        bytes.extend(self.keys.concat());
        bytes.extend(self.tensors.concat());
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes.extend((0..self.data / 4).flat_map(|n| (n as f32).to_le_bytes()));
        bytes
    }

    fn message(&self) -> String {
        match Gguf::from_bytes(self.bytes(), "m.gguf") {
            Ok(_) => panic!("it was read"),
            Err(error) => error.to_string(),
        }
    }
}

fn with(change: impl FnOnce(&mut Written)) -> Written {
    let mut written = Written::sound();
    change(&mut written);
    written
}

#[test]
fn tensors_are_found_with_their_slowest_axis_first() {
    for version in [2, 3] {
        let gguf = Gguf::from_bytes(with(|file| file.version = version).bytes(), "m.gguf").unwrap();
        assert_eq!(gguf.tensors["a"].shape, [3, 2]);
        assert_eq!(gguf.values("a").unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(gguf.values("b").unwrap(), [8.0, 9.0, 10.0, 11.0]);
        assert_eq!(gguf.text("general.architecture").unwrap(), Some("llama"));
    }
}

#[test]
fn values_of_all_types_are_read() {
    let strings = [text("x"), text("好")].concat();
    let file = with(|file| {
        file.keys = vec![
            key("u8", 0, &[200]),
            key("i8", 1, &[200]),
            key("u16", 2, &40_000u16.to_le_bytes()),
            key("i16", 3, &(-2i16).to_le_bytes()),
            key("u32", 4, &4_000_000_000u32.to_le_bytes()),
            key("i32", 5, &(-3i32).to_le_bytes()),
            key("f32", 6, &1e-5f32.to_le_bytes()),
            key("flag", 7, &[1]),
            key("text", 8, &text("好")),
            key("texts", 9, &list(8, 2, &strings)),
            key("u64", 10, &u64::MAX.to_le_bytes()),
            key("i64", 11, &(-4i64).to_le_bytes()),
            key("f64", 12, &0.1f64.to_le_bytes()),
            key("wholes", 9, &list(3, 2, &[1, 0, 255, 255])),
            key("nested", 9, &list(9, 2, &[list(0, 1, &[7]), list(8, 2, &strings)].concat())),
            key("bad flag", 7, &[2]),
        ];
    });
    let gguf = Gguf::from_bytes(file.bytes(), "m.gguf").unwrap();
    let wholes = ["u8", "i8", "u16", "i16", "u32", "i32", "i64"].map(|key| gguf.whole(key).unwrap().unwrap());
    assert_eq!(wholes, [200, -56, 40_000, -2, 4_000_000_000, -3, -4]);
    // A number is the decimal that its f32 was written from.
    assert_eq!((gguf.number("f32").unwrap(), gguf.number("f64").unwrap()), (Some(1e-5), Some(0.1)));
    assert_eq!((gguf.flag("flag").unwrap(), gguf.text("text").unwrap()), (Some(true), Some("好")));
    assert_eq!(gguf.texts("texts").unwrap().unwrap(), ["x", "好"]);
    assert_eq!(gguf.wholes("wholes").unwrap().unwrap(), [1, -1]);
    assert_eq!(gguf.numbers("wholes").unwrap().unwrap(), [1.0, -1.0]);
    assert!(gguf.has("nested") && gguf.whole("absent").unwrap().is_none());
    for (error, says) in [
        (gguf.whole("u64").unwrap_err(), "m.gguf: `u64` is a whole number"),
        (gguf.whole("text").unwrap_err(), "m.gguf: `text` is a text (expected: a whole number)"),
        (gguf.text("u8").unwrap_err(), "m.gguf: `u8` is a whole number (expected: a text)"),
        (
            gguf.texts("wholes").unwrap_err(),
            "m.gguf: `wholes` is a list of which each is a whole number (expected: a text)",
        ),
        (
            gguf.wholes("texts").unwrap_err(),
            "m.gguf: `texts` is a list of which each is a text (expected: a whole number)",
        ),
        (gguf.flag("bad flag").unwrap_err(), "m.gguf: `bad flag` holds [2] (allowed: 0, 1)"),
        (gguf.texts("text").unwrap_err(), "m.gguf: `text` is a text (expected: a list)"),
    ] {
        assert!(error.to_string().starts_with(says), "{error}");
    }
}

#[test]
fn every_header_that_lies_is_refused_with_the_place() {
    let deep = (0..6).fold(vec![0; 1], |inner, _| list(9, 1, &inner));
    let cases: Vec<(Written, &str)> = vec![
        (with(|file| file.version = 1), "GGUF version 1 (supported: 2, 3)"),
        (with(|file| file.version = 3u32.swap_bytes()), "GGUF version 3 with big-endian numbers"),
        (with(|file| file.n_tensors = Some(1_000_000_000)), "the number of tensors at byte 8 is 1000000000, which"),
        (with(|file| file.n_keys = Some(u64::MAX)), "the number of keys at byte 16 is 18446744073709551615, which"),
        (with(|file| file.n_keys = Some(2)), "a tensor's name at byte"),
        (with(|file| file.keys.push(key("k", 13, &[]))), "`k` at byte 78 is of type 13 (known: 0 to 12)"),
        (
            with(|file| file.keys.push(key("k", 8, &u64::MAX.to_le_bytes()))),
            "`k` at byte 90 would be 18446744073709551615 bytes long",
        ),
        (
            with(|file| file.keys.push(key("k", 9, &list(12, 1 << 61, &[])))),
            "the length of `k` at byte 86 is 2305843009213693952, which",
        ),
        (with(|file| file.keys.push(key("k", 9, &deep))), "`k` has lists inside lists, more than 4 deep"),
        (with(|file| file.keys.push(file.keys[0].clone())), "the key `general.architecture` is there twice"),
        (
            with(|file| file.keys.push(key("general.alignment", 4, &24u32.to_le_bytes()))),
            "`general.alignment` is 24 (allowed: a power of two up to 1048576)",
        ),
        (
            with(|file| file.keys.push(key("general.alignment", 4, &0u32.to_le_bytes()))),
            "`general.alignment` is 0 (allowed",
        ),
        (
            with(|file| file.tensors[1] = tensor("b", &[4], 0, 36)),
            "tensor `b` begins at offset 36, which is no multiple of 32",
        ),
        (
            with(|file| file.tensors[1] = tensor("b", &[4], 0, 64)),
            "truncated or damaged: tensor `b` would be the 16 bytes from",
        ),
        (
            with(|file| file.tensors[1] = tensor("b", &[4], 0, u64::MAX - 31)),
            "truncated or damaged: tensor `b` would be the 16 bytes from",
        ),
        (with(|file| file.data = 40), "truncated or damaged: tensor `b`"),
        (with(|file| file.tensors[1] = tensor("b", &[4], 0, 0)), "damaged: the tensors `a` and `b` share bytes"),
        (with(|file| file.tensors[1] = tensor("a", &[4], 0, 32)), "the tensor `a` is there twice"),
        (
            with(|file| file.tensors[1] = tensor("b", &[1 << 32, 1 << 32], 0, 32)),
            "tensor `b` has the axes [4294967296, 4294967296], which no tensor of type F32 can have",
        ),
        (with(|file| file.tensors[1] = tensor("b", &[0, 4], 0, 32)), "tensor `b` has the axes [0, 4], which"),
        (
            with(|file| file.tensors[1] = tensor("b", &[48], 8, 32)),
            "tensor `b` has the axes [48], which no tensor of type Q8_0",
        ),
        (with(|file| file.tensors[1] = tensor("b", &[], 0, 32)), "tensor `b` has 0 axes (allowed: 1 to 4)"),
        (with(|file| file.tensors[1] = tensor("b", &[1; 5], 0, 32)), "tensor `b` has 5 axes (allowed: 1 to 4)"),
        (
            with(|file| file.tensors[1] = tensor("b", &[256], 10, 32)),
            "tensor `b` is of type Q2_K (supported: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K)",
        ),
        (with(|file| file.tensors[1] = tensor("b", &[4], 4, 32)), "tensor `b` is of type number 4 (supported"),
    ];
    for (file, says) in cases {
        let message = file.message();
        assert!(message.starts_with(&format!("m.gguf: {says}")), "{message}\nand not: {says}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn other_files_are_told_apart() {
    for (bytes, says) in [
        (&b"version https://git-lfs.github.com/spec/v1\n"[..], "a Git LFS pointer"),
        (b"ggml", "not a GGUF file: it does not begin with GGUF"),
        (b"GGUF", "the version at byte 4 would be 4 bytes long, and the file ends 0 bytes further on"),
    ] {
        let message = Gguf::from_bytes(bytes.to_vec(), "m.gguf").err().unwrap().to_string();
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = Written::sound().bytes();
    for length in 0..whole.len() {
        assert!(Gguf::from_bytes(whole[..length].to_vec(), "m.gguf").is_err(), "{length}");
    }
    assert!(Gguf::from_bytes(whole, "m.gguf").is_ok());
}

#[test]
fn blocks_of_every_format_become_the_reference_s_numbers_bit_for_bit() {
    let gguf = Gguf::from_bytes(include_bytes!("../../../../tests/fixtures/gguf/blocks.gguf").to_vec(), "blocks.gguf");
    let gguf = gguf.unwrap();
    let expected = include_bytes!("../../../../tests/fixtures/gguf/blocks.safetensors");
    let expected = SafeTensors::deserialize(expected).unwrap();
    let bits: BTreeMap<String, Vec<u32>> = expected
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            (name, view.data().as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
        })
        .collect();
    assert_eq!(bits.len(), 11);
    for (name, bits) in bits {
        let found: Vec<u32> = gguf.values(&name).unwrap().into_iter().map(f32::to_bits).collect();
        assert_eq!(found.len(), 768, "{name}");
        let first = found.iter().zip(&bits).position(|(found, expected)| found != expected);
        assert_eq!(first, None, "{name}: {:?}", first.map(|n| (f32::from_bits(found[n]), f32::from_bits(bits[n]))));
    }
}

#[test]
fn many_blocks_are_shared_among_threads_without_gaps() {
    let n = 3 * 32_768 + 5 * 32;
    let block = |n: usize| [&half::f16::from_f32(1.0).to_le_bytes()[..], &[n as u8; 32]].concat();
    let bytes: Vec<u8> = (0..n / 32).flat_map(block).collect();
    let values = BlockFormat::Q8_0.values(&bytes);
    assert_eq!(values.len(), n);
    for (number, value) in values.iter().enumerate() {
        assert_eq!(*value, f32::from((number / 32) as u8 as i8));
    }
}
