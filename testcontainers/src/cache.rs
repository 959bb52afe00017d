//! The folder of jars, shared by all clusters of a user.
//!
//! ```text
//! <cache>/lib-4.3.0/*.jar                      fetched by Maven once, moved into place whole
//! <cache>/format-4.3.0-<features>/             what `StorageTool format` writes, made once
//! <cache>/classes-4.3.0-<java>.jsa             class-data archive: start-up in half the time
//! <cache>/lock, classes-lock                   held while one of them is made
//! ```

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::error::StartError;
use crate::folder::{self, FileLock, at};
use crate::java::{self, Java};
use crate::server_properties::{self, Node};

/// The jars of one Kafka version and what was prepared from them.
#[derive(Debug, Clone)]
pub(crate) struct KafkaJars {
    cache: PathBuf,
    version: String,
    class_path: OsString,
}

/// Which cluster and node a storage folder belongs to.
pub(crate) const META_PROPERTIES: &str = "meta.properties";

/// Any valid id serves: the files that are kept do not contain it.
const FORMAT_CLUSTER_ID: &str = "AAAAAAAAQACAAAAAAAAAAA";

impl KafkaJars {
    /// Says whether the jars are there or could be fetched.
    pub(crate) fn can_be_had(version: &str) -> Result<(), StartError> {
        let cache = cache_folder();
        if main_jar(&cache.join(format!("lib-{version}")), version).exists() {
            return Ok(());
        }
        match Command::new("mvn")
            .arg("-version")
            .stdin(Stdio::null())
            .output()
        {
            Ok(_) => Ok(()),
            Err(error) => Err(no_maven(version, &cache, &error)),
        }
    }

    /// Finds the jars, or fetches them while other processes wait.
    pub(crate) fn locate(version: &str) -> Result<Self, StartError> {
        let cache = cache_folder();
        let lib = cache.join(format!("lib-{version}"));
        if !main_jar(&lib, version).exists() {
            folder::create(&cache)?;
            let _lock = FileLock::wait(&cache.join("lock"))?;
            if !main_jar(&lib, version).exists() {
                fetch(&cache, &lib, version)?;
            }
        }
        let class_path = env::join_paths(folder::jars(&lib)?).map_err(|error| {
            StartError::Refused(format!("{} makes no class path: {error}", lib.display()))
        })?;
        Ok(Self {
            cache,
            version: version.to_owned(),
            class_path,
        })
    }

    pub(crate) fn class_path(&self) -> &OsString {
        &self.class_path
    }

    /// A formatted storage folder that says nothing about its node: the cluster's initial
    /// feature levels. Made once per combination.
    pub(crate) fn formatted(
        &self,
        java: &Java,
        features: &[(String, i16)],
    ) -> Result<PathBuf, StartError> {
        let mut name = format!("format-{}", self.version);
        for (feature, level) in features {
            name.push_str(&format!("-{feature}-{level}"));
        }
        let formatted = self.cache.join(name);
        if !formatted.exists() {
            let _lock = FileLock::wait(&self.cache.join("lock"))?;
            if !formatted.exists() {
                self.format(java, features, &formatted)?;
            }
        }
        Ok(formatted)
    }

    fn format(
        &self,
        java: &Java,
        features: &[(String, i16)],
        formatted: &Path,
    ) -> Result<(), StartError> {
        let scratch = scratch_folder()?;
        // In the cache, so that it can be renamed into place.
        let data = self.cache.join("format.partial");
        if data.exists() {
            fs::remove_dir_all(&data).map_err(at(&data))?;
        }
        let config = scratch.path().join("server.properties");
        let node = Node {
            id: 1,
            client_port: 1,
            controller_port: 2,
        };
        let settings = server_properties::settings(node, &[node], &data, &[]);
        folder::write(&config, &server_properties::text(&settings))?;
        let mut command = Command::new(java.program());
        command
            .args(java::options("256m"))
            .arg("-cp")
            .arg(&self.class_path)
            .args([
                "kafka.tools.StorageTool",
                "format",
                "-t",
                FORMAT_CLUSTER_ID,
                "-c",
            ])
            .arg(&config);
        for (feature, level) in features {
            command.args(["--feature", &format!("{feature}={level}")]);
        }
        let output = command
            .stdin(Stdio::null())
            .output()
            .map_err(at(java.program()))?;
        // The one file that belongs to a node; every broker gets its own.
        let identity = data.join(META_PROPERTIES);
        if !output.status.success() || !identity.exists() {
            return Err(StartError::Format {
                version: self.version.clone(),
                output: printed(&output),
            });
        }
        fs::remove_file(&identity).map_err(at(&identity))?;
        fs::rename(&data, formatted).map_err(at(formatted))
    }

