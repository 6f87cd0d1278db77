//! Splits a file into its statements.

use super::token::{Token, TokenKind, Unreadable, tokens};

/// One statement, without the semicolon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its text, from its first token to its last.
    pub text: String,
    /// The line it begins on, from 1.
    pub line: usize,
    /// Its tokens; spans point into `text`, lines into the file.
    pub tokens: Vec<Token>,
}

impl Statement {
    /// The line in the file of the character at `position` (from 1) of the statement, as the
    /// server counts.
    pub fn line_of(&self, position: usize) -> usize {
        let before = self.text.chars().take(position.saturating_sub(1));
        self.line + before.filter(|c| *c == '\n').count()
    }

    /// The first words in lower case, at most `count`.
    pub fn words(&self, count: usize) -> Vec<String> {
        let words = self.tokens.iter().take(count).map_while(|t| {
            (t.kind == TokenKind::Word).then(|| self.text[t.span.clone()].to_lowercase())
        });
        words.collect()
    }

    /// Why the engine cannot run this statement as part of a file; `None` if it can.
    pub fn refusal(&self) -> Option<&'static str> {
        let words = self.words(3);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["begin" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release", ..]
            | ["start", "transaction", ..]
            | ["prepare", "transaction", ..] => Some(
                "contains a transaction statement; remove it, since the engine opens and closes the \
                 transaction, or make the first line `-- flowcontrol: no-transaction`",
            ),
            ["copy", ..] if self.has_words(&["from", "stdin"]) => Some(
                "contains COPY FROM STDIN, which needs psql; write the rows as INSERT statements",
            ),
            _ => None,
        }
    }

    fn has_words(&self, wanted: &[&str]) -> bool {
        self.tokens.windows(wanted.len()).any(|window| {
            window.iter().zip(wanted).all(|(token, word)| {
                token.kind == TokenKind::Word
                    && self.text[token.span.clone()].eq_ignore_ascii_case(word)
            })
        })
    }
}

/// Splits a file. A semicolon inside parentheses (a rule's actions) or inside a function's
/// `begin atomic ... end` does not end a statement.
///
/// # Errors
/// [`Unreadable`] as for [`tokens`], and for a body or parenthesis that does not end.
pub fn statements(sql: &str) -> Result<Vec<Statement>, Unreadable> {
    let mut found = Vec::new();
    let mut current: Vec<Token> = Vec::new();
    let mut parentheses = 0usize;
    let mut blocks = 0usize;
    for token in tokens(sql)? {
        let word = match token.kind {
            TokenKind::Word => sql[token.span.clone()].to_ascii_lowercase(),
            _ => String::new(),
        };
        match (token.kind, word.as_str()) {
            (TokenKind::Symbol(';'), _) if parentheses == 0 && blocks == 0 => {
                push(sql, &mut current, &mut found);
                continue;
            }
            (TokenKind::Symbol('('), _) => parentheses += 1,
            (TokenKind::Symbol(')'), _) => parentheses = parentheses.saturating_sub(1),
            (_, "atomic") if blocks == 0 && opens_body(sql, &current) => blocks = 1,
            (_, "case") if blocks > 0 => blocks += 1,
            (_, "end") if blocks > 0 => blocks -= 1,
            _ => {}
        }
        current.push(token);
    }
    if let Some(first) = current.first()
        && (parentheses > 0 || blocks > 0)
    {
        return Err(Unreadable {
            line: first.line,
            message: "a statement that begins here leaves a parenthesis or a body open",
        });
    }
    push(sql, &mut current, &mut found);
    Ok(found)
}

/// Whether `before` is `create [or replace] function|procedure ... begin`.
fn opens_body(sql: &str, before: &[Token]) -> bool {
    let word = |token: &Token| match token.kind {
        TokenKind::Word => sql[token.span.clone()].to_ascii_lowercase(),
        _ => String::new(),
    };
    let head: Vec<String> = before.iter().take(4).map(word).collect();
    head.first().is_some_and(|w| w == "create")
        && head.iter().any(|w| w == "function" || w == "procedure")
        && before.last().map(word).as_deref() == Some("begin")
}

fn push(sql: &str, current: &mut Vec<Token>, found: &mut Vec<Statement>) {
    let (Some(first), Some(last)) = (current.first(), current.last()) else { return };
    let (start, end, line) = (first.span.start, last.span.end, first.line);
    let tokens = current
        .drain(..)
        .map(|t| Token { span: t.span.start - start..t.span.end - start, ..t })
        .collect();
    found.push(Statement { text: sql[start..end].to_owned(), line, tokens });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(sql: &str) -> Vec<String> {
        statements(sql).unwrap().into_iter().map(|s| s.text).collect()
    }

    #[test]
    fn semicolons_in_quotes_comments_and_parentheses_do_not_split() {
        assert_eq!(
            split("select ';' /* ; */ ; -- ;\n; do $$ begin a; end $$;\nselect 2"),
            ["select ';'", "do $$ begin a; end $$", "select 2"]
        );
        assert_eq!(
            split("create rule r as on insert to t do (select 1; select 2); select 3;").len(),
            2
        );
    }

    #[test]
    fn sql_bodies_are_one_statement() {
        let body = "create or replace function f(a int) returns int language sql\n\
                    begin atomic; select case when a > 0 then 1 else 2 end; select 3; end";
        assert_eq!(split(&format!("{body}; select 4;")), [body, "select 4"]);
        assert!(statements("create function f() returns int begin atomic select 1;").is_err());
    }

    #[test]
    fn an_atomic_elsewhere_is_only_a_word() {
        assert_eq!(split("select atomic; select 1").len(), 2);
    }

    #[test]
    fn lines_point_into_the_file() {
        let found = statements("-- note\n\nselect 1,\n  żółć\n  from x;\n\nselect 2;").unwrap();
        assert_eq!((found[0].line, found[1].line), (3, 7));
        // Counted in characters, as the server counts: `from` is on the fifth line.
        let at = found[0].text.chars().take_while(|c| *c != 'f').count() + 1;
        assert_eq!(found[0].line_of(at), 5);
    }

    #[test]
    fn transaction_statements_are_refused_wherever_they_hide() {
        for sql in [
            "BEGIN",
            "begin isolation level serializable",
            "start  transaction",
            "COMMIT",
            "end",
            "rollback to x",
            "savepoint a",
            "release a",
            "prepare transaction 'x'",
            "/* x */ commit",
            "copy t (a) from stdin",
        ] {
            assert!(statements(sql).unwrap()[0].refusal().is_some(), "{sql}");
        }
        for sql in ["prepare x as select 1", "do $$ begin null; end $$", "copy t to '/x'"] {
            assert!(statements(sql).unwrap()[0].refusal().is_none(), "{sql}");
        }
    }
}
