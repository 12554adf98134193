//! The command that repeats something, as a shell takes it.

use std::fmt;

/// A command with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    words: Vec<String>,
}

impl Again {
    /// `matchday` and what it is to do.
    #[must_use]
    pub fn of(what: &str) -> Self {
        Self { words: vec!["matchday".to_owned(), what.to_owned()] }
    }

    /// A word of its own.
    #[must_use]
    pub fn word(mut self, word: &str) -> Self {
        self.words.push(quoted(word));
        self
    }

    /// A flag, where it was given.
    #[must_use]
    pub fn flag(self, flag: &str, is_given: bool) -> Self {
        if is_given { self.word(flag) } else { self }
    }

    /// A flag with a value, where it has one.
    #[must_use]
    pub fn option(self, flag: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.word(flag).word(&value.to_string()),
            None => self,
        }
    }

    /// A flag with a value that is nobody else's to read, where it has one: the variable that it can be in is named.
    #[must_use]
    pub fn secret(mut self, flag: &str, variable: &str, is_given: bool) -> Self {
        if is_given {
            self.words.extend([flag.to_owned(), format!("\"${variable}\"")]);
        }
        self
    }
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

/// A word as it is written for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@%+=,".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_the_words_that_were_meant() {
        let words = ["plain", "two words", "it's", "$HOME", "a\"b", "", "line\nbreak", "*"];
        let again = words.into_iter().fold(Again::of("verify"), Again::word).to_string();
        let script = again.replacen("matchday verify", "printf '%s\\0'", 1);
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let read = String::from_utf8(output.stdout).unwrap();
        assert_eq!(read.split_terminator('\0').collect::<Vec<_>>(), words);
    }

    #[test]
    fn what_was_not_given_is_left_out_and_what_is_secret_is_not_said() {
        let again = Again::of("verify").option("--seed", Some(7)).option("--rate", None::<u32>);
        let again = again.flag("--attach", true).secret("--token", "MATCHDAY_TOKEN", true);
        assert_eq!(again.to_string(), "matchday verify --seed 7 --attach --token \"$MATCHDAY_TOKEN\"");
    }
}
