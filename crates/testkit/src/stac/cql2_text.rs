//! From CQL2-Text to CQL2-JSON, for the part of the grammar (OGC 21-065r2 annex B) that STAC clients use.

use serde_json::{Value, json};

/// Parses a whole filter.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0 };
    let expression = parser.any()?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => Err(format!("`{token:?}` is not expected in the filter")),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// Keyword or bare name.
    Word(String),
    /// Name in double quotes.
    Name(String),
    /// Text in single quotes.
    Text(String),
    Number(f64),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 9] = ["<>", "<=", ">=", "<", ">", "=", "(", ")", ","];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length;
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            found.push(Token::Symbol(symbol));
            length = symbol.len();
        } else if first == '\'' || first == '"' {
            let (content, used) = quoted(rest, first)?;
            found.push(if first == '"' { Token::Name(content) } else { Token::Text(content) });
            length = used;
        } else if first.is_ascii_digit() || matches!(first, '-' | '+' | '.') {
            length = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'))).unwrap_or(rest.len());
            found.push(Token::Number(rest[..length].parse().map_err(|_| format!("`{}` is not a number", &rest[..length]))?));
        } else if first.is_alphabetic() || first == '_' {
            length = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '.'))).unwrap_or(rest.len());
            found.push(Token::Word(rest[..length].to_owned()));
        } else {
            return Err(format!("`{first}` is not expected in the filter"));
        }
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

