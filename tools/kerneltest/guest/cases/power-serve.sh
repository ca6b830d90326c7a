# The daemon in this guest, on what cuts of power leave of its drives.
/kt/power serve "$CUTS" || exit 1
