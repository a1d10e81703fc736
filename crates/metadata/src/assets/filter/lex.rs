//! The words and signs of an expression.

use super::{
    error::AssetFilterError,
    print::ends_word,
    term::{Comparison, Field},
};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    Comma,
    Sign(Comparison),
    /// `name:`
    Field(Field),
    Word(String),
    Quoted(String),
    Regex(String),
}

/// A token and the byte at which it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) at: usize,
    pub(super) token: Token,
}

pub(super) fn tokens(expression: &str) -> Result<Vec<Placed>, AssetFilterError> {
    let mut lexer = Lexer { expression, at: 0, tokens: Vec::new() };
    while let Some(c) = lexer.rest().chars().next() {
        let at = lexer.at;
        let Some(token) = lexer.token(c)? else { continue };
        lexer.tokens.push(Placed { at, token });
    }
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    expression: &'a str,
    at: usize,
    tokens: Vec<Placed>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.expression[self.at..]
    }

    fn wrong(&self, message: impl Into<String>, hint: impl Into<String>) -> AssetFilterError {
        AssetFilterError::new(self.expression, self.at, message, hint)
    }

    /// The next token; None for white space.
    fn token(&mut self, c: char) -> Result<Option<Token>, AssetFilterError> {
        let sign = Comparison::SIGNS.iter().find(|(sign, _)| self.rest().starts_with(sign));
        let (length, token) = match (c, sign) {
            (c, _) if c.is_whitespace() => {
                self.at += c.len_utf8();
                return Ok(None);
            }
            (_, Some((sign, comparison))) => (sign.len(), Token::Sign(*comparison)),
            ('(', _) => (1, Token::Open),
            (')', _) => (1, Token::Close),
            (',', _) => (1, Token::Comma),
            ('=', _) => return Err(self.wrong("`=` is not known here", "write `name:a.tif`, or `size<=200MB`")),
            ('"' | '\'', _) => return self.quoted(c).map(Some),
            ('/', _) => return self.regex().map(Some),
            ('!', _) => return Err(self.wrong("`!` is not known here", "write `not`")),
            _ => return self.word().map(Some),
        };
        self.at += length;
        Ok(Some(token))
    }

    /// A text in quotes; two quotes in it are one.
    fn quoted(&mut self, quote: char) -> Result<Token, AssetFilterError> {
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((i, c)) = chars.next() {
            if c != quote {
                text.push(c);
            } else if chars.next_if(|(_, c)| *c == quote).is_some() {
                text.push(quote);
            } else {
                self.at += i + 1;
                return Ok(Token::Quoted(text));
            }
        }
        Err(self.wrong("the quote is not closed", format!("end it with `{quote}`; inside it, two of them are one")))
    }

    fn regex(&mut self) -> Result<Token, AssetFilterError> {
        let inside = &self.rest()[1..];
        let mut escaped = false;
        for (i, c) in inside.char_indices() {
            if c == '/' && !escaped {
                self.at += i + 2;
                return Ok(Token::Regex(inside[..i].into()));
            }
            escaped = c == '\\' && !escaped;
        }
        Err(self.wrong("the regular expression is not closed", "end it with `/`, and write `\\/` for a slash inside it"))
    }

    /// A word, or the name of a field with its colon.
    fn word(&mut self) -> Result<Token, AssetFilterError> {
        let word = &self.rest()[..word_length(self.rest())];
        let begins_condition = !matches!(self.tokens.last(), Some(Placed { token: Token::Field(_) | Token::Comma, .. }));
        match word.split_once(':').map(|(name, _)| (name, Field::named(name))) {
            Some((name, Some(field))) if begins_condition => {
                self.at += name.len() + 1;
                return Ok(Token::Field(field));
            }
            Some((name, None)) if begins_condition => {
                let names = Field::NAMED.map(|(name, _)| name).join(", ");
                let message = format!("there is no field `{name}`");
                return Err(self.wrong(message, format!("the fields are {names}; a word with a colon in it stands in quotes")));
            }
            Some((_, Some(_))) => {
                return Err(
                    self.wrong(format!("`{word}` stands in a list"), format!("write ` or {word}` in place of the comma, or put it in quotes"))
                );
            }
            _ => {}
        }
        self.at += word.len();
        Ok(Token::Word(word.into()))
    }
}

/// Bytes of the word at the beginning: classes and braces of a glob belong to it, with what stands inside.
fn word_length(text: &str) -> usize {
    let mut braces = 0usize;
    let mut class = None;
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if class.is_none() => escaped = true,
            ']' if class.is_some_and(|start| i > start) => class = None,
            // A class lasts at least one character behind `[`, `[!` or `[^`; without an end it is none.
            '[' if class.is_none() => {
                let inside = if text[i + 1..].starts_with(['!', '^']) { i + 2 } else { i + 1 };
                class = text[inside..].char_indices().skip(1).any(|(_, c)| c == ']').then_some(inside);
            }
            _ if class.is_some() => {}
            '{' => braces += 1,
            '}' => braces = braces.saturating_sub(1),
            ',' if braces > 0 => {}
            c if ends_word(c) => return i,
            _ => {}
        }
    }
    text.len()
}
