//! What can go wrong with a tag, an expression or a condition.

/// Why a text could not be substituted or an expression not be evaluated.
///
/// The texts are Argo's, because users and their tools search for them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExprError {
    /// A variable is not known (yet): waiting may help where outputs are still on their way.
    #[error("{message}")]
    Unresolved {
        /// The variable, such as `steps.a.outputs.result`.
        name: String,
        /// The whole text for the user.
        message: String,
    },
    /// The output of a skipped or omitted node that has no default. Waiting does not help.
    #[error(
        "unable to substitute {{{{{tag}}}}}: output is an absent optional (skipped/omitted node with no default)"
    )]
    AbsentOptional {
        /// The tag as written, without its braces.
        tag: String,
    },
    /// The text does not parse.
    #[error("{message}")]
    Syntax {
        /// What is wrong, and where.
        message: String,
    },
    /// The text parses, but its evaluation failed.
    #[error("{message}")]
    Evaluation {
        /// What failed, and where.
        message: String,
    },
    /// A substituted object is no longer of its type.
    #[error("cannot finish template replacement: {message}")]
    Shape {
        /// The decoder's reason.
        message: String,
    },
}

impl ExprError {
    /// The error for a simple tag whose variable is not known.
    pub(crate) fn unresolved_tag(tag: &str) -> Self {
        ExprError::Unresolved {
            name: tag.trim().to_owned(),
            message: format!("failed to resolve {{{{{tag}}}}}"),
        }
    }

    /// The error for an expression that names a variable that is not known.
    pub(crate) fn unresolved_name(name: &str) -> Self {
        ExprError::Unresolved {
            name: name.to_owned(),
            message: format!("failed to evaluate expression: {name} is missing"),
        }
    }

    /// True when the variable may become known later.
    pub fn is_unresolved(&self) -> bool {
        matches!(self, ExprError::Unresolved { .. })
    }
}
