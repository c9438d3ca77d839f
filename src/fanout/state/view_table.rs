//! The distinct views of a shard's subscriptions. A subscription holds an id in place of its view: it stays small, and
//! frames are matched by comparing numbers.
//!
//! Bounds: a view lives as long as a subscription uses it, so there are never more views than subscriptions.
//!
//! Invariants: equal views have equal ids; [`View::WHOLE`] always exists, with id [`ViewId::WHOLE`].

use std::collections::HashMap;

use foldhash::fast::RandomState;
use slab::Slab;

use super::index32;
use crate::fanout::View;

/// Index of a view in its shard's [`ViewTable`]. The highest bit is set for views with chosen fields, so that marking
/// subscriptions needs no look-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::fanout) struct ViewId(u32);

/// All views in use on the shard.
pub(in crate::fanout) struct ViewTable {
    rows: Slab<ViewRow>,
    /// Ids of all views but [`View::WHOLE`], the most common, which needs no look-up.
    ids: HashMap<View, ViewId, RandomState>,
    /// How many views have ended. The id of an ended view is reused.
    ended: u64,
}

struct ViewRow {
    view: View,
    /// The number of subscriptions with this view; not counted for [`View::WHOLE`].
    users: u32,
}

const SOME_FIELDS: u32 = 1 << 31;

impl ViewId {
    pub const WHOLE: ViewId = ViewId(0);

    fn new(index: u32, view: &View) -> Self {
        debug_assert_eq!(index & SOME_FIELDS, 0, "limits keep every table far below 2^31 entries");
        ViewId(if view.has_every_field() { index } else { index | SOME_FIELDS })
    }

    #[inline]
    pub fn has_every_field(self) -> bool {
        self.0 & SOME_FIELDS == 0
    }

    #[inline]
    fn index(self) -> usize {
        (self.0 & !SOME_FIELDS) as usize
    }
}

impl ViewTable {
    #[inline]
    pub fn get(&self, id: ViewId) -> &View {
        &self.rows[id.index()].view
    }

    /// Returns the id of a view, and counts one more user of it.
    pub fn hold(&mut self, view: &View) -> ViewId {
        if *view == View::WHOLE {
            return ViewId::WHOLE;
        }
        if let Some(&id) = self.ids.get(view) {
            self.rows[id.index()].users += 1;
            return id;
        }
        let index = index32(self.rows.insert(ViewRow { view: view.clone(), users: 1 }));
        let id = ViewId::new(index, view);
        self.ids.insert(view.clone(), id);
        id
    }

    /// Counts one user less.
    pub fn release(&mut self, id: ViewId) {
        if id == ViewId::WHOLE {
            return;
        }
        let row = &mut self.rows[id.index()];
        row.users -= 1;
        if row.users == 0 {
            self.ids.remove(&self.rows.remove(id.index()).view);
            self.ended += 1;
        }
    }

    /// How many views have ended. While this is unchanged, an id means the same view.
    pub fn ended(&self) -> u64 {
        self.ended
    }

    pub fn shrink_to_fit(&mut self) {
        self.rows.shrink_to_fit();
        self.ids.shrink_to_fit();
    }

    /// The number of views in use, and of their users, without [`View::WHOLE`].
    #[cfg(test)]
    pub fn held(&self) -> (usize, usize) {
        (self.ids.len(), self.rows.iter().map(|(_, row)| row.users as usize).sum())
    }
}

impl Default for ViewTable {
    fn default() -> Self {
        let mut rows = Slab::new();
        rows.insert(ViewRow { view: View::WHOLE, users: 0 });
        ViewTable { rows, ids: HashMap::default(), ended: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fanout::Name, tick::Field};

    #[test]
    fn equal_views_have_one_id_for_as_long_as_they_are_held() {
        let mut views = ViewTable::default();
        let some = View { wanted: Field::Bid.bit().into(), ..View::WHOLE };
        let named = View { name: Name::new("a"), ..View::WHOLE };
        assert_eq!(views.hold(&View::WHOLE), ViewId::WHOLE);
        let id = views.hold(&some);
        assert_eq!(views.hold(&some), id);
        let other = views.hold(&named);
        assert!(other != id && other != ViewId::WHOLE);
        assert!(!id.has_every_field() && other.has_every_field() && ViewId::WHOLE.has_every_field());
        assert_eq!((views.get(id), views.get(other)), (&some, &named));
        assert_eq!(views.held(), (2, 3));
        views.release(id);
        assert_eq!((views.held(), views.ended()), ((2, 2), 0));
        views.release(id);
        views.release(other);
        views.release(ViewId::WHOLE);
        assert_eq!((views.held(), views.ended()), ((0, 0), 2));
        assert_eq!(*views.get(ViewId::WHOLE), View::WHOLE);
    }
}
