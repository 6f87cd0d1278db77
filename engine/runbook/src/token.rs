//! PostgreSQL's lexical rules, as far as finding where words, quotes, comments and statements
//! begin and end needs them. Assumes `standard_conforming_strings = on`, which the engine sets.

use std::ops::Range;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An unquoted identifier or keyword.
    Word,
    /// A `"quoted"` identifier.
    Quoted,
    /// A `'string'` of any prefix, continuation lines included.
    Text,
    /// A `$tag$dollar-quoted$tag$` string.
    Dollar,
    /// A number.
    Number,
    /// A parameter such as `$1`.
    Parameter,
    /// One character of punctuation or of an operator.
    Symbol(char),
}

/// One token and its position in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// The line it begins on, from 1.
    pub line: usize,
}

/// A lexical error: a line (from 1) and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The line on which the invalid text begins.
    pub line: usize,
    /// What is wrong.
    pub message: &'static str,
}

/// Splits `sql` into tokens; blanks and comments are dropped.
///
/// # Errors
/// [`Unreadable`] for an unterminated quote or comment and for a psql command.
pub fn tokens(sql: &str) -> Result<Vec<Token>, Unreadable> {
    let mut reader = Reader { bytes: sql.as_bytes(), at: 0, line: 1 };
    let mut found = Vec::new();
    while reader.skip_blank()? {
        let (start, line) = (reader.at, reader.line);
        let kind = reader.token(sql)?;
        found.push(Token { kind, span: start..reader.at, line });
    }
    Ok(found)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn continues_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn step(&mut self) {
        if self.peek(0) == b'\n' {
            self.line += 1;
        }
        self.at += 1;
    }

    fn ended(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while !self.ended() && wanted(self.peek(0)) {
            self.step();
        }
    }

    /// Skips blanks and comments; false at the end of the text.
    fn skip_blank(&mut self) -> Result<bool, Unreadable> {
        loop {
            self.skip_while(blank);
            match (self.peek(0), self.peek(1)) {
                (b'-', b'-') => self.skip_while(|b| b != b'\n'),
                (b'/', b'*') => self.block_comment()?,
                _ => return Ok(!self.ended()),
            }
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) -> Result<(), Unreadable> {
        let line = self.line;
        let mut depth = 0usize;
        while !self.ended() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.step();
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.step();
                }
                _ => {}
            }
            self.step();
            if depth == 0 {
                return Ok(());
            }
        }
        Err(Unreadable { line, message: "a comment that begins here is not terminated" })
    }

    fn token(&mut self, sql: &str) -> Result<TokenKind, Unreadable> {
        let line = self.line;
        let unreadable = |message| Unreadable { line, message };
        let prefix = self.peek(0).to_ascii_lowercase();
        match (prefix, self.peek(1)) {
            (b'\'', _) => self.text(false),
            (b'e', b'\'') => {
                self.step();
                self.text(true)
            }
            (b'b' | b'x' | b'n', b'\'') => {
                self.step();
                self.text(false)
            }
            (b'u', b'&') if matches!(self.peek(2), b'\'' | b'"') => {
                self.step();
                self.step();
                if self.peek(0) == b'"' { self.quoted() } else { self.text(false) }
            }
            (b'"', _) => self.quoted(),
            (b'$', next) if next.is_ascii_digit() => {
                self.step();
                self.skip_while(|b| b.is_ascii_digit());
                Ok(TokenKind::Parameter)
            }
            (b'$', _) => self.dollar(),
            (b'\\', _) => Err(unreadable("psql commands are not SQL and cannot run here")),
            (0, _) => Err(unreadable("SQL must not contain a NUL character")),
            (first, _) if starts_word(first) => {
                self.skip_while(continues_word);
                Ok(TokenKind::Word)
            }
            (first, _) if first.is_ascii_digit() => {
                self.skip_while(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_');
                Ok(TokenKind::Number)
            }
            _ => {
                let symbol = sql[self.at..].chars().next().unwrap_or(' ');
                self.step();
                Ok(TokenKind::Symbol(symbol))
            }
        }
    }

    /// A string from its opening quote on. Literals separated only by a line break are one
    /// literal and share the first one's rule on backslashes.
    fn text(&mut self, escapes: bool) -> Result<TokenKind, Unreadable> {
        let line = self.line;
        self.step();
        while !self.ended() {
            match (self.peek(0), self.peek(1)) {
                (b'\\', _) if escapes => {
                    self.step();
                    self.step();
                }
                (b'\'', b'\'') => {
                    self.step();
                    self.step();
                }
                (b'\'', _) => {
                    self.step();
                    if !self.continued() {
                        return Ok(TokenKind::Text);
                    }
                    self.step();
                }
                _ => self.step(),
            }
        }
        Err(Unreadable { line, message: "a string that begins here is not terminated" })
    }

    /// After a closing quote: moves to the next quote if it continues the same string.
    fn continued(&mut self) -> bool {
        let (at, line) = (self.at, self.line);
        loop {
            self.skip_while(blank);
            if (self.peek(0), self.peek(1)) != (b'-', b'-') {
                break;
            }
            self.skip_while(|b| b != b'\n');
        }
        if self.peek(0) == b'\'' && self.line > line {
            return true;
        }
        (self.at, self.line) = (at, line);
        false
    }

    fn quoted(&mut self) -> Result<TokenKind, Unreadable> {
        let line = self.line;
        self.step();
        while !self.ended() {
            match (self.peek(0), self.peek(1)) {
                (b'"', b'"') => {
                    self.step();
                    self.step();
                }
                (b'"', _) => {
                    self.step();
                    return Ok(TokenKind::Quoted);
                }
                _ => self.step(),
            }
        }
        Err(Unreadable { line, message: "a quoted name that begins here is not terminated" })
    }

    fn dollar(&mut self) -> Result<TokenKind, Unreadable> {
        let line = self.line;
        let start = self.at;
        self.step();
        if starts_word(self.peek(0)) {
            self.skip_while(|b| continues_word(b) && b != b'$');
        }
        if self.peek(0) != b'$' {
            // A single dollar sign: the server refuses it with a better message.
            self.at = start + 1;
            return Ok(TokenKind::Symbol('$'));
        }
        self.step();
        let bytes = self.bytes;
        let tag = &bytes[start..self.at];
        while !self.ended() {
            if bytes[self.at..].starts_with(tag) {
                self.at += tag.len();
                return Ok(TokenKind::Dollar);
            }
            self.step();
        }
        Err(Unreadable {
            line,
            message: "a dollar-quoted string that begins here is not terminated",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        tokens(sql).unwrap().into_iter().map(|t| &sql[t.span]).collect()
    }

    #[test]
    fn comments_nest_and_vanish() {
        assert_eq!(texts("a /* b /* c */ ; */ d -- e ; \n f"), ["a", "d", "f"]);
        assert_eq!(texts("1+--x\n2"), ["1", "+", "2"]);
    }

    #[test]
    fn quotes_keep_their_contents() {
        assert_eq!(texts(r#"'it''s;' "a;""b" x"#), ["'it''s;'", r#""a;""b""#, "x"]);
        assert_eq!(texts(r"E'a\'b;' c"), [r"E'a\'b;'", "c"]);
        assert_eq!(texts(r"'a\' c"), [r"'a\'", "c"]);
        assert_eq!(texts(r#"U&'\0041' b'1' u&"a;""#), [r"U&'\0041'", "b'1'", r#"u&"a;""#]);
    }

    #[test]
    fn a_string_goes_on_over_a_line_break() {
        assert_eq!(texts("E'a' -- note\n  '\\';b' c"), ["E'a' -- note\n  '\\';b'", "c"]);
        assert_eq!(texts("'a' 'b'"), ["'a'", "'b'"]);
    }

    #[test]
    fn dollar_quotes_end_at_their_own_tag() {
        assert_eq!(texts("$a$ ; $$ ; $b$ $a$ x"), ["$a$ ; $$ ; $b$ $a$", "x"]);
        assert_eq!(texts("a$b$ c$"), ["a$b$", "c$"]);
        assert_eq!(texts("$1,$2"), ["$1", ",", "$2"]);
        assert_eq!(texts("$żółć$;$żółć$ ź"), ["$żółć$;$żółć$", "ź"]);
    }

    #[test]
    fn what_does_not_end_is_refused_with_its_line() {
        for sql in ["\n'abc", "\n\"abc", "\n/* /* */", "\n$a$ $b$", "\nE'\\'"] {
            assert_eq!(tokens(sql).unwrap_err().line, 2, "{sql:?}");
        }
    }

    #[test]
    fn psql_commands_and_nul_are_refused() {
        assert!(tokens("\\i other.sql").is_err());
        assert!(tokens("select 1 \\gexec").is_err());
        assert!(tokens("select \0").is_err());
    }

    #[test]
    fn lines_are_counted_inside_quotes_too() {
        let found = tokens("'a\nb'\n/*\n*/ c $$\n$$ d").unwrap();
        let lines: Vec<usize> = found.iter().map(|t| t.line).collect();
        assert_eq!(lines, [1, 4, 4, 5]);
    }
}
