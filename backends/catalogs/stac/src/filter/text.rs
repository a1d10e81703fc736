//! CQL2 text (OGC 21-065r2, annex B), the part that [`Expr`] can hold.

use cube_backend::Result;

use super::{Comparison, Expr, Function, Operand, invalid, json, unsupported};

/// How deep a filter may nest; deeper ones are an attack on the stack.
const DEPTH: usize = 64;
const GEOMETRIES: [&str; 7] = ["point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection"];

pub(super) fn parse(text: &str) -> Result<Expr> {
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens: &tokens, at: 0, depth: 0 };
    let e = parser.or()?;
    match parser.peek() {
        None => Ok(e),
        Some(t) => Err(invalid(format!("`{}` is not expected after a whole condition", &text[t.start..]))),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// A name, in double quotes or not.
    Word(String),
    Quoted(String),
    Text(String),
    Number(f64),
    /// `=`, `<>`, `<`, `<=`, `>`, `>=`, `(`, `)`, `,`.
    Sign(&'static str),
}

#[derive(Debug, Clone)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some(&(start, c)) = rest.peek() {
        let mut take_while = |ok: &dyn Fn(char) -> bool| {
            let mut end = start;
            while let Some(&(i, c)) = rest.peek()
                && ok(c)
            {
                end = i + c.len_utf8();
                rest.next();
            }
            end
        };
        let (kind, end) = if c.is_whitespace() {
            take_while(&char::is_whitespace);
            continue;
        } else if c == '\'' || c == '"' {
            let (content, end) = quoted(text, start, c)?;
            while rest.next_if(|(i, _)| *i < end).is_some() {}
            (if c == '"' { Kind::Quoted(content) } else { Kind::Text(content) }, end)
        } else if c.is_alphabetic() || c == '_' {
            let end = take_while(&|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '-'));
            (Kind::Word(text[start..end].to_owned()), end)
        } else if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') {
            let mut last = ' ';
            let mut end = start;
            while let Some(&(i, c)) = rest.peek()
                && (c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E') || (matches!(c, '-' | '+') && (i == start || matches!(last, 'e' | 'E'))))
            {
                (last, end) = (c, i + c.len_utf8());
                rest.next();
            }
            (Kind::Number(text[start..end].parse().map_err(|_| invalid(format!("`{}` is not a number", &text[start..end])))?), end)
        } else {
            let signs = ["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ","];
            let sign = signs.into_iter().find(|s| text[start..].starts_with(s)).ok_or_else(|| unsupported(&c.to_string()))?;
            let end = start + sign.len();
            while rest.next_if(|(i, _)| *i < end).is_some() {}
            (Kind::Sign(if sign == "!=" { "<>" } else { sign }), end)
        };
        out.push(Token { kind, start, end });
    }
    Ok(out)
}

