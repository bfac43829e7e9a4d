//! What models and their versions are called.

use std::fmt;
use std::str::FromStr;

use super::error::RegistryError;

/// The name of a model: lower-case letters, digits, `-`, `_` and `.`, beginning with a letter or digit, at most 64.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName(pub(super) String);

/// The version of a model, from 1; written `v000001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

/// A model, and one of its versions or else the current one: `NAME` or `NAME@VERSION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    /// The model.
    pub name: ModelName,
    /// `None` for the current one.
    pub version: Option<Version>,
}

impl FromStr for ModelName {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let begins = text.bytes().next().is_some_and(is_word);
        let rest = text.bytes().all(|byte| is_word(byte) || b"-_.".contains(&byte));
        if begins && rest && text.len() <= 64 {
            Ok(Self(text.to_owned()))
        } else {
            Err(RegistryError::Name(text.to_owned()))
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Version {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let digits = text.strip_prefix('v').unwrap_or(text);
        let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>().ok());
        match number.flatten() {
            Some(number) if number > 0 => Ok(Self(number)),
            _ => Err(RegistryError::Version(text.to_owned())),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{:06}", self.0)
    }
}

impl FromStr for ModelRef {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        match text.split_once('@') {
            Some((name, version)) => Ok(Self { name: name.parse()?, version: Some(version.parse()?) }),
            None => Ok(Self { name: text.parse()?, version: None }),
        }
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}@{version}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(text: &str) -> ModelRef {
        text.parse().unwrap()
    }

    #[test]
    fn names_cannot_leave_the_registry() {
        for text in ["", "..", ".hidden", "a/b", "a\\b", "Churn", "-x", "a b", "é", &"a".repeat(65)] {
            assert!(matches!(text.parse::<ModelName>(), Err(RegistryError::Name(_))), "{text}");
        }
        for text in ["churn", "churn-2.b_c", "7"] {
            assert_eq!(text.parse::<ModelName>().unwrap().to_string(), text);
        }
        for text in ["", "v", "0", "v0", "-1", "+1", "1.0", "latest", "4294967296"] {
            assert!(matches!(text.parse::<Version>(), Err(RegistryError::Version(_))), "{text}");
        }
        assert_eq!(model("churn@v000012").to_string(), "churn@v000012");
        assert_eq!(model("churn@12"), model("churn@v000012"));
        assert_eq!(model("churn").to_string(), "churn");
    }
}