    /// Where the class-data archive of this runtime is, or will be.
    pub(crate) fn class_archive(&self, java: &Java) -> PathBuf {
        let runtime: String = java
            .version()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        self.cache
            .join(format!("classes-{}-{runtime}.jsa", self.version))
    }

    /// The right to make the class-data archive, unless it is there or somebody is at it.
    pub(crate) fn class_archive_lock(&self, archive: &Path) -> Option<FileLock> {
        if archive.exists() {
            return None;
        }
        let lock = FileLock::try_take(&self.cache.join("classes-lock"))?;
        (!archive.exists()).then_some(lock)
    }
}

fn main_jar(lib: &Path, version: &str) -> PathBuf {
    lib.join(format!("kafka_2.13-{version}.jar"))
}

fn cache_folder() -> PathBuf {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("THALWEG_KAFKA_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("thalweg/kafka")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/thalweg/kafka")))
        .unwrap_or_else(|| env::temp_dir().join("thalweg-kafka-cache"))
}

/// A temporary folder under the name that the guard of a broker is willing to remove.
pub(crate) fn scratch_folder() -> Result<tempfile::TempDir, StartError> {
    tempfile::TempDir::with_prefix("thalweg-kafka-").map_err(at(&env::temp_dir()))
}

fn fetch(cache: &Path, lib: &Path, version: &str) -> Result<(), StartError> {
    tracing::info!(version, folder = %lib.display(), "fetching Kafka's jars with Maven, once");
    let scratch = scratch_folder()?;
    let pom = scratch.path().join("pom.xml");
    folder::write(&pom, &pom_text(version))?;
    let aside = cache.join(format!("lib-{version}.partial"));
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(at(&aside))?;
    }
    let output = Command::new("mvn")
        // -U: Maven remembers for a day what it did not find, and would no longer ask.
        .args(["-q", "-B", "-U", "-f"])
        .arg(&pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", aside.display()))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| no_maven(version, cache, &error))?;
    if !output.status.success() || !main_jar(&aside, version).exists() {
        return Err(fetch_error(version, &printed(&output)));
    }
    fs::rename(&aside, lib).map_err(at(lib))
}

/// What Maven's output means.
fn fetch_error(version: &str, printed: &str) -> StartError {
    let version = version.to_owned();
    // It says so only if the repository answered.
    if printed.contains("Could not find artifact org.apache.kafka:kafka_2.13") {
        return StartError::UnknownVersion { version };
    }
    // What follows the errors is advice on Maven's own options.
    let printed = printed.replace("\u{1b}[0m", "");
    let errors: Vec<&str> = printed
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.starts_with("[ERROR]") || line.len() > "[ERROR]".len())
        .take_while(|line| !line.contains("full stack trace"))
        .collect();
    StartError::Maven {
        version,
        output: errors.join("\n"),
    }
}

fn no_maven(version: &str, cache: &Path, error: &std::io::Error) -> StartError {
    StartError::NoMaven {
        version: version.to_owned(),
        cache: cache.to_owned(),
        reason: error.to_string(),
    }
}

/// The broker, and a logger for it: the jars come with none.
///
/// `kafka-tools-api` is left out: 4.4.0 names it and it was never published.
fn pom_text(version: &str) -> String {
    format!(
        "<project><modelVersion>4.0.0</modelVersion>
<groupId>thalweg</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>{version}</version><exclusions><exclusion>
<groupId>org.apache.kafka</groupId><artifactId>kafka-tools-api</artifactId>
</exclusion></exclusions></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId>
<version>1.7.36</version></dependency>
</dependencies></project>
"
    )
}

fn printed(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    folder::tail(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_was_never_published_is_told_from_a_repository_out_of_reach() {
        let unknown = "[ERROR] Failed to execute goal on project kafka-for-tests: Could not resolve \
                       dependencies: Could not find artifact org.apache.kafka:kafka_2.13:jar:9.9.9 \
                       in central -> [Help 1]\n[ERROR] \n";
        assert!(matches!(
            fetch_error("9.9.9", unknown),
            StartError::UnknownVersion { version } if version == "9.9.9"
        ));
        let no_network = "\u{1b}[0m[ERROR] Failed to read artifact descriptor for \
                          org.apache.kafka:kafka_2.13:jar:4.1.0: Unknown host -> [Help 1]\n[ERROR] \n\
                          [ERROR] To see the full stack trace of the errors, re-run Maven\n";
        let error = fetch_error("4.1.0", no_network).to_string();
        assert!(error.contains("reaches its repository"), "{error}");
        assert!(error.contains("Unknown host"), "{error}");
        assert!(
            !error.contains("stack trace") && !error.contains('\u{1b}'),
            "{error}"
        );
    }
}
