"""The scripts that make a shell ask for completions.

Each passes the line up to the cursor in `_RECONCILER_LINE`. An answer is lines of kind, value and
description, separated by tabs. After a `part` no space is added; `files` asks the shell itself.
"""

from __future__ import annotations

from collections.abc import Mapping

_BASH = r"""# bash completion for reconciler
_reconciler() {
    local kind value help
    COMPREPLY=()
    while IFS=$'\t' read -r kind value help; do
        case $kind in
            value) COMPREPLY+=("$value") ;;
            part) COMPREPLY+=("$value"); compopt -o nospace 2>/dev/null ;;
            files) compopt -o default 2>/dev/null ;;
        esac
    done <<< "$(_RECONCILER_COMPLETE=bash _RECONCILER_LINE="${COMP_LINE:0:COMP_POINT}" \
        _RECONCILER_WORD="$2" "$1" 2>/dev/null)"
}
complete -o nosort -F _reconciler reconciler 2>/dev/null || complete -F _reconciler reconciler
"""

_ZSH = r"""#compdef reconciler
_reconciler() {
    local kind value help line
    local -a answers values value_texts parts part_texts listed
    local -i width=0
    line="${(j: :)words[1,CURRENT-1]} $IPREFIX$QIPREFIX$PREFIX"
    answers=("${(@f)$(_RECONCILER_COMPLETE=zsh _RECONCILER_LINE="$line" "$words[1]" 2>/dev/null)}")
    for line in $answers; do
        value=${${line#*$'\t'}%%$'\t'*}
        (( $#value > width )) && width=$#value
    done
    for line in $answers; do
        kind=${line%%$'\t'*} value=${${line#*$'\t'}%%$'\t'*} help=${line##*$'\t'}
        [[ -n $help ]] && listed=(-l) help="${(r:width:)value}  -- $help" || help=$value
        case $kind in
            value) values+=("$value"); value_texts+=("$help") ;;
            part) parts+=("$value"); part_texts+=("$help") ;;
            files) _files; return ;;
        esac
    done
    (( $#parts )) && compadd $listed -d part_texts -V parts -S '' -a parts
    (( $#values )) && compadd $listed -d value_texts -V values -a values
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _reconciler "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _reconciler reconciler
fi
"""

_FISH = r"""# fish completion for reconciler
function __reconciler_complete
    set -l line (commandline -cp | string collect)
    for answer in (env _RECONCILER_COMPLETE=fish _RECONCILER_LINE="$line" reconciler 2>/dev/null)
        set -l part (string split \t -- $answer)
        if test "$part[1]" = files
            __fish_complete_path (commandline -ct)
        else if set -q part[2]
            printf '%s\t%s\n' $part[2] "$part[3]"
        end
    end
end
complete -c reconciler -e
complete -c reconciler -f -a '(__reconciler_complete)'
"""

SCRIPTS: Mapping[str, str] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
