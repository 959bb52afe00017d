//! Finds the Java runtime, and knows with which options a small broker starts fastest.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::StartError;

/// Kafka 4 brokers need at least this.
const MAJOR_VERSION_MIN: u32 = 17;

/// A Java runtime that can run a broker.
#[derive(Debug, Clone)]
pub(crate) struct Java {
    program: PathBuf,
    /// As printed by `java -version`, for names of files that belong to one runtime.
    version: String,
}

impl Java {
    /// The runtime in `JAVA_HOME`, else the one in `PATH`.
    pub(crate) fn find() -> Result<Self, StartError> {
        let program = match env::var_os("JAVA_HOME") {
            Some(home) if !home.is_empty() => Path::new(&home).join("bin/java"),
            _ => PathBuf::from("java"),
        };
        let output = Command::new(&program)
            .arg("-version")
            .output()
            .map_err(|error| StartError::NoJava {
                reason: format!("{}: {error}", program.display()),
            })?;
        // It prints to standard error, after warnings about options from the environment.
        let text = String::from_utf8_lossy(&output.stderr);
        let line = text
            .lines()
            .find(|line| line.contains("version \""))
            .unwrap_or_default();
        let version = line.split('"').nth(1).unwrap_or_default().to_owned();
        match major_version(&version) {
            Some(major) if major >= MAJOR_VERSION_MIN => Ok(Self { program, version }),
            Some(_) => Err(StartError::JavaTooOld {
                found: line.to_owned(),
            }),
            None => Err(StartError::NoJava {
                reason: format!("{} -version printed {text:?}", program.display()),
            }),
        }
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }
}

/// `"17.0.15"` is 17, `"1.8.0_402"` is 8, `"21"` is 21, `"22-ea"` is 22.
fn major_version(version: &str) -> Option<u32> {
    let mut numbers = version.split(['.', '-', '+', '_']).map(str::parse::<u32>);
    match numbers.next()?.ok()? {
        1 => numbers.next()?.ok(),
        major => Some(major),
    }
}

/// Options under which a broker starts fastest and stays small.
pub(crate) fn options(heap: &str) -> Vec<OsString> {
    let mut options: Vec<OsString> = [
        // The first compiler tier only: a test broker lives too briefly for the second.
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-Xss512k",
        "-Xshare:auto",
        "-Xlog:cds=off",
        "-Xlog:cds+dynamic=off",
        "-Djava.awt.headless=true",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
        // The dump of every setting at each start.
        "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn",
    ]
    .map(OsString::from)
    .to_vec();
    options.push(format!("-Xmx{heap}").into());
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_form_java_prints() {
        for (text, major) in [
            ("17.0.15", Some(17)),
            ("1.8.0_402", Some(8)),
            ("21", Some(21)),
            ("22-ea", Some(22)),
        ] {
            assert_eq!(major_version(text), major, "{text}");
        }
        for text in ["", "x", "1", "1.x"] {
            assert_eq!(major_version(text), None, "{text:?}");
        }
    }
}
