//! Claims made for a workflow from `volumeClaimTemplates`, and their end.

use lighter_api::k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Volume,
};
use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::action::Action;
use crate::engine::{Engine, Stage};
use crate::phase;

impl Engine {
    /// Asks for the claims. True if there is nothing to wait for.
    pub(crate) fn make_claims(&mut self) -> bool {
        let templates = self.spec.volume_claim_templates.clone();
        let running = !self.status().nodes.is_empty();
        for template in templates {
            let short = template.metadata.name.clone().unwrap_or_default();
            let name = format!("{}-{short}", self.name());
            let known = self.status().persistent_volume_claims.iter().any(|v| v.name == short);
            if !known {
                let source = PersistentVolumeClaimVolumeSource {
                    claim_name: name.clone(),
                    ..PersistentVolumeClaimVolumeSource::default()
                };
                self.status_mut().persistent_volume_claims.push(Volume {
                    name: short,
                    persistent_volume_claim: Some(source),
                    ..Volume::default()
                });
            }
            if !running {
                self.claims_open.insert(name.clone());
                let claim = self.owned_claim(template, name);
                self.actions.push(Action::CreateClaim(Box::new(claim)));
            }
        }
        if self.claims_open.is_empty() {
            return true;
        }
        self.stage = Stage::Claims;
        false
    }

    fn owned_claim(&self, mut claim: PersistentVolumeClaim, name: String) -> PersistentVolumeClaim {
        let meta = self.workflow.metadata.clone().unwrap_or_default();
        claim.metadata.name = Some(name);
        claim.metadata.namespace = meta.namespace;
        claim.metadata.owner_references = Some(vec![OwnerReference {
            api_version: "argoproj.io/v1alpha1".to_owned(),
            kind: "Workflow".to_owned(),
            name: meta.name.unwrap_or_default(),
            uid: meta.uid.unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]);
        let labels = claim.metadata.labels.get_or_insert_default();
        labels.insert("workflows.argoproj.io/workflow".to_owned(), self.name().to_owned());
        claim
    }

    pub(crate) fn observe_claim(&mut self, name: &str, result: Result<(), String>) {
        if !self.claims_open.remove(name) {
            return;
        }
        match result {
            Err(message) => {
                self.finish(
                    phase::ERROR,
                    &format!("failed to create the volume claim '{name}': {message}"),
                );
            }
            Ok(()) if self.claims_open.is_empty() && self.stage == Stage::Claims => {
                self.start_entry();
            }
            Ok(()) => {}
        }
    }

    /// Deletes the claims at the end, as `volumeClaimGC` says.
    pub(crate) fn delete_claims(&mut self, ended: &str) {
        let gc = self.spec.volume_claim_gc.as_ref();
        let always = gc.is_some_and(|gc| gc.strategy == "OnWorkflowCompletion");
        if !always && ended != phase::SUCCEEDED {
            return;
        }
        for volume in std::mem::take(&mut self.status_mut().persistent_volume_claims) {
            let Some(claim) = volume.persistent_volume_claim else { continue };
            self.actions.push(Action::DeleteClaim { name: claim.claim_name });
        }
    }
}
