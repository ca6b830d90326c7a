# Runs one case in a shell of its own: everything it does is traced on the console.
. /kt/lib.sh
name=$1
PS4="[$name] "
set -x -u
. "/kt/cases/$name.sh"
