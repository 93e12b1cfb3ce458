//! Members and their hooks: a step or task is done when its call and all its hooks are.

use lighter_api::{LifecycleHook, WorkflowStep};

use crate::boundary::Nodes;
use crate::engine::Engine;
use crate::expr::{Mode, Scope, evaluate_bool, substitute_json};
use crate::fan::Member;
use crate::phase;
use crate::plan::Plan;
use crate::run::{Call, Key, Role, State, Target};

impl Engine {
    pub(crate) fn member_mut(&mut self, owner: Key, member: usize) -> Option<&mut Member> {
        match &mut self.runs.get_mut(owner)?.state {
            State::Fan(fan) => fan.members.get_mut(member),
            State::Dag(dag) => dag.member_mut(member),
            _ => None,
        }
    }

    fn member(&self, owner: Key, member: usize) -> Option<(Member, Plan)> {
        match &self.runs.get(owner)?.state {
            State::Fan(fan) => {
                let member = fan.members.get(member)?.clone();
                let plan = fan.plans.get(member.plan)?.clone();
                Some((member, plan))
            }
            State::Dag(dag) => dag.member(member),
            _ => None,
        }
    }

    /// The call of a member has ended: its exit hook starts, or the member is done.
    pub(crate) fn member_call_ended(&mut self, owner: Key, index: usize) {
        let Some(id) = self.member_mut(owner, index).map(|member| member.id.clone()) else {
            return;
        };
        let ended = self.phase_of(&id).to_owned();
        self.trip_fail_fast(owner, &ended);
        self.fire_hooks(owner, index);
        if phase::completed(&ended) {
            self.start_exit_hook(owner, index);
        }
        self.member_hook_ended(owner, index);
    }

    /// One of the things that a member waits for has ended.
    pub(crate) fn member_hook_ended(&mut self, owner: Key, index: usize) {
        let Some(member) = self.member_mut(owner, index) else { return };
        member.open = member.open.saturating_sub(1);
        if member.open == 0 {
            self.member_closed(owner, index);
        }
    }

    /// The member and its hooks are at their end.
    pub(crate) fn member_closed(&mut self, owner: Key, index: usize) {
        match self.runs.get_mut(owner).map(|run| &mut run.state) {
            Some(State::Fan(fan)) => {
                fan.open = fan.open.saturating_sub(1);
                if fan.open == 0 {
                    self.fan_close(owner);
                }
            }
            Some(State::Dag(_)) => self.task_closed(owner, index),
            _ => {}
        }
    }

    fn trip_fail_fast(&mut self, owner: Key, ended: &str) {
        if !phase::bad(ended) {
            return;
        }
        let Some(run) = self.runs.get(owner) else { return };
        let boundary = if matches!(run.state, State::Dag(_)) { Some(owner) } else { run.boundary };
        if let Some(boundary) = boundary.and_then(|b| self.boundary_mut(b)) {
            boundary.places.failed |= boundary.template.fail_fast == Some(true);
        }
    }

    fn start_exit_hook(&mut self, owner: Key, index: usize) {
        let Some((_, plan)) = self.member(owner, index) else { return };
        // The group node of a looped task has none: each item has its own.
        let is_group = matches!(self.runs.get(owner).map(|r| &r.state), Some(State::Dag(_)))
            && plan.items.is_some();
        let Some(hook) = exit_hook(&plan.step).filter(|_| !is_group) else { return };
        self.start_hook(owner, index, "onExit", &hook);
    }

    /// Starts the hooks of a member whose expressions have become true.
    pub(crate) fn fire_hooks(&mut self, owner: Key, index: usize) {
        let Some((member, plan)) = self.member(owner, index) else { return };
        if plan.step.hooks.keys().all(|name| name == "exit") || self.node(&member.id).is_none() {
            return;
        }
        for (name, hook) in plan.step.hooks.iter().filter(|(name, _)| *name != "exit") {
            self.start_hook(owner, index, &format!("hooks.{name}"), hook);
        }
    }

