//! The texts of `help`.

pub const OVERVIEW: &str = "\
argoexec runs inside the pods of Argo workflows. Pods start it; people need only `collect`.

Usage:
  argoexec COMMAND [flags]

Commands:
  init       load input artifacts and stage the script, before the main container starts
  emissary   run the user's command: argoexec emissary [flags] -- COMMAND [ARG...]
  supervisor init and wait in one, for pods without an init container
  wait       save outputs when the main containers have ended, and report them
  collect    merge many files into one, or into one directory
  resource   create, change or delete a Kubernetes object: argoexec resource ACTION
  artifact delete
             delete the artifacts that the controller's garbage collection lists
  artifact-plugin-init, artifact-plugin-sidecar
             run an artifact plugin beside init, or beside wait
  kill       send a signal: argoexec kill SIGNAL PID
  version    print the version (--short: one line)
  help       print this text, or that of a command

Flags of every command:
  --loglevel LEVEL     debug, info (default), warn or error
  --log-format FORMAT  text (default) or json
  The flags of the stock executor for its Kubernetes client are accepted.
";

pub const COLLECT: &str = "\
Merge many files into one, or into one directory.

Usage:
  argoexec collect --from GLOB... --out PATH [flags]

Flags:
  --from GLOB          files to collect, in the order of their names; may be repeated. Quote it, or let the shell expand it
  --as FORM            directory (default): one entry per file
                       json: one array of all documents (a file may hold several, one per line too)
                       ndjson: one document a line
                       concat: the bytes of all files, one after the other
  --jq FILTER          json: applied to the array of all documents; ndjson: to each document
  --name PATTERN       names in a directory, with {{index}} and {{file}}; two equal names are an error
  --missing POLICY     a pattern that matches nothing: fail (default) or skip
  --out PATH           the file or directory to make; it appears whole or not at all
  --on-conflict WAY    PATH exists: fail (default), replace, or number (PATH-1, PATH-2, ...; the last dot of a file name stays last)

Example:
  argoexec collect --from '/mnt/message-*.json' --as json --jq 'map(.text)' --out /tmp/messages.json
";