/// The content between quotes, and where they end; a quote is written twice, or in a text after `\`.
fn quoted(text: &str, start: usize, quote: char) -> Result<(String, usize)> {
    let mut content = String::new();
    let mut chars = text[start + 1..].char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if c == quote && chars.next_if(|(_, c)| *c == quote).is_none() {
            return Ok((content, start + 1 + i + 1));
        }
        if c == '\\' && quote == '\'' && chars.next_if(|(_, c)| *c == quote).is_some() {
            content.push(quote);
            continue;
        }
        content.push(c);
    }
    Err(invalid(format!("the quote in `{}` does not end", &text[start..])))
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<&'a Token> {
        let t = self.tokens.get(self.at).ok_or_else(|| invalid(format!("`{}` ends too early", self.text)))?;
        self.at += 1;
        Ok(t)
    }

    fn word(&self, ahead: usize) -> Option<String> {
        match &self.tokens.get(self.at + ahead)?.kind {
            Kind::Word(w) => Some(w.to_ascii_lowercase()),
            _ => None,
        }
    }

    fn is_sign(&self, ahead: usize, sign: &str) -> bool {
        self.tokens.get(self.at + ahead).is_some_and(|t| matches!(t.kind, Kind::Sign(s) if s == sign))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.word(0).as_deref() == Some(word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<()> {
        let t = self.next()?;
        if matches!(t.kind, Kind::Sign(s) if s == sign) {
            Ok(())
        } else {
            Err(invalid(format!("`{sign}` is expected where `{}` stands", &self.text[t.start..])))
        }
    }

    fn or(&mut self) -> Result<Expr> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(invalid("it nests too deeply"));
        }
        let mut all = vec![self.and()?];
        while self.take_word("or") {
            all.push(self.and()?);
        }
        self.depth -= 1;
        Ok(if all.len() == 1 { all.remove(0) } else { Expr::Or(all) })
    }

    fn and(&mut self) -> Result<Expr> {
        let mut all = vec![self.not()?];
        while self.take_word("and") {
            all.push(self.not()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expr::And(all) })
    }

    fn not(&mut self) -> Result<Expr> {
        let mut negated = false;
        while self.take_word("not") {
            negated = !negated;
        }
        let e = self.condition()?;
        Ok(if negated { Expr::Not(Box::new(e)) } else { e })
    }

    fn condition(&mut self) -> Result<Expr> {
        if self.is_sign(0, "(") {
            self.at += 1;
            let e = self.or()?;
            self.expect(")")?;
            return Ok(e);
        }
        match self.word(0).as_deref() {
            Some("true" | "false") if !matches!(self.tokens.get(self.at + 1), Some(Token { kind: Kind::Sign("=" | "<>"), .. })) => {
                return Ok(Expr::Always(self.take_word("true") || !self.take_word("false")));
            }
            Some(name) if self.is_sign(1, "(") && name != "casei" && !GEOMETRIES.contains(&name) && !is_literal_function(name) => {
                return self.function(name);
            }
            _ => {}
        }
        let left = self.operand()?;
        let negated = self.take_word("not");
        let e = match self.word(0).as_deref() {
            Some("like") => {
                self.at += 1;
                let pattern = self.operand()?;
                json::like(left, pattern)?
            }
            Some("between") => {
                self.at += 1;
                let low = self.operand()?;
                if !self.take_word("and") {
                    return Err(invalid("`between` has no `and`"));
                }
                Expr::Between(left, low, self.operand()?)
            }
            Some("in") => {
                self.at += 1;
                Expr::In(left, self.list()?)
            }
            Some("is") if !negated => {
                self.at += 1;
                let not = self.take_word("not");
                if !self.take_word("null") {
                    return Err(invalid("after `is` comes `null` or `not null`"));
                }
                if not { Expr::Not(Box::new(Expr::IsNull(left))) } else { Expr::IsNull(left) }
            }
            _ if negated => return Err(invalid("after `not` comes `like`, `in` or `between`")),
            _ => return self.comparison(left),
        };
        Ok(if negated { Expr::Not(Box::new(e)) } else { e })
    }

    fn comparison(&mut self, left: Operand) -> Result<Expr> {
        let comparison = match self.peek().map(|t| &t.kind) {
            Some(Kind::Sign(s)) => Comparison::parse(s),
            Some(_) => None,
            None => return Err(invalid(format!("`{}` ends too early", self.text))),
        };
        let Some(comparison) = comparison else {
            let t = self.next()?;
            return Err(invalid(format!("a comparison is expected where `{}` stands", &self.text[t.start..])));
        };
        self.at += 1;
        Ok(Expr::Compare(comparison, left, self.operand()?))
    }

    fn function(&mut self, name: &str) -> Result<Expr> {
        let function = Function::parse(name).ok_or_else(|| unsupported(name))?;
        let value = |parser: &mut Self| match parser.is_sign(0, "(") && function.takes_lists() {
            true => parser.list().map(Operand::List),
            false => parser.operand(),
        };
        self.at += 1;
        self.expect("(")?;
        let a = value(self)?;
        self.expect(",")?;
        let b = value(self)?;
        self.expect(")")?;
        Ok(function.of(a, b))
    }

    fn list(&mut self) -> Result<Vec<Operand>> {
        self.expect("(")?;
        let mut all = vec![self.operand()?];
        while self.is_sign(0, ",") {
            self.at += 1;
            all.push(self.operand()?);
        }
        self.expect(")")?;
        Ok(all)
    }

    fn operand(&mut self) -> Result<Operand> {
        let token = self.next()?;
        match &token.kind {
            Kind::Text(t) => Ok(Operand::Text(t.clone())),
            Kind::Number(n) => Ok(Operand::Number(*n)),
            Kind::Quoted(name) => Ok(Operand::Property(name.clone())),
            Kind::Sign(s) => Err(invalid(format!("a value is expected where `{s}` stands"))),
            Kind::Word(word) => {
                let name = word.to_ascii_lowercase();
                match name.as_str() {
                    "true" => Ok(Operand::Bool(true)),
                    "false" => Ok(Operand::Bool(false)),
                    _ if GEOMETRIES.contains(&name.as_str()) && (self.is_sign(0, "(") || self.word(0).as_deref() == Some("z")) => {
                        self.geometry(token.start)
                    }
                    _ if self.is_sign(0, "(") => self.call(&name),
                    _ => Ok(Operand::Property(word.clone())),
                }
            }
        }
    }

    fn call(&mut self, name: &str) -> Result<Operand> {
        if !is_literal_function(name) && name != "casei" {
            return Err(unsupported(name));
        }
        let args = self.list()?;
        let text = |o: &Operand| match o {
            Operand::Text(t) => Ok(t.clone()),
            other => Err(invalid(format!("`{name}` takes a text, not {other:?}"))),
        };
        match (name, &args[..]) {
            ("casei", [one]) => Ok(Operand::CaseInsensitive(Box::new(one.clone()))),
            ("timestamp", [t]) => json::instant(&text(t)?),
            ("date", [d]) => json::day(&text(d)?),
            ("interval", [a, b]) => Ok(Operand::Interval(json::interval_end(&text(a)?, false)?, json::interval_end(&text(b)?, true)?)),
            ("bbox", numbers) => {
                let sides = numbers.iter().map(|n| if let Operand::Number(n) = n { Some(*n) } else { None }).collect::<Option<Vec<_>>>();
                json::bbox(&sides.unwrap_or_default())
            }
            _ => Err(invalid(format!("`{name}` has the wrong number of values"))),
        }
    }

    /// A geometry in WKT, from its first letter to the bracket that closes it.
    fn geometry(&mut self, start: usize) -> Result<Operand> {
        let mut open = 0usize;
        loop {
            let t = self.next()?;
            match t.kind {
                Kind::Sign("(") => open += 1,
                Kind::Sign(")") => open = open.saturating_sub(1),
                _ => continue,
            }
            if open == 0 {
                let text = &self.text[start..t.end];
                let geometry: geo::Geometry<f64> =
                    wkt::TryFromWkt::try_from_wkt_str(text).map_err(|_| invalid(format!("`{text}` is not a geometry in WKT")))?;
                return Ok(Operand::Geometry(geojson::Geometry::new(geojson::GeometryValue::from(&geometry))));
            }
        }
    }
}

fn is_literal_function(name: &str) -> bool {
    matches!(name, "timestamp" | "date" | "interval" | "bbox")
}
