//! Where a history lies: a folder that all machines share, or an object store.

use std::path::Path;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::object_store::ObjectStoreRegistry;
use futures::TryStreamExt;
use holdfast_features::read::contract::TableSchema;
use object_store::{ObjectMeta, ObjectStore};
use url::Url;

use crate::ClusterError;

/// A folder of tables.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    url: Url,
    store: Arc<dyn ObjectStore>,
    root: object_store::path::Path,
}

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableFile {
    /// The table's name in the contract.
    pub(crate) table: &'static str,
    /// As executors find it.
    pub(crate) url: String,
    /// Its place in the store.
    pub(crate) path: object_store::path::Path,
}

/// A file that stands in the scratch folder while a query runs.
#[derive(Debug)]
pub(crate) struct Scratch {
    store: Arc<dyn ObjectStore>,
    path: object_store::path::Path,
    url: String,
}

/// Object stores by URL, made when first asked for: `file://`, and `s3://` where this was built with the feature `s3`,
/// with the credentials of the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT` …).
#[derive(Debug, Default)]
pub(crate) struct Stores;

impl Location {
    /// The history at `text`: a folder, or a URL.
    ///
    /// # Errors
    /// Folders that are not there, URLs of stores that this build does not know.
    pub(crate) fn parse(text: &str) -> Result<Self, ClusterError> {
        let unusable = |message: String| ClusterError::Location { location: text.to_owned(), message };
        let url = if text.contains("://") {
            Url::parse(text).map_err(|error| unusable(error.to_string()))?
        } else {
            let folder = Path::new(text).canonicalize().map_err(|error| unusable(error.to_string()))?;
            Url::from_directory_path(&folder).map_err(|()| unusable("it is no folder".to_owned()))?
        };
        let (store, root) = open(&url).map_err(|error| unusable(error.to_string()))?;
        Ok(Self { url, store, root })
    }

