"""Completions in the shells themselves: each sources its script and is asked what may follow."""

import os
import pathlib
import tempfile

from common import BINARY, ran
from judge import check

COMMANDS = {"serve", "load", "watch", "check", "health"}
HIDDEN = {"completions", "man"}


def scripted(shell, directory):
    """The script, in a directory where the shell looks for it by its name."""
    name = {"bash": "tickcast", "zsh": "_tickcast", "fish": "tickcast.fish"}[shell]
    path = pathlib.Path(directory, name)
    path.write_text(ran(BINARY, "completions", shell))
    return path


def asked_of_bash(path, line):
    script = f"""
        . /usr/share/bash-completion/bash_completion; . {path}
        COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}; read -ra COMP_WORDS <<<"$COMP_LINE"
        case $COMP_LINE in *' ') COMP_WORDS+=('') ;; esac
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        complete -p tickcast >/dev/null || exit 1
        _tickcast tickcast "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}" """
    return ran("bash", "--norc", "-c", script).split()


def asked_of_zsh(path, line):
    # Completions of zsh run in its line editor alone: it gets a terminal of its own, and is asked by keys.
    script = f"""
        zmodload zsh/zpty
        zpty -b inner zsh -f -i
        zpty -w inner 'PS1=; fpath=({path.parent} $fpath); autoload -Uz compinit && compinit -u -D; zstyle ":completion:*" menu no'
        zpty -w inner 'zstyle ":completion:*" list-colors; LISTMAX=1000; setopt no_list_beep auto_list; unsetopt list_ambiguous'
        zpty -w inner 'ask() {{ compadd() {{ if [[ " $* " == *" -O "* || " $* " == *" -A "* || " $* " == *" -D "* ]]; then builtin compadd "$@"; return; fi; local -a found; builtin compadd -A found "$@"; print -l -r -- "GOT:"$^found >> {path.parent}/got; builtin compadd "$@" }}; _main_complete; print DONE > {path.parent}/done }}'
        zpty -w inner 'zle -C ask complete-word ask; bindkey "^T" ask'
        zpty -n -w inner {line!r}$'\\x14'
        for attempt in {{1..600}}; do [[ -s {path.parent}/done ]] && break; zpty -rt inner chunk; zselect -t 2 2>/dev/null || sleep 0.02; done
        zpty -d inner
        cat {path.parent}/got"""
    said = ran("zsh", "-f", "-c", script, env=os.environ | {"TERM": "xterm"})
    return [line.removeprefix("GOT:") for line in said.splitlines() if line.startswith("GOT:")]


def asked_of_fish(path, line):
    said = ran("fish", "--no-config", "-c", f"source {path}; complete -C {line!r}", env=os.environ | {"HOME": str(path.parent)})
    return [each.split("\t")[0] for each in said.splitlines()]


SHELLS = {"bash": asked_of_bash, "zsh": asked_of_zsh, "fish": asked_of_fish}

for shell_name, asked_of_shell in SHELLS.items():

    @check(f"{shell_name} completes commands, flags and values")
    async def _(report, shell=shell_name, ask=asked_of_shell):
        with tempfile.TemporaryDirectory() as directory:

            def asked(line):
                for old in pathlib.Path(directory).glob("[gd]o*"):
                    old.unlink()
                return set(ask(scripted(shell, directory), line))

            commands = asked("tickcast ")
            assert COMMANDS <= commands and not HIDDEN & commands, commands
            assert asked("tickcast hea") == {"health"}
            flags = asked("tickcast serve --l")
            assert {"--listen", "--log-format", "--log-level"} <= flags and "--feed" not in flags, flags
            modes = asked("tickcast watch --mode ")
            assert {"latest", "every"} <= modes, modes
