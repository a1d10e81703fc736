//! From text to filter, by descent: `or` binds weakest, then `and`, then `not`.

use std::str::FromStr;

use super::{
    AssetFilter, Expression,
    error::AssetFilterError,
    lex::{Placed, Token, tokens},
    pattern::{Malformed, Pattern},
    size,
    term::{Field, Term},
};
use crate::assets::formats::Format;

/// Parentheses and `not`s inside one another at most, so that hostile text does not exhaust the stack.
const DEEPEST: usize = 100;

impl FromStr for AssetFilter {
    type Err = AssetFilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parser = Parser { text, tokens: tokens(text)?, next: 0, depth: 0 };
        let expression = parser.either()?;
        match parser.tokens.get(parser.next) {
            None => Ok(Self { expression }),
            Some(Placed { at, token: Token::Close }) => Err(parser.wrong(*at, "`)` closes nothing", "write `(` before, or leave it out")),
            Some(Placed { at, .. }) => Err(parser.unexpected(*at)),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn wrong(&self, at: usize, message: impl Into<String>, hint: impl Into<String>) -> AssetFilterError {
        AssetFilterError::new(self.text, at, message, hint)
    }

    /// What stands where `and`, `or` or the end should stand.
    fn unexpected(&self, at: usize) -> AssetFilterError {
        let found = self.text[at..].split_whitespace().next().unwrap_or_default();
        let hint = match found {
            "&" | "&&" => "write `and`",
            "|" | "||" => "write `or`",
            _ => "write `and` or `or` between two conditions, and quotes around a text with spaces",
        };
        self.wrong(at, format!("`{found}` follows a whole condition"), hint)
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|placed| &placed.token)
    }

    /// Where the next token begins, or the text ends.
    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |placed| placed.at)
    }

    fn takes(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<Expression, AssetFilterError> {
        let mut parts = vec![self.both()?];
        while self.takes("or") {
            parts.push(self.both()?);
        }
        Ok(Expression::or(parts))
    }

    fn both(&mut self) -> Result<Expression, AssetFilterError> {
        let mut parts = vec![self.one()?];
        while self.takes("and") {
            parts.push(self.one()?);
        }
        Ok(Expression::and(parts))
    }

    fn one(&mut self) -> Result<Expression, AssetFilterError> {
        let at = self.at();
        if self.depth == DEEPEST {
            return Err(self.wrong(at, format!("more than {DEEPEST} parentheses and `not`s stand inside one another"), "write it more flatly"));
        }
        self.depth += 1;
        let found = if self.takes("not") { Ok(!self.one()?) } else { self.condition(at) };
        self.depth -= 1;
        found
    }

    fn condition(&mut self, at: usize) -> Result<Expression, AssetFilterError> {
        let missing = "a condition is missing";
        let hint = "write a word (`B04`), a field (`name:*.tif`), `size<200MB` or `cloud-optimised`";
        match self.peek().cloned() {
            Some(Token::Open) => {
                self.next += 1;
                let inside = self.either()?;
                match self.peek() {
                    Some(Token::Close) => self.next += 1,
                    Some(_) => return Err(self.unexpected(self.at())),
                    None => return Err(self.wrong(at, "`(` is not closed", "write `)` at the end")),
                }
                Ok(inside)
            }
            Some(Token::Field(field)) => {
                self.next += 1;
                self.values(field)
            }
            Some(Token::Word(word)) => match word.to_ascii_lowercase().as_str() {
                "and" | "or" => Err(self.wrong(at, format!("{missing} before `{word}`"), hint)),
                "all" => Ok(self.keyword(Expression::and(Vec::new()))),
                "none" => Ok(self.keyword(Expression::or(Vec::new()))),
                "cloud-optimised" | "cloud-optimized" => Ok(self.keyword(Expression::Term(Term::CloudOptimised))),
                "size" => self.size(),
                _ => self.values(Field::Word),
            },
            Some(Token::Quoted(_) | Token::Regex(_)) => self.values(Field::Word),
            Some(Token::Sign(_)) => Err(self.wrong(at, "only `size` is compared with a number", "write `size<200MB`")),
            Some(Token::Comma | Token::Close) | None => Err(self.wrong(at, missing, hint)),
        }
    }

    fn keyword(&mut self, meaning: Expression) -> Expression {
        self.next += 1;
        meaning
    }

    fn size(&mut self) -> Result<Expression, AssetFilterError> {
        self.next += 1;
        let hint = "write `size<200MB`, `size>=1.5GiB`; to find a file of the name `size`, put it in quotes";
        let Some(Token::Sign(comparison)) = self.peek().cloned() else {
            return Err(self.wrong(self.at(), "`size` is compared with nothing", hint));
        };
        self.next += 1;
        let bytes = match self.peek() {
            Some(Token::Word(word)) => size::parse(word),
            _ => None,
        };
        let bytes = bytes.ok_or_else(|| self.wrong(self.at(), "a number of bytes is missing", hint))?;
        self.next += 1;
        Ok(Expression::Term(Term::Size(comparison, bytes)))
    }

    /// `a,b,/c/`
    fn values(&mut self, field: Field) -> Result<Expression, AssetFilterError> {
        let mut patterns = vec![self.value(field)?];
        while matches!(self.peek(), Some(Token::Comma)) {
            self.next += 1;
            patterns.push(self.value(field)?);
        }
        if matches!(self.peek(), Some(Token::Sign(_))) {
            return Err(self.wrong(self.at(), "only `size` is compared with a number", "write `size<200MB`"));
        }
        Ok(Expression::Term(Term::Text(field, patterns)))
    }

    fn value(&mut self, field: Field) -> Result<Pattern, AssetFilterError> {
        let at = self.at();
        let (read, inside) = match self.peek() {
            Some(Token::Word(text)) => (Pattern::glob(text), at),
            Some(Token::Quoted(text)) => (Pattern::glob(text), at + 1),
            Some(Token::Regex(text)) => (Pattern::regex(text), at + 1),
            _ => return Err(self.wrong(at, format!("nothing follows `{}`", self.text[..at].trim_end()), "write a word, a glob or `/regex/`")),
        };
        let pattern = read.map_err(|Malformed(offset, message, hint)| self.wrong(inside + offset, message, hint))?;
        check_media_type(field, &pattern).map_err(|Malformed(offset, message, hint)| self.wrong(inside + offset, message, hint))?;
        self.next += 1;
        Ok(pattern)
    }
}

/// A plain word that is to be a media type must be one, or a short name.
pub(super) fn check_media_type(field: Field, pattern: &Pattern) -> Result<(), Malformed> {
    let word = pattern.plain().filter(|_| field == Field::Type && !pattern.speaks_of_media_types());
    word.map_or(Ok(()), |word| {
        let names: Vec<_> = Format::names().collect();
        Err(Malformed(
            0,
            format!("`{word}` is not a type of file"),
            format!("write a media type (`image/tiff`), a glob (`image/*`), or one of {}", names.join(", ")),
        ))
    })
}
