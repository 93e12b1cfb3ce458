//! What is known of every workflow, kept in one SQLite file so that a killed process loses nothing.
//!
//! A workflow's nodes are rows of their own and a node's children are rows too: what a save costs follows
//! what changed, not the workflow's size.

mod error;
mod folder;
mod lean;
mod lock;
mod save;
mod schema;

use std::path::{Path, PathBuf};

use lighter_api::k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use lighter_api::{
    ClusterWorkflowTemplate, NodeStatus, Workflow, WorkflowStatus, WorkflowTemplate,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

pub use error::StateError;
pub use lock::WorkflowLock;
pub use save::Saver;

pub(crate) use folder::make_folder;
pub(crate) use lock::socket_path;

/// What a workflow needs beside itself, given with it and kept with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Surroundings {
    /// WorkflowTemplates that `templateRef` and `workflowTemplateRef` may name.
    pub templates: Vec<WorkflowTemplate>,
    /// The same for the whole cluster.
    pub cluster_templates: Vec<ClusterWorkflowTemplate>,
    /// ConfigMaps for parameters, volumes and environment variables.
    pub config_maps: Vec<ConfigMap>,
    /// Secrets for volumes and environment variables. Kept in the state file, which only its owner may read.
    pub secrets: Vec<Secret>,
    /// Claims that the workflow's volumes name.
    pub claims: Vec<PersistentVolumeClaim>,
    /// The image policy of the run: `auto`, `host`, `local` or `pull`.
    pub images: String,
    /// How many pods may run at once; 0 means as many as there are cores.
    pub parallel: usize,
}

/// One line of a list of workflows.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Row of the workflow; other tables refer to it.
    pub(crate) key: i64,
    pub uid: String,
    pub namespace: String,
    pub name: String,
    /// The workflow's phase; empty before the first step.
    pub phase: String,
    pub message: String,
    pub progress: String,
    /// Milliseconds since 1970.
    pub created: i64,
    /// Milliseconds since 1970, when the workflow is finished.
    pub finished: Option<i64>,
}

impl Summary {
    /// Whether the workflow has come to its end.
    pub fn is_finished(&self) -> bool {
        self.finished.is_some()
    }
}

/// A workflow as it was saved, with everything that a run needs to go on.
#[derive(Clone, Debug)]
pub struct Saved {
    pub summary: Summary,
    /// With its status and all nodes.
    pub workflow: Workflow,
    pub surroundings: Surroundings,
}

/// The state folder and its database.
pub struct State {
    connection: Connection,
    folder: PathBuf,
}

impl State {
    /// Opens the state in `folder`, which is made (for its owner alone) if it is not there.
    pub fn open(folder: &Path) -> Result<State, StateError> {
        make_folder(folder)?;
        let path = folder.join("state.db");
        folder::make_private_file(&path)?;
        let connection = schema::open(&path).map_err(|e| StateError::sqlite(folder, e))?;
        Ok(State { connection, folder: folder.to_path_buf() })
    }

    /// The state folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps a new workflow. `now` is in milliseconds since 1970. Names are unique whatever the namespace: pods and artifacts
    /// are found by them.
    pub fn insert(
        &mut self,
        workflow: &Workflow,
        surroundings: &Surroundings,
        now: i64,
    ) -> Result<Summary, StateError> {
        let metadata = workflow.metadata.clone().unwrap_or_default();
        let name = metadata.name.clone().unwrap_or_default();
        let namespace = metadata.namespace.clone().unwrap_or_default();
        if self.find(&name)?.is_some() {
            return Err(StateError::Exists { name });
        }
        let uid = metadata.uid.clone().unwrap_or_default();
        let row = params![uid, namespace, name, now];
        let content = [json(&metadata)?, json(&workflow.spec)?, json(surroundings)?];
        let mut insert = || {
            let transaction = self.connection.transaction()?;
            transaction.execute(
                "INSERT INTO workflow (uid, namespace, name, created) VALUES (?1, ?2, ?3, ?4)",
                row,
            )?;
            let key = transaction.last_insert_rowid();
            let [metadata, spec, surroundings] = &content;
            transaction.execute(
                "INSERT INTO content (workflow, metadata, spec, surroundings) VALUES (?1, ?2, ?3, ?4)",
                params![key, metadata, spec, surroundings],
            )?;
            transaction.commit()
        };
        let done = insert();
        match done {
            Ok(()) => self.require(&name),
            // Another process inserted the name after the look above.
            Err(rusqlite::Error::SqliteFailure(e, _))
                if e.code == rusqlite::ErrorCode::ConstraintViolation =>
            {
                Err(StateError::Exists { name })
            }
            Err(e) => Err(self.failed(e)),
        }
    }

    /// All workflows, the newest first.
    pub fn list(&self) -> Result<Vec<Summary>, StateError> {
        self.query(&format!("{SUMMARY} ORDER BY created DESC, key DESC"), [])
    }

    /// The workflow of this name, or the newest one for `@latest`.
    pub fn require(&self, name: &str) -> Result<Summary, StateError> {
        let folder = || self.folder.clone();
        self.find(name)?.ok_or_else(|| match name {
            "@latest" => StateError::Empty { folder: folder() },
            _ => StateError::NotFound { name: name.to_string(), folder: folder() },
        })
    }

