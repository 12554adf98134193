//! Tables of comma-separated values (RFC 4180) whose first row names the columns.

use std::collections::HashMap;

use super::ImportError;

/// A table's rows, read one after the other.
pub(super) struct Table<'a> {
    /// The table's name, for errors.
    name: &'static str,
    columns: HashMap<String, usize>,
    rest: &'a str,
    /// The line that `rest` begins with, from 1.
    line: usize,
}

/// One row.
pub(super) struct Row {
    fields: Vec<String>,
    pub(super) line: usize,
}

impl<'a> Table<'a> {
    pub(super) fn new(name: &'static str, bytes: &'a [u8]) -> Result<Self, ImportError> {
        let text = std::str::from_utf8(bytes).map_err(|error| ImportError::new(name, error))?;
        let text = text.trim_start_matches('\u{feff}');
        let mut table = Self { name, columns: HashMap::new(), rest: text, line: 1 };
        let Some(head) = table.next()? else { return Err(ImportError::new(name, "it is empty")) };
        table.columns = head.fields.into_iter().enumerate().map(|(place, name)| (name, place)).collect();
        Ok(table)
    }

    /// The place of a column.
    pub(super) fn column(&self, column: &str) -> Result<usize, ImportError> {
        let place = self.columns.get(column).copied();
        place.ok_or_else(|| ImportError::new(self.name, format!("there is no column `{column}`")))
    }

    /// The next row; blank lines are none.
    pub(super) fn next(&mut self) -> Result<Option<Row>, ImportError> {
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            let line = self.line;
            let fields = self.fields()?;
            if fields != [""] {
                return Ok(Some(Row { fields, line }));
            }
        }
    }

    fn fields(&mut self) -> Result<Vec<String>, ImportError> {
        let mut fields = vec![String::new()];
        let mut is_quoted = false;
        let mut characters = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((place, character)) = characters.next() {
            let field = fields.last_mut().expect("there is one from the beginning");
            match character {
                '"' if is_quoted && characters.next_if(|(_, next)| *next == '"').is_some() => field.push('"'),
                '"' if is_quoted || field.is_empty() => is_quoted = !is_quoted,
                ',' if !is_quoted => fields.push(String::new()),
                '\r' if !is_quoted => {}
                '\n' if !is_quoted => {
                    end = place + 1;
                    break;
                }
                other => field.push(other),
            }
        }
        if is_quoted {
            return Err(ImportError::new(
                format!("{} line {}", self.name, self.line),
                "a quote is not closed",
            ));
        }
        self.line += self.rest[..end].matches('\n').count();
        self.rest = &self.rest[end..];
        Ok(fields)
    }

    /// An error about a row's column.
    pub(super) fn error(&self, row: &Row, column: &str, detail: impl ToString) -> ImportError {
        ImportError::new(format!("{} line {}: {column}", self.name, row.line), detail)
    }
}

impl Row {
    /// What stands in a column; nothing where the row ends before it.
    pub(super) fn get(&self, place: usize) -> &str {
        self.fields.get(place).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_be_quoted_and_lines_are_counted() {
        let text = "\u{feff}a,b\r\n1,\"x, \"\"y\"\"\n\"\n\n2,\n";
        let mut table = Table::new("t", text.as_bytes()).unwrap();
        let b = table.column("b").unwrap();
        let row = table.next().unwrap().unwrap();
        assert_eq!((row.get(0), row.get(b), row.line), ("1", "x, \"y\"\n", 2));
        let row = table.next().unwrap().unwrap();
        assert_eq!((row.get(0), row.get(b), row.get(9), row.line), ("2", "", "", 5));
        assert!(table.next().unwrap().is_none());
        assert_eq!(table.column("c").unwrap_err().to_string(), "t: there is no column `c`");
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert!(Table::new("t", b"").is_err());
        assert!(Table::new("t", b"\xff").is_err());
        let mut table = Table::new("t", b"a\n\"open").unwrap();
        assert_eq!(table.next().err().unwrap().to_string(), "t line 2: a quote is not closed");
    }
}
