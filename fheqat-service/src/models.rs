//! Models in a folder, `NAME/VERSION.server`, `NAME/VERSION.client` and, for the page, `NAME/VERSION.report.json`, and halves that only jobs
//! still need.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
    time::SystemTime,
};

use bytes::Bytes;
use fheqat::{
    fhe::{ClientHalf, ModelId, ServerHalf},
    params::Bytes as Memory,
};
use fheqat_client::wire;
use serde_json::Value;

use crate::{
    bounded,
    execute::Halves,
    store::{Files, ids::Sha256},
};

/// A version of a model.
pub(crate) struct Loaded {
    pub(crate) half: Arc<ServerHalf>,
    pub(crate) client: Bytes,
    /// Of the client half.
    pub(crate) sha256: Sha256,
    pub(crate) wire: wire::Model,
    /// What the result of a sample takes.
    pub(crate) result: Memory,
    /// What `compile` reported, where there is a file of it.
    report: Option<Value>,
}

/// Bytes of a report that are read at most.
const REPORT: u64 = 1 << 20;
/// Bytes of a half that are read at most.
const HALF: u64 = 1 << 30;

/// All models.
pub(crate) struct Models {
    folder: PathBuf,
    files: Arc<Files>,
    table: RwLock<Table>,
    /// Halves that are in the state folder; those in use in memory too.
    kept: Mutex<HashMap<ModelId, Option<Arc<ServerHalf>>>>,
    /// Files of halves that nobody needed at the last look: a job may be about to be accepted.
    unused: Mutex<HashSet<String>>,
}

#[derive(Default)]
struct Table {
    versions: BTreeMap<Name, (Stamp, Result<Arc<Loaded>, String>)>,
    by_id: HashMap<ModelId, Arc<Loaded>>,
}

type Name = (String, u32);

/// What changes when one of the files does.
type Stamp = [Option<(u64, SystemTime)>; 3];

impl Models {
    /// Reads the folder.
    pub(crate) fn open(folder: PathBuf, files: Arc<Files>) -> Self {
        let models = Self {
            folder,
            files,
            table: RwLock::default(),
            kept: Mutex::default(),
            unused: Mutex::default(),
        };
        models.look();
        models
    }

    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<ModelId, Option<Arc<ServerHalf>>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for files that are new, changed or gone. Blocks.
    pub(crate) fn look(&self) {
        let found = match versions(&self.folder) {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, folder = %self.folder.display(), "cannot read the folder of models");
                return;
            }
        };
        let mut versions = BTreeMap::new();
        for (name, stamp) in found {
            let before = self.table().versions.get(&name).filter(|(before, _)| *before == stamp).cloned();
            let version = before.unwrap_or_else(|| (stamp, self.load(&name)));
            versions.insert(name, version);
        }
        let gone: Vec<Name> =
            self.table().versions.keys().filter(|name| !versions.contains_key(name)).cloned().collect();
        for (name, version) in gone {
            tracing::info!(name, version, "a model is gone");
        }
        let by_id = versions.values().filter_map(|(_, loaded)| loaded.as_ref().ok());
        let by_id = by_id.map(|loaded| (loaded.half.model(), Arc::clone(loaded))).collect();
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Table { versions, by_id };
    }

    fn load(&self, (name, version): &Name) -> Result<Arc<Loaded>, String> {
        let loaded = Loaded::read(&self.folder, name, *version);
        match &loaded {
            Ok(loaded) => tracing::info!(name, version, model = %loaded.half.model(), "a model is ready"),
            Err(reason) => tracing::warn!(name, version, reason, "a model cannot be used"),
        }
        loaded.map(Arc::new)
    }

    /// All versions, and those that cannot be used.
    pub(crate) fn list(&self) -> wire::Models {
        let mut list = wire::Models { models: Vec::new(), broken: Vec::new() };
        for ((name, version), (_, loaded)) in &self.table().versions {
            match loaded {
                Ok(loaded) => list.models.push(loaded.wire.clone()),
                Err(reason) => list.broken.push(wire::Broken {
                    name: name.clone(),
                    version: *version,
                    reason: reason.clone(),
                }),
            }
        }
        list
    }

    /// A version, or the latest that can be used.
    pub(crate) fn get(&self, name: &str, version: Option<u32>) -> Option<Arc<Loaded>> {
        let table = self.table();
        let (first, last) = version.map_or((0, u32::MAX), |version| (version, version));
        let mut of_name = table.versions.range((name.to_owned(), first)..=(name.to_owned(), last)).rev();
        of_name.find_map(|(_, (_, loaded))| loaded.as_ref().ok().cloned())
    }

    /// What `compile` reported of a version.
    pub(crate) fn report(&self, name: &str, version: u32) -> Option<Value> {
        self.get(name, Some(version))?.report.clone()
    }

    /// The model that an input names.
    pub(crate) fn by_id(&self, model: ModelId) -> Option<Arc<Loaded>> {
        self.table().by_id.get(&model).cloned()
    }

    /// Keeps a model's half in the state folder, for a job that is about to be accepted. Blocks.
    pub(crate) fn keep(&self, loaded: &Loaded) -> Result<(), fheqat::file::FileError> {
        let model = loaded.half.model();
        if self.kept().contains_key(&model) {
            return Ok(());
        }
        self.files.keep_half(model, &loaded.half.to_bytes())?;
        self.kept().insert(model, None);
        Ok(())
    }

    /// A half that is in the folder or kept. Blocks.
    fn find_half(&self, model: ModelId) -> Result<Arc<ServerHalf>, String> {
        if let Some(loaded) = self.by_id(model) {
            return Ok(Arc::clone(&loaded.half));
        }
        if let Some(Some(half)) = self.kept().get(&model) {
            return Ok(Arc::clone(half));
        }
        let bytes = fheqat::file::load(self.files.half(model)).map_err(|error| error.to_string())?;
        let half = Arc::new(ServerHalf::from_bytes(&bytes).map_err(|error| error.to_string())?);
        self.kept().insert(model, Some(Arc::clone(&half)));
        Ok(half)
    }

    /// Removes halves that are not in the folder and that no job needed this time and the last. Blocks.
    pub(crate) fn sweep(&self, in_use: &HashSet<ModelId>) {
        let files = match self.files.all_halves() {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(%error, "cannot look for unused halves");
                return;
            }
        };
        let mut needed: HashSet<ModelId> = in_use.clone();
        needed.extend(self.table().by_id.keys());
        let mut kept = self.kept();
        let fresh: HashSet<String> = kept.keys().map(ToString::to_string).collect();
        kept.retain(|model, _| needed.contains(model));
        drop(kept);
        let needed: HashSet<String> = needed.iter().map(ToString::to_string).collect();
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *unused);
        for file in files.into_iter().filter(|file| !needed.contains(file)) {
            if fresh.contains(&file) || !before.contains(&file) {
                unused.insert(file);
            } else if let Err(error) = self.files.remove_half(&file) {
                tracing::warn!(%error, model = file, "cannot remove an unused half");
            }
        }
    }
}

