//! Cycles: a walk along edges that finds the first way back to where it came from.

/// A cycle among `edges`, as the nodes on it with the first one again at the end. Edges to nodes that do not
/// exist are passed over.
pub(super) fn find(edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; edges.len()];
    for start in 0..edges.len() {
        if marks.get(start) != Some(&Mark::New) {
            continue;
        }
        // Not recursive: a chain of tasks may be long.
        let mut way = vec![(start, 0)];
        while let Some((node, next)) = way.last_mut() {
            let node = *node;
            if let Some(mark) = marks.get_mut(node) {
                *mark = Mark::Open;
            }
            let target = edges.get(node).and_then(|targets| targets.get(*next)).copied();
            *next += 1;
            let Some(target) = target else {
                if let Some(mark) = marks.get_mut(node) {
                    *mark = Mark::Done;
                }
                way.pop();
                continue;
            };
            match marks.get(target) {
                Some(Mark::New) => way.push((target, 0)),
                Some(Mark::Open) => {
                    let nodes = way.iter().map(|(node, _)| *node);
                    let cycle = nodes.skip_while(|node| *node != target);
                    return Some(cycle.chain([target]).collect());
                }
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn finds_the_way_around() {
        assert_eq!(find(&[vec![1], vec![2], vec![1]]), Some(vec![1, 2, 1]));
        assert_eq!(find(&[vec![0]]), Some(vec![0, 0]));
        assert_eq!(find(&[vec![1, 2], vec![2], vec![], vec![7]]), None);
        let chain: Vec<Vec<usize>> = (0..100_000).map(|node| vec![node + 1]).collect();
        assert_eq!(find(&chain), None);
    }
}
