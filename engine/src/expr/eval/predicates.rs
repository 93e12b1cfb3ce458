//! Built-in functions that take a predicate.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Closure, Machine, compare, ops};
use crate::expr::ast::Id;
use crate::expr::run::{Fail, Outcome};
use crate::expr::value::Val;

impl Machine<'_> {
    /// The result of `name` if it takes a predicate.
    pub(super) fn with_predicate(&mut self, name: &'static str, args: &[Id]) -> Option<Outcome> {
        let (list, rest) = args.split_first()?;
        let first = rest.first().copied();
        Some(match (name, first) {
            ("all", Some(p)) => self.quantify(name, *list, p, |hits, all| hits == all),
            ("none", Some(p)) => self.quantify(name, *list, p, |hits, _| hits == 0),
            ("any", Some(p)) => self.quantify(name, *list, p, |hits, _| hits > 0),
            ("one", Some(p)) => self.quantify(name, *list, p, |hits, _| hits == 1),
            ("count", p) => self.count(*list, p),
            ("sum", p) => self.sum(*list, p),
            ("filter", Some(p)) => self.filter(*list, p),
            ("map", Some(p)) => self.each(name, *list, p).map(|(_, mapped)| Val::list(mapped)),
            ("find" | "findIndex", Some(p)) => self.find(name, *list, p, false),
            ("findLast" | "findLastIndex", Some(p)) => self.find(name, *list, p, true),
            ("groupBy", Some(p)) => self.group_by(*list, p),
            ("sortBy", Some(p)) => self.sort_by(*list, p, rest.get(1).copied()),
            ("reduce", Some(p)) => self.reduce(*list, p, rest.get(1).copied()),
            _ => return None,
        })
    }

    fn items(&mut self, name: &str, id: Id) -> Result<Val, Fail> {
        let value = self.value(id)?;
        if value.as_list().is_none() {
            let at = self.tree.node(id).at;
            return Err(Fail::from(format!(
                "builtin {name} takes only array (got {})",
                value.type_name()
            ))
            .at(at));
        }
        Ok(value)
    }

    fn apply_predicate(&mut self, predicate: Id, item: &Val, index: usize) -> Outcome {
        self.closures.push(Closure { item: item.clone(), index, acc: Val::Nil });
        let result = self.value(predicate);
        self.closures.pop();
        result
    }

    fn test(&mut self, name: &str, predicate: Id, item: &Val, index: usize) -> Result<bool, Fail> {
        match self.apply_predicate(predicate, item, index)? {
            Val::Bool(value) => Ok(value),
            other => Err(format!(
                "predicate of {name} should return boolean (got {})",
                other.type_name()
            )
            .into()),
        }
    }

    /// The items and what the predicate makes of each.
    fn each(&mut self, name: &str, list: Id, predicate: Id) -> Result<(Val, Vec<Val>), Fail> {
        let list = self.items(name, list)?;
        let items = list.as_list().unwrap_or_default();
        let mut mapped = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            mapped.push(self.apply_predicate(predicate, item, index)?);
        }
        Ok((list, mapped))
    }

    fn quantify(
        &mut self,
        name: &str,
        list: Id,
        predicate: Id,
        answer: fn(usize, usize) -> bool,
    ) -> Outcome {
        let list = self.items(name, list)?;
        let items = list.as_list().unwrap_or_default();
        let mut hits = 0;
        for (index, item) in items.iter().enumerate() {
            let hit = self.test(name, predicate, item, index)?;
            hits += usize::from(hit);
            if name == "all" && !hit || matches!(name, "any" | "none") && hit {
                break;
            }
        }
        Ok(Val::Bool(answer(hits, items.len())))
    }

    fn count(&mut self, list: Id, predicate: Option<Id>) -> Outcome {
        let list = self.items("count", list)?;
        let mut hits = 0i64;
        for (index, item) in list.as_list().unwrap_or_default().iter().enumerate() {
            let hit = match predicate {
                Some(predicate) => self.test("count", predicate, item, index)?,
                None => ops::boolean("count", item)?,
            };
            hits += i64::from(hit);
        }
        Ok(Val::Int(hits))
    }

    fn sum(&mut self, list: Id, predicate: Option<Id>) -> Outcome {
        let list = self.items("sum", list)?;
        let mut total = Val::Int(0);
        for (index, item) in list.as_list().unwrap_or_default().iter().enumerate() {
            let term = match predicate {
                Some(predicate) => self.apply_predicate(predicate, item, index)?,
                None => item.clone(),
            };
            total = ops::binary(self.run, "+", &total, &term)?;
        }
        Ok(total)
    }

    fn filter(&mut self, list: Id, predicate: Id) -> Outcome {
        let list = self.items("filter", list)?;
        let mut kept = Vec::new();
        for (index, item) in list.as_list().unwrap_or_default().iter().enumerate() {
            if self.test("filter", predicate, item, index)? {
                kept.push(item.clone());
            }
        }
        Ok(Val::list(kept))
    }

    fn find(&mut self, name: &str, list: Id, predicate: Id, backwards: bool) -> Outcome {
        let list = self.items(name, list)?;
        let items = list.as_list().unwrap_or_default();
        for step in 0..items.len() {
            let index = if backwards { items.len() - 1 - step } else { step };
            let Some(item) = items.get(index) else { break };
            if self.test(name, predicate, item, index)? {
                return Ok(if name.ends_with("Index") { Val::from(index) } else { item.clone() });
            }
        }
        Ok(Val::Nil)
    }

    /// Groups by key. Keys become texts, so that the result can be written as JSON.
    fn group_by(&mut self, list: Id, predicate: Id) -> Outcome {
        let (list, keys) = self.each("groupBy", list, predicate)?;
        let mut groups: BTreeMap<Rc<str>, Vec<Val>> = BTreeMap::new();
        for (item, key) in list.as_list().unwrap_or_default().iter().zip(keys) {
            groups.entry(Rc::from(key.to_string())).or_default().push(item.clone());
        }
        Ok(Val::map(groups.into_iter().map(|(key, items)| (key, Val::list(items))).collect()))
    }

    fn sort_by(&mut self, list: Id, predicate: Id, order: Option<Id>) -> Outcome {
        let (list, keys) = self.each("sortBy", list, predicate)?;
        let order = order.map(|id| self.value(id)).transpose()?;
        let mut pairs: Vec<(Val, Val)> =
            keys.into_iter().zip(list.as_list().unwrap_or_default().iter().cloned()).collect();
        let keys: Vec<Val> = pairs.iter().map(|(key, _)| key.clone()).collect();
        let descending = ops::order(&keys, order.as_ref())?;
        self.run.spend(pairs.len() * 16)?;
        pairs.sort_by(|a, b| {
            let order = compare(&a.0, &b.0).unwrap_or(std::cmp::Ordering::Equal);
            if descending { order.reverse() } else { order }
        });
        Ok(Val::list(pairs.into_iter().map(|(_, item)| item).collect()))
    }

    fn reduce(&mut self, list: Id, predicate: Id, initial: Option<Id>) -> Outcome {
        let list = self.items("reduce", list)?;
        let mut items = list.as_list().unwrap_or_default().iter().enumerate();
        let mut acc = match initial {
            Some(id) => self.value(id)?,
            None => match items.next() {
                Some((_, first)) => first.clone(),
                None => return Err("reduce of empty array with no initial value".into()),
            },
        };
        for (index, item) in items {
            self.closures.push(Closure { item: item.clone(), index, acc });
            let result = self.value(predicate);
            self.closures.pop();
            acc = result?;
        }
        Ok(acc)
    }
}
