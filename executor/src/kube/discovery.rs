//! Which path objects of a kind have: asked of the server, where the stock executor guesses the plural.

use serde_json::Value;
use ureq::http::Method;

use super::{Client, Error, encoded};

/// Where the objects of a manifest's kind are.
#[derive(Debug)]
pub struct Kind {
    plural: String,
    namespaced: bool,
    version: String,
}

impl Client {
    /// Finds a kind: `("apps/v1", "Deployment")`.
    pub fn kind(&self, version: &str, kind: &str) -> Result<Kind, Error> {
        let root = if version.contains('/') { "apis" } else { "api" };
        let path: Vec<String> = version.split('/').map(encoded).collect();
        let path = format!("/{root}/{}", path.join("/"));
        let known = self.send(Method::GET, &path, None)?;
        let resources = known["resources"].as_array().into_iter().flatten();
        // Subresources have a slash in their name.
        let plain = |resource: &&Value| !resource["name"].as_str().unwrap_or("/").contains('/');
        let found = resources.filter(plain).find(|resource| resource["kind"] == kind);
        let Some(found) = found else {
            return Err(Error::NotFound(format!("the server has no kind {kind} in {version}")));
        };
        Ok(Kind {
            plural: found["name"].as_str().unwrap_or_default().into(),
            namespaced: found["namespaced"] == true,
            version: version.into(),
        })
    }

    /// The path of a kind's objects in a namespace; kinds that have none ignore it.
    pub fn path(&self, kind: &Kind, namespace: &str) -> String {
        if kind.namespaced {
            return super::objects_in(&kind.version, &kind.plural, namespace);
        }
        let root = if kind.version.contains('/') { "apis" } else { "api" };
        format!("/{root}/{}/{}", kind.version, kind.plural)
    }
}
