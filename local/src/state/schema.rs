//! The tables of the state file, and how it is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

/// Raised when the tables change; a file of another version is refused.
pub(super) const VERSION: i64 = 1;

/// What may be large and hardly ever changes is apart from what changes with every turn: a row is written as a whole.
const TABLES: &str = "
CREATE TABLE workflow (
  key INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL UNIQUE,
  phase TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  progress TEXT NOT NULL DEFAULT '',
  created INTEGER NOT NULL,
  finished INTEGER,
  status TEXT NOT NULL DEFAULT '{}');
CREATE TABLE content (
  workflow INTEGER PRIMARY KEY,
  metadata TEXT NOT NULL,
  spec TEXT NOT NULL,
  stored TEXT NOT NULL DEFAULT '{}',
  surroundings TEXT NOT NULL);
CREATE TABLE node (workflow INTEGER, id TEXT, status TEXT NOT NULL, PRIMARY KEY (workflow, id)) WITHOUT ROWID;
CREATE TABLE child (workflow INTEGER, node TEXT, position INTEGER, child TEXT NOT NULL,
  PRIMARY KEY (workflow, node, position)) WITHOUT ROWID;
";

/// Opens the file, making its tables if it is new.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A killed process loses nothing with NORMAL; a power cut may lose the last moments but never breaks the file.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // What is in the log stays there when a process ends: a short run does not wait for the disk.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_prepared_statement_cache_capacity(32);
    create(&mut connection)?;
    Ok(connection)
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    if version(connection)? == VERSION {
        return Ok(());
    }
    // Two processes may open a new file at once: look again under the write lock.
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    match version(&transaction)? {
        VERSION => return Ok(()),
        0 => {}
        // Told apart from other failures by `StateError::sqlite`.
        other => return Err(rusqlite::Error::IntegralValueOutOfRange(0, other)),
    }
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