    /// Like [`State::require`], with `None` when there is none.
    pub fn find(&self, name: &str) -> Result<Option<Summary>, StateError> {
        let found = match name {
            "@latest" => {
                let newest = "ORDER BY created DESC, key DESC LIMIT 1";
                self.query(&format!("{SUMMARY} {newest}"), [])?
            }
            _ => self.query(&format!("{SUMMARY} WHERE name = ?1"), [name])?,
        };
        Ok(found.into_iter().next())
    }

    /// Everything that is known of a workflow.
    pub fn load(&self, summary: &Summary) -> Result<Saved, StateError> {
        let texts = self
            .connection
            .query_row(
                "SELECT metadata, spec, status, stored, surroundings
                 FROM workflow JOIN content ON content.workflow = key WHERE key = ?1",
                [summary.key],
                |row| {
                    let column = |i| row.get::<_, String>(i);
                    Ok([column(0)?, column(1)?, column(2)?, column(3)?, column(4)?])
                },
            )
            .optional()
            .map_err(|e| self.failed(e))?;
        let Some([metadata, spec, status, stored, surroundings]) = texts else {
            return Err(StateError::NotFound {
                name: summary.name.clone(),
                folder: self.folder.clone(),
            });
        };
        let mut status: WorkflowStatus = self.parse(&status)?;
        let stored: lean::Stored = self.parse(&stored)?;
        stored.give_back(&mut status);
        status.nodes = self.nodes(summary.key)?;
        Ok(Saved {
            summary: summary.clone(),
            workflow: Workflow {
                api_version: "argoproj.io/v1alpha1".into(),
                kind: "Workflow".into(),
                metadata: Some(self.parse(&metadata)?),
                spec: self.parse(&spec)?,
                status: Some(status),
            },
            surroundings: self.parse(&surroundings)?,
        })
    }

    /// Forgets a workflow. The caller holds its lock and removes its files.
    pub fn delete(&mut self, summary: &Summary) -> Result<(), StateError> {
        let delete = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            for table in ["child", "node", "content"] {
                let sql = format!("DELETE FROM {table} WHERE workflow = ?1");
                transaction.execute(&sql, [summary.key])?;
            }
            transaction.execute("DELETE FROM workflow WHERE key = ?1", [summary.key])?;
            transaction.commit()
        };
        delete(&mut self.connection).map_err(|e| StateError::sqlite(&self.folder, e))
    }

    /// Sets `spec.shutdown` of a workflow that no process runs; the next run acts on it.
    pub fn set_shutdown(&mut self, summary: &Summary, strategy: &str) -> Result<(), StateError> {
        self.connection
            .execute(
                "UPDATE content SET spec = json_set(spec, '$.shutdown', ?2) WHERE workflow = ?1",
                params![summary.key, strategy],
            )
            .map(drop)
            .map_err(|e| self.failed(e))
    }

    fn nodes(
        &self,
        key: i64,
    ) -> Result<std::collections::BTreeMap<String, NodeStatus>, StateError> {
        let mut nodes = std::collections::BTreeMap::new();
        let statuses: Vec<NodeStatus> =
            self.texts("SELECT status FROM node WHERE workflow = ?1", key)?;
        for node in statuses {
            nodes.insert(node.id.clone(), node);
        }
        let sql = "SELECT node, child FROM child WHERE workflow = ?1 ORDER BY node, position";
        let mut statement = self.connection.prepare(sql).map_err(|e| self.failed(e))?;
        let rows = statement
            .query_map([key], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
            .map_err(|e| self.failed(e))?;
        for row in rows {
            let (node, child): (String, String) = row.map_err(|e| self.failed(e))?;
            if let Some(node) = nodes.get_mut(&node) {
                node.children.push(child);
            }
        }
        Ok(nodes)
    }

    fn texts<T: serde::de::DeserializeOwned>(
        &self,
        sql: &str,
        key: i64,
    ) -> Result<Vec<T>, StateError> {
        let mut statement = self.connection.prepare(sql).map_err(|e| self.failed(e))?;
        let rows = statement
            .query_map([key], |row| row.get::<_, String>(0))
            .map_err(|e| self.failed(e))?;
        let mut objects = Vec::new();
        for row in rows {
            objects.push(self.parse(&row.map_err(|e| self.failed(e))?)?);
        }
        Ok(objects)
    }

    fn query<P: rusqlite::Params>(&self, sql: &str, params: P) -> Result<Vec<Summary>, StateError> {
        let run = || -> rusqlite::Result<Vec<Summary>> {
            let mut statement = self.connection.prepare(sql)?;
            statement.query_map(params, summary)?.collect()
        };
        run().map_err(|e| self.failed(e))
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, text: &str) -> Result<T, StateError> {
        serde_json::from_str(text)
            .map_err(|e| StateError::Corrupt { folder: self.folder.clone(), reason: e.to_string() })
    }

    fn failed(&self, error: rusqlite::Error) -> StateError {
        StateError::sqlite(&self.folder, error)
    }
}

const SUMMARY: &str =
    "SELECT key, uid, namespace, name, phase, message, progress, created, finished FROM workflow";

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        key: row.get(0)?,
        uid: row.get(1)?,
        namespace: row.get(2)?,
        name: row.get(3)?,
        phase: row.get(4)?,
        message: row.get(5)?,
        progress: row.get(6)?,
        created: row.get(7)?,
        finished: row.get(8)?,
    })
}

fn json<T: Serialize>(value: &T) -> Result<String, StateError> {
    serde_json::to_string(value).map_err(|e| StateError::Unwritable(e.to_string()))
}

#[cfg(test)]
mod tests;
