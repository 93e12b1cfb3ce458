//! Scope: the variables that a text may use, known before anything runs.

use std::collections::{BTreeMap, BTreeSet};

use lighter_api::Template;

use super::names::suggest;
use crate::expr::has_tags;

/// Names, and what can be said about those that are missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'a> {
    known: BTreeSet<String>,
    /// Whatever begins with these is known.
    open: Vec<String>,
    /// The other steps or tasks of the template, and the word before their names.
    others: Option<(&'static str, &'a Others<'a>)>,
    /// Whose scope this is, among `others`.
    own: Option<&'a str>,
}

/// The steps or tasks of one template.
pub(super) trait Siblings {
    /// Whether `from` may use what `name` gives.
    fn sees(&self, from: Option<&str>, name: &str) -> bool;
    /// What to do so that it may.
    fn advice(&self, name: &str) -> String;
}

/// The steps or tasks of one template, with what they give.
pub(super) struct Others<'a> {
    pub outputs: BTreeMap<&'a str, Given>,
    pub order: &'a dyn Siblings,
}

impl std::fmt::Debug for Others<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(&self.outputs).finish()
    }
}

/// What a step or task gives to others.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// Its template's name is known only later.
    Anything,
    /// These, after `steps.NAME.`.
    Names(BTreeSet<String>),
}

/// What every node gives.
const NODE: [&str; 7] =
    ["id", "status", "startedAt", "finishedAt", "ip", "hostNodeName", "exitCode"];

impl Given {
    /// What a call of `template` gives; `None` for a template that is not known.
    pub fn of(template: Option<&Template>, is_loop: bool) -> Self {
        let Some(template) = template else { return Given::Anything };
        let mut names: BTreeSet<String> = NODE.map(str::to_owned).into();
        let group = !template.steps.is_empty() || template.dag.is_some();
        if !group && template.suspend.is_none() {
            names.insert("outputs.result".to_owned());
        }
        if is_loop {
            names.insert("outputs.parameters".to_owned());
        }
        if let Some(outputs) = &template.outputs {
            let parameters =
                outputs.parameters.iter().map(|p| format!("outputs.parameters.{}", p.name));
            let artifacts =
                outputs.artifacts.iter().map(|a| format!("outputs.artifacts.{}", a.name));
            names.extend(parameters.chain(artifacts));
        }
        Given::Names(names)
    }
}

impl<'a> Scope<'a> {
    pub fn add(&mut self, name: impl Into<String>) {
        self.known.insert(name.into());
    }

    /// Makes every name known that begins with `prefix`.
    pub fn open(&mut self, prefix: impl Into<String>) {
        self.open.push(prefix.into());
    }

    /// The same scope inside of a template with these steps or tasks.
    pub fn among(&self, word: &'static str, others: &'a Others<'a>) -> Self {
        Scope { others: Some((word, others)), own: None, ..self.clone() }
    }

    /// The same scope for one of the steps or tasks.
    pub fn of_member(&self, own: &'a str) -> Self {
        Scope { own: Some(own), ..self.clone() }
    }

    /// Whether a variable is known. `Err` is a hint on what to write instead.
    pub fn find(&self, name: &str) -> Result<(), Option<String>> {
        let open = self.open.iter().any(|prefix| name.starts_with(prefix.as_str()));
        if open || self.known.contains(name) {
            return Ok(());
        }
        let Some((word, others)) = self.others else { return Err(self.similar(name)) };
        let Some(rest) = name.strip_prefix(word).and_then(|rest| rest.strip_prefix('.')) else {
            return Err(self.similar(name));
        };
        let (member, rest) = rest.split_once('.').unwrap_or((rest, ""));
        let Some(given) = others.outputs.get(member) else {
            // A name with tags may become any.
            if others.outputs.keys().any(|name| has_tags(name)) {
                return Ok(());
            }
            let hint = suggest(member, others.outputs.keys().copied());
            return Err(hint.map(|hint| hint.replacen("there is", &format!("the {word} are"), 1)));
        };
        if !others.order.sees(self.own, member) {
            return Err(Some(others.order.advice(member)));
        }
        match given {
            Given::Anything => Ok(()),
            Given::Names(names) if names.contains(rest) => Ok(()),
            Given::Names(names) => Err(suggest(rest, names.iter().map(String::as_str))),
        }
    }

    /// A hint from the names that begin alike, or else from all.
    fn similar(&self, name: &str) -> Option<String> {
        let root = name.rsplit_once('.').map_or("", |(root, _)| root);
        let near = self.known.iter().map(String::as_str).filter(|known| {
            !root.is_empty() && known.strip_prefix(root).is_some_and(|rest| rest.starts_with('.'))
        });
        if near.clone().next().is_some() {
            return suggest(name, near);
        }
        lighter_api::nearest(name, self.known.iter().map(String::as_str))
            .map(|name| format!("did you mean `{name}`?"))
    }
}
