//! The command line: commands and options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Run Argo Workflows on this machine: no cluster, no container engine, no object store.
#[derive(Debug, Parser)]
#[command(name = "lighter", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
pub struct Global {
    /// Folder of runs, images, volumes and artifacts [default: $LIGHTER_STATE, else ~/.local/state/lighter]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub state: Option<PathBuf>,
    /// Print without colours, as NO_COLOR does
    #[arg(long, global = true, help_heading = "Global options")]
    pub no_color: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a workflow and wait for its end
    Run(Run),
    /// Go on with a workflow whose process ended before it did, or with its suspended steps
    Resume(Resume),
    /// Stop a running workflow; its exit handlers still run
    Stop(Stop),
    /// List workflows, the newest first
    #[command(visible_alias = "ls")]
    List(List),
    /// Show a workflow and its steps
    Get(Get),
    /// Print what the steps of a workflow wrote
    Logs(Logs),
    /// Remove finished workflows with their logs, artifacts and claims
    #[command(visible_alias = "rm")]
    Delete(Delete),
    /// Check files without running anything
    Lint(Lint),
    /// List and read the artifacts of a workflow
    #[command(subcommand)]
    Artifacts(Artifacts),
    /// Manage the images that steps run in
    #[command(subcommand)]
    Images(Images),
    /// Print the completion script of a shell
    Completion(Completion),
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
pub struct Run {
    /// Files with a Workflow and what it needs: WorkflowTemplates, ConfigMaps, Secrets, claims; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Give a parameter a value; may be repeated
    #[arg(short, long = "parameter", value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    /// Take parameters from a YAML or JSON file of names and values; `-p` wins
    #[arg(short = 'f', long, value_name = "FILE")]
    pub parameter_file: Option<PathBuf>,
    /// Name the workflow
    #[arg(long)]
    pub name: Option<String>,
    /// Begin with this template
    #[arg(long, value_name = "TEMPLATE")]
    pub entrypoint: Option<String>,
    #[command(flatten)]
    pub how: How,
}

/// Options of whatever runs a workflow.
#[derive(Debug, Args)]
pub struct How {
    /// What steps run in [default: auto, or what the workflow was first run with]
    #[arg(long, value_enum, value_name = "FROM")]
    pub images: Option<ImageChoice>,
    /// Run at most so many steps at once [default: the number of cores, or what it was first run with]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub parallel: Option<u16>,
    /// Print what the steps write while they run
    #[arg(long)]
    pub logs: bool,
    /// Print the finished workflow in this form, and progress to standard error
    #[arg(short, long, value_enum, value_name = "FORM")]
    pub output: Option<Form>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImageChoice {
    /// Imported or pulled images; what is missing is pulled
    Auto,
    /// This machine's own programs, whatever image a step names
    Host,
    /// Imported or pulled images only
    Local,
    /// Images from their registry, always anew
    Pull,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The Workflow object as JSON
    Json,
    /// The Workflow object as YAML
    Yaml,
    /// Its steps as a tree
    Tree,
}

#[derive(Debug, Args)]
pub struct Resume {
    /// The workflow; `@latest` is the newest
    pub name: String,
    #[command(flatten)]
    pub how: How,
}

#[derive(Debug, Args)]
pub struct Stop {
    /// The workflow; `@latest` is the newest
    pub name: String,
    /// Do not run exit handlers
    #[arg(long)]
    pub terminate: bool,
}

#[derive(Debug, Args)]
pub struct List {
    /// Print in this form [default: a table]
    #[arg(short, long, value_enum, value_name = "FORM")]
    pub output: Option<ListForm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListForm {
    /// One name a line
    Name,
    /// The Workflow objects as a JSON array
    Json,
}

#[derive(Debug, Args)]
pub struct Get {
    /// The workflow; `@latest` is the newest
    pub name: String,
    /// Print in this form
    #[arg(short, long, value_enum, value_name = "FORM", default_value = "tree")]
    pub output: Form,
}

#[derive(Debug, Args)]
pub struct Logs {
    /// The workflow; `@latest` is the newest
    pub name: String,
    /// Only this node and those below it: display name, full name or id
    pub node: Option<String>,
    /// Go on until the workflow ends
    #[arg(short, long)]
    pub follow: bool,
    /// Print this container of the steps, e.g. `wait`
    #[arg(short, long, default_value = "main")]
    pub container: String,
}

#[derive(Debug, Args)]
pub struct Delete {
    /// The workflows; `@latest` is the newest
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Lint {
    /// Files to check together; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Artifacts {
    /// List the output artifacts of a workflow
    Ls {
        /// The workflow; `@latest` is the newest
        workflow: String,
    },
    /// Print an artifact that is one file
    Cat {
        /// The workflow; `@latest` is the newest
        workflow: String,
        /// The artifact as `ls` prints it
        #[arg(value_name = "NODE/ARTIFACT")]
        artifact: String,
    },
    /// Copy an artifact into a folder, unpacked
    Cp {
        /// The workflow; `@latest` is the newest
        workflow: String,
        /// The artifact as `ls` prints it
        #[arg(value_name = "NODE/ARTIFACT")]
        artifact: String,
        /// The folder; made if it is not there
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Copy what is stored, without unpacking it
        #[arg(long)]
        raw: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Images {
    /// Import an image from a file: an OCI or Docker archive, or a tar of a root folder
    Import {
        /// The file
        file: PathBuf,
        /// What workflows call it; needed when the file does not say
        #[arg(long, value_name = "IMAGE")]
        name: Option<String>,
    },
    /// Pull an image from its registry
    Pull {
        /// E.g. `busybox:stable`
        image: String,
    },
    /// List the images that are here
    Ls,
    /// Remove images
    Rm {
        /// The images
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub struct Completion {
    pub shell: clap_complete::Shell,
}
