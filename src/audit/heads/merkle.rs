//! RFC 6962 Merkle trees, of which only the right edge is kept.
//!
//! A leaf is `SHA-256(0x00 || data)`, a node `SHA-256(0x01 || left || right)`, the empty tree `SHA-256("")` (RFC 6962,
//! 2.1). A tree of any size is a row of perfect trees, one for each bit of the size; [`Range`] keeps their roots, so
//! that a writer needs some log2(size) hashes of memory, whatever the size.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::audit::chain::Digest;

/// The hash of a leaf.
pub fn leaf(data: &[u8]) -> Digest {
    let mut hasher = Sha256::new_with_prefix([0x00]);
    hasher.update(data);
    Digest::from(<[u8; 32]>::from(hasher.finalize()))
}

/// The hash of a leaf whose data are these parts, each preceded by its length in eight bytes, big-endian.
pub(super) fn leaf_of_parts(parts: &[&[u8]]) -> Digest {
    let mut data = Vec::new();
    for part in parts {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part);
    }
    leaf(&data)
}

/// The hash over two trees.
pub fn node(left: Digest, right: Digest) -> Digest {
    let mut hasher = Sha256::new_with_prefix([0x01]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    Digest::from(<[u8; 32]>::from(hasher.finalize()))
}

/// A tree's size and the roots of its perfect parts, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    size: u64,
    frontier: Vec<Digest>,
}

impl Range {
    /// A tree of that size. None when there are not as many roots as the size has bits set.
    pub fn new(size: u64, frontier: Vec<Digest>) -> Option<Self> {
        (frontier.len() == size.count_ones() as usize).then_some(Self { size, frontier })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its perfect parts.
    pub fn frontier(&self) -> &[Digest] {
        &self.frontier
    }

    /// Adds a leaf, by its hash.
    pub fn push(&mut self, leaf: Digest) {
        let mut hash = leaf;
        // Each trailing one of the size is a perfect tree that this leaf makes a twin of.
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.frontier.pop() else { break };
            hash = node(left, hash);
        }
        self.frontier.push(hash);
        // A size that a forged head says may be the largest there is.
        self.size = self.size.wrapping_add(1);
    }

    /// The root over everything.
    pub fn root(&self) -> Digest {
        let mut parts = self.frontier.iter().rev().copied();
        match parts.next() {
            Some(last) => parts.fold(last, |right, left| node(left, right)),
            None => Digest::from(<[u8; 32]>::from(Sha256::digest([]))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;
    use proptest::prelude::*;

    /// The inputs of the certificate-transparency project's Merkle tree tests, in hex.
    const INPUTS: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    /// The roots of the trees over the first one, two, … of them, from the same tests.
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_published_vectors_of_certificate_transparency_come_out() {
        let mut range = Range::default();
        assert_eq!(
            range.root().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (input, root) in INPUTS.into_iter().zip(ROOTS) {
            range.push(leaf(&bytes(input)));
            assert_eq!(range.root().to_string(), root, "{input}");
            assert_eq!(Range::new(range.size(), range.frontier().to_vec()).unwrap(), range);
        }
    }

    /// RFC 6962, 2.1, word by word.
    fn by_definition(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Range::default().root(),
            [one] => *one,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node(by_definition(&leaves[..split]), by_definition(&leaves[split..]))
            }
        }
    }

    proptest! {
        #[test]
        fn the_edge_alone_gives_the_root_of_the_whole_tree(count in 0usize..200) {
            let leaves: Vec<_> = (0..count).map(|n| leaf(&n.to_be_bytes())).collect();
            let mut range = Range::default();
            leaves.iter().for_each(|leaf| range.push(*leaf));
            prop_assert_eq!(range.root(), by_definition(&leaves));
        }
    }
}
