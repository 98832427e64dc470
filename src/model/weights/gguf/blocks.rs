//! How a GGUF file writes numbers: plain ones, or blocks of small whole numbers with their scales.
//!
//! Every format gives the same bits as `gguf.quants.dequantize` of the PyPI package `gguf`, which a test holds it to. The layout
//! of the blocks: <https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h>.

use std::fmt;

use half::{bf16, f16};
use rayon::prelude::*;

/// Numbers in a block of the K formats.
const SUPER_BLOCK: usize = 256;
/// Numbers in a block of the others.
const BLOCK: usize = 32;
/// Numbers that one thread takes at a time.
const SHARE: usize = 1 << 15;

/// The formats that can be read, named as ggml names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockFormat {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
}

const SUPPORTED: &str = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K";

/// Formats that exist and cannot be read, by their numbers.
const OTHERS: [(u32, &str); 22] = [
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
];

impl fmt::Display for BlockFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        })
    }
}

impl BlockFormat {
    /// The format with ggml's number `number`.
    ///
    /// # Errors
    /// In words without the tensor's name, if it is not supported.
    pub(super) fn read(number: u32) -> Result<Self, String> {
        Ok(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            30 => Self::BF16,
            other => {
                let name = OTHERS.iter().find(|(number, _)| *number == other).map(|(_, name)| (*name).to_owned());
                let name = name.unwrap_or_else(|| format!("number {other}"));
                return Err(format!("is of type {name} (supported: {SUPPORTED})"));
            }
        })
    }

    /// Numbers and bytes of a block.
    fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::BF16 => (1, 2),
            Self::Q4_0 => (BLOCK, 18),
            Self::Q4_1 => (BLOCK, 20),
            Self::Q5_0 => (BLOCK, 22),
            Self::Q5_1 => (BLOCK, 24),
            Self::Q8_0 => (BLOCK, 34),
            Self::Q4K => (SUPER_BLOCK, 144),
            Self::Q5K => (SUPER_BLOCK, 176),
            Self::Q6K => (SUPER_BLOCK, 210),
        }
    }

    /// Bytes of `length` numbers in rows of `row`; nothing where a row is no whole number of blocks, or no machine could hold them.
    pub(super) fn n_bytes(self, row: u64, length: u64) -> Option<u64> {
        let (numbers, bytes) = self.block();
        if !row.is_multiple_of(numbers as u64) {
            return None;
        }
        (length / numbers as u64).checked_mul(bytes as u64)
    }

    /// The numbers in `bytes`, which are whole blocks.
    pub(super) fn values(self, bytes: &[u8]) -> Vec<f32> {
        let (numbers, size) = self.block();
        let mut values = vec![0.0; bytes.len() / size * numbers];
        let share = SHARE / numbers;
        let read = self.reader();
        values
            .par_chunks_mut(share * numbers)
            .zip(bytes.par_chunks(share * size))
            .for_each(|(values, bytes)| read(bytes, values));
        values
    }

    /// What reads whole blocks.
    fn reader(self) -> fn(&[u8], &mut [f32]) {
        match self {
            Self::F32 => {
                |bytes, values| blocks::<1, 4>(bytes, values, |block, values| values[0] = f32::from_le_bytes(*block))
            }
            Self::F16 => |bytes, values| blocks::<1, 2>(bytes, values, |block, values| values[0] = half(block)),
            Self::BF16 => |bytes, values| {
                blocks::<1, 2>(bytes, values, |block, values| values[0] = bf16::from_le_bytes(*block).to_f32());
            },
            Self::Q4_0 => |bytes, values| blocks(bytes, values, q4_0),
            Self::Q4_1 => |bytes, values| blocks(bytes, values, q4_1),
            Self::Q5_0 => |bytes, values| blocks(bytes, values, q5_0),
            Self::Q5_1 => |bytes, values| blocks(bytes, values, q5_1),
            Self::Q8_0 => |bytes, values| blocks(bytes, values, q8_0),
            Self::Q4K => |bytes, values| blocks(bytes, values, q4_k),
            Self::Q5K => |bytes, values| blocks(bytes, values, q5_k),
            Self::Q6K => |bytes, values| blocks(bytes, values, q6_k),
        }
    }
}

/// Reads block after block.
fn blocks<const N: usize, const SIZE: usize>(
    bytes: &[u8],
    values: &mut [f32],
    read: impl Fn(&[u8; SIZE], &mut [f32; N]),
) {
    for (block, values) in bytes.as_chunks::<SIZE>().0.iter().zip(values.as_chunks_mut::<N>().0) {
        read(block, values);
    }
}

fn q4_0(block: &[u8; 18], values: &mut [f32; BLOCK]) {
    let scale = half(block);
    four_bits(&block[2..], values, |bits, _| scale * (f32::from(bits) - 8.0));
}

