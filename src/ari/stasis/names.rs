//! The names of what we make in Asterisk.

use uuid::Uuid;

use crate::ari::ChannelId;

/// How the channels and bridges of one caller are named: by our choice, so that they are known again, by us and by a
/// later process.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// The application, which is the first part of each name.
    pub(super) app: String,
    /// Made for this caller.
    pub(super) root: Uuid,
}

/// What a channel of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Media,
    Person,
}

impl Names {
    pub(super) fn bridge(&self) -> String {
        format!("{}-bridge-{}", self.app, self.root)
    }

    pub(super) fn media(&self, n: u32) -> ChannelId {
        ChannelId::new(format!("{}-media-{}-{n}", self.app, self.root))
    }

    pub(super) fn person(&self, n: u32) -> ChannelId {
        ChannelId::new(format!("{}-person-{}-{n}", self.app, self.root))
    }

    /// What a channel of this name is, and whose; none for a channel that is not of our making.
    pub(super) fn read(app: &str, id: &str) -> Option<(Part, Uuid)> {
        let rest = id.strip_prefix(app)?;
        let (part, rest) = if let Some(rest) = rest.strip_prefix("-media-") {
            (Part::Media, rest)
        } else {
            (Part::Person, rest.strip_prefix("-person-")?)
        };
        let (root, _) = rest.rsplit_once('-')?;
        Some((part, Uuid::try_parse(root).ok()?))
    }

    pub(super) fn root_of_bridge(app: &str, id: &str) -> Option<Uuid> {
        Uuid::try_parse(id.strip_prefix(app)?.strip_prefix("-bridge-")?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_by_us_is_known_again_and_nothing_else() {
        let root = Uuid::from_u128(0x1234);
        let names = Names { app: "order-line".into(), root };
        for n in [0, 17] {
            assert_eq!(Names::read("order-line", names.media(n).as_str()), Some((Part::Media, root)));
            assert_eq!(Names::read("order-line", names.person(n).as_str()), Some((Part::Person, root)));
        }
        assert_eq!(Names::root_of_bridge("order-line", &names.bridge()), Some(root));
        // Another server's, and Asterisk's own.
        assert_eq!(Names::read("order", names.media(0).as_str()), None);
        for foreign in
            ["1700000000.1", "order-line-media-", "order-line-media-x-1", "order-line-person-0", ""]
        {
            assert_eq!(Names::read("order-line", foreign), None, "{foreign}");
        }
        assert_eq!(Names::root_of_bridge("order-line", "order-line-bridge-x"), None);
    }
}