impl Halves for Models {
    fn half(&self, model: ModelId) -> Result<Arc<ServerHalf>, String> {
        self.find_half(model)
    }

    fn name(&self, model: ModelId) -> String {
        self.by_id(model).map_or_else(|| "replaced".to_owned(), |loaded| loaded.wire.name.clone())
    }
}

impl Loaded {
    fn read(folder: &Path, name: &str, version: u32) -> Result<Self, String> {
        let file = |half| folder.join(name).join(format!("{version}.{half}"));
        let read = |half| {
            let path = file(half);
            bounded::read(&path, HALF).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
        };
        let half = ServerHalf::from_bytes(&read("server")?).map_err(|error| error.to_string())?;
        let client = read("client")?;
        let client_half = ClientHalf::from_bytes(&client).map_err(|error| error.to_string())?;
        if client_half.model() != half.model() {
            return Err(format!(
                "`{version}.client` is of model {}, and `{version}.server` of {}: write both again",
                client_half.model(),
                half.model()
            ));
        }
        let plan = half.plan();
        let sizes = client_half.plan().sizes();
        let parameters = serde_json::to_vec(half.parameters()).map_err(|error| error.to_string())?;
        let wire = wire::Model {
            name: name.to_owned(),
            version,
            model: half.model().to_string(),
            parameters: Sha256::of(&parameters).to_string(),
            client_half: client.len() as u64,
            evaluation_keys: sizes.evaluation_keys.0,
            expanded_keys: sizes.expanded_keys.0,
            inputs: plan.inputs,
            rotations: plan.rotations(),
        };
        let sha256 = Sha256::of(&client);
        let report = report(&file("report.json"));
        Ok(Self { half: Arc::new(half), client: client.into(), sha256, wire, result: sizes.output, report })
    }
}

/// A report; none if there is no file that can be read.
fn report(path: &Path) -> Option<Value> {
    if !path.is_file() {
        return None;
    }
    let read = bounded::read(path, REPORT).map_err(|error| error.to_string());
    let report = read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
    report.inspect_err(|error| tracing::warn!(error, path = %path.display(), "cannot read a report")).ok()
}

/// Versions in a folder, complete or not.
fn versions(folder: &Path) -> io::Result<Vec<(Name, Stamp)>> {
    let mut found: BTreeMap<Name, Stamp> = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') || !entry.path().is_dir() {
            continue;
        }
        let files = match fs::read_dir(entry.path()) {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(%error, name, "cannot read the folder of a model");
                continue;
            }
        };
        for file in files {
            let file = file?;
            let Some((version, place)) = file.file_name().to_str().and_then(version) else { continue };
            // A file that is gone meanwhile is not there.
            let Ok(metadata) = fs::metadata(file.path()) else { continue };
            // To open a pipe may wait for ever, and a device may have no end.
            if !metadata.is_file() {
                continue;
            }
            let stamp = (metadata.len(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
            found.entry((name.clone(), version)).or_default()[place] = Some(stamp);
        }
    }
    Ok(found.into_iter().collect())
}

/// The version and the half that a file's name says.
fn version(name: &str) -> Option<(u32, usize)> {
    let (version, half) = name.split_once('.')?;
    let place = ["server", "client", "report.json"].into_iter().position(|of| of == half)?;
    let number: u32 = version.parse().ok().filter(|number| *number > 0)?;
    (number.to_string() == version).then_some((number, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_versions_count() {
        assert_eq!(version("1.server"), Some((1, 0)));
        assert_eq!(version("20.client"), Some((20, 1)));
        assert_eq!(version("3.report.json"), Some((3, 2)));
        for name in ["0.server", "01.server", "+1.server", "1.server.part", ".client", "1", "1.key"] {
            assert_eq!(version(name), None, "{name}");
        }
    }
}
