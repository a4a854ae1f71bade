# bash completion for sallyportctl.  What there is it asks the program itself.

_sallyportctl() {
	local cur=$2 prev=$3 command=${COMP_WORDS[1]} help line
	COMPREPLY=()
	help=$("$1" --help 2>/dev/null) || return 0
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^  \([a-z][a-z-]*\).*/\1/p' <<<"$help") --help" -- "$cur")
		return
	fi
	line=$(grep -E "^  $command( |\$)" <<<"$help") || return 0
	case $prev in
	--backend)
		mapfile -t COMPREPLY < <(compgen -W "ejabberd prosody jabberd2" -- "$cur")
		return
		;;
	--revocation)
		mapfile -t COMPREPLY < <(compgen -W "soft hard" -- "$cur")
		return
		;;
	--certs | --root)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--at | --chunk | --domain | --skip | --from | --expiring | --resolver | --timeout) return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(grep -oE -- '--[a-z][a-z-]*' <<<"$line")" -- "$cur")
	elif [ "$command" = explain ]; then
		mapfile -t COMPREPLY < <(compgen -W "$("$1" explain --list | cut -d' ' -f1)" -- "$cur")
	elif [[ $prev == --* || $line == *FILE* || $line == *.pem* ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}
complete -F _sallyportctl sallyportctl
