//! The part of Python's pickle that `torch.save` writes a state dict in.
//!
//! A pickle is a program that names functions and calls them. This interpreter knows the instructions that a state dict is made
//! of and four functions, none of which does anything but describe data; whatever else a file asks for is refused by name before
//! anything is looked at further. Nothing is ever executed.
//!
//! Reference: <https://github.com/python/cpython/blob/v3.13.0/Lib/pickletools.py> for the instructions, `torch/_utils.py` and
//! `torch/serialization.py` of torch 2.15 for the functions.

use std::collections::HashMap;

use safetensors::tensor::Dtype;

/// A tensor as a state dict describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickledTensor {
    /// The record that holds its numbers.
    pub storage: String,
    /// Their type.
    pub dtype: Dtype,
    /// How many numbers the record holds.
    pub n_numbers: usize,
    /// The first of them that is the tensor's.
    pub offset: usize,
    /// Its axes.
    pub shape: Vec<usize>,
    /// How many numbers further the next one along each axis is.
    pub strides: Vec<usize>,
}

/// Functions that may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Dtype),
}

const FUNCTIONS: &str =
    "collections.OrderedDict, torch._utils._rebuild_tensor_v2, torch._utils._rebuild_parameter, torch.*Storage";

impl Function {
    fn named(module: &str, name: &str) -> Result<Self, String> {
        Ok(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch", "FloatStorage") => Self::Storage(Dtype::F32),
            ("torch", "HalfStorage") => Self::Storage(Dtype::F16),
            ("torch", "BFloat16Storage") => Self::Storage(Dtype::BF16),
            ("torch", "DoubleStorage") => Self::Storage(Dtype::F64),
            ("torch", "LongStorage") => Self::Storage(Dtype::I64),
            ("torch", "IntStorage") => Self::Storage(Dtype::I32),
            ("torch", "ShortStorage") => Self::Storage(Dtype::I16),
            ("torch", "CharStorage") => Self::Storage(Dtype::I8),
            ("torch", "ByteStorage") => Self::Storage(Dtype::U8),
            ("torch", "BoolStorage") => Self::Storage(Dtype::BOOL),
            _ => {
                return Err(format!(
                    "asks for `{}.{}`, which is no part of a state dict; nothing was run (allowed: {FUNCTIONS})",
                    shown(module),
                    shown(name)
                ));
            }
        })
    }
}

/// A value's place among all values: one that contains others does so by their places, so that no nesting is too deep to drop.
type Place = usize;

#[derive(Debug, Clone)]
enum Value<'a> {
    None,
    Bool,
    Int(i64),
    Text(&'a str),
    Sequence(Vec<Place>),
    Dict(Vec<(Place, Place)>),
    Function(Function),
    Storage { key: &'a str, dtype: Dtype, n_numbers: usize },
    Tensor(PickledTensor),
}

impl Value<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool => "True or False",
            Self::Int(_) => "a number",
            Self::Text(_) => "a text",
            Self::Sequence(_) => "a tuple or list",
            Self::Dict(_) => "a dict",
            Self::Function(_) => "a function",
            Self::Storage { .. } => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }
}