    /// The files of all tables, ordered by table and name.
    pub(crate) async fn files(&self) -> Result<Vec<TableFile>, ClusterError> {
        let unusable = |message: String| ClusterError::Location { location: self.url.to_string(), message };
        let found: Vec<ObjectMeta> = (self.store.list(Some(&self.root)).try_collect().await)
            .map_err(|error| unusable(error.to_string()))?;
        let mut files = Vec::new();
        for meta in found {
            if let Some(file) = self.table_file(meta.location)? {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(unusable("no table of a history is there, such as subscriptions.parquet".to_owned()));
        }
        files.sort_by(|a, b| (a.table, &a.url).cmp(&(b.table, &b.url)));
        // As on one machine: read twice, its rows would count twice.
        let folder = |file: &TableFile| file.url.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        if let Some(pair) = files
            .windows(2)
            .find(|pair| pair[0].table == pair[1].table && folder(&pair[0]) != folder(&pair[1]))
        {
            let places = format!("{}, {}", pair[0].url, pair[1].url);
            return Err(unusable(format!("`{}` is there twice: {places}; keep one", pair[0].table)));
        }
        Ok(files)
    }

    /// The file at `path` as one of a table; `None` for what reading a history passes over too.
    fn table_file(&self, path: object_store::path::Path) -> Result<Option<TableFile>, ClusterError> {
        let below: Vec<String> = match path.prefix_match(&self.root) {
            Some(parts) => parts.map(|part| part.as_ref().to_owned()).collect(),
            None => return Ok(None),
        };
        if below.len() > 2 || below.iter().any(|part| part.starts_with(['.', '_'])) {
            return Ok(None);
        }
        let Some((name, ending)) = below.last().and_then(|file| file.rsplit_once('.')) else {
            return Ok(None);
        };
        let table = if below.len() == 2 { below[0].as_str() } else { name };
        let Some(schema) = TableSchema::find(table) else { return Ok(None) };
        match ending {
            "parquet" => {
                let mut url = self.url.clone();
                url.set_path(path.as_ref());
                Ok(Some(TableFile { table: schema.name, url: url.to_string(), path }))
            }
            "csv" | "ndjson" | "jsonl" => Err(ClusterError::Format { file: below.join("/") }),
            _ => Ok(None),
        }
    }

    /// The bytes of a file.
    pub(crate) async fn bytes(&self, file: &TableFile) -> Result<Vec<u8>, ClusterError> {
        let read = async {
            self.store.get_opts(&file.path, object_store::GetOptions::default()).await?.bytes().await
        };
        let failed = |error: object_store::Error| ClusterError::Location {
            location: file.url.clone(),
            message: error.to_string(),
        };
        Ok(read.await.map_err(failed)?.to_vec())
    }
}

impl Scratch {
    /// Writes `bytes` to a new file in `folder`.
    pub(crate) async fn put(folder: &Location, bytes: Vec<u8>) -> Result<Self, ClusterError> {
        // Random rather than seeded: names the file, and never shows in a result.
        let name = format!("holdfast-keys-{}.parquet", uuid::Uuid::new_v4());
        let path = folder.root.clone().join(name);
        let mut url = folder.url.clone();
        url.set_path(path.as_ref());
        let put = folder.store.put_opts(&path, bytes.into(), object_store::PutOptions::default()).await;
        put.map_err(|error| ClusterError::Location {
            location: folder.url.to_string(),
            message: error.to_string(),
        })?;
        Ok(Self { store: folder.store.clone(), path, url: url.to_string() })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Removes the file.
    pub(crate) async fn remove(self) {
        if let Err(error) = object_store::ObjectStoreExt::delete(&self.store, &self.path).await {
            tracing::warn!("{} remains: {error}", self.url);
        }
    }
}

impl ObjectStoreRegistry for Stores {
    fn register_store(&self, _: &Url, _: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> DataFusionResult<Arc<dyn ObjectStore>> {
        Ok(open(url).map_err(|error| DataFusionError::ObjectStore(Box::new(error)))?.0)
    }
}

fn open(url: &Url) -> object_store::Result<(Arc<dyn ObjectStore>, object_store::path::Path)> {
    let environment = std::env::vars().map(|(name, value)| (name.to_lowercase(), value));
    let (store, path) = object_store::parse_url_opts(url, environment)?;
    Ok((Arc::from(store), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn found(files: &[&str]) -> Result<Vec<(String, String)>, ClusterError> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::File::create_new(path).unwrap();
        }
        let location = Location::parse(folder.path().to_str().unwrap()).unwrap();
        let name = |file: TableFile| (file.table.to_owned(), file.path.filename().unwrap().to_owned());
        Ok(location.files().await?.into_iter().map(name).collect())
    }

    #[tokio::test]
    async fn tables_are_files_or_folders_of_files() {
        let files = [
            "subscriptions.parquet",
            "usage_events/part 2.parquet",
            "usage_events/part-1.parquet",
            "usage_events/_SUCCESS",
            "_old/tickets.parquet",
            "notes.txt",
            "truth.parquet",
        ];
        let named = |table: &str, file: &str| (table.to_owned(), file.to_owned());
        assert_eq!(
            found(&files).await.unwrap(),
            [
                named("subscriptions", "subscriptions.parquet"),
                named("usage_events", "part 2.parquet"),
                named("usage_events", "part-1.parquet"),
            ]
        );
    }

    #[tokio::test]
    async fn other_formats_are_refused_with_advice() {
        let error = found(&["subscriptions.parquet", "tickets.csv"]).await.unwrap_err();
        assert!(error.to_string().contains("tickets.csv"), "{error}");
    }

    #[tokio::test]
    async fn a_folder_without_tables_is_told() {
        assert!(matches!(found(&["notes.txt"]).await, Err(ClusterError::Location { .. })));
    }

    #[test]
    fn what_is_not_there_is_told() {
        assert!(matches!(Location::parse("no/such/folder"), Err(ClusterError::Location { .. })));
        assert!(matches!(Location::parse("carrier-pigeon://x/y"), Err(ClusterError::Location { .. })));
    }
}