/// A quoted text, where a doubled quote stands for itself: (content, bytes used).
fn quoted(text: &str, quote: char) -> Result<(String, usize), String> {
    let mut content = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != quote {
            content.push(character);
        } else if characters.next_if(|(_, next)| *next == quote).is_some() {
            content.push(quote);
        } else {
            return Ok((content, at + 1));
        }
    }
    Err(format!("a {quote} is not closed"))
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Result<Token, String> {
        let token = self.peek().cloned().ok_or("the filter ends too early")?;
        self.next += 1;
        Ok(token)
    }

    /// Takes a keyword if it comes next.
    fn word(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn symbol(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(symbol)) if *symbol == wanted);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        if self.symbol(wanted) { Ok(()) } else { Err(format!("`{wanted}` is expected in the filter")) }
    }

    fn any(&mut self) -> Result<Value, String> {
        let mut parts = vec![self.every()?];
        while self.word("or") {
            parts.push(self.every()?);
        }
        Ok(joined("or", parts))
    }

    fn every(&mut self) -> Result<Value, String> {
        let mut parts = vec![self.negation()?];
        while self.word("and") {
            parts.push(self.negation()?);
        }
        Ok(joined("and", parts))
    }

    fn negation(&mut self) -> Result<Value, String> {
        if self.word("not") {
            return Ok(json!({ "op": "not", "args": [self.negation()?] }));
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Result<Value, String> {
        if self.symbol("(") {
            let inner = self.any()?;
            self.expect(")")?;
            return Ok(inner);
        }
        for function in ["s_intersects", "t_intersects", "t_before", "t_after"] {
            if self.word(function) {
                self.expect("(")?;
                let first = self.operand()?;
                self.expect(",")?;
                let second = self.operand()?;
                self.expect(")")?;
                return Ok(json!({ "op": function, "args": [first, second] }));
            }
        }
        let left = self.operand()?;
        if self.word("is") {
            let negated = self.word("not");
            return if self.word("null") {
                Ok(negate_if(negated, json!({ "op": "isNull", "args": [left] })))
            } else {
                Err("`null` is expected after `is`".into())
            };
        }
        let negated = self.word("not");
        if self.word("like") {
            let pattern = self.operand()?;
            return Ok(negate_if(negated, json!({ "op": "like", "args": [left, pattern] })));
        }
        if self.word("between") {
            let low = self.operand()?;
            if !self.word("and") {
                return Err("`and` is expected after `between`".into());
            }
            let high = self.operand()?;
            return Ok(negate_if(negated, json!({ "op": "between", "args": [left, low, high] })));
        }
        if self.word("in") {
            self.expect("(")?;
            let mut list = vec![self.operand()?];
            while self.symbol(",") {
                list.push(self.operand()?);
            }
            self.expect(")")?;
            return Ok(negate_if(negated, json!({ "op": "in", "args": [left, list] })));
        }
        match self.take()? {
            Token::Symbol(operator @ ("=" | "<>" | "<" | "<=" | ">" | ">=")) => Ok(json!({ "op": operator, "args": [left, self.operand()?] })),
            other => Err(format!("`{other:?}` is not a comparison")),
        }
    }

    fn operand(&mut self) -> Result<Value, String> {
        match self.take()? {
            Token::Number(number) => Ok(json!(number)),
            Token::Text(text) => Ok(json!(text)),
            Token::Name(name) => Ok(json!({ "property": name })),
            Token::Symbol(symbol) => Err(format!("`{symbol}` is not an operand")),
            Token::Word(word) => self.named(&word),
        }
    }

    /// An operand that starts with a word: a constant, a constructor or a property.
    fn named(&mut self, word: &str) -> Result<Value, String> {
        match word.to_ascii_lowercase().as_str() {
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            kind @ ("timestamp" | "date") if self.symbol("(") => {
                let text = self.operand()?;
                self.expect(")")?;
                Ok(json!({ kind: text }))
            }
            "interval" if self.symbol("(") => {
                let start = self.operand()?;
                self.expect(",")?;
                let end = self.operand()?;
                self.expect(")")?;
                Ok(json!({ "interval": [start, end] }))
            }
            "point" => Ok(json!({ "type": "Point", "coordinates": self.coordinates()?[0] })),
            "linestring" => Ok(json!({ "type": "LineString", "coordinates": self.coordinates()? })),
            "polygon" => Ok(json!({ "type": "Polygon", "coordinates": self.coordinates()? })),
            "multipolygon" => Ok(json!({ "type": "MultiPolygon", "coordinates": self.coordinates()? })),
            _ => Ok(json!({ "property": word })),
        }
    }

    /// The nested lists of positions in WKT.
    fn coordinates(&mut self) -> Result<Value, String> {
        self.expect("(")?;
        let mut list = Vec::new();
        loop {
            if matches!(self.peek(), Some(Token::Symbol("("))) {
                list.push(self.coordinates()?);
            } else {
                let mut position = Vec::new();
                while let Some(Token::Number(number)) = self.peek() {
                    position.push(*number);
                    self.next += 1;
                }
                list.push(json!(position));
            }
            if !self.symbol(",") {
                self.expect(")")?;
                return Ok(list.into());
            }
        }
    }
}

fn joined(operator: &str, mut parts: Vec<Value>) -> Value {
    if parts.len() == 1 { parts.remove(0) } else { json!({ "op": operator, "args": parts }) }
}

fn negate_if(negated: bool, expression: Value) -> Value {
    if negated { json!({ "op": "not", "args": [expression] }) } else { expression }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence() {
        let parsed = parse("a = 1 OR b = 2 AND NOT c = 'it''s'").expect("a filter");
        let equal = |name: &str, value: Value| json!({ "op": "=", "args": [{ "property": name }, value] });
        let not = json!({ "op": "not", "args": [equal("c", json!("it's"))] });
        let and = json!({ "op": "and", "args": [equal("b", json!(2.0)), not] });
        assert_eq!(parsed, json!({ "op": "or", "args": [equal("a", json!(1.0)), and] }));
    }

    #[test]
    fn forms() {
        for (text, expected) in [
            ("eo:cloud_cover <= 20.5", json!({ "op": "<=", "args": [{ "property": "eo:cloud_cover" }, 20.5] })),
            ("\"my prop\" IS NOT NULL", json!({ "op": "not", "args": [{ "op": "isNull", "args": [{ "property": "my prop" }] }] })),
            ("a NOT IN ('x', 'y')", json!({ "op": "not", "args": [{ "op": "in", "args": [{ "property": "a" }, ["x", "y"]] }] })),
            ("a between -1 and 2", json!({ "op": "between", "args": [{ "property": "a" }, -1.0, 2.0] })),
            (
                "datetime > TIMESTAMP('2024-06-01T00:00:00Z')",
                json!({ "op": ">", "args": [{ "property": "datetime" }, { "timestamp": "2024-06-01T00:00:00Z" }] }),
            ),
            (
                "S_INTERSECTS(geometry, POLYGON((0 0, 1 0, 1 1, 0 0)))",
                json!({ "op": "s_intersects", "args": [{ "property": "geometry" },
                    { "type": "Polygon", "coordinates": [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]] }] }),
            ),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for wrong in ["", "a", "a =", "a = 1 b", "(a = 1", "a = 'x", "a ~ 1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