    fn start_hook(&mut self, owner: Key, index: usize, suffix: &str, hook: &LifecycleHook) {
        let Some((member, plan)) = self.member(owner, index) else { return };
        let Some(run) = self.runs.get(owner) else { return };
        let on_exit = run.on_exit;
        let boundary = if matches!(run.state, State::Dag(_)) { Some(owner) } else { run.boundary };
        let Some(node) = self.node(&member.id) else { return };
        let name = format!("{}.{suffix}", node.name);
        let hook_id = self.id_of(&name);
        if self.index.contains_key(&hook_id) {
            return;
        }
        let Some(enclosing) = boundary else { return };
        let Some((prefix, home)) = self.boundary(enclosing).map(|b| (b.prefix, b.home.clone()))
        else {
            return;
        };
        let (mut scope, _) = plan.item_scope(member.item);
        scope.extend(self.node_vars(prefix, &plan.step.name, &member.id));
        let exists = self.node(&hook_id).is_some();
        let call = match self.hook_call(enclosing, &scope, &member.id, &plan, hook, exists) {
            Ok(Some((target, arguments, missing))) => {
                Call { target, home, arguments, missing, caller: None, hooked: true }
            }
            Ok(None) => return,
            Err(message) => {
                self.count_hook(owner, index);
                let key = self.add_run(name, Some(owner), Role::Hook(index), boundary, on_exit);
                self.fail_start(key, &message);
                self.link(&member.id, &hook_id);
                return;
            }
        };
        self.count_hook(owner, index);
        self.start_call(name, Some(owner), Role::Hook(index), boundary, on_exit, call);
        self.link(&member.id, &hook_id);
    }

    fn count_hook(&mut self, owner: Key, index: usize) {
        if let Some(member) = self.member_mut(owner, index) {
            member.open += 1;
        }
    }

    /// What a hook calls; `None` if it is not its time.
    #[expect(clippy::type_complexity, reason = "the parts of one call")]
    fn hook_call(
        &mut self,
        boundary: Key,
        scope: &Scope,
        id: &str,
        plan: &Plan,
        hook: &LifecycleHook,
        exists: bool,
    ) -> Result<Option<(Target, lighter_api::Arguments, Vec<(String, Vec<String>)>)>, String> {
        if !hook.expression.is_empty() && !exists {
            let cx = self.context(scope, id);
            if !evaluate_bool(&hook.expression, &cx).map_err(|e| e.to_string())? {
                return Ok(None);
            }
        }
        let cx = self.context(scope, id);
        let hook: LifecycleHook =
            substitute_json(hook, &cx, Mode::AllowUnresolved).map_err(|e| e.to_string())?;
        // The hook may use the artifacts of the very step it belongs to.
        let own = plan.step.name.clone();
        let result = Nodes::One(id.to_owned());
        let before = self.boundary_mut(boundary).map(|b| b.results.insert(own.clone(), result));
        let mut arguments = hook.arguments;
        let missing = self.resolve_arguments(boundary, scope, &mut arguments);
        if let (Some(before), Some(b)) = (before, self.boundary_mut(boundary)) {
            match before {
                Some(before) => b.results.insert(own, before),
                None => b.results.remove(&own),
            };
        }
        let target =
            Target { template: hook.template, template_ref: hook.template_ref, inline: None };
        Ok(Some((target, arguments.unwrap_or_default(), missing?)))
    }
}

/// The exit hook of a step; `onExit` is its older form.
fn exit_hook(step: &WorkflowStep) -> Option<LifecycleHook> {
    if let Some(hook) = step.hooks.get("exit") {
        return Some(hook.clone());
    }
    (!step.on_exit.is_empty())
        .then(|| LifecycleHook { template: step.on_exit.clone(), ..LifecycleHook::default() })
}
