//! Finding: one thing wrong in a workflow, and the list that they are gathered in.

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The workflow cannot run, or not to its end.
    Error,
    /// The workflow runs, perhaps not as was meant.
    Warning,
}

/// One thing wrong in a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The field from the object's root, e.g. `spec.templates[2].steps[0][1].template`.
    pub path: String,
    /// The template's name; empty outside of templates.
    pub template: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    pub severity: Severity,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        write!(f, "{}: ", self.path)?;
        if !self.template.is_empty() {
            write!(f, "template `{}`: ", self.template)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// The findings so far, and the template that is looked at.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub findings: Vec<Finding>,
    pub template: String,
}

impl Report {
    pub fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(path, message, None, Severity::Error);
    }

    pub fn error_with(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.add(path, message, hint, Severity::Error);
    }

    pub fn warning(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.add(path, message, hint, Severity::Warning);
    }

    fn add(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        hint: Option<String>,
        severity: Severity,
    ) {
        let finding = Finding {
            path: path.into(),
            template: self.template.clone(),
            message: message.into(),
            hint,
            severity,
        };
        // The same field may be looked at from two sides.
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}
