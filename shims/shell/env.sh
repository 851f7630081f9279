# Written by `aigate shim`: keeps the shims first on PATH, for sh, bash and zsh.
_aigate_path() {
  case ${PATH-} in @SHIMS@ | @SHIMS@:*) return 0 ;; esac
  _aigate_rest=:${PATH-}:
  while case $_aigate_rest in *:@SHIMS@:*) true ;; *) false ;; esac; do
    _aigate_rest=${_aigate_rest%%:@SHIMS@:*}:${_aigate_rest#*:@SHIMS@:}
  done
  _aigate_rest=${_aigate_rest#:}
  _aigate_rest=${_aigate_rest%:}
  PATH=@SHIMS@${_aigate_rest:+:$_aigate_rest}
  export PATH
  unset _aigate_rest
}
_aigate_path
case $- in
*i*)
  [ -x @PROGRAM@ ] ||
    printf '%s\n' 'aigate: '@PROGRAM@' is missing: tools start WITHOUT a sandbox; install aigate again' >&2
  # Version managers put themselves in front at any prompt; so do we, after them. In eval, because
  # a plain sh cannot read these lines.
  if [ -n "${ZSH_VERSION-}" ]; then
    eval 'typeset -ga precmd_functions
      (( ${precmd_functions[(Ie)_aigate_path]} )) || precmd_functions+=(_aigate_path)'
  elif [ -n "${BASH_VERSION-}" ]; then
    eval 'case "
${PROMPT_COMMAND[*]-}
" in
    *_aigate_path*) ;;
    *) if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == "declare -a"* ]]; then
         PROMPT_COMMAND+=(_aigate_path)
       else
         PROMPT_COMMAND="${PROMPT_COMMAND:+$PROMPT_COMMAND
}_aigate_path"
       fi ;;
    esac'
  fi
  ;;
esac
