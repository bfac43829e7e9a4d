//! Bundles by name and version, with a pointer to the one in use.
//!
//! ```text
//! REGISTRY/NAME/v000001/bundle.holdfast
//! REGISTRY/NAME/v000002/bundle.holdfast
//! REGISTRY/NAME/current                   the version in use, then those in use before, a line each
//! ```
//! A version is complete once its bundle is in place, and in use once `current` names it: both are single renames. A
//! publisher that is killed leaves at most a version folder without a bundle, which nobody reads and the next
//! publisher removes. Publishers of one model wait for each other on a lock that the system frees when they die.

mod error;
mod name;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use holdfast_features::write::{atomically, sync_folder};

pub use error::RegistryError;
pub use name::{ModelName, ModelRef, Version};

use crate::artifact::{self, Bundle};
use crate::manifest::Manifest;

/// The file in each version folder.
pub const BUNDLE_FILE: &str = "bundle.holdfast";
const CURRENT_FILE: &str = "current";
const LOCK_FILE: &str = ".lock";
/// How many earlier versions `current` remembers.
const MAX_HISTORY: usize = 50;

/// A folder of models.
#[derive(Debug, Clone)]
pub struct Registry {
    root: PathBuf,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The model.
    pub name: ModelName,
    /// Its new version.
    pub version: Version,
    /// The bundle file.
    pub path: PathBuf,
}

/// A model of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// The model.
    pub name: ModelName,
    /// Its complete versions, ascending.
    pub versions: Vec<Version>,
    /// The version in use.
    pub current: Option<Version>,
}

/// Whether a published version is put to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promotion {
    /// At once.
    Promote,
    /// Not until [`Registry::promote`].
    Hold,
}

/// The steps of a publication, after each of which it may be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Locked,
    Tidied,
    FolderMade,
    BundleWritten,
    Promoted,
}

impl Registry {
    /// The registry in the folder `root`, which the first publication makes.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Publishes `bundle` as the next version of `name`; its manifest then says so.
    ///
    /// # Errors
    /// A bundle that could not be read back, and the system's refusals. The current version stays what it was.
    pub fn publish(
        &self,
        name: &ModelName,
        bundle: &mut Bundle,
        promotion: Promotion,
    ) -> Result<Published, RegistryError> {
        self.publish_in_steps(name, bundle, promotion, |_| Ok(()))
    }

    fn publish_in_steps(
        &self,
        name: &ModelName,
        bundle: &mut Bundle,
        promotion: Promotion,
        mut done: impl FnMut(Step) -> Result<(), RegistryError>,
    ) -> Result<Published, RegistryError> {
        let folder = self.folder(name);
        fs::create_dir_all(&folder).map_err(io_error(&folder, "make this folder"))?;
        sync_folder(&self.root).map_err(io_error(&self.root, "sync this folder"))?;
        let _lock = lock(&folder)?;
        done(Step::Locked)?;
        let taken = remove_unfinished(&folder)?;
        done(Step::Tidied)?;
        let next = taken.unwrap_or(0).checked_add(1);
        let version = Version(next.ok_or_else(|| RegistryError::Full(name.to_string()))?);
        bundle.manifest.name = name.to_string();
        bundle.manifest.version = version.to_string();
        let bytes = bundle.to_bytes().map_err(RegistryError::Unpublishable)?;
        let version_folder = folder.join(version.to_string());
        fs::create_dir(&version_folder).map_err(io_error(&version_folder, "make this folder"))?;
        done(Step::FolderMade)?;
        let path = version_folder.join(BUNDLE_FILE);
        artifact::write(&path, &bytes)?;
        sync_folder(&folder).map_err(io_error(&folder, "sync this folder"))?;
        done(Step::BundleWritten)?;
        if promotion == Promotion::Promote {
            self.point(name, version)?;
            done(Step::Promoted)?;
        }
        Ok(Published { name: name.clone(), version, path })
    }

    /// All models with at least one complete version, by name.
    ///
    /// # Errors
    /// The system's refusals; a registry that does not exist yet has no models.
    pub fn list(&self) -> Result<Vec<ModelEntry>, RegistryError> {
        let mut models = Vec::new();
        for folder in entries(&self.root)? {
            // Files, and folders of other names, are not ours.
            let Ok(name) = ModelName::from_str(&folder) else { continue };
            if !self.folder(&name).is_dir() {
                continue;
            }
            let versions = self.versions(&name)?;
            if !versions.is_empty() {
                let current = self.history(&name)?.first().copied();
                models.push(ModelEntry { name, versions, current });
            }
        }
        models.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(models)
    }

    /// The version that `model` means, and its file.
    ///
    /// # Errors
    /// No such model or version, and no current version where none is named.
    pub fn resolve(&self, model: &ModelRef) -> Result<(Version, PathBuf), RegistryError> {
        let versions = self.versions(&model.name)?;
        if versions.is_empty() {
            let known = self.list()?.iter().map(|entry| entry.name.to_string()).collect::<Vec<_>>();
            let name = model.name.to_string();
            return Err(RegistryError::NoModel { root: self.root.clone(), name, known: words(&known) });
        }
        let current = || {
            let current = self.history(&model.name)?.first().copied();
            current.ok_or_else(|| RegistryError::NoCurrent(model.name.to_string()))
        };
        let version = model.version.map_or_else(current, Ok)?;
        if !versions.contains(&version) {
            let known: Vec<String> = versions.iter().map(Version::to_string).collect();
            let name = model.name.to_string();
            return Err(RegistryError::NoVersion { name, version, known: words(&known) });
        }
        Ok((version, self.folder(&model.name).join(version.to_string()).join(BUNDLE_FILE)))
    }

