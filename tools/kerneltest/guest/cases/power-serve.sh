# The daemon runs in this guest, on drives as cuts of power leave them.
/kt/power serve "$CUTS" || exit 1
