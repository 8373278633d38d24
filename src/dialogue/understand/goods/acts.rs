//! What was gathered, as acts.

use super::super::super::act::{Act, Amount, Goods, Mode};
use super::super::Ear;
use super::group::Group;
use super::share;

/// The groups as acts.
pub(super) fn put_down(ear: &mut Ear<'_>, mut groups: Vec<Group>) {
    share::share(ear.context.shop, &mut groups);
    let choosing = groups.iter().any(|group| group.choosing);
    for group in groups {
        let at = group.begin.unwrap_or(0);
        let amount = group.amount(ear);
        let describes = group.describes();
        if group.removed {
            match amount {
                Some(Amount::Exactly(n) | Amount::Fewer(n) | Amount::More(n)) if !describes => {
                    ear.acts.push((at, Act::Amount { amount: Amount::Fewer(n) }));
                }
                Some(Amount::Exactly(n) | Amount::Fewer(n) | Amount::More(n)) => {
                    let goods =
                        Goods { what: group.what, amount: Some(Amount::Fewer(n)), ..Goods::default() };
                    ear.acts.push((at, Act::Goods { goods }));
                }
                None => ear.acts.push((at, Act::Remove { what: group.what })),
            }
            continue;
        }
        if !describes {
            if let Some(amount) = amount {
                ear.acts.push((at, Act::Amount { amount }));
            }
            continue;
        }
        let mut mode = group.mode;
        if mode == Mode::Mention && ear.questioned || choosing && matches!(mode, Mode::Mention | Mode::Want) {
            mode = Mode::Inquire;
        }
        let amount = match amount {
            Some(Amount::More(n)) if mode == Mode::Add => Some(Amount::Exactly(n)),
            other => other,
        };
        ear.acts.push((
            at,
            Act::Goods { goods: Goods { mode, what: group.what, amount, instead_of: group.instead } },
        ));
    }
}