    /// Reads a bundle, which is verified on the way.
    ///
    /// # Errors
    /// As [`Self::resolve`]; a file that is damaged or misplaced.
    pub fn load(&self, model: &ModelRef) -> Result<Bundle, RegistryError> {
        let (version, path) = self.resolve(model)?;
        let bundle = Bundle::read(&path)?;
        check_place(&bundle.manifest, &model.name, version, path)?;
        Ok(bundle)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn show(&self, model: &ModelRef) -> Result<Manifest, RegistryError> {
        let (version, path) = self.resolve(model)?;
        let manifest = Bundle::read_manifest(&path)?;
        check_place(&manifest, &model.name, version, path)?;
        Ok(manifest)
    }

    /// Puts a complete version to use.
    ///
    /// # Errors
    /// A version that does not exist or cannot be loaded, and the system's refusals.
    pub fn promote(&self, name: &ModelName, version: Version) -> Result<(), RegistryError> {
        self.load(&ModelRef { name: name.clone(), version: Some(version) })?;
        let _lock = lock(&self.folder(name))?;
        self.point(name, version)
    }

    /// Goes back to the version in use before the current one, and answers it.
    ///
    /// # Errors
    /// No earlier version, one that cannot be loaded, and the system's refusals.
    pub fn rollback(&self, name: &ModelName) -> Result<Version, RegistryError> {
        self.resolve(&ModelRef { name: name.clone(), version: None })?;
        let _lock = lock(&self.folder(name))?;
        let history = self.history(name)?;
        let earlier = history.get(1).copied().ok_or_else(|| RegistryError::NoEarlier(name.to_string()))?;
        self.load(&ModelRef { name: name.clone(), version: Some(earlier) })?;
        self.write_history(name, &history[1..])?;
        Ok(earlier)
    }

    fn folder(&self, name: &ModelName) -> PathBuf {
        self.root.join(&name.0)
    }

    /// The complete versions, ascending.
    fn versions(&self, name: &ModelName) -> Result<Vec<Version>, RegistryError> {
        let folder = self.folder(name);
        let mut versions: Vec<Version> = entries(&folder)?
            .iter()
            .filter_map(|entry| folder_version(entry))
            .filter(|version| folder.join(version.to_string()).join(BUNDLE_FILE).is_file())
            .collect();
        versions.sort_unstable();
        Ok(versions)
    }

    /// The version in use, then those before it.
    fn history(&self, name: &ModelName) -> Result<Vec<Version>, RegistryError> {
        let path = self.folder(name).join(CURRENT_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error(&path, "read")(error)),
        };
        let version = |(at, line): (usize, &str)| {
            line.parse().map_err(|_| RegistryError::Pointer { path: path.clone(), line: at + 1 })
        };
        text.lines().enumerate().map(version).collect()
    }

    fn point(&self, name: &ModelName, version: Version) -> Result<(), RegistryError> {
        // A pointer that cannot be read is replaced: it has nothing to remember.
        let mut history = self.history(name).unwrap_or_default();
        if history.first() != Some(&version) {
            history.insert(0, version);
        }
        self.write_history(name, &history)
    }

    fn write_history(&self, name: &ModelName, history: &[Version]) -> Result<(), RegistryError> {
        let lines: String = history.iter().take(MAX_HISTORY).map(|version| format!("{version}\n")).collect();
        atomically(&self.folder(name).join(CURRENT_FILE), |file| file.write_all(lines.as_bytes()))?;
        Ok(())
    }
}

fn words(known: &[String]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}

fn io_error<'a>(path: &'a Path, action: &'static str) -> impl FnOnce(io::Error) -> RegistryError + 'a {
    move |source| RegistryError::Io { path: path.to_owned(), action, source }
}

/// The names in a folder, in no order; none where it does not exist.
fn entries(folder: &Path) -> Result<Vec<String>, RegistryError> {
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(folder, "list")(error)),
    };
    let mut names = Vec::new();
    for entry in listed {
        let entry = entry.map_err(io_error(folder, "list"))?;
        // A name that is not text is not ours.
        names.extend(entry.file_name().to_str().map(str::to_owned));
    }
    Ok(names)
}

/// The version that a folder of exactly this name holds.
fn folder_version(name: &str) -> Option<Version> {
    name.parse::<Version>().ok().filter(|version| version.to_string() == name)
}

/// Removes version folders without a bundle, which a killed publisher left behind; the highest version that remains.
fn remove_unfinished(folder: &Path) -> Result<Option<u32>, RegistryError> {
    let mut highest = None;
    for name in entries(folder)? {
        let Some(version) = folder_version(&name) else { continue };
        let path = folder.join(&name);
        if path.join(BUNDLE_FILE).exists() {
            highest = highest.max(Some(version.0));
        } else {
            fs::remove_dir_all(&path).map_err(io_error(&path, "remove this unfinished version"))?;
        }
    }
    Ok(highest)
}

/// Waits for the other publishers of a model; the lock lasts as long as the file is open.
#[expect(clippy::disallowed_methods, reason = "a lock file has no content to lose")]
fn lock(folder: &Path) -> Result<File, RegistryError> {
    let path = folder.join(LOCK_FILE);
    let open = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(io_error(&path, "open this lock"))?;
    file.lock().map_err(io_error(&path, "lock"))?;
    Ok(file)
}

fn check_place(
    manifest: &Manifest,
    name: &ModelName,
    version: Version,
    path: PathBuf,
) -> Result<(), RegistryError> {
    if manifest.name == name.0 && manifest.version == version.to_string() {
        return Ok(());
    }
    Err(RegistryError::Misplaced { path, found: format!("{}@{}", manifest.name, manifest.version) })
}

#[cfg(test)]
mod tests;
