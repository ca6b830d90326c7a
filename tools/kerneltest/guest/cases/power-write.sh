# The daemon runs in this guest, on logged drives, under commands whose good status promises durability.
/kt/power write "$SEED" || exit 1
