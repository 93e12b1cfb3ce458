//! The in-pod executor, argoexec.
