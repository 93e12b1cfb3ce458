//! The end of a workflow: its hooks, its exit handler, its phase.

use lighter_api::{Condition, LifecycleHook};
use serde_json::json;

use crate::action::{Action, StopStrategy};
use crate::engine::{Engine, Stage};
use crate::expr::{Mode, evaluate_bool, substitute_json};
use crate::phase::{self, kind};
use crate::run::{Call, Home, Key, Role, Target};

impl Engine {
    /// The entrypoint has ended: hooks fire, and the exit handler runs unless the workflow is terminated.
    pub(crate) fn entry_ended(&mut self, key: Key) {
        if self.stage != Stage::Main {
            return;
        }
        self.stage = Stage::Exit;
        let id = self.runs.get(key).map(|run| run.id.clone()).unwrap_or_default();
        let (ended, _) = self.outcome_of(&id);
        self.set_global("workflow.status", ended);
        let failures = self.failures();
        self.set_global("workflow.failures", failures);
        self.set_workflow_duration();
        self.exit_open += 1;
        self.fire_workflow_hooks();
        self.start_exit_handler();
        self.workflow_hook_ended();
    }

    fn set_workflow_duration(&mut self) {
        let start = self.status().started_at.as_ref().map_or(self.now, |time| time.0);
        let seconds = self.now.duration_since(start).as_secs_f64();
        self.set_global("workflow.duration", format!("{seconds:.6}"));
    }

    /// The phase and message that a node gives to the workflow.
    fn outcome_of(&self, id: &str) -> (&'static str, String) {
        let Some(node) = self.node(id) else { return (phase::ERROR, String::new()) };
        match node.phase.as_str() {
            phase::FAILED => (phase::FAILED, node.message.clone()),
            phase::ERROR if node.r#type == kind::SKIPPED => {
                (phase::ERROR, format!("error in entry template execution: {}", node.message))
            }
            phase::ERROR => (phase::ERROR, node.message.clone()),
            _ => (phase::SUCCEEDED, String::new()),
        }
    }

    /// Failed pods as a quoted JSON list, as Argo gives them to exit handlers.
    fn failures(&self) -> String {
        let failed = self.status().nodes.values().filter(|node| {
            phase::bad(&node.phase) && matches!(node.r#type.as_str(), kind::POD | kind::SKIPPED)
        });
        let list: Vec<_> = failed
            .map(|node| {
                json!({
                    "displayName": node.display_name,
                    "message": node.message,
                    "templateName": node.template_name,
                    "phase": node.phase,
                    "podName": self.pod_name_of(&node_template(node), &node.name, &node.id),
                    "finishedAt": node.finished_at,
                })
            })
            .collect();
        json!(json!(list).to_string()).to_string()
    }

    fn start_exit_handler(&mut self) {
        let hook = match self.spec.hooks.get("exit") {
            Some(hook) => hook.clone(),
            None if self.spec.on_exit.is_empty() => return,
            None => LifecycleHook { template: self.spec.on_exit.clone(), ..Default::default() },
        };
        if self.stop == Some(StopStrategy::Terminate) {
            return;
        }
        let name = format!("{}.onExit", self.name());
        self.start_workflow_hook(name, &hook, true);
    }

    /// Starts the workflow's hooks whose expressions are true.
    pub(crate) fn fire_workflow_hooks(&mut self) {
        let hooks = self.spec.hooks.clone();
        for (name, hook) in hooks.iter().filter(|(name, _)| *name != "exit") {
            let name = format!("{}.hooks.{name}", self.name());
            let id = self.id_of(&name);
            if self.index.contains_key(&id) {
                continue;
            }
            let scope = std::sync::Arc::clone(&self.globals);
            let cx = self.context(&scope, &id);
            let fires = self.node(&id).is_some()
                || matches!(evaluate_bool(&hook.expression, &cx), Ok(true));
            if fires {
                self.start_workflow_hook(name, hook, false);
                let root = self.name().to_owned();
                self.link(&root, &id);
            }
        }
    }

    fn start_workflow_hook(&mut self, name: String, hook: &LifecycleHook, on_exit: bool) {
        let scope = std::sync::Arc::clone(&self.globals);
        let cx = self.context(&scope, &name);
        self.exit_open += 1;
        match substitute_json(hook, &cx, Mode::AllowUnresolved) {
            Ok(hook) => {
                let of_workflow = || self.spec.arguments.clone().unwrap_or_default();
                let call = Call {
                    target: Target {
                        template: hook.template,
                        template_ref: hook.template_ref,
                        inline: None,
                    },
                    home: Home::Local,
                    arguments: hook.arguments.unwrap_or_else(of_workflow),
                    missing: Vec::new(),
                    caller: None,
                    hooked: true,
                };
                self.start_call(name, None, Role::WorkflowHook, None, on_exit, call);
            }
            Err(error) => {
                let key = self.add_run(name, None, Role::WorkflowHook, None, on_exit);
                self.fail_start(key, &error.to_string());
            }
        }
    }

    /// One of the things that the workflow waits for has ended.
    pub(crate) fn workflow_hook_ended(&mut self) {
        self.exit_open = self.exit_open.saturating_sub(1);
        if self.stage != Stage::Exit || self.exit_open > 0 {
            return;
        }
        let root = self.name().to_owned();
        let (mut ended, mut message) = self.outcome_of(&root);
        let handler = self.id_of(&format!("{root}.onExit"));
        if ended == phase::SUCCEEDED && self.node(&handler).is_some() {
            (ended, message) = self.outcome_of(&handler);
        }
        if let Some(strategy) = self.stop
            && ended != phase::SUCCEEDED
        {
            message = format!("Stopped with strategy '{}'", strategy.as_str());
        }
        self.finish(ended, &message);
    }

    /// Gives the workflow its final phase.
    pub(crate) fn finish(&mut self, ended: &str, message: &str) {
        if self.stage == Stage::Finished {
            return;
        }
        self.stage = Stage::Finished;
        self.tasks.clear();
        let now = self.second();
        self.mark_phase(ended);
        self.collect_all_pods(ended);
        self.delete_claims(ended);
        let status = self.status_mut();
        message.clone_into(&mut status.message);
        status.started_at.get_or_insert_with(|| now.clone());
        status.finished_at = Some(now);
        status.conditions.retain(|condition| condition.r#type != "Completed");
        status.conditions.push(Condition {
            r#type: "Completed".to_owned(),
            status: "True".to_owned(),
            message: String::new(),
        });
    }

    fn collect_all_pods(&mut self, ended: &str) {
        let strategy = self.spec.pod_gc.as_ref().map(|gc| gc.strategy.as_str()).unwrap_or_default();
        let delete = match strategy {
            "OnWorkflowCompletion" => true,
            "OnWorkflowSuccess" => ended == phase::SUCCEEDED,
            _ => false,
        };
        if !delete {
            return;
        }
        let pods = self.status().nodes.values().filter(|node| node.r#type == kind::POD);
        let names: Vec<String> =
            pods.map(|node| self.pod_name_of(&node_template(node), &node.name, &node.id)).collect();
        self.actions.extend(names.into_iter().map(|name| Action::DeletePod { name }));
    }
}

/// The template's name as it stands in the name of the pod.
fn node_template(node: &lighter_api::NodeStatus) -> String {
    match &node.template_ref {
        Some(reference) => reference.template.clone(),
        None => node.template_name.clone(),
    }
}
