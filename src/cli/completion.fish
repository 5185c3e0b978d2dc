# Words before `--` are melon's, those after it a program's.
function __melon_in_program
    contains -- -- (commandline -opc)
end
function __melon_no_command
    test (count (commandline -opc)) -eq 1
end
function __melon_in
    set -l words (commandline -opc)
    not __melon_in_program; and set -q words[2]; and contains -- $words[2] $argv
end
complete -c melon -n 'not __melon_in_program' -f
complete -c melon -n __melon_in_program -F -a '(__melon_programs)'
function __melon_programs
    set -l words (commandline -opc)
    test "$words[-1]" = --; and __fish_complete_command
end
