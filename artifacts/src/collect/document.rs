//! JSON documents passing through: checked and indented anew, with their numbers, keys and strings as they were spelt.

use crate::digest::BLOCK;
use std::io::{self, Read, Write};

/// Deeper documents are refused.
const DEPTH: usize = 2000;

/// How documents are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// On one line.
    Compact,
    /// Two spaces a level, below this level.
    Pretty(usize),
}

/// Reads documents one after the other.
pub(super) struct Documents<'a> {
    reader: &'a mut dyn Read,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    line: u64,
    /// Bytes before the buffer's first, and where the current line starts.
    passed: u64,
    line_start: u64,
}

type Result<T> = io::Result<T>;

impl<'a> Documents<'a> {
    pub fn new(reader: &'a mut dyn Read) -> Documents<'a> {
        Documents {
            reader,
            buffer: vec![0; BLOCK],
            at: 0,
            end: 0,
            line: 1,
            passed: 0,
            line_start: 0,
        }
    }

    /// Whether another document follows.
    pub fn more(&mut self) -> Result<bool> {
        if self.passed == 0 && self.at == 0 && self.peek()? == Some(0xEF) {
            self.byte_order_mark()?;
        }
        self.space()?;
        Ok(self.peek()?.is_some())
    }

    /// Copies the next document.
    pub fn copy(&mut self, out: &mut dyn Write, style: Style) -> Result<()> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.space()?;
            let first = self.peek()?;
            match first {
                Some(bracket @ (b'{' | b'[')) => {
                    if open.len() == DEPTH {
                        return Err(self.fault(&format!("it is nested more than {DEPTH} deep")));
                    }
                    if !self.open(bracket, &mut open, out, style)? {
                        continue;
                    }
                }
                Some(b'"') => self.string(out)?,
                Some(b'-' | b'0'..=b'9') => self.number(out)?,
                Some(b't') => self.literal(b"true", out)?,
                Some(b'f') => self.literal(b"false", out)?,
                Some(b'n') => self.literal(b"null", out)?,
                _ => return Err(self.expected("a value")),
            }
            if self.close(&mut open, out, style)? {
                return Ok(());
            }
        }
    }

    /// Opens an object or array. Whether it is closed again already, being empty.
    fn open(
        &mut self,
        bracket: u8,
        open: &mut Vec<u8>,
        out: &mut dyn Write,
        style: Style,
    ) -> Result<bool> {
        self.at += 1;
        self.space()?;
        let closing = if bracket == b'{' { b'}' } else { b']' };
        if self.peek()? == Some(closing) {
            self.at += 1;
            out.write_all(&[bracket, closing])?;
            return Ok(true);
        }
        out.write_all(&[bracket])?;
        open.push(bracket);
        new_line(out, style, open.len())?;
        if bracket == b'{' {
            self.key(out, style)?;
        }
        Ok(false)
    }

    /// After a value: closes what ends here. Whether that was the whole document.
    fn close(&mut self, open: &mut Vec<u8>, out: &mut dyn Write, style: Style) -> Result<bool> {
        loop {
            let Some(bracket) = open.last().copied() else {
                return Ok(true);
            };
            self.space()?;
            match (bracket, self.peek()?) {
                (_, Some(b',')) => {
                    self.at += 1;
                    out.write_all(b",")?;
                    new_line(out, style, open.len())?;
                    if bracket == b'{' {
                        self.key(out, style)?;
                    }
                    return Ok(false);
                }
                (b'{', Some(closing @ b'}')) | (b'[', Some(closing @ b']')) => {
                    self.at += 1;
                    open.pop();
                    new_line(out, style, open.len())?;
                    out.write_all(&[closing])?;
                }
                (b'{', _) => return Err(self.expected("`,` or `}`")),
                _ => return Err(self.expected("`,` or `]`")),
            }
        }
    }

    fn key(&mut self, out: &mut dyn Write, style: Style) -> Result<()> {
        self.space()?;
        if self.peek()? != Some(b'"') {
            return Err(self.expected("a key in quotes"));
        }
        self.string(out)?;
        self.space()?;
        if self.peek()? != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        out.write_all(if style == Style::Compact { b":" } else { b": " })
    }

    fn string(&mut self, out: &mut dyn Write) -> Result<()> {
        self.at += 1;
        out.write_all(b"\"")?;
        // The start of a character that the last chunk ended in.
        let mut carry: Vec<u8> = Vec::new();
        loop {
            if self.peek()?.is_none() {
                return Err(self.expected("the end of a string"));
            }
            let rest = self.buffer.get(self.at..self.end).unwrap_or_default();
            let plain = rest
                .iter()
                .position(|byte| *byte == b'"' || *byte == b'\\' || *byte < 0x20)
                .unwrap_or(rest.len());
            let chunk = rest.get(..plain).unwrap_or_default();
            let at_end = plain == rest.len();
            carry = match text_chunk(carry, chunk, at_end, out)? {
                Some(carry) => carry,
                None => return Err(self.fault("a string is not UTF-8")),
            };
            self.at += plain;
            match self.buffer.get(self.at).copied().filter(|_| self.at < self.end) {
                None => {}
                Some(b'"') => {
                    self.at += 1;
                    return out.write_all(b"\"");
                }
                Some(b'\\') => self.escape(out)?,
                Some(_) => return Err(self.fault("a string contains a control character")),
            }
        }
    }

    fn escape(&mut self, out: &mut dyn Write) -> Result<()> {
        self.at += 1;
        let mut escape = vec![b'\\'];
        match self.peek()? {
            Some(kind @ (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => {
                escape.push(kind);
            }
            Some(b'u') => {
                escape.push(b'u');
                for _ in 0..4 {
                    self.at += 1;
                    match self.peek()? {
                        Some(digit) if digit.is_ascii_hexdigit() => escape.push(digit),
                        _ => return Err(self.expected("four hexadecimal digits")),
                    }
                }
            }
            _ => return Err(self.expected("an escape")),
        }
        self.at += 1;
        out.write_all(&escape)
    }

    fn number(&mut self, out: &mut dyn Write) -> Result<()> {
        self.take_if(b"-", out)?;
        if !self.take_if(b"0", out)? {
            self.digits(out)?;
        }
        if self.take_if(b".", out)? {
            self.digits(out)?;
        }
        if self.take_if(b"eE", out)? {
            self.take_if(b"+-", out)?;
            self.digits(out)?;
        }
        match self.peek()? {
            Some(b'0'..=b'9' | b'.' | b'-' | b'+' | b'a'..=b'z' | b'A'..=b'Z') => {
                Err(self.expected("the end of a number"))
            }
            _ => Ok(()),
        }
    }

    fn digits(&mut self, out: &mut dyn Write) -> Result<()> {
        if !self.take_if(b"0123456789", out)? {
            return Err(self.expected("a digit"));
        }
        while let Some(b'0'..=b'9') = self.peek()? {
            let rest = self.buffer.get(self.at..self.end).unwrap_or_default();
            let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
            out.write_all(rest.get(..count).unwrap_or_default())?;
            self.at += count;
        }
        Ok(())
    }

    fn take_if(&mut self, any: &[u8], out: &mut dyn Write) -> Result<bool> {
        match self.peek()? {
            Some(byte) if any.contains(&byte) => {
                self.at += 1;
                out.write_all(&[byte])?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn literal(&mut self, text: &'static [u8], out: &mut dyn Write) -> Result<()> {
        for byte in text {
            if self.peek()? != Some(*byte) {
                return Err(self.expected("a value"));
            }
            self.at += 1;
        }
        match self.peek()? {
            Some(byte) if byte.is_ascii_alphanumeric() => Err(self.expected("a value")),
            _ => out.write_all(text),
        }
    }

    fn space(&mut self) -> Result<()> {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek()? {
            self.at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = self.passed + self.at as u64;
            }
        }
        Ok(())
    }

    fn byte_order_mark(&mut self) -> Result<()> {
        for byte in [0xEF, 0xBB, 0xBF] {
            if self.peek()? != Some(byte) {
                return Err(self.expected("a value"));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        while self.at >= self.end {
            self.passed += self.end as u64;
            (self.at, self.end) = (0, 0);
            self.end = match self.reader.read(&mut self.buffer) {
                Ok(0) => return Ok(None),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
        }
        Ok(self.buffer.get(self.at).copied())
    }

    fn expected(&self, what: &str) -> io::Error {
        let found = match self.buffer.get(self.at).filter(|_| self.at < self.end) {
            Some(byte) if byte.is_ascii_graphic() => format!("`{}`", char::from(*byte)),
            Some(byte) => format!("byte 0x{byte:02x}"),
            None => "the end".to_owned(),
        };
        self.fault(&format!("expected {what}, found {found}"))
    }

    fn fault(&self, why: &str) -> io::Error {
        let column = self.passed + self.at as u64 - self.line_start + 1;
        let text = format!("it is no JSON: {why} at line {}, byte {column}", self.line);
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

/// Writes whole characters. Returns what is left of the last, or nothing if it is not UTF-8.
fn text_chunk(
    mut carry: Vec<u8>,
    chunk: &[u8],
    at_end: bool,
    out: &mut dyn Write,
) -> Result<Option<Vec<u8>>> {
    let joined;
    let bytes = if carry.is_empty() {
        chunk
    } else {
        carry.extend_from_slice(chunk);
        joined = carry;
        &joined
    };
    match std::str::from_utf8(bytes) {
        Ok(_) => {
            out.write_all(bytes)?;
            Ok(Some(Vec::new()))
        }
        Err(error) if error.error_len().is_none() && at_end => {
            let (whole, rest) = bytes.split_at(error.valid_up_to());
            out.write_all(whole)?;
            Ok(Some(rest.to_vec()))
        }
        Err(_) => Ok(None),
    }
}

fn new_line(out: &mut dyn Write, style: Style, level: usize) -> Result<()> {
    let Style::Pretty(base) = style else {
        return Ok(());
    };
    out.write_all(b"\n")?;
    for _ in 0..base + level {
        out.write_all(b"  ")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reformat(text: &str, style: Style) -> Result<String> {
        let mut reader = text.as_bytes();
        let mut documents = Documents::new(&mut reader);
        let mut out = Vec::new();
        documents.more()?;
        documents.copy(&mut out, style)?;
        if documents.more()? {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(String::from_utf8(out).expect("the output is UTF-8"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        /// serde_json takes what we take, and finds the same in what we write.
        #[test]
        fn as_serde_json(tokens in prop::collection::vec(prop::sample::select(
            &["[", "]", "{", "}", ",", ":", "\"a\"", "\"b\\n\"", "0", "-1", "1.5", "2e+3", "01", "true", "null", " ", "\n", "\"", "é", "-", "."][..]), 0..9))
        {
            let text = tokens.concat();
            let theirs: serde_json::Result<serde_json::Value> = serde_json::from_str(&text);
            for style in [Style::Compact, Style::Pretty(0)] {
                let ours = reformat(&text, style);
                prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}: {:?} {:?}", text, ours, theirs);
                if let (Ok(ours), Ok(theirs)) = (ours, &theirs) {
                    prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&ours).expect("valid"), theirs);
                }
            }
        }
    }
}
