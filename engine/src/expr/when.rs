//! Conditions of `when` (govaluate): no variables, bare words are text, the answer is true or false.

mod eval;
mod lexer;

use super::ExprError;

/// The longest condition that is read, in bytes.
const MAX_LENGTH: usize = 64 * 1024;

/// Evaluates a `when` condition, after its tags were replaced. Empty is true.
///
/// Beware of hyphens: `hello-world == hello-world` is a subtraction, as in Argo. Quote such values.
///
/// # Errors
/// When the condition does not parse, mixes kinds, or does not answer true or false.
pub fn when(condition: &str) -> Result<bool, ExprError> {
    if condition.is_empty() {
        return Ok(true);
    }
    let syntax = |reason: String| ExprError::Syntax {
        message: format!("Invalid 'when' expression '{condition}': {reason}"),
    };
    if condition.len() > MAX_LENGTH {
        return Err(ExprError::Syntax {
            message: format!("Invalid 'when' expression: longer than {MAX_LENGTH} bytes"),
        });
    }
    let tokens = lexer::lex(condition).map_err(syntax)?;
    let value = eval::evaluate(&tokens).map_err(|fail| match fail {
        eval::Fail::Syntax(reason) => syntax(reason),
        eval::Fail::Value(reason) => {
            ExprError::Evaluation { message: format!("Failed to evaluate: {reason}") }
        }
    })?;
    match value {
        eval::Value::Bool(answer) => Ok(answer),
        other => Err(ExprError::Evaluation {
            message: format!("Expected boolean evaluation for '{condition}'. Got {other}"),
        }),
    }
}