/// The tensors of the state dict that `bytes` hold, in their order.
///
/// # Errors
/// In words: the pickle is cut or damaged, asks for a function or an instruction that no state dict needs, or is something else
/// than names with tensors.
pub fn read_state_dict(bytes: &[u8]) -> Result<Vec<(String, PickledTensor)>, String> {
    let mut machine =
        Machine { bytes, at: 0, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    let root = machine.run()?;
    let Value::Dict(pairs) = &machine.values[root] else {
        return Err(format!("holds {}, not a state dict", machine.values[root].kind()));
    };
    pairs
        .iter()
        .map(|&(key, value)| match (&machine.values[key], &machine.values[value]) {
            (Value::Text(name), Value::Tensor(tensor)) => Ok(((*name).to_owned(), tensor.clone())),
            (Value::Text(name), other) => Err(format!("`{}` is {}, not a tensor", shown(name), other.kind())),
            (other, _) => Err(format!("a key of the state dict is {}, not a text", other.kind())),
        })
        .collect()
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value<'a>>,
    stack: Vec<Place>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Place>,
}

/// No tuple of arguments or axes is longer; copies of a long one could fill the memory.
const LONGEST_SEQUENCE: usize = 16;

const CUT: &str = "truncated: its pickle ends too early";
const DAMAGED: &str = "damaged: its pickle makes no sense";

impl<'a> Machine<'a> {
    /// Runs the program and gives what it leaves.
    fn run(&mut self) -> Result<Place, String> {
        loop {
            let instruction = self.number::<1>()? as u8;
            match instruction {
                // PROTO
                0x80 => match self.number::<1>()? {
                    2..=5 => {}
                    other => return Err(format!("is written in pickle protocol {other} (supported: 2 to 5)")),
                },
                // FRAME: how long what follows is; it does not matter here.
                0x95 => drop(self.take(8)?),
                b'.' => {
                    let result = self.pop()?;
                    return if self.stack.is_empty() { Ok(result) } else { Err(DAMAGED.into()) };
                }
                b'(' => self.marks.push(self.stack.len()),
                b'}' => self.push(Value::Dict(Vec::new())),
                b']' | b')' => self.push(Value::Sequence(Vec::new())),
                b'N' => self.push(Value::None),
                0x88 | 0x89 => self.push(Value::Bool),
                // BININT1, BININT2, BININT, LONG1
                b'K' => self.push_int::<1>()?,
                b'M' => self.push_int::<2>()?,
                b'J' => {
                    let number = self.number::<4>()? as u32 as i32;
                    self.push(Value::Int(number.into()));
                }
                0x8a => self.push_long()?,
                // BINUNICODE, SHORT_BINUNICODE
                b'X' => self.push_text::<4>()?,
                0x8c => self.push_text::<1>()?,
                // TUPLE, TUPLE1, TUPLE2, TUPLE3
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push(Value::Sequence(items));
                }
                0x85..=0x87 => {
                    let first = self.stack.len().checked_sub(usize::from(instruction - 0x84)).ok_or(DAMAGED)?;
                    let items = self.stack.split_off(first);
                    self.push(Value::Sequence(items));
                }
                // APPEND, APPENDS
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.append(items)?;
                }
                // SETITEM, SETITEMS
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.set(&items)?;
                }
                // BINPUT, LONG_BINPUT, MEMOIZE
                b'q' => {
                    let name = self.number::<1>()? as u32;
                    self.memoize(name)?;
                }
                b'r' => {
                    let name = self.number::<4>()? as u32;
                    self.memoize(name)?;
                }
                0x94 => self.memoize(self.memo.len() as u32)?,
                // BINGET, LONG_BINGET
                b'h' => {
                    let name = self.number::<1>()? as u32;
                    self.recall(name)?;
                }
                b'j' => {
                    let name = self.number::<4>()? as u32;
                    self.recall(name)?;
                }
                // GLOBAL, STACK_GLOBAL
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push(Value::Function(Function::named(module, name)?));
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Value::Text(module), Value::Text(name)) = (&self.values[module], &self.values[name]) else {
                        return Err(DAMAGED.into());
                    };
                    let function = Function::named(module, name)?;
                    self.push(Value::Function(function));
                }
                b'Q' => self.persistent()?,
                b'R' => self.call()?,
                // BUILD: attributes of an OrderedDict (`_metadata`), which say nothing about a tensor.
                b'b' => {
                    let (state, object) = (self.pop()?, *self.stack.last().ok_or(DAMAGED)?);
                    let (Value::Dict(_), Value::Dict(_)) = (&self.values[state], &self.values[object]) else {
                        return Err("sets the state of an object, which no state dict needs; nothing was run".into());
                    };
                }
                other => {
                    return Err(format!(
                        "uses the pickle instruction {other:#04x}, which no state dict needs; nothing was run"
                    ));
                }
            }
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(length).ok_or(CUT)?;
        let taken = self.bytes.get(self.at..end).ok_or(CUT)?;
        self.at = end;
        Ok(taken)
    }

    /// The next `N` bytes as a little-endian number.
    fn number<const N: usize>(&mut self) -> Result<u64, String> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(self.take(N)?);
        Ok(u64::from_le_bytes(wide))
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let length = self.bytes[self.at..].iter().position(|&byte| byte == b'\n').ok_or(CUT)?;
        let line = self.take(length + 1)?;
        std::str::from_utf8(&line[..length]).map_err(|_| DAMAGED.into())
    }

    fn push(&mut self, value: Value<'a>) {
        self.values.push(value);
        self.stack.push(self.values.len() - 1);
    }

    fn push_int<const N: usize>(&mut self) -> Result<(), String> {
        let number = self.number::<N>()?;
        self.push(Value::Int(number as i64));
        Ok(())
    }

    /// A number in as few bytes as it needs, the highest of which has the sign.
    fn push_long(&mut self) -> Result<(), String> {
        let length = self.number::<1>()? as usize;
        let bytes = self.take(length)?;
        if length > size_of::<i64>() {
            return Err("holds a number of more than 64 bits".into());
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..length].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(wide)));
        Ok(())
    }

    fn push_text<const N: usize>(&mut self) -> Result<(), String> {
        let length = self.number::<N>()? as usize;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| DAMAGED)?;
        self.push(Value::Text(text));
        Ok(())
    }

    fn pop(&mut self) -> Result<Place, String> {
        self.stack.pop().ok_or_else(|| DAMAGED.into())
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Place>, String> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len()).ok_or(DAMAGED)?;
        Ok(self.stack.split_off(mark))
    }

    fn append(&mut self, items: Vec<Place>) -> Result<(), String> {
        match &mut self.values[*self.stack.last().ok_or(DAMAGED)?] {
            Value::Sequence(list) => list.extend(items),
            _ => return Err(DAMAGED.into()),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Place]) -> Result<(), String> {
        let (pairs, []) = items.as_chunks::<2>() else { return Err(DAMAGED.into()) };
        match &mut self.values[*self.stack.last().ok_or(DAMAGED)?] {
            Value::Dict(dict) => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            _ => return Err(DAMAGED.into()),
        }
        Ok(())
    }

    fn memoize(&mut self, name: u32) -> Result<(), String> {
        let top = *self.stack.last().ok_or(DAMAGED)?;
        self.memo.insert(name, top);
        Ok(())
    }

    fn recall(&mut self, name: u32) -> Result<(), String> {
        self.stack.push(*self.memo.get(&name).ok_or(DAMAGED)?);
        Ok(())
    }

    /// `("storage", torch.FloatStorage, key, device, number of numbers)`
    fn persistent(&mut self) -> Result<(), String> {
        let arguments = self.pop_sequence()?;
        let [kind, storage, key, _device, n_numbers] = arguments[..] else { return Err(DAMAGED.into()) };
        let (Value::Text("storage"), Value::Function(Function::Storage(dtype)), Value::Text(key)) =
            (&self.values[kind], &self.values[storage], &self.values[key])
        else {
            return Err(DAMAGED.into());
        };
        let (key, dtype, n_numbers) = (*key, *dtype, self.size(n_numbers)?);
        self.push(Value::Storage { key, dtype, n_numbers });
        Ok(())
    }

    /// REDUCE: one of the functions with a tuple of arguments.
    fn call(&mut self) -> Result<(), String> {
        let arguments = self.pop_sequence()?;
        let called = self.pop()?;
        let Value::Function(function) = self.values[called] else { return Err(DAMAGED.into()) };
        match function {
            Function::OrderedDict if arguments.is_empty() => self.push(Value::Dict(Vec::new())),
            Function::RebuildTensor if (6..=7).contains(&arguments.len()) => {
                let tensor = self.tensor(&arguments)?;
                self.push(Value::Tensor(tensor));
            }
            Function::RebuildParameter if arguments.len() == 3 => match self.values[arguments[0]] {
                Value::Tensor(_) => self.stack.push(arguments[0]),
                _ => return Err(DAMAGED.into()),
            },
            _ => return Err(DAMAGED.into()),
        }
        Ok(())
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, ...)`
    fn tensor(&self, arguments: &[Place]) -> Result<PickledTensor, String> {
        let Value::Storage { key, dtype, n_numbers } = &self.values[arguments[0]] else { return Err(DAMAGED.into()) };
        let shape = self.sizes(arguments[2])?;
        let strides = self.sizes(arguments[3])?;
        if shape.len() != strides.len() {
            return Err(DAMAGED.into());
        }
        Ok(PickledTensor {
            storage: (*key).to_owned(),
            dtype: *dtype,
            n_numbers: *n_numbers,
            offset: self.size(arguments[1])?,
            shape,
            strides,
        })
    }

    fn pop_sequence(&mut self) -> Result<Vec<Place>, String> {
        let place = self.pop()?;
        match &self.values[place] {
            Value::Sequence(items) if items.len() <= LONGEST_SEQUENCE => Ok(items.clone()),
            _ => Err(DAMAGED.into()),
        }
    }

    fn sizes(&self, place: Place) -> Result<Vec<usize>, String> {
        match &self.values[place] {
            Value::Sequence(items) if items.len() <= LONGEST_SEQUENCE => {
                items.iter().map(|&item| self.size(item)).collect()
            }
            _ => Err(DAMAGED.into()),
        }
    }

    fn size(&self, place: Place) -> Result<usize, String> {
        match self.values[place] {
            Value::Int(number) => usize::try_from(number).map_err(|_| format!("holds the size {number}")),
            _ => Err(DAMAGED.into()),
        }
    }
}

/// A name for a message: one line, not endless.
fn shown(name: &str) -> String {
    const LONGEST: usize = 80;
    let mut text: String = name.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `pickle.dumps(state_dict, protocol=2)` of `{"a": a 2 x 3 tensor, transposed}`, written by hand.
    fn state_dict() -> Vec<u8> {
        let mut bytes = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x01\x00\x00\x00aq\x02".to_vec();
        bytes.extend(
            b"ctorch._utils\n_rebuild_tensor_v2\nq\x03((X\x07\x00\x00\x00storageq\x04ctorch\nFloatStorage\nq\x05",
        );
        bytes.extend(
            b"X\x01\x00\x00\x000q\x06X\x03\x00\x00\x00cpuq\x07K\x08tq\x08QK\x02K\x03K\x02\x86q\x09K\x01K\x03\x86q\x0a",
        );
        bytes.extend(b"\x89h\x00)Rq\x0btq\x0cRq\x0ds}q\x0eX\x09\x00\x00\x00_metadataq\x0f}sb.");
        bytes
    }

    #[test]
    fn a_state_dict_is_read() {
        let tensor = PickledTensor {
            storage: "0".into(),
            dtype: Dtype::F32,
            n_numbers: 8,
            offset: 2,
            shape: vec![3, 2],
            strides: vec![1, 3],
        };
        assert_eq!(read_state_dict(&state_dict()).unwrap(), [("a".to_owned(), tensor)]);
    }

    #[test]
    fn a_function_that_is_no_data_is_refused_by_name() {
        for (pickle, name) in [
            (&b"cposix\nsystem\nX\x02\x00\x00\x00id\x85R."[..], "`posix.system`"),
            (
                b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x08builtins\x94\x8c\x04eval\x94\x93.",
                "`builtins.eval`",
            ),
            (b"\x80\x02ctorch\nload\n", "`torch.load`"),
            (b"ca\x1b[31m\nb\\\n", "`a\\u{1b}[31m.b\\\\`"),
        ] {
            let message = read_state_dict(pickle).unwrap_err();
            assert!(message.contains(name) && message.contains("nothing was run"), "{message}");
        }
    }

    #[test]
    fn instructions_that_no_state_dict_needs_are_refused() {
        // INST and OBJ call, EXT1 looks up, PERSID and BYTEARRAY8 are of other protocols.
        for instruction in [b'i', b'o', 0x82, b'P', 0x96, 0xff] {
            let message = read_state_dict(&[0x80, 2, instruction]).unwrap_err();
            assert!(message.contains(&format!("instruction {instruction:#04x}")), "{message}");
        }
    }

    #[test]
    fn what_is_no_state_dict_says_what_it_is() {
        assert_eq!(read_state_dict(b"\x80\x02K\x01.").unwrap_err(), "holds a number, not a state dict");
        let message = read_state_dict(b"\x80\x02}X\x05\x00\x00\x00epochK\x01s.").unwrap_err();
        assert_eq!(message, "`epoch` is a number, not a tensor");
        assert!(read_state_dict(b"\x80\x00.").unwrap_err().contains("protocol 0"));
    }

    #[test]
    fn a_pickle_cut_anywhere_or_changed_anywhere_never_panics() {
        let whole = state_dict();
        for length in 0..whole.len() {
            assert!(read_state_dict(&whole[..length]).is_err(), "cut at {length}");
        }
        for place in 0..whole.len() {
            for byte in 0..=255 {
                let mut changed = whole.clone();
                changed[place] = byte;
                let _ = read_state_dict(&changed);
            }
        }
    }

    #[test]
    fn deep_nesting_and_large_memo_names_cost_nothing() {
        let mut deep = vec![b')'];
        deep.extend(std::iter::repeat_n(0x85, 1 << 20));
        deep.push(b'.');
        assert_eq!(read_state_dict(&deep).unwrap_err(), "holds a tuple or list, not a state dict");
        assert_eq!(read_state_dict(b"}r\xff\xff\xff\xff.").unwrap(), []);
    }
}
