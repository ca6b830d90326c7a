# The daemon in this guest, on logged drives, under commands that promise something.
/kt/power write "$SEED" || exit 1
