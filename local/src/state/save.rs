//! Saves what one turn of the runner changed, in one transaction.

use std::collections::HashMap;
use std::path::Path;

use lighter_api::{NodeStatus, Workflow, WorkflowStatus};
use rusqlite::{Connection, Params, TransactionBehavior, params};

use super::{Saved, State, StateError, Summary, json, lean};

/// Remembers what is saved of one workflow, so that only changes are written.
pub struct Saver {
    key: i64,
    /// Saved children per node; children are only ever added.
    children: HashMap<String, usize>,
    metadata: String,
    status: String,
    /// `shutdown` and `suspend`: all that changes in a spec.
    held: Option<(String, Option<bool>)>,
    stored: (usize, bool),
}

impl Saver {
    /// For a workflow of which only what `State::insert` writes is saved.
    pub fn new(summary: &Summary) -> Saver {
        Saver {
            key: summary.key,
            children: HashMap::new(),
            metadata: String::new(),
            status: String::new(),
            held: None,
            stored: (0, false),
        }
    }

    /// For a workflow that was loaded.
    pub fn resumed(saved: &Saved) -> Saver {
        let mut saver = Saver::new(&saved.summary);
        if let Some(status) = &saved.workflow.status {
            let count = |node: &NodeStatus| (node.id.clone(), node.children.len());
            saver.children = status.nodes.values().map(count).collect();
            saver.stored = lean::Stored::size(status);
        }
        saver
    }

    /// Writes the changed nodes and the workflow's own fields, all or nothing. After an error the saver may be
    /// out of step with the file and must not be used again.
    pub fn save(
        &mut self,
        state: &mut State,
        workflow: &Workflow,
        changed: &[String],
    ) -> Result<(), StateError> {
        let folder = state.folder.clone();
        let failed = |e| StateError::sqlite(&folder, e);
        let transaction = state
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let rows = Rows { key: self.key, connection: &transaction, folder: &folder };
        self.save_workflow(&rows, workflow)?;
        for id in changed {
            let nodes = workflow.status.as_ref().map(|s| &s.nodes);
            match nodes.and_then(|nodes| nodes.get(id)) {
                Some(node) => self.save_node(&rows, node)?,
                None => self.remove_node(&rows, id)?,
            }
        }
        transaction.commit().map_err(failed)
    }

    fn save_workflow(&mut self, rows: &Rows<'_>, workflow: &Workflow) -> Result<(), StateError> {
        let metadata = json(&workflow.metadata)?;
        if metadata != self.metadata {
            rows.set("metadata", &metadata)?;
            self.metadata = metadata;
        }
        let held = workflow.spec.as_ref().map(|spec| (spec.shutdown.clone(), spec.suspend));
        if held != self.held {
            rows.set("spec", &json(&workflow.spec)?)?;
            self.held = held;
        }
        let Some(status) = &workflow.status else {
            return Ok(());
        };
        let stored = lean::Stored::size(status);
        if stored != self.stored {
            rows.set("stored", &json(&lean::Stored::of(status))?)?;
            self.stored = stored;
        }
        let text = json(&lean::status(status))?;
        if text != self.status {
            rows.set_status(status, &text)?;
            self.status = text;
        }
        Ok(())
    }

    fn save_node(&mut self, rows: &Rows<'_>, node: &NodeStatus) -> Result<(), StateError> {
        let text = json(&lean::node(node))?;
        rows.run(
            "INSERT OR REPLACE INTO node VALUES (?1, ?2, ?3)",
            params![rows.key, node.id, text],
        )?;
        let saved = self.children.entry(node.id.clone()).or_default();
        for (position, child) in node.children.iter().enumerate().skip(*saved) {
            rows.run(
                "INSERT OR REPLACE INTO child VALUES (?1, ?2, ?3, ?4)",
                params![rows.key, node.id, position as i64, child],
            )?;
        }
        *saved = node.children.len();
        Ok(())
    }

    fn remove_node(&mut self, rows: &Rows<'_>, id: &str) -> Result<(), StateError> {
        self.children.remove(id);
        let key = params![rows.key, id];
        rows.run("DELETE FROM node WHERE workflow = ?1 AND id = ?2", key)?;
        rows.run("DELETE FROM child WHERE workflow = ?1 AND node = ?2", key)
    }
}

/// The rows of one workflow.
struct Rows<'a> {
    key: i64,
    connection: &'a Connection,
    folder: &'a Path,
}

impl Rows<'_> {
    fn run(&self, sql: &str, params: impl Params) -> Result<(), StateError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .map(drop)
            .map_err(|e| StateError::sqlite(self.folder, e))
    }

    fn set(&self, column: &str, text: &str) -> Result<(), StateError> {
        let sql = format!("UPDATE content SET {column} = ?2 WHERE workflow = ?1");
        self.run(&sql, params![self.key, text])
    }

    fn set_status(&self, status: &WorkflowStatus, text: &str) -> Result<(), StateError> {
        let finished = status.finished_at.as_ref().map(|t| t.0.as_millisecond());
        self.run(
            "UPDATE workflow SET status = ?2, phase = ?3, message = ?4, progress = ?5, finished = ?6 WHERE key = ?1",
            params![self.key, text, status.phase, status.message, status.progress, finished],
        )
    }
}
