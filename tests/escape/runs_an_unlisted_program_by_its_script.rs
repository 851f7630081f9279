//! Has the kernel start a program that is not listed as the interpreter of a script, or a script that is
//! not listed by an interpreter that is.
//!
//! - Area: only listed programs
//! - Known: found while building
//! - Held by: the kernel asks for both files

use super::allowlist::world;

#[test]
fn is_refused() {
    world().hidden("printf '#!%s/unlisted MARK\\n' \"$PWD\" > s; chmod 755 s; ./s");
    world().hidden("printf '#!%s MARK\\n' \"$(command -v printenv)\" > s; chmod 755 s; ./s");
    world().hidden(
        "printf '#!/usr/bin/env printenv\\n' > s; chmod 755 s; ./s; ./s MARK; env printenv MARK",
    );
    world().hidden("printf '#!/bin/sh\\necho $MARK\\n' > s; chmod 755 s; ./s");
}
