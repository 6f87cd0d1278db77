//! A statement in the form that the rules use: words in lower case, with their lines. The statements of a DO
//! block are included, and the text that it passes to EXECUTE.

use crate::source::Script;
use crate::token::{Token, TokenKind, tokens};

/// One token.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What it is.
    pub kind: TokenKind,
    /// A word in lower case, a quoted name or a string without its quotes, otherwise unchanged.
    pub text: String,
    /// The line in the file, from 1.
    pub line: usize,
}

/// One statement, or one that a block runs.
#[derive(Clone, Debug)]
pub struct Clause {
    /// Its tokens, at least one.
    pub pieces: Vec<Piece>,
    /// Whether it is part of a function's body, which runs later, for other callers.
    pub deferred: bool,
}

/// Everything a file runs, in order.
pub fn clauses(script: &Script) -> Vec<Clause> {
    let mut found = Vec::new();
    for statement in &script.statements {
        let pieces = pieces(&statement.text, &statement.tokens, 0);
        push(pieces, false, &mut found);
    }
    found
}

fn pieces(sql: &str, tokens: &[Token], lines_before: usize) -> Vec<Piece> {
    let piece = |token: &Token| {
        let raw = &sql[token.span.clone()];
        let text = match token.kind {
            TokenKind::Word => raw.to_lowercase(),
            TokenKind::Quoted => inner(raw, '"').replace("\"\"", "\""),
            TokenKind::Text => inner(raw, '\'').replace("''", "'"),
            TokenKind::Dollar => {
                let tag = raw[1..].find('$').map_or(0, |at| at + 2);
                raw[tag..raw.len() - tag].to_owned()
            }
            _ => raw.to_owned(),
        };
        Piece { kind: token.kind, text, line: token.line + lines_before }
    };
    tokens.iter().map(piece).collect()
}

fn inner(raw: &str, quote: char) -> &str {
    match (raw.find(quote), raw.rfind(quote)) {
        (Some(first), Some(last)) if first < last => &raw[first + 1..last],
        _ => raw,
    }
}

/// Adds the statement and what it runs inside.
fn push(pieces: Vec<Piece>, deferred: bool, found: &mut Vec<Clause>) {
    let clause = Clause { pieces, deferred };
    let Some(first) = clause.pieces.first() else { return };
    let function = clause.word(0) == "create"
        && (clause.find(&["function"]).is_some() || clause.find(&["procedure"]).is_some());
    let nested: Vec<(String, usize)> = match first.text.as_str() {
        "do" => clause.bodies(&[TokenKind::Dollar, TokenKind::Text]),
        "execute" => clause.bodies(&[TokenKind::Dollar, TokenKind::Text]),
        _ if function => clause.bodies(&[TokenKind::Dollar]),
        _ => Vec::new(),
    };
    found.push(clause);
    for (body, line) in nested {
        // A body in another language need not be SQL; the server checks it.
        if let Ok(tokens) = tokens(&body) {
            block(pieces_of_block(&body, &tokens, line), deferred || function, found);
        }
    }
}

fn pieces_of_block(body: &str, tokens: &[Token], line: usize) -> Vec<Piece> {
    pieces(body, tokens, line.saturating_sub(1))
}

/// Splits a block's tokens where a statement can begin.
fn block(pieces: Vec<Piece>, deferred: bool, found: &mut Vec<Clause>) {
    let mut current = Vec::new();
    for piece in pieces {
        let ends = piece.kind == TokenKind::Symbol(';')
            || (piece.kind == TokenKind::Word
                && matches!(piece.text.as_str(), "begin" | "then" | "else" | "loop" | "declare"));
        if ends {
            push(std::mem::take(&mut current), deferred, found);
        } else {
            current.push(piece);
        }
    }
    push(current, deferred, found);
}

impl Clause {
    /// The word at `at`, or an empty text where there is none.
    pub fn word(&self, at: usize) -> &str {
        match self.pieces.get(at) {
            Some(piece) if piece.kind == TokenKind::Word => &piece.text,
            _ => "",
        }
    }

    /// Whether the words at `at` are `wanted`.
    pub fn is(&self, at: usize, wanted: &[&str]) -> bool {
        wanted.iter().enumerate().all(|(i, word)| self.word(at + i) == *word)
    }

    /// The first position of `wanted` as consecutive words.
    pub fn find(&self, wanted: &[&str]) -> Option<usize> {
        (0..self.pieces.len()).find(|at| self.is(*at, wanted))
    }

    /// The symbol at `at`.
    pub fn symbol(&self, at: usize) -> Option<char> {
        match self.pieces.get(at)?.kind {
            TokenKind::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }

    /// The string at `at`, without its quotes.
    pub fn string(&self, at: usize) -> Option<&str> {
        let piece = self.pieces.get(at)?;
        matches!(piece.kind, TokenKind::Text | TokenKind::Dollar).then_some(piece.text.as_str())
    }

    /// The line it begins on.
    pub fn line(&self) -> usize {
        self.line_at(0)
    }

    /// The line of the token at `at`.
    pub fn line_at(&self, at: usize) -> usize {
        self.pieces.get(at).map_or(0, |piece| piece.line)
    }

    /// The place after `if exists`, `if not exists`, `only` and `concurrently`.
    pub fn skip_options(&self, mut at: usize) -> usize {
        loop {
            at += match self.word(at) {
                "if" if self.is(at, &["if", "not", "exists"]) => 3,
                "if" if self.is(at, &["if", "exists"]) => 2,
                "only" | "concurrently" => 1,
                _ => return at,
            };
        }
    }

    /// The possibly qualified name at `at`, and the place after it.
    pub fn name(&self, at: usize) -> (String, usize) {
        let mut name = String::new();
        let mut next = at;
        while let Some(piece) = self.pieces.get(next) {
            match piece.kind {
                TokenKind::Word | TokenKind::Quoted => name.push_str(&piece.text),
                // `%I` in a text for format().
                TokenKind::Symbol('%') => {
                    name.push('%');
                    next += 1;
                    continue;
                }
                _ => break,
            }
            next += 1;
            if self.symbol(next) != Some('.') {
                break;
            }
            name.push('.');
            next += 1;
        }
        (name, next)
    }

    /// The parts of the tokens from `from` that commas outside parentheses separate.
    pub fn actions(&self, from: usize) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut current = Vec::new();
        let mut depth = 0usize;
        for piece in self.pieces.iter().skip(from) {
            match piece.kind {
                TokenKind::Symbol('(') => depth += 1,
                TokenKind::Symbol(')') => depth = depth.saturating_sub(1),
                TokenKind::Symbol(',') if depth == 0 => {
                    parts.push(std::mem::take(&mut current));
                    continue;
                }
                _ => {}
            }
            current.push(piece.clone());
        }
        parts.push(current);
        let part = |pieces| Self { pieces, deferred: self.deferred };
        parts.into_iter().filter(|p| !p.is_empty()).map(part).collect()
    }

    fn bodies(&self, kinds: &[TokenKind]) -> Vec<(String, usize)> {
        let wanted = self.pieces.iter().filter(|p| kinds.contains(&p.kind));
        wanted.map(|p| (p.text.clone(), p.line)).collect()
    }
}
