//! What several things of one sentence have in common: "две красные и три белые розы", "две розы и одна белая".

use super::super::super::act::Term;
use super::super::super::shop::{KIND, NAME, Shop};
use super::group::Group;

/// Gives each group what it clearly shares with its neighbour: the noun.
pub(super) fn share(shop: &Shop, groups: &mut [Group]) {
    let is_head = |term: &Term| [KIND, "brand", NAME].contains(&term.key.as_str());
    for at in 0..groups.len() {
        if !takes(&groups[at]) || groups[at].what.with.iter().any(|term| term.key == KIND) {
            continue;
        }
        let bare = !groups[at].what.with.iter().any(is_head);
        let next = groups.get(at + 1).filter(|_| bare && groups[at].count.is_some());
        let next = next.filter(|next| takes(next) && next.what.with.iter().any(is_head));
        let before = at.checked_sub(1).map(|at| &groups[at]).filter(|before| takes(before));
        let from: Vec<Term> = match (before, next) {
            (Some(before), _)
                if groups[at].choosing
                    || before.what.with.iter().any(|term| term.key == KIND || bare && is_head(term)) =>
            {
                before.what.with.clone()
            }
            (_, Some(next)) => next.what.with.clone(),
            _ => continue,
        };
        // Of things to choose from all else is the same: "зимние тойо или нокиан".
        let all = groups[at].choosing;
        let shared = from.into_iter().filter(|term| all || term.key == KIND || bare && is_head(term));
        for term in shared {
            let mut what = groups[at].what.clone();
            what.with.push(term.clone());
            (what.price_max, what.price_min) = (None, None);
            let known = !groups[at].what.with.iter().any(|own| own.key == term.key);
            if known && shop.products.iter().any(|product| shop.fits(product, &what)) {
                groups[at].put(term);
            }
        }
    }
}

/// Whether a group describes goods by values.
fn takes(group: &Group) -> bool {
    !group.removed && group.what.same.is_empty() && !group.what.with.is_empty()
}
