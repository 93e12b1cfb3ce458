//! Variables by their flat names, in layers, so that ten thousand loop items share one outer scope.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;

/// The value of a variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Var {
    /// Text, as nearly all variables are.
    Text(String),
    /// Anything else, such as an artifact or a loop's item.
    Json(Value),
    /// The output of a skipped or omitted node that has no default.
    Absent,
}

impl From<&str> for Var {
    fn from(text: &str) -> Self {
        Var::Text(text.to_owned())
    }
}

impl From<String> for Var {
    fn from(text: String) -> Self {
        Var::Text(text)
    }
}

impl From<Value> for Var {
    fn from(value: Value) -> Self {
        Var::Json(value)
    }
}

impl From<Option<String>> for Var {
    fn from(text: Option<String>) -> Self {
        text.map_or(Var::Absent, Var::Text)
    }
}

/// Variables under flat keys such as `inputs.parameters.x`, `item` and `steps.a.outputs.result`.
///
/// A layer answers before its parent does. Making a child costs nothing, whatever the parent holds.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    own: BTreeMap<String, Var>,
    parent: Option<Arc<Scope>>,
}

impl Scope {
    /// An empty scope.
    pub fn new() -> Self {
        Scope::default()
    }

    /// An empty layer over `parent`.
    pub fn child(parent: &Arc<Scope>) -> Self {
        Scope { own: BTreeMap::new(), parent: Some(Arc::clone(parent)) }
    }

    /// Sets a variable in this layer.
    pub fn set(&mut self, key: impl Into<String>, var: impl Into<Var>) {
        self.own.insert(key.into(), var.into());
    }

    /// Sets many variables in this layer.
    pub fn extend<K: Into<String>, V: Into<Var>>(
        &mut self,
        vars: impl IntoIterator<Item = (K, V)>,
    ) {
        for (key, var) in vars {
            self.set(key, var);
        }
    }

    /// Forgets a variable of this layer; one of the same name in a parent shows again.
    pub fn remove(&mut self, key: &str) -> Option<Var> {
        self.own.remove(key)
    }

    /// The variable with exactly this name.
    pub fn get(&self, key: &str) -> Option<&Var> {
        self.layers().find_map(|layer| layer.own.get(key))
    }

    /// True when there is a variable with exactly this name.
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// All names that can be seen, sorted, each once.
    pub fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> =
            self.layers().flat_map(|layer| layer.own.keys().map(String::as_str)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// True when some name begins with `prefix` and a dot.
    pub(crate) fn has_below(&self, prefix: &str) -> bool {
        let start = format!("{prefix}.");
        self.layers().any(|layer| layer.from(&start).next().is_some())
    }

    /// The variables below `prefix`, keyed by the rest of their names; the nearest layer wins.
    pub(crate) fn below(&self, prefix: &str) -> BTreeMap<&str, &Var> {
        let start = format!("{prefix}.");
        let mut found = BTreeMap::new();
        for layer in self.layers() {
            for (key, var) in layer.from(&start) {
                if let Some(rest) = key.strip_prefix(start.as_str()) {
                    found.entry(rest).or_insert(var);
                }
            }
        }
        found
    }

    fn layers(&self) -> impl Iterator<Item = &Scope> {
        std::iter::successors(Some(self), |layer| layer.parent.as_deref())
    }

    fn from<'a>(&'a self, start: &str) -> impl Iterator<Item = (&'a String, &'a Var)> {
        self.own
            .range::<str, _>((Bound::Included(start), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_layer_wins() {
        let mut outer = Scope::new();
        outer.set("a.b", "1");
        outer.set("a.c", "2");
        let outer = Arc::new(outer);
        let mut inner = Scope::child(&outer);
        inner.set("a.b", "3");
        assert_eq!(inner.get("a.b"), Some(&Var::from("3")));
        assert_eq!(inner.get("a.c"), Some(&Var::from("2")));
        let below = inner.below("a");
        assert_eq!(below.get("b"), Some(&&Var::from("3")));
        assert_eq!(below.len(), 2);
        assert!(inner.has_below("a") && !inner.has_below("a.b"));
        assert_eq!(inner.keys(), ["a.b", "a.c"]);
    }
}
