# fio's random mix at depth 16, each block checked by crc32c, then one of mixed sizes.
connect "$PLAIN" 4
d=$(disk "$PLAIN" "$LUN_SECOND")
must fio_verify "$d" --size=8m
step "$(grep -E 'READ:|WRITE:' /run/kt/fio | tr '\n' ' ')"
must fio_verify "$d" --size=16m --bsrange=512-256k --bs_unaligned=0
step "$(grep -E 'READ:|WRITE:' /run/kt/fio | tr '\n' ' ')"
