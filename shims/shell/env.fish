# Written by `aigate shim`: keeps the shims first on PATH, for fish.
function _aigate_path --on-variable PATH --on-event fish_prompt
    if test "$PATH[1]" != @SHIMS@
        set -gx PATH @SHIMS@ (string match --invert -- @SHIMS@ $PATH)
    end
end
_aigate_path
if status is-interactive; and not test -x @PROGRAM@
    echo 'aigate: '@PROGRAM@' is missing: tools start WITHOUT a sandbox; install aigate again' >&2
end