fn q4_1(block: &[u8; 20], values: &mut [f32; BLOCK]) {
    let (scale, least) = (half(block), half(&block[2..]));
    four_bits(&block[4..], values, |bits, _| scale * f32::from(bits) + least);
}

fn q5_0(block: &[u8; 22], values: &mut [f32; BLOCK]) {
    let (scale, fifth) = (half(block), word(&block[2..]));
    four_bits(&block[6..], values, |bits, n| scale * (f32::from(five_bits(bits, fifth, n)) - 16.0));
}

fn q5_1(block: &[u8; 24], values: &mut [f32; BLOCK]) {
    let (scale, least, fifth) = (half(block), half(&block[2..]), word(&block[4..]));
    four_bits(&block[8..], values, |bits, n| scale * f32::from(five_bits(bits, fifth, n)) + least);
}

fn q8_0(block: &[u8; 34], values: &mut [f32; BLOCK]) {
    let scale = half(block);
    for (value, &byte) in values.iter_mut().zip(&block[2..]) {
        *value = scale * f32::from(byte.cast_signed());
    }
}

fn q4_k(block: &[u8; 144], values: &mut [f32; SUPER_BLOCK]) {
    let scales = Scales::read(block);
    let parts = values.as_chunks_mut::<64>().0.iter_mut().zip(block[16..].as_chunks::<32>().0);
    for (pair, (values, bits)) in parts.enumerate() {
        let ((low, low_least), (high, high_least)) = (scales.of(2 * pair), scales.of(2 * pair + 1));
        for n in 0..32 {
            values[n] = low * f32::from(bits[n] & 15) - low_least;
            values[n + 32] = high * f32::from(bits[n] >> 4) - high_least;
        }
    }
}

fn q5_k(block: &[u8; 176], values: &mut [f32; SUPER_BLOCK]) {
    let scales = Scales::read(block);
    let fifth = &block[16..48];
    let parts = values.as_chunks_mut::<64>().0.iter_mut().zip(block[48..].as_chunks::<32>().0);
    for (pair, (values, bits)) in parts.enumerate() {
        let ((low, low_least), (high, high_least)) = (scales.of(2 * pair), scales.of(2 * pair + 1));
        for n in 0..32 {
            let (fifth_low, fifth_high) = ((fifth[n] >> (2 * pair)) & 1, (fifth[n] >> (2 * pair + 1)) & 1);
            values[n] = low * f32::from((bits[n] & 15) | (fifth_low << 4)) - low_least;
            values[n + 32] = high * f32::from((bits[n] >> 4) | (fifth_high << 4)) - high_least;
        }
    }
}

/// 128 numbers share 64 bytes of low bits and 32 bytes of high ones: four quarters of 32 numbers.
fn q6_k(block: &[u8; 210], values: &mut [f32; SUPER_BLOCK]) {
    let scale = half(&block[208..]);
    for (part, values) in values.as_chunks_mut::<128>().0.iter_mut().enumerate() {
        let low = &block[part * 64..][..64];
        let high = &block[128 + part * 32..][..32];
        let scales = &block[192 + part * 8..][..8];
        for (quarter, values) in values.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let factors = [0, 1].map(|n| scale * f32::from(scales[quarter * 2 + n].cast_signed()));
            for n in 0..32 {
                let low = (low[quarter % 2 * 32 + n] >> (quarter / 2 * 4)) & 15;
                let high = (high[n] >> (quarter * 2)) & 3;
                values[n] = factors[n / 16] * (f32::from(low | (high << 4)) - 32.0);
            }
        }
    }
}

fn half(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The low halves of 16 bytes are the first 16 numbers of a block, the high halves the others.
fn four_bits(bytes: &[u8], values: &mut [f32; BLOCK], number: impl Fn(u8, usize) -> f32) {
    for (n, &byte) in bytes.iter().enumerate().take(BLOCK / 2) {
        values[n] = number(byte & 15, n);
        values[n + BLOCK / 2] = number(byte >> 4, n + BLOCK / 2);
    }
}

fn five_bits(bits: u8, fifth: u32, n: usize) -> u8 {
    bits | ((((fifth >> n) & 1) as u8) << 4)
}

/// The scales of a block of Q4_K or Q5_K: eight parts of 32 numbers, each with a factor and a least value of 6 bits.
struct Scales<'a> {
    factor: f32,
    least: f32,
    packed: &'a [u8],
}

impl<'a> Scales<'a> {
    fn read(block: &'a [u8]) -> Self {
        Self { factor: half(block), least: half(&block[2..]), packed: &block[4..16] }
    }

    fn of(&self, part: usize) -> (f32, f32) {
        let packed = self.packed;
        let (factor, least) = if part < 4 {
            (packed[part] & 63, packed[part + 4] & 63)
        } else {
            (
                (packed[part + 4] & 15) | ((packed[part - 4] >> 6) << 4),
                (packed[part + 4] >> 4) | ((packed[part] >> 6) << 4),
            )
        };
        (self.factor * f32::from(factor), self.least * f32::from(least))
    }
}
