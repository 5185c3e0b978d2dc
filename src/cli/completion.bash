_melon() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"
  local command="${COMP_WORDS[1]}" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [ "${COMP_WORDS[i]}" = "--" ]; then
      COMPREPLY=($(compgen -c -f -- "$current"))
      return
    fi
  done
  case "$previous" in
@CHOICES@    --socket|--config|--state) COMPREPLY=($(compgen -f -- "$current")); return ;;
    --device)
      COMPREPLY=($(compgen -W "$(melon devices --no-headers 2>/dev/null | awk '{print $1}')" -- "$current"))
      return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "@COMMANDS@" -- "$current"))
    return
  fi
  case "$command" in
@CASES@  esac
  if [[ "$current" != -* ]]; then
    case "$command" in
      @TAKERS_OF_NAMES@) words="$words $(melon ps --no-headers 2>/dev/null | awk '/^[^ ]/ {print $1}')" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _melon melon
