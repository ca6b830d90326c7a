# LOG SENSE lists its pages and gives each (SPC-4 section 6.8).
connect "$SMALL"
d=$(disk "$SMALL" "$LUN_DATA")
must sg_logs "$d"
must sg_logs --all "$d"
