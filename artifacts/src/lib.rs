//! Stores, archives, digests, collections and merging.
